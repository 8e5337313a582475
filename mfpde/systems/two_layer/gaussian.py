"""Potentials under x ~ N(0, S): what all activations with a pairwise closed form share."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from mfpde.systems.two_layer.pairs import PairSums, sum_pairs
from mfpde.systems.two_layer.potentials import Array, Potential, checked_second_layer
from mfpde.systems.two_layer.standard import Standardise, StandardLabel


class GaussianPotential(Potential):
    """Closed-form V and U of one activation sigma.

    The derivation of V: by Stein's lemma E x sigma = S w E sigma', E x x^T sigma = S E sigma + S w w^T S E sigma'', so that with
    e_k(w) = E sigma^(k)(<w, x>) and the label c + <l, x> + <x, B x>, in standardised coordinates,

        V = -a [(c + tr B) e_0 + <l, w> e_1 + <w, B w> e_2],    grad_w e_k = e_{k+2} w,    d_b e_k = e_{k+1}.

    A teacher network joins the neurons with the opposite sign.

    Parameters
    ----------
    standardise : Standardise
        Of the law of x.
    label : StandardLabel
    second_layer : {"fixed", "trained"}
    phase : bool
        Whether the last column of a neuron is a phase b inside the activation, sigma(<w, x> + b).
    """

    def __init__(self, standardise: Standardise, label: StandardLabel, second_layer: str = "fixed", *, phase: bool = False) -> None:
        self.second_layer = checked_second_layer(second_layer)
        self.phase = phase
        self.dim = 1 + standardise.d + phase
        self._standardise, self._label = standardise, label
        self._mean = label.constant + float(np.trace(label.quadratic))
        teacher = np.empty((0, self.dim)) if label.teacher is None else label.teacher
        self._teacher, self._teacher_table = self._split(teacher)
        self._pull = np.empty(0) if label.teacher_weights is None else label.teacher_weights * teacher[:, 0]
        teacher_square = self._pull @ self._sums(self._teacher, self._teacher_table, teacher[:0], np.empty(0), gradients=False).value
        self.label_square = label.square - float(teacher_square)

    @abstractmethod
    def table(self, q: Array, b: Array) -> Array:
        """What the kernels want of neurons with |w|^2 = q (m,) and phases b (m,): an array (k, m)."""

    @abstractmethod
    def values(self, q: Array, left: Array, right: Array, c: Array, out: Array) -> None:
        """The block kernel of :class:`~mfpde.systems.two_layer.pairs.PairKernel`."""

    @abstractmethod
    def gradients(self, q: Array, left: Array, right: Array, c: Array, along: Array, turning: Array) -> None:
        """The block kernel of :class:`~mfpde.systems.two_layer.pairs.PairKernel`."""

    @abstractmethod
    def moments(self, q: Array, b: Array) -> Array:
        """e_k = E sigma^(k)(<w, x> + b) for k = 0 ... 4, shape (5, m); 0 where the neuron w = 0 has no such derivative."""

    @abstractmethod
    def square(self, q: Array, b: Array) -> Array:
        """E sigma(<w, x> + b)^2, shape (m,)."""

    def self_interaction(self, theta: Array) -> Array:
        """U(theta, theta) = a^2 E sigma^2, shape (m,)."""
        squares: Array = theta[:, 0] ** 2 * self.square(*self._invariants(theta)[1:])
        return squares

    def _psi(self, theta: Array, points: Array, weights: Array) -> Array:
        w, q, b = self._invariants(theta)
        psi: Array = theta[:, 0] * (self._sums(w, self.table(q, b), points, weights, gradients=False).value - self._pulled(w, q, b))
        return psi

    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        w, q, b = self._invariants(theta)
        a, trained = theta[:, 0], self.second_layer == "trained"
        sums = self._sums(w, self.table(q, b), points, weights, values=trained, gradients=True)
        slope, form, e = self._label.linear, self._label.quadratic, self.moments(q, b)
        lw, Bw = np.einsum("mk,k->m", w, slope), np.einsum("mk,kl->ml", w, form)
        wBw = np.einsum("mk,mk->m", w, Bw)
        along = self._mean * e[2] + lw * e[3] + wBw * e[4]
        vector = sums.gradient - along[:, None] * w - np.multiply.outer(e[1], slope) - 2.0 * e[2][:, None] * Bw
        gradient = np.empty(theta.shape)
        gradient[:, 1 : 1 + w.shape[1]] = a[:, None] * self._standardise.outward(vector)
        if self.phase:
            gradient[:, -1] = a * (sums.turning - self._mean * e[1] - lw * e[2] - wBw * e[3])
        if trained:
            gradient[:, 0] = sums.value - self._pulled(w, q, b)
        return gradient

    def _sums(self, w: Array, table: Array, points: Array, weights: Array, *, values: bool = True, gradients: bool) -> PairSums:
        v, other = self._split(points)
        c = np.concatenate([weights * points[:, 0], -self._pull])
        right = np.concatenate([v, self._teacher]), np.concatenate([other, self._teacher_table], axis=1)
        return sum_pairs(self, (w, table), right, c, values=values, gradients=gradients)

    def _pulled(self, w: Array, q: Array, b: Array) -> Array:
        """E y sigma of the polynomial part of the label."""
        e = self.moments(q, b)
        quadratic = np.einsum("mk,kl,ml->m", w, self._label.quadratic, w)
        pulled: Array = self._mean * e[0] + np.einsum("mk,k->m", w, self._label.linear) * e[1] + quadratic * e[2]
        return pulled

    def _invariants(self, theta: Array) -> tuple[Array, Array, Array]:
        """The standardised w (m, d), |w|^2 and b (m,)."""
        w = self._standardise.inward(theta[:, 1 : 1 + self._standardise.d])
        return w, np.einsum("mk,mk->m", w, w), theta[:, -1] if self.phase else np.zeros(len(theta))

    def _split(self, points: Array) -> tuple[Array, Array]:
        w, q, b = self._invariants(points)
        return w, self.table(q, b)
