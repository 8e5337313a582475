"""Activations with a pairwise closed form under a Gaussian input; the formulas are in :mod:`mfpde.kernels.dual`, `dual_piecewise`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from mfpde.kernels import dual, dual_piecewise
from mfpde.systems.two_layer.potentials.base import Array
from mfpde.systems.two_layer.potentials.gaussian import GaussianPotential
from mfpde.systems.two_layer.potentials.pairs import Block, Sides
from mfpde.systems.two_layer.potentials.standard import Standardise, StandardLabel

_TINY = 1e-100
_ROOT_2PI = math.sqrt(2.0 * math.pi)


class ReluPotential(GaussianPotential):
    """sigma(z) = max(z, 0); the gradient of a neuron w = 0 is 0."""

    def table(self, q: Array, b: Array) -> Array:
        """|w|, 1 / |w| and 1; the last two are 0 for w = 0."""
        norms = np.sqrt(q)
        inverse = _inverse(norms)
        return np.stack([norms, inverse, inverse > 0.0])

    def values(self, block: Block, out: Sides) -> None:
        """:func:`mfpde.kernels.dual.relu_values`."""
        dual.relu_values(*block, *out)

    def gradients(self, block: Block, along: Sides, turning: Sides) -> None:
        """:func:`mfpde.kernels.dual.relu_gradients`."""
        dual.relu_gradients(*block, *along)

    def moments(self, q: Array, b: Array) -> Array:
        """|w| / sqrt(2 pi), 1/2, 1 / (|w| sqrt(2 pi)), 0, -1 / (|w|^3 sqrt(2 pi))."""
        norms = np.sqrt(q)
        inverse = _inverse(norms)
        return np.stack([norms / _ROOT_2PI, 0.5 * (norms > 0.0), inverse / _ROOT_2PI, np.zeros(len(q)), -(inverse**3) / _ROOT_2PI])

    def square(self, q: Array, b: Array) -> Array:
        """|w|^2 / 2."""
        return 0.5 * q


class ErfPotential(GaussianPotential):
    """sigma(z) = offset + amplitude erf(slope z): erf(z) by default, Phi(z) with slope 1 / sqrt(2) and both others 1/2."""

    def __init__(
        self,
        standardise: Standardise,
        label: StandardLabel,
        second_layer: str = "fixed",
        *,
        slope: float = 1.0,
        amplitude: float = 1.0,
        offset: float = 0.0,
    ) -> None:
        self._k = 2.0 * slope * slope
        self._amplitude, self._offset = amplitude, offset
        self._first = 2.0 * slope * amplitude / math.sqrt(math.pi)
        super().__init__(standardise, label, second_layer)

    def table(self, q: Array, b: Array) -> Array:
        """D = 1 + 2 slope^2 |w|^2 and 1 / D."""
        d = 1.0 + self._k * q
        return np.stack([d, 1.0 / d])

    def values(self, block: Block, out: Sides) -> None:
        """:func:`mfpde.kernels.dual.erf_values`."""
        dual.erf_values(*block, self._k, self._amplitude, self._offset, *out)

    def gradients(self, block: Block, along: Sides, turning: Sides) -> None:
        """:func:`mfpde.kernels.dual.erf_gradients`."""
        dual.erf_gradients(*block, self._k, self._amplitude, *along)

    def moments(self, q: Array, b: Array) -> Array:
        """offset, e_1 = 2 slope amplitude / sqrt(pi D), 0, -2 slope^2 e_1 / D, 0."""
        d = self.table(q, b)[0]
        first, zero = self._first / np.sqrt(d), np.zeros(len(q))
        return np.stack([zero + self._offset, first, zero, -self._k * first / d, zero])

    def square(self, q: Array, b: Array) -> Array:
        """offset^2 + amplitude^2 (2 / pi) asin(1 - 1 / D)."""
        squares: Array = self._offset**2 + self._amplitude**2 * 2.0 / math.pi * np.arcsin(self._k * q / self.table(q, b)[0])
        return squares


class CosinePotential(GaussianPotential):
    """sigma(z) = cos z, or cos(z + b) with the phase b as the last column."""

    def table(self, q: Array, b: Array) -> Array:
        """|w|^2 / 2, cos b, sin b."""
        return np.stack([0.5 * q, np.cos(b), np.sin(b)])

    def values(self, block: Block, out: Sides) -> None:
        """:func:`mfpde.kernels.dual.cosine_values`."""
        dual.cosine_values(*block, *out)

    def gradients(self, block: Block, along: Sides, turning: Sides) -> None:
        """:func:`mfpde.kernels.dual.cosine_gradients`."""
        dual.cosine_gradients(*block, *along, *turning)

    def moments(self, q: Array, b: Array) -> Array:
        """e^{-|w|^2 / 2} times cos b and its derivatives."""
        c, s = np.exp(-0.5 * q) * np.cos(b), np.exp(-0.5 * q) * np.sin(b)
        return np.stack([c, -s, -c, s, c])

    def square(self, q: Array, b: Array) -> Array:
        """(1 + e^{-2 |w|^2} cos 2 b) / 2."""
        squares: Array = 0.5 + 0.5 * np.exp(-2.0 * q) * np.cos(2.0 * b)
        return squares


class PiecewisePotential(GaussianPotential):
    """sigma is linear between (knots_i, values_i) and constant beyond them, as :func:`mfpde.activations.piecewise_linear`.

    The gradient of a neuron w = 0 is 0 in the sense of that function's derivative, the one from the left.
    """

    def __init__(
        self,
        standardise: Standardise,
        label: StandardLabel,
        second_layer: str = "fixed",
        *,
        knots: Sequence[float],
        values: Sequence[float],
    ) -> None:
        self._knots = np.array(knots, np.float64)
        self._base = float(values[0])
        self._jumps = np.diff(np.concatenate([[0.0], np.diff(values) / np.diff(knots), [0.0]]))
        super().__init__(standardise, label, second_layer)

    def table(self, q: Array, b: Array) -> Array:
        """|w|, E sigma and E sigma'."""
        return np.stack([np.sqrt(q), *self.moments(q, b)[:2]])

    def values(self, block: Block, out: Sides) -> None:
        """:func:`mfpde.kernels.dual_piecewise.piecewise_values`."""
        dual_piecewise.piecewise_values(*block, self._knots, self._jumps, self._base, *out)

    def gradients(self, block: Block, along: Sides, turning: Sides) -> None:
        """:func:`mfpde.kernels.dual_piecewise.piecewise_gradients`."""
        dual_piecewise.piecewise_gradients(*block, self._knots, self._jumps, self._base, *along)

    def moments(self, q: Array, b: Array) -> Array:
        """Sums of jumps times s phi(h) - knots Phi(-h), Phi(-h), phi(h) / s^{1, 2, 3} times 1, h, h^2 - 1; s = |w|, h = knots / s."""
        s = np.sqrt(q)
        inverse, h = _inverse(s), self._thresholds(s)
        density, tail = np.exp(-0.5 * h * h) / _ROOT_2PI, ndtr(-h)
        peak = density * inverse
        e = [s * density - self._knots[:, None] * tail, tail, peak, peak * h * inverse, peak * (h * h - 1.0) * inverse * inverse]
        moments: Array = np.einsum("k,ekm->em", self._jumps, np.array(e))
        moments[0] += self._base
        return moments

    def square(self, q: Array, b: Array) -> Array:
        """E sigma^2 by E (X - h)_+ (X - g)_+ = (1 + h g) Phi(-M) - m phi(M) for M = max(h, g), m = min(h, g)."""
        s, c = np.sqrt(q), self._knots
        h = self._thresholds(s)
        total = 2.0 * self._base * self.moments(q, b)[0] - self._base**2
        for k, m in np.ndindex(len(c), len(c)):
            top, low = max(k, m), min(k, m)
            pair = (q + c[k] * c[m]) * ndtr(-h[top]) - c[low] * s * np.exp(-0.5 * h[top] ** 2) / _ROOT_2PI
            total += self._jumps[k] * self._jumps[m] * pair
        squares: Array = total
        return squares

    def _thresholds(self, s: Array) -> Array:
        """knots / s, shape (knots, m), as in :func:`mfpde.kernels.dual_piecewise.thresholds`."""
        c = self._knots[:, None]
        inside: Array = np.clip(c * _inverse(s), -40.0, 40.0)
        return np.where(s > _TINY, inside, np.where(c < 0.0, -40.0, 40.0))


def _inverse(norms: Array) -> Array:
    """1 / |w|, and 0 for a neuron so close to w = 0 that the cube of 1 / |w| would overflow."""
    inverse: Array = np.where(norms > _TINY, 1.0 / np.maximum(norms, _TINY), 0.0)
    return inverse
