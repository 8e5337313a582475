"""The (noisy) mean-field PDE on a grid as a flow in steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mfpde.density.field import FreeEnergy, MeanField
from mfpde.density.grid import Grid
from mfpde.density.sweep import Sweep
from mfpde.flow import Array, Field, Packing, StepFlow


class GridFlow(StepFlow):
    """A density in steps on a grid, which can be refined.

    Attributes
    ----------
    grid : Grid
    """

    grid: Grid

    @abstractmethod
    def refined(self) -> GridFlow:
        """The same flow with twice the cells along each axis and a quarter of the step."""


class DensityFlow(GridFlow):
    """d_s rho = div(rho grad (Psi[rho] + ridge |theta|^2 / 2)) + (1/beta) Lap rho in the flow clock s, in implicit steps.

    A step sweeps the axes in turn, each sweep implicit in rho and in Psi. For steps of any length mass is kept to rounding, the
    density stays >= 0, the discrete free energy does not rise, and the fixed point is the discrete Gibbs measure. The error is
    O(h^2) + O(dt): :func:`mfpde.density.extrapolate` removes both orders together and estimates what is left.

    Observables: see :meth:`mfpde.density.FreeEnergy.observe`.

    Parameters
    ----------
    field : MeanField
    grid : Grid
    log_density
        Logarithm of the initial density up to a constant, see :meth:`mfpde.density.Grid.density`.
    dt : float
        Step in s.
    beta, ridge : float
        Inverse temperature of the PDE, ridge.
    edge_bound : float
        Largest mass at the ends of intervals and at the cutoff of radii; 1 where the ends are walls of the problem itself.
    config : mapping, optional
        The configuration of the system's flow; `cells`, `dt` and `edge_bound` are written into its arguments.

    Raises
    ------
    ValueError
        If a parameter is impossible, or the initial density reaches the ends of the grid; in :meth:`step` also if a later one
        does.
    """

    clock = "flow clock s"

    def __init__(
        self,
        *,
        field: MeanField,
        grid: Grid,
        log_density: Callable[[Array], Array],
        dt: float,
        beta: float,
        ridge: float = 0.0,
        edge_bound: float = 1e-6,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if not 0.0 < dt < np.inf:
            raise ValueError(f"dt = {dt!r}: give a finite step > 0")
        if not 0.0 < edge_bound <= 1.0:
            raise ValueError(f"edge_bound = {edge_bound!r}: give a share of the mass, 0 < edge_bound <= 1")
        self.energy = FreeEnergy(field, grid, beta, ridge)
        self.grid, self.dt, self.edge_bound = grid, float(dt), float(edge_bound)
        self.packing = Packing((Field("rho", grid.shape, tuple(f"cell_{i}" for i in range(1, len(grid.shape) + 1))),))
        initial = grid.density(log_density)
        self.energy.check_edge(initial, self.edge_bound, "of the initial density")
        self.state0 = self.pack(rho=initial)
        self._log_density, self._given = log_density, config
        self.config = self._described()
        self._sweeps = [Sweep(self.energy, axis) for axis in range(len(grid.shape))]

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        rho = self.unpack(y)["rho"]
        if k == 0:
            self._check_start(rho)
        for sweep in self._sweeps:
            rho = sweep.step(rho, self.dt)
        self.energy.check_edge(rho, self.edge_bound, f"at s = {(k + 1) * self.dt:.6g}")
        return self.pack(rho=rho)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Risk, free energy, mass, mass at the edges, named order parameters."""
        return self.energy.observe(self.unpack(y)["rho"])

    def order_parameters(self, y: Array) -> Array:
        """z (K,) of the state."""
        return self.energy.order_parameters(self.unpack(y)["rho"])

    def psi(self, y: Array) -> Array:
        """Psi + ridge |theta|^2 / 2 of the state, one number a cell, in the grid's shape."""
        return self.energy.psi(self.order_parameters(y))

    def refined(self) -> DensityFlow:
        """The same flow with twice the cells along each axis and a quarter of the step, which divides both errors by 4."""
        return DensityFlow(
            field=self.energy.field,
            grid=self.grid.refined(),
            log_density=self._log_density,
            dt=0.25 * self.dt,
            beta=self.energy.beta,
            ridge=self.energy.ridge,
            edge_bound=self.edge_bound,
            config=self._given,
        )

    def _check_start(self, rho: Array) -> None:
        mass = float(np.sum(rho) * self.grid.volume)
        if rho.min() < 0.0 or abs(mass - 1.0) > 1e-9:
            raise ValueError(f"y0 has mass {mass:.12g} and smallest density {rho.min():.3g}: give a density >= 0 of mass 1 on the grid")

    def _described(self) -> dict[str, Any]:
        arguments = {"cells": list(self.grid.shape), "dt": self.dt, "edge_bound": self.edge_bound}
        if self._given is not None:
            return {**self._given, "arguments": {**self._given["arguments"], **arguments}}
        energy = self.energy
        parameters = {"beta": energy.beta, "ridge": energy.ridge, "constant": float(energy.field.constant), "potential": energy.digest()}
        return {"system": "MeanField", "parameters": parameters, "role": "limit", "arguments": {"grid": self.grid.config(), **arguments}}
