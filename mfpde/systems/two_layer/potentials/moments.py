"""Potentials that need the neurons only through a moment: identity and quadratic activations, O(m d^2) without pairs."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from mfpde.systems.two_layer.potentials.base import Array, Potential, checked_second_layer
from mfpde.systems.two_layer.potentials.standard import Standardise, StandardLabel, times


class MomentPotential(Potential):
    """The risk is a quadratic form in a moment of rho, and Psi = a psi_w(w; moment).

    Parameters
    ----------
    standardise : Standardise
        Of the law of x.
    label : StandardLabel
    second_layer : {"fixed", "trained"}
    """

    def __init__(self, standardise: Standardise, label: StandardLabel, second_layer: str = "fixed") -> None:
        self.second_layer = checked_second_layer(second_layer)
        self.dim = 1 + standardise.d
        self._standardise, self._label = standardise, label
        empty = np.empty((0, self.dim))
        self._teacher = self._moment(empty, np.empty(0))
        if label.teacher is not None and label.teacher_weights is not None:
            self._teacher = self._moment(label.teacher, label.teacher_weights)
        self.label_square = self.risk(empty, np.empty(0))

    def risk(self, points: Array, weights: Array) -> float:
        """R(rho) as a sum of squares: no cancellation where it is small."""
        self._check(points, points, weights)
        return self._risk(self._moment(points, weights) - self._teacher)

    def self_interaction(self, theta: Array) -> Array:
        """U(theta, theta), shape (m,)."""
        w = self._inward(theta)
        squares: Array = theta[:, 0] ** 2 * self._square(np.einsum("mk,mk->m", w, w))
        return squares

    def _psi(self, theta: Array, points: Array, weights: Array) -> Array:
        psi: Array = theta[:, 0] * self._field(self._inward(theta), self._moment(points, weights) - self._teacher)[0]
        return psi

    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        value, vector = self._field(self._inward(theta), self._moment(points, weights) - self._teacher)
        return np.concatenate([value[:, None], theta[:, :1] * self._standardise.outward(vector)], axis=1)

    def _inward(self, points: Array) -> Array:
        return self._standardise.inward(points[:, 1:])

    @abstractmethod
    def _moment(self, points: Array, weights: Array) -> Array:
        """The moment of the network, linear in the measure."""

    @abstractmethod
    def _field(self, w: Array, excess: Array) -> tuple[Array, Array]:
        """Psi / a (m,) and its gradient in the standardised w (m, d), from the moment in excess of the teacher's."""

    @abstractmethod
    def _risk(self, excess: Array) -> float: ...

    @abstractmethod
    def _square(self, q: Array) -> Array:
        """E sigma^2 for |w|^2 = q."""


class IdentityPotential(MomentPotential):
    """sigma(z) = z: with m = int a w drho and the label's slope l, Psi = a <w, S (m - l)>, R = |m - l|_S^2 + E (y - <l, x>)^2."""

    def _moment(self, points: Array, weights: Array) -> Array:
        moment: Array = np.einsum("n,nk->k", weights * points[:, 0], self._inward(points))
        return moment

    def _field(self, w: Array, excess: Array) -> tuple[Array, Array]:
        force = excess - self._label.linear
        return np.einsum("mk,k->m", w, force), np.tile(force, (len(w), 1))

    def _risk(self, excess: Array) -> float:
        force = excess - self._label.linear
        return float(force @ force) + self._label.square - float(self._label.linear @ self._label.linear)

    def _square(self, q: Array) -> Array:
        return q


class QuadraticPotential(MomentPotential):
    """sigma(z) = z^2, or z^2 - E z^2 where `centred`; u = q11 q22 + 2 q12^2, or 2 q12^2.

    With D = int a w w^T drho - B and t = tr D - c in standardised coordinates, Psi = a (t |w|^2 + 2 <w, D w>) and
    R = t^2 + 2 |D|^2 + |l|^2; where centred, Psi = 2 a <w, D w> and t is minus the mean c + tr B of the label.
    """

    def __init__(self, standardise: Standardise, label: StandardLabel, second_layer: str = "fixed", *, centred: bool = False) -> None:
        self._centred = centred
        super().__init__(standardise, label, second_layer)

    def _moment(self, points: Array, weights: Array) -> Array:
        w = self._inward(points)
        return times((w * (weights * points[:, 0])[:, None]).T, w)

    def _excess_trace(self, excess: Array) -> float:
        trace = 0.0 if self._centred else float(np.trace(excess))
        return trace - self._label.constant - float(np.trace(self._label.quadratic))

    def _field(self, w: Array, excess: Array) -> tuple[Array, Array]:
        force = 2.0 * (excess - self._label.quadratic)
        if not self._centred:
            force = force + self._excess_trace(excess) * np.eye(len(force))
        vector = times(w, force)
        return np.einsum("mk,mk->m", w, vector), 2.0 * vector

    def _risk(self, excess: Array) -> float:
        linear = self._label.linear
        return float(self._excess_trace(excess) ** 2 + 2.0 * np.sum((excess - self._label.quadratic) ** 2) + linear @ linear)

    def _square(self, q: Array) -> Array:
        squares: Array = (2.0 if self._centred else 3.0) * q * q
        return squares
