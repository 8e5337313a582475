"""The loops between the two matrix products of a first layer psi(x; w) = |w|^(p-1) relu(w.x), and its sphere kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast

Array = npt.NDArray[Any]
_BLOCK = 512


@jit_fast
def weighted_relu(h: Array, scale: Array, out: Array) -> None:
    """out[i] += sum_j scale[j] relu(h[i, j]); h (n, m) in its own precision within blocks of neurons, the sum in double."""
    zero = h.dtype.type(0.0)
    for i in range(len(h)):
        total = 0.0
        for first in range(0, h.shape[1], _BLOCK):
            values, weights = h[i, first : first + _BLOCK], scale[first : first + _BLOCK]
            part = zero
            for j in range(len(values)):
                part += weights[j] * (zero if values[j] <= zero else values[j])
            total += part
        out[i] += total


@jit_fast
def row_norms(x: Array, out: Array) -> None:
    """out[i] = |x[i]|, summed in double precision; x (n, d)."""
    for i in range(x.shape[0]):
        square = 0.0
        for j in range(x.shape[1]):
            square += np.float64(x[i, j]) * np.float64(x[i, j])
        out[i] = np.sqrt(square)


@jit
def gate_projected(h: Array, coefficient: Array, norms: Array, radii: Array, power: int, weight: float, limit: float) -> int:
    """h[i, j] = coefficient[i] 1{h[i, j] > 0}, in place, with every sample's gradient for every neuron cut to norm `limit`.

    The gradient of |w|^(p-1) relu(w.x) has squared norm |x|^2 (p = 1) or |w|^2 |x|^2 + 3 (w.x)^2 (p = 2) where w.x > 0;
    norms (m,) are the |w|, radii (n,) the |x|, and coefficient (n,) carries the sample weight, which the limit does not see.

    Returns
    -------
    int
        How many were cut.
    """
    n, m = h.shape
    cut = 0
    for i in range(n):
        for j in range(m):
            if h[i, j] > 0.0:
                square = np.float64(radii[i]) ** 2
                if power == 2:
                    square = square * np.float64(norms[j]) ** 2 + 3.0 * np.float64(h[i, j]) ** 2
                size = abs(coefficient[i]) / weight * np.sqrt(square)
                h[i, j] = coefficient[i]
                if size > limit:
                    cut += 1
                    h[i, j] *= limit / size
            else:
                h[i, j] = 0.0
    return cut


@jit_fast
def arc_cosine_sum(cosines: Array, left: Array, right: Array) -> float:
    """sum_ij left[i] right[j] (sin t + (pi - t) cos t) / 2 pi with cos t = cosines[i, j], clipped to [-1, 1].

    The kernel is E relu(g.u) relu(g.v) for a standard Gaussian g and unit vectors u, v at angle t (Cho, Saul 2009, eq. (6)).
    """
    total = 0.0
    for i in range(cosines.shape[0]):
        row = 0.0
        for j in range(cosines.shape[1]):
            c = min(1.0, max(-1.0, cosines[i, j]))
            row += right[j] * (np.sqrt((1.0 - c) * (1.0 + c)) + (np.pi - np.arccos(c)) * c)
        total += left[i] * row
    return total / (2.0 * np.pi)


@jit_fast
def assemble(w1: Array, v: Array, power: int, rate: float) -> None:
    """v[i] = -rate grad of |w|^(p-1) relu(w.x) summed with V: V for p = 1, |w| V + (w.V) w / |w| for p = 2; in place.

    V (m1, d) comes in as v: sum_x c(x) 1{w_i.x > 0} x, so that sum_x c(x) relu(w_i.x) = w_i.V_i.
    """
    m, d = w1.shape
    for i in range(m):
        along, square = 0.0, 0.0
        for j in range(d):
            along += w1[i, j] * v[i, j]
            square += w1[i, j] * w1[i, j]
        norm = np.sqrt(square)
        first, second = -rate, 0.0
        if power == 2:
            first, second = -rate * norm, (-rate * along / norm if norm > 0.0 else 0.0)
        for j in range(d):
            v[i, j] = first * v[i, j] + second * w1[i, j]
