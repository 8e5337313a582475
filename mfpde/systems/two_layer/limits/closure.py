"""Limits that finitely many moments describe exactly, because every neuron follows one linear equation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from mfpde.flow import Array, Field, Packing, VelocityFlow
from mfpde.systems.two_layer.dynamics.field import NeuronField, observables
from mfpde.systems.two_layer.dynamics.flows import MeanFieldLimit
from mfpde.systems.two_layer.dynamics.line import LineLaw
from mfpde.systems.two_layer.limits.statistics import Statistics

Mask = npt.NDArray[np.bool_]


class Family(ABC):
    """Neurons, or their reduced coordinates z (q,), that move by z' = K z with one K for all, given by second moments E z z^T.

    Attributes
    ----------
    field : NeuronField
    degree : int
        Of the activation, a homogeneous function of w.
    """

    field: NeuronField
    degree: int

    @abstractmethod
    def patterns(self, start: Array) -> tuple[Mask, Mask]:
        """Which entries of A and of N can change, for E z z^T = `start` (q, q) at t = 0."""

    def origin(self, start: Array) -> Array:
        """About where A ends up, (q, q): the state holds A minus this, so that its error is relative to what is left to be learned."""
        return np.eye(len(start))

    @abstractmethod
    def moment(self, a: Array, start: Array, noise: Array) -> Array:
        """What K depends on, of E z z^T = a start a^T + noise; all (q, q)."""

    @abstractmethod
    def apply(self, moment: Array, rows: Array) -> Array:
        """K rows for `rows` (q, n), in the flow clock, without the ridge."""

    @abstractmethod
    def risk(self, moment: Array) -> float:
        """E (y - f)^2 without the label noise."""

    @abstractmethod
    def predict(self, moment: Array, x: Array) -> Array:
        """f at the inputs x (n, d), shape (n,)."""

    def force(self, moment: Array, theta: Array) -> Array:
        """The velocity of neurons theta (m, p) in the flow clock, without the ridge: K theta where z is theta itself."""
        return self.apply(moment, theta.T).T


class MomentLimit(MeanFieldLimit):
    """z(t) = A z(0) + noise of covariance N: A' = K A, N' = K N + N K^T + 2/beta on the coordinates that move.

    The state holds the entries that can change, and no others: the solver's error norm is a mean over the state. `propagator` are
    those of A minus the family's origin, in row order; with noise `covariance` those of N.
    Derived in docs/two_layer; exact, so that it needs no refinement.
    With noise, `free_energy` is that of a Gaussian law, and NaN if the initial law is not Gaussian.
    """

    def __init__(self, family: Family, statistics: Statistics, config: Mapping[str, Any]) -> None:
        self.family, self.statistics, self.field, self.config = family, statistics, family.field, config
        self.field.clock.check_continuous()
        self.clock = self.field.clock.name
        q = len(statistics.second)
        self._eye, self._moves = np.eye(q), np.ones(q)
        self._moves[: self.field.moving.start] = 0.0
        self._masks = family.patterns(statistics.second)
        sizes = [int(np.count_nonzero(mask)) for mask in self._masks]
        fields = (Field("propagator", (sizes[0],), ("entry",)), Field("covariance", (sizes[1],), ("covariance_entry",)))
        self.packing = Packing(fields if self.field.noisy else fields[:1])
        self._origin = np.where(self._masks[0], family.origin(statistics.second), self._eye)
        self.state0 = np.concatenate([(self._eye - self._origin)[self._masks[0]], np.zeros(sizes[1])])[: self.packing.size]

    def velocity(self, t: float, y: Array) -> Array:
        """(A', N') on the public clock."""
        a, noise = self.matrices(y)
        moment = self.family.moment(a, self.statistics.second, noise)
        moved = [self._drift(moment, a)[self._masks[0]]]
        if self.field.noisy:
            half = self._drift(moment, noise)
            moved.append((half + half.T + np.diag(2.0 / self.field.beta * self._moves))[self._masks[1]])
        return self.field.clock.rate(t) * np.concatenate(moved)

    def matrices(self, y: Array) -> tuple[Array, Array]:
        """A and N of the state, both (q, q)."""
        state, a, noise = self.unpack(y), self._origin.copy(), np.zeros_like(self._eye)
        a[self._masks[0]] += state["propagator"]
        if self.field.noisy:
            noise[self._masks[1]] = state["covariance"]
        return a, noise

    def moment(self, y: Array) -> Array:
        """The moment that the family's K depends on."""
        a, noise = self.matrices(y)
        return self.family.moment(a, self.statistics.second, noise)

    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock of neurons theta (m, p) in the limit's field."""
        force = self.family.force(self.moment(y), theta)
        self.field.pull(theta, force)
        return force

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the limit."""
        (a, noise), start = self.matrices(y), self.statistics.second
        risk = self.family.risk(self.moment(y)) + self.field.label_noise
        second, moved = a @ start @ a.T + noise, (a - self._eye) @ start @ (a - self._eye).T + noise
        size = float(np.sum(self._moves * np.diag(second)))
        energy = 0.5 * (risk + self.field.ridge * size)
        if self.field.noisy:
            energy -= self._entropy(a, noise) / self.field.beta
        return observables(risk, size, math.sqrt(max(0.0, np.sum(self._moves * np.diag(moved)))), energy)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return self.family.predict(self.moment(y), np.asarray(x, np.float64))

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """Psi at places theta (m, p), shape (m,): homogeneous in w, so that <w, grad_w Psi> is Psi times the degree."""
        places = np.asarray(theta, np.float64)
        if places.ndim != 2 or places.shape[1] != self.field.potential.dim:
            raise ValueError(f"theta has shape {places.shape}: give places (m, {self.field.potential.dim}), a first")
        force = self.family.force(self.moment(y), places)
        psi: Array = -np.sum(places[:, 1:] * force[:, 1:], axis=1) / self.family.degree
        return psi + self.field.tied(places)

    def line(self, y: Array) -> LineLaw:
        """The Gaussian law of the one coordinate that moves.

        Raises
        ------
        ValueError
            If more than one moves, or the initial law is not Gaussian.
        """
        if np.count_nonzero(self._moves) != 1 or not self.statistics.gaussian:
            raise ValueError("method = 'moments' knows the law only of one moving coordinate from a Gaussian start; use method='nodes'")
        mean, cov = self._gaussian(*self.matrices(y))
        return LineLaw(lambda u: mean[0] + math.sqrt(cov[0, 0]) * ndtri(u))

    def refined(self) -> VelocityFlow:
        """The limit itself: it is exact."""
        return self

    def _drift(self, moment: Array, rows: Array) -> Array:
        return self.family.apply(moment, rows) - self.field.ridge * self._moves[:, None] * rows

    def _entropy(self, a: Array, noise: Array) -> float:
        if not self.statistics.gaussian:
            return math.nan
        cov = self._gaussian(a, noise)[1]
        return 0.5 * (len(cov) * math.log(2.0 * math.pi * math.e) + float(np.linalg.slogdet(cov)[1]))

    def _gaussian(self, a: Array, noise: Array) -> tuple[Array, Array]:
        """Mean and covariance of the coordinates that move."""
        mean, moving = self.statistics.mean, self.field.moving
        cov = a @ (self.statistics.second - np.outer(mean, mean)) @ a.T + noise
        return (a @ mean)[moving], cov[moving, moving]
