"""Pairs of neurons under a standard Gaussian input: sums of c_j u(w_i, w_j), u = E sigma(<w_i, x>) sigma(<w_j, x>).

Every kernel gets a block q (rows, columns) of the products <w_i, w_j>, what it needs of every row and column (`left`, `right`),
and the coefficients of the rows and columns (`c_left`, `c_right`). u is symmetric, so one pass serves both sides: `*_values` add
sum_j c_j u to out_left (rows,) and sum_i c_i u to out_right (columns,). `*_gradients` overwrite q with u_12, and add the sums of
the factors A of w_i and w_j to along_left (rows,) and along_right (columns,), so that

    sum_j c_j grad_{w_i} u = along_left_i w_i + sum_j q_ij c_j w_j,    sum_i c_i grad_{w_j} u = along_right_j w_j + sum_i q_ij c_i w_i.

By Price's theorem u_12 = E sigma'(X) sigma'(Y), and the factor of w_i is E sigma''(X) sigma(Y), X = <w_i, x>, Y = <w_j, x>.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit_fast, jit_inline

Array = npt.NDArray[np.floating[Any]]

_TURN = 1.0 / (2.0 * math.pi)
_TWO_OVER_PI = 2.0 / math.pi


@jit_inline
def _arc(y: float) -> float:
    """acos(1 - y) / sqrt(y) for 0 <= y <= 1: the polynomial through 19 Chebyshev nodes of [0, 1], within 2e-16."""
    p = 4.797541033020616e-06
    p = p * y - 3.537835495282187e-05
    p = p * y + 0.00012425167869548127
    p = p * y - 0.0002688464467735859
    p = p * y + 0.0004006882818589302
    p = p * y - 0.00043000945159494793
    p = p * y + 0.0003480987471498245
    p = p * y - 0.00020499919349473681
    p = p * y + 0.00010871230018361807
    p = p * y - 7.185800992367848e-06
    p = p * y + 7.287068257137792e-05
    p = p * y + 0.00015250797182385684
    p = p * y + 0.0003837000361256815
    p = p * y + 0.0009886937064591983
    p = p * y + 0.0026854115429505864
    p = p * y + 0.007891816687096197
    p = p * y + 0.026516504295916166
    p = p * y + 0.11785113019774604
    return p * y + 1.4142135623730951


@jit_fast
def relu_values(q: Array, left: Array, right: Array, c_left: Array, c_right: Array, out_left: Array, out_right: Array) -> None:
    """u = |w_i| |w_j| (sin p + (pi - p) cos p) / 2 pi, p the angle (Cho, Saul 2009, eq. (6)).

    `left` (3, rows) and `right` (3, columns): norms, their inverses, 0 for a vector of norm 0, and 1, or 0 for such a vector.
    """
    for i in range(q.shape[0]):
        norm, inverse, c = left[0, i] * _TURN, left[1, i], c_left[i]
        total = 0.0
        for j in range(q.shape[1]):
            r = min(1.0, max(-1.0, q[i, j] * inverse * right[1, j]))
            y = 1.0 - abs(r)
            root = np.sqrt(y)
            p = root * _arc(y)
            u = norm * right[0, j] * (root * np.sqrt(2.0 - y) + (p if r < 0.0 else math.pi - p) * r)
            total += c_right[j] * u
            out_right[j] += c * u
        out_left[i] += total


@jit_fast
def relu_gradients(q: Array, left: Array, right: Array, c_left: Array, c_right: Array, along_left: Array, along_right: Array) -> None:
    """u_12 = (pi - p) / 2 pi, A = |w_j| sin p / (2 pi |w_i|); both 0 where a vector is 0, as relu'(0) = 0.

    sin p and p come from the same rounded cosine: near p = 0 and p = pi the error of each is up to 1e-8, that of the gradient
    is of second order in it. `left` and `right` as in :func:`relu_values`.
    """
    for i in range(q.shape[0]):
        inverse, turn, c = left[1, i], _TURN * left[2, i], c_left[i] * left[0, i] * _TURN
        total = 0.0
        for j in range(q.shape[1]):
            r = min(1.0, max(-1.0, q[i, j] * inverse * right[1, j]))
            y = 1.0 - abs(r)
            root = np.sqrt(y)
            p = root * _arc(y)
            sine = root * np.sqrt(2.0 - y)
            total += c_right[j] * right[0, j] * sine
            along_right[j] += c * sine * right[1, j]
            q[i, j] = turn * right[2, j] * (p if r < 0.0 else math.pi - p)
        along_left[i] += total * inverse * _TURN


@jit_fast
def erf_values(
    q: Array,
    left: Array,
    right: Array,
    c_left: Array,
    c_right: Array,
    k: float,
    amplitude: float,
    offset: float,
    out_left: Array,
    out_right: Array,
) -> None:
    """u = offset^2 + amplitude^2 (2 / pi) asin(k q_ij / sqrt(D_i D_j)), D = 1 + k |w|^2 (Williams 1998).

    sigma(z) = offset + amplitude erf(sqrt(k / 2) z). `left` (2, rows) and `right` (2, columns): D and 1 / D.
    """
    for i in range(q.shape[0]):
        total, scale = 0.0, amplitude * amplitude * _TWO_OVER_PI
        for j in range(q.shape[1]):
            r = min(1.0, max(-1.0, k * q[i, j] / np.sqrt(left[0, i] * right[0, j])))
            y = 1.0 - abs(r)
            arc = scale * (0.5 * math.pi - np.sqrt(y) * _arc(y))
            u = offset * offset + (-arc if r < 0.0 else arc)
            total += c_right[j] * u
            out_right[j] += c_left[i] * u
        out_left[i] += total


@jit_fast
def erf_gradients(
    q: Array,
    left: Array,
    right: Array,
    c_left: Array,
    c_right: Array,
    k: float,
    amplitude: float,
    along_left: Array,
    along_right: Array,
) -> None:
    """u_12 = amplitude^2 (2 k / pi) / sqrt(D_i D_j - k^2 q_ij^2), A = -k q_ij u_12 / D_i; arguments as in :func:`erf_values`."""
    scale = amplitude * amplitude * k * _TWO_OVER_PI
    for i in range(q.shape[0]):
        d, c = left[0, i], c_left[i]
        total = 0.0
        for j in range(q.shape[1]):
            z = k * q[i, j]
            slope = scale / np.sqrt(d * right[0, j] - z * z)
            pull = z * slope
            total += c_right[j] * pull
            along_right[j] -= c * pull * right[1, j]
            q[i, j] = slope
        along_left[i] -= total * left[1, i]


@jit_fast
def cosine_values(q: Array, left: Array, right: Array, c_left: Array, c_right: Array, out_left: Array, out_right: Array) -> None:
    """u = (e^{-|w_i - w_j|^2 / 2} cos(b_i - b_j) + e^{-|w_i + w_j|^2 / 2} cos(b_i + b_j)) / 2 of sigma(z) = cos(z + b).

    `left` (3, rows) and `right` (3, columns): |w|^2 / 2, cos b, sin b.
    """
    for i in range(q.shape[0]):
        total = 0.0
        for j in range(q.shape[1]):
            s = left[0, i] + right[0, j]
            cosines, sines = left[1, i] * right[1, j], left[2, i] * right[2, j]
            u = 0.5 * (math.exp(q[i, j] - s) * (cosines + sines) + math.exp(-q[i, j] - s) * (cosines - sines))
            total += c_right[j] * u
            out_right[j] += c_left[i] * u
        out_left[i] += total


@jit_fast
def cosine_gradients(
    q: Array,
    left: Array,
    right: Array,
    c_left: Array,
    c_right: Array,
    along_left: Array,
    along_right: Array,
    phase_left: Array,
    phase_right: Array,
) -> None:
    """u_12 is u with a minus between its two terms, A = -u; the derivatives in b_i and b_j are added to the `phase` arrays.

    `left` and `right` as in :func:`cosine_values`.
    """
    for i in range(q.shape[0]):
        total, turning = 0.0, 0.0
        for j in range(q.shape[1]):
            s = left[0, i] + right[0, j]
            near, far = 0.5 * math.exp(q[i, j] - s), 0.5 * math.exp(-q[i, j] - s)
            cosines, sines = left[1, i] * right[1, j], left[2, i] * right[2, j]
            mine, other = left[2, i] * right[1, j], left[1, i] * right[2, j]
            u = near * (cosines + sines) + far * (cosines - sines)
            total += c_right[j] * u
            turning += c_right[j] * (near * (mine - other) + far * (mine + other))
            along_right[j] -= c_left[i] * u
            phase_right[j] -= c_left[i] * (near * (other - mine) + far * (mine + other))
            q[i, j] = near * (cosines + sines) - far * (cosines - sines)
        along_left[i] -= total
        phase_left[i] -= turning
