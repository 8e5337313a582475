"""Anisotropic classes at infinite width and dimension: a few numbers a neuron, all neurons of a start alike.

<w, x> is N(0, T^2) in a class, T = sqrt(tau^2 r1^2 + r2^2), tau = 1 + delta or 1 - delta. Derived in
docs/isotropic_gaussians.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from mfpde.flow import Array, Field, Packing, Refinable, VelocityFlow
from mfpde.systems.two_layer.dynamics.field import observables
from mfpde.systems.two_layer.isotropic.mean_activation import MeanActivation

if TYPE_CHECKING:
    from mfpde.systems.two_layer.isotropic.anisotropic import AnisotropicGaussians

_LABELS = np.array([1.0, -1.0])
_ROOT_2PI = math.sqrt(2.0 * math.pi)


class BlockLimit(Refinable):
    """A piecewise-linear activation: psi = 1/2 sum_y (f_y - y) q(T_y), r' = -grad psi. State `radii` (1, 2) = (r1, r2)."""

    def __init__(self, system: AnisotropicGaussians, config: Mapping[str, Any]) -> None:
        system.rate.check_continuous()
        self.system, self.config = system, config
        self.clock = system.rate.name
        self.mean = MeanActivation(math.inf, system.sigma)
        self.packing = Packing((Field("radii", (1, 2), ("neuron", "block")),))
        self.state0 = self.pack(radii=[initial_radii(system)])

    def velocity(self, t: float, y: Array) -> Array:
        """2 xi(t) times -grad psi."""
        spread = deviations(self.system.delta, y[0], y[1])
        pull = 0.5 * (self.mean.value(spread) - _LABELS) * self.mean.slope(spread) / spread
        velocity: Array = -self.system.rate.rate(t) * y * np.array([pull @ scales(self.system.delta) ** 2, pull.sum()])
        return velocity

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the two-layer networks, of the radius and of its two parts."""
        fields = self.mean.value(deviations(self.system.delta, y[0], y[1]))
        return block_observables(fields, y[None], np.ones(1), float(np.linalg.norm(y - self.state0)))

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """Psi = a psi(r1, r2) at places theta (m, 3) = (a, r1, r2), shape (m,)."""
        places = np.asarray(theta, np.float64)
        residual = 0.5 * (self.mean.value(deviations(self.system.delta, y[0], y[1])) - _LABELS)
        psi: Array = places[:, 0] * (self.mean.value(deviations(self.system.delta, places[:, 1], places[:, 2])) @ residual)
        return psi

    def refined(self) -> VelocityFlow:
        """The same limit: it is exact."""
        return self


class ReluBlockLimit(Refinable):
    """a relu(<w, x> + b): psi = 1/2 sum_y (f_y - y) a h(T_y, b), h = T phi(b/T) + b Phi(b/T).

    State `theta` (2, 4), columns (a, b, r1, r2): the neurons that start with a = +1 and with a = -1, half of all each.
    """

    weights = np.array([0.5, 0.5])

    def __init__(self, system: AnisotropicGaussians, config: Mapping[str, Any]) -> None:
        system.rate.check_continuous()
        self.system, self.config = system, config
        self.clock = system.rate.name
        self.packing = Packing((Field("theta", (2, 4), ("neuron", "parameter")),))
        r1, r2 = initial_radii(system)
        self.state0 = self.pack(theta=[[1.0, 0.0, r1, r2], [-1.0, 0.0, r1, r2]])

    def velocity(self, t: float, y: Array) -> Array:
        """2 xi(t) times -grad psi."""
        a, b, r1, r2 = self.unpack(y)["theta"].T
        spread = deviations(self.system.delta, r1, r2)
        density, share = np.exp(-0.5 * (b[:, None] / spread) ** 2) / _ROOT_2PI, ndtr(b[:, None] / spread)
        h = spread * density + b[:, None] * share
        residual = 0.5 * ((self.weights * a) @ h - _LABELS)
        along = density * residual / spread
        columns = [h @ residual, a * (share @ residual), a * r1 * (along @ scales(self.system.delta) ** 2), a * r2 * along.sum(axis=1)]
        velocity: Array = -self.system.rate.rate(t) * np.stack(columns, axis=1).ravel()
        return velocity

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the two-layer networks, of the radius and its two parts, and the means of a and b."""
        theta = self.unpack(y)["theta"]
        a, b, _, _ = theta.T
        h = self._responses(theta)
        moved = float(np.sqrt(self.weights @ np.sum((theta - self.unpack(self.state0)["theta"]) ** 2, axis=1)))
        values = block_observables((self.weights * a) @ h, theta[:, 2:], self.weights, moved)
        second = values["second_moment"] + float(self.weights @ (a * a + b * b))
        return values | {"second_moment": second, "a_mean": float(self.weights @ a), "b_mean": float(self.weights @ b)}

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """Psi at places theta (m, 4) = (a, b, r1, r2), shape (m,)."""
        places, state = np.asarray(theta, np.float64), self.unpack(y)["theta"]
        residual = 0.5 * ((self.weights * state[:, 0]) @ self._responses(state) - _LABELS)
        psi: Array = places[:, 0] * (self._responses(places) @ residual)
        return psi

    def _responses(self, theta: Array) -> Array:
        """h of neurons (m, 4) in both classes, (m, 2)."""
        _, b, r1, r2 = theta.T
        spread = deviations(self.system.delta, r1, r2)
        h: Array = spread * np.exp(-0.5 * (b[:, None] / spread) ** 2) / _ROOT_2PI + b[:, None] * ndtr(b[:, None] / spread)
        return h

    def refined(self) -> VelocityFlow:
        """The same limit: it is exact."""
        return self


def scales(delta: float) -> Array:
    """tau of the two classes, label +1 first."""
    return np.array([1.0 + delta, 1.0 - delta])


def initial_radii(system: AnisotropicGaussians) -> tuple[float, float]:
    """(sigma_0 sqrt(gamma), sigma_0 sqrt(1 - gamma))."""
    return system.sigma_0 * math.sqrt(system.gamma), system.sigma_0 * math.sqrt(1.0 - system.gamma)


def deviations(delta: float, r1: Any, r2: Any) -> Array:
    """T of both classes in the last axis, (2,) or (n, 2)."""
    first, rest = np.asarray(r1)[..., None], np.asarray(r2)[..., None]
    spread: Array = np.sqrt((scales(delta) * first) ** 2 + rest**2)
    return spread


def block_observables(fields: Array, radii: Array, weights: Array, moved: float) -> dict[str, float]:
    """The observables of neurons of radii (n, 2) that predict `fields` (2,) in the two classes."""
    risk = float(0.5 * np.sum((_LABELS - fields) ** 2))
    r = np.linalg.norm(radii, axis=1)
    mean = float(weights @ r)
    values = observables(risk, float(weights @ r**2), moved, 0.5 * risk)
    values |= {"radius_mean": mean, "radius_std": math.sqrt(float(weights @ (r - mean) ** 2))}
    return values | {"r1_mean": float(weights @ radii[:, 0]), "r2_mean": float(weights @ radii[:, 1])}
