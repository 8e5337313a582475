"""Pairs of neurons under a standard Gaussian input: sums over j of c_j u(w_i, w_j), u = E sigma(<w_i, x>) sigma(<w_j, x>).

Every kernel gets a block q (rows, columns) of the products <w_i, w_j>, what it needs of every row and column (`left`, `right`),
and the coefficients c (columns,). `*_values` add sum_j c_j u to `out` (rows,). `*_gradients` overwrite q with c_j u_12, the
factor of w_j in the gradient in w_i, and add to `along` (rows,) the sum of the factors of w_i, so that

    sum_j c_j grad_{w_i} u = along_i w_i + sum_j q_ij w_j.

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
def relu_values(q: Array, left: Array, right: Array, c: Array, out: Array) -> None:
    """u = |w_i| |w_j| (sin p + (pi - p) cos p) / 2 pi, p the angle (Cho, Saul 2009, eq. (6)).

    `left` (2, rows) and `right` (2, columns): norms, then their inverses, 0 for a vector of norm 0.
    """
    for i in range(q.shape[0]):
        total = 0.0
        for j in range(q.shape[1]):
            r = min(1.0, max(-1.0, q[i, j] * left[1, i] * right[1, j]))
            y = 1.0 - abs(r)
            root = np.sqrt(y)
            p = root * _arc(y)
            total += c[j] * right[0, j] * (root * np.sqrt(2.0 - y) + (p if r < 0.0 else math.pi - p) * r)
        out[i] += total * left[0, i] * _TURN


@jit_fast
def relu_gradients(q: Array, left: Array, right: Array, c: Array, along: Array) -> None:
    """u_12 = (pi - p) / 2 pi, and |w_j| sin p / (2 pi |w_i|) along w_i; both 0 for w_i = 0, as relu'(0) = 0.

    sin p and p come from the same rounded cosine: near p = 0 and p = pi the error of each is up to 1e-8, that of the gradient
    is of second order in it. `left` and `right` as in :func:`relu_values`.
    """
    for i in range(q.shape[0]):
        scale = left[1, i]
        turn = _TURN if scale > 0.0 else 0.0
        total = 0.0
        for j in range(q.shape[1]):
            r = min(1.0, max(-1.0, q[i, j] * scale * right[1, j]))
            y = 1.0 - abs(r)
            root = np.sqrt(y)
            p = root * _arc(y)
            total += c[j] * right[0, j] * (root * np.sqrt(2.0 - y))
            q[i, j] = c[j] * turn * (p if r < 0.0 else math.pi - p)
        along[i] += total * scale * _TURN


@jit_fast
def erf_values(q: Array, left: Array, right: Array, c: Array, k: float, out: Array) -> None:
    """u = (2 / pi) asin(k q_ij / sqrt(D_i D_j)) of sigma(z) = erf(sqrt(k / 2) z), D = 1 + k |w|^2 (Williams 1998).

    `left` (1, rows) and `right` (1, columns) hold D.
    """
    for i in range(q.shape[0]):
        total = 0.0
        for j in range(q.shape[1]):
            r = min(1.0, max(-1.0, k * q[i, j] / np.sqrt(left[0, i] * right[0, j])))
            y = 1.0 - abs(r)
            arc = 0.5 * math.pi - np.sqrt(y) * _arc(y)
            total += c[j] * (-arc if r < 0.0 else arc)
        out[i] += total * _TWO_OVER_PI


@jit_fast
def erf_gradients(q: Array, left: Array, right: Array, c: Array, k: float, along: Array) -> None:
    """u_12 = (2 k / pi) / sqrt(D_i D_j - k^2 q_ij^2), and -k q_ij u_12 / D_i along w_i; arguments as in :func:`erf_values`."""
    for i in range(q.shape[0]):
        d = left[0, i]
        total = 0.0
        for j in range(q.shape[1]):
            z = k * q[i, j]
            u = c[j] / np.sqrt(d * right[0, j] - z * z)
            total += z * u
            q[i, j] = (k * _TWO_OVER_PI) * u
        along[i] -= total * (k * _TWO_OVER_PI) / d


@jit_fast
def cosine_values(q: Array, left: Array, right: Array, c: Array, out: Array) -> None:
    """u = (e^{-|w_i - w_j|^2 / 2} cos(b_i - b_j) + e^{-|w_i + w_j|^2 / 2} cos(b_i + b_j)) / 2 of sigma(z) = cos(z + b).

    `left` (3, rows) and `right` (3, columns): |w|^2 / 2, cos b, sin b.
    """
    for i in range(q.shape[0]):
        total = 0.0
        for j in range(q.shape[1]):
            s = left[0, i] + right[0, j]
            cosines, sines = left[1, i] * right[1, j], left[2, i] * right[2, j]
            total += c[j] * (math.exp(q[i, j] - s) * (cosines + sines) + math.exp(-q[i, j] - s) * (cosines - sines))
        out[i] += 0.5 * total


@jit_fast
def cosine_gradients(q: Array, left: Array, right: Array, c: Array, along: Array, phase: Array) -> None:
    """u_12 is u with a minus between its two terms, the factor along w_i is -u; adds sum_j c_j d u / d b_i to `phase` (rows,).

    `left` and `right` as in :func:`cosine_values`.
    """
    for i in range(q.shape[0]):
        total, turning = 0.0, 0.0
        for j in range(q.shape[1]):
            s = left[0, i] + right[0, j]
            near, far = 0.5 * c[j] * math.exp(q[i, j] - s), 0.5 * c[j] * math.exp(-q[i, j] - s)
            cosines, sines = left[1, i] * right[1, j], left[2, i] * right[2, j]
            mixed, other = left[2, i] * right[1, j], left[1, i] * right[2, j]
            total += near * (cosines + sines) + far * (cosines - sines)
            turning += near * (mixed - other) + far * (mixed + other)
            q[i, j] = near * (cosines + sines) - far * (cosines - sines)
        along[i] -= total
        phase[i] -= turning
