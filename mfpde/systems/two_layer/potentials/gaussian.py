"""Potentials under x ~ N(0, S): what all activations with a pairwise closed form share."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from mfpde.systems.two_layer.potentials.base import Array, Potential, checked_second_layer
from mfpde.systems.two_layer.potentials.pairs import Block, Neurons, PairSums, Sides, sum_own_pairs, sum_pairs
from mfpde.systems.two_layer.potentials.standard import Standardise, StandardLabel, times


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
        self._curved = bool(label.quadratic.any())
        self._labelled = self._curved or label.constant != 0.0 or bool(label.linear.any())
        self._mean = label.constant + float(np.trace(label.quadratic))
        teacher = np.empty((0, self.dim)) if label.teacher is None else label.teacher
        self._teacher = self._neurons(teacher, np.empty(0) if label.teacher_weights is None else label.teacher_weights)
        teacher_square = self._teacher.c @ sum_own_pairs(self, self._teacher, values=True, gradients=False).value
        self.label_square = label.square + float(teacher_square)

    @abstractmethod
    def table(self, q: Array, b: Array) -> Array:
        """What the kernels want of neurons with |w|^2 = q (m,) and phases b (m,): an array (k, m)."""

    @abstractmethod
    def values(self, block: Block, out: Sides) -> None:
        """The block kernel of :class:`~mfpde.systems.two_layer.potentials.pairs.PairKernel`."""

    @abstractmethod
    def gradients(self, block: Block, along: Sides, turning: Sides) -> None:
        """The block kernel of :class:`~mfpde.systems.two_layer.potentials.pairs.PairKernel`."""

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
        sums = self._sums(w, self.table(q, b), theta, points, weights, values=True, gradients=False)
        psi: Array = theta[:, 0] * (sums.value - self._pulled(w, q, b))
        return psi

    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        w, q, b = self._invariants(theta)
        a, trained = theta[:, 0], self.second_layer == "trained"
        value, vector, turning = self._sums(w, self.table(q, b), theta, points, weights, values=trained, gradients=True)
        if self._labelled:
            e = self.moments(q, b)
            lw, Bw = np.einsum("mk,k->m", w, self._label.linear), self._times_form(w)
            wBw = np.einsum("mk,mk->m", w, Bw)
            vector -= (self._mean * e[2] + lw * e[3] + wBw * e[4])[:, None] * w
            vector -= np.multiply.outer(e[1], self._label.linear) + 2.0 * e[2][:, None] * Bw
            turning -= self._mean * e[1] + lw * e[2] + wBw * e[3]
            value -= self._mean * e[0] + lw * e[1] + wBw * e[2]
        gradient = np.empty(theta.shape)
        gradient[:, 0] = value
        np.multiply(a[:, None], self._standardise.outward(vector), out=gradient[:, 1 : 1 + w.shape[1]])
        if self.phase:
            gradient[:, -1] = a * turning
        return gradient

    def _sums(
        self, w: Array, table: Array, theta: Array, points: Array, weights: Array, *, values: bool, gradients: bool
    ) -> PairSums:
        """The pairs of theta, standardised to w, with the network less those with the teacher."""
        if theta is points:
            neurons = Neurons(w, table, weights * theta[:, 0])
            sums = sum_own_pairs(self, neurons, values=values, gradients=gradients)
        else:
            neurons = Neurons(w, table, np.zeros(len(w)))
            sums = sum_pairs(self, neurons, self._neurons(points, weights), values=values, gradients=gradients)
        if not len(self._teacher.c):
            return sums
        teacher = sum_pairs(self, neurons, self._teacher, values=values, gradients=gradients)
        return PairSums(*(network - label for network, label in zip(sums, teacher, strict=True)))

    def _pulled(self, w: Array, q: Array, b: Array) -> Array | float:
        """E y sigma of the polynomial part of the label."""
        if not self._labelled:
            return 0.0
        e = self.moments(q, b)
        quadratic = np.einsum("mk,mk->m", w, self._times_form(w))
        pulled: Array = self._mean * e[0] + np.einsum("mk,k->m", w, self._label.linear) * e[1] + quadratic * e[2]
        return pulled

    def _times_form(self, w: Array) -> Array:
        return times(w, self._label.quadratic) if self._curved else np.zeros(w.shape)

    def _neurons(self, points: Array, weights: Array) -> Neurons:
        w, q, b = self._invariants(points)
        return Neurons(w, self.table(q, b), weights * points[:, 0])

    def _invariants(self, theta: Array) -> tuple[Array, Array, Array]:
        """The standardised w (m, d), |w|^2 and b (m,)."""
        w = self._standardise.inward(theta[:, 1 : 1 + self._standardise.d])
        return w, np.einsum("mk,mk->m", w, w), theta[:, -1] if self.phase else np.zeros(len(theta))
