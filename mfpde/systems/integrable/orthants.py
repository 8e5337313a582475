"""Probabilities that none of a few jointly Gaussian variables is positive."""

from __future__ import annotations

import math

import numpy as np

from mfpde.flow import Array

LARGEST = 5
_EQUAL = 1e-13
_LEVELS = np.linspace(-3.4, 3.4, 137)


def negative_orthant(covariance: Array) -> float:
    """P(g_1 <= 0, ..., g_n <= 0), g ~ N(0, `covariance`), for up to 5 variables that are not 0 and not equal to another.

    n = 2, 3: 1/4 and 1/8 plus sums of arc sines. n = 4, 5: the last variable's correlations are scaled by s from 0 to 1, and
    dP/ds = sum_i rho_in / (2 pi sqrt(1 - s^2 rho_in^2)) P(the others | g_i = g_n = 0) (Plackett 1954) is integrated by the
    double exponential rule, which resolves correlations near +-1.
    """
    correlation = _distinct(_correlation(covariance[np.ix_(*[np.diag(covariance) > 0.0] * 2)]))
    n = len(correlation)
    if n > LARGEST:
        raise ValueError(f"n = {n}: orthant probabilities are known here for up to {LARGEST} variables")
    return float(_closed(correlation[None])[0]) if n <= 3 else _plackett(correlation)


def _distinct(correlation: Array) -> Array:
    """Without the variables that are multiples of an earlier one."""
    kept = [j for j in range(len(correlation)) if np.all(correlation[:j, j] < 1.0 - _EQUAL)]
    return correlation[np.ix_(kept, kept)]


def _correlation(covariance: Array) -> Array:
    size = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    scale = size[..., :, None] * size[..., None, :]
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0.0)
    n = covariance.shape[-1]
    correlation[..., range(n), range(n)] = 1.0
    clipped: Array = np.clip(correlation, -1.0, 1.0)
    return clipped


def _closed(correlation: Array) -> Array:
    """The probabilities for a stack (k, n, n) of correlation matrices, n <= 3."""
    n = correlation.shape[-1]
    upper = np.triu_indices(n, 1)
    arcs: Array = np.arcsin(correlation[:, upper[0], upper[1]]).sum(axis=1)
    chance: Array = 0.5**n + arcs * (0.5 ** max(n - 2, 0) / (2.0 * math.pi))
    return chance


def _plackett(correlation: Array) -> float:
    n = len(correlation)
    # s = (1 + tanh(pi/2 sinh u)) / 2, with 1 - s to full relative accuracy.
    e = np.exp(-math.pi * np.sinh(_LEVELS))
    s, rest = 1.0 / (1.0 + e), e / (1.0 + e)
    weight = (_LEVELS[1] - _LEVELS[0]) * math.pi * np.cosh(_LEVELS) * s * rest
    total = np.zeros(len(s))
    for i in range(n - 1):
        rho = correlation[i, n - 1]
        others = [j for j in range(n - 1) if j != i]
        free = (1.0 - rho) * (1.0 + rho) + rho * rho * rest * (1.0 + s)
        near, far = correlation[others, i], correlation[others, n - 1]
        r, product = s * rho, s[:, None] * far
        inside = near[:, None] * near + np.zeros((len(s), 1, 1)) + product[:, :, None] * product[:, None, :]
        mixed = near[:, None] * product[:, None, :]
        inside = (inside - r[:, None, None] * (mixed + np.swapaxes(mixed, 1, 2))) / free[:, None, None]
        conditional = correlation[np.ix_(others, others)] - inside
        total += weight * rho / (2.0 * math.pi * np.sqrt(free)) * _closed(_correlation(conditional))
    start = _closed(correlation[None, : n - 1, : n - 1])[0] if n == 4 else _plackett(correlation[: n - 1, : n - 1])
    return float(0.5 * start + total.sum())
