"""The infinite-width limit of the cosine model: the method asked for, and its resolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde import density
from mfpde.checks import whole
from mfpde.flow import Array
from mfpde.measures import Ensemble
from mfpde.systems.two_layer.circle.field import predict
from mfpde.systems.two_layer.circle.modes import ModesLimit, enough_modes
from mfpde.systems.two_layer.dynamics.flows import NodeFlow
from mfpde.systems.two_layer.dynamics.line import LineLaw, cells_law

if TYPE_CHECKING:
    from mfpde.systems.two_layer.circle.system import CosineCircle

METHODS = ("auto", "modes", "nodes", "density")


def make_limit(
    system: CosineCircle, method: str, modes: int | None, nodes: int, cells: int, dt: float
) -> ModesLimit | NodeFlow | CircleDensity:
    """The flow behind :meth:`CosineCircle.limit`."""
    if method not in METHODS:
        raise ValueError(f"method = {method!r}: give one of {METHODS}")
    chosen = "modes" if method == "auto" else method
    field = system.field
    if chosen == "modes":
        number = enough_modes(system.b, system.beta) if modes is None else whole("modes", modes, 1)
        refine: Any = lambda: system.limit(method="modes", modes=2 * number)  # noqa: E731
        return ModesLimit(field, number, _config(system, {"method": chosen, "modes": number}), refine)
    if chosen == "nodes":
        if field.noisy:
            raise ValueError(f"method = 'nodes' with beta = {system.beta!r}: nodes carry no noise; use 'modes' or 'density'")
        number = whole("nodes", nodes, 2)
        refine = lambda: system.limit(method="nodes", nodes=2 * number)  # noqa: E731
        return NodeFlow(field, uniform_nodes(number), _config(system, {"method": chosen, "nodes": number}), refine)
    if system.clock != 0.5:
        raise ValueError(f"method = 'density' with clock = {system.clock!r}: its steps are in the flow clock s; use clock=0.5")
    return CircleDensity(system, whole("cells", cells, 4), dt)


class CircleDensity(density.DensityFlow):
    """The noisy limit by finite volumes on a circle of `cells` cells, in steps of `dt`."""

    def __init__(self, system: CosineCircle, cells: int, dt: float) -> None:
        super().__init__(
            field=mean_field(system.b),
            grid=density.Grid(density.Circle(cells=cells)),
            log_density=lambda points: np.zeros(len(points)),
            dt=dt,
            beta=system.beta,
        )
        self.system, self.field = system, system.field
        self.config = _config(system, {"method": "density", "cells": cells, "dt": self.dt})

    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock, without noise, of neurons theta (m, 2) = (a, w)."""
        pull = self.system.b - self._order(y)
        force = np.zeros_like(theta)
        force[:, 1] = theta[:, 0] * (pull.imag * np.cos(theta[:, 1]) - pull.real * np.sin(theta[:, 1]))
        return force

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the angles x (n, 1), shape (n,)."""
        return predict(self._order(y), x)

    def psi(self, y: Array, theta: npt.ArrayLike | None = None) -> Array:
        """Psi at places theta (m, 2) = (a, w), shape (m,); without places one number a cell."""
        if theta is None:
            return super().psi(y)
        places, pull = np.asarray(theta, np.float64), self.system.b - self._order(y)
        psi: Array = -places[:, 0] * (pull.real * np.cos(places[:, 1]) + pull.imag * np.sin(places[:, 1]))
        return psi

    def line(self, y: Array) -> LineLaw:
        """The law of the angle on the circle, spread evenly over the cells."""
        edges = np.linspace(-math.pi, math.pi, len(y) + 1)
        return cells_law(edges, y * self.grid.volume, 2.0 * math.pi)

    def _order(self, y: Array) -> complex:
        return complex(*self.order_parameters(y))

    def refined(self) -> CircleDensity:
        """Twice the cells and a quarter of the step, which divides both errors by 4."""
        return CircleDensity(self.system, 2 * self.grid.shape[0], 0.25 * self.dt)


def uniform_nodes(n: int) -> Ensemble:
    """`n` equally weighted neurons (1, w), w equispaced in [-pi, pi) and symmetric about 0: the flow's error is about z^n."""
    w = 2.0 * math.pi * (np.arange(n) + 0.5) / n - math.pi
    return Ensemble(np.column_stack([np.ones(n), w]))


def mean_field(b: float) -> density.MeanField:
    """The model for grids: order parameters z = (E cos w, E sin w), R = |b - z|^2."""

    def features(w: Array) -> Array:
        return np.stack([np.cos(w[:, 0]), np.sin(w[:, 0])])

    return density.MeanField(
        external=lambda w: -b * np.cos(w[:, 0]), features=features, constant=b * b, names=("z", "z_imaginary")
    )


def _config(system: CosineCircle, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"system": "CosineCircle", "parameters": system.config(), "role": "limit", "arguments": arguments}
