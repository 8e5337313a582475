"""The first pass: covariances of the Gaussian fields of every layer, before and at the first step."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mfpde.flow import Array
from mfpde.systems.integrable.activation import slope
from mfpde.systems.integrable.recursion import Problem

_NODES = 32
_RANGE, _SPACING = 9.0, 0.1
_DEPENDENT = 1e-13


def forward_covariances(problem: Problem) -> list[Array]:
    """K^1 .. K^L (n_0, n_0), the covariances of h~^l at the first batch: K^{l+1} = s2 E sigma sigma^T."""
    x = problem.inputs[problem.rows[0]]
    covariances: list[Array] = [problem.kernel(x, x)]
    for layer in range(1, problem.depth):
        covariances.append(problem.s2 * _pairs(problem, layer, covariances[-1], derivative=False))
    return covariances


def backward_covariances(problem: Problem, forward: list[Array]) -> list[Array]:
    """D^1 .. D^L (n_0, n_0), the covariances of chi dx~^l at the first batch: D^{l-1} = s2 D^l E sigma' sigma'^T, D^L = chi chi^T."""
    chi = problem.first_slope()
    covariances: list[Array] = [chi @ chi.T]
    for layer in range(problem.depth, 1, -1):
        covariances.insert(0, problem.s2 * covariances[0] * _pairs(problem, layer, forward[layer - 1], derivative=True))
    return covariances


def semidefinite_factor(covariance: Array) -> Array:
    """Lower-triangular C (n, n) with C C^T = `covariance`; the columns of dependent rows are 0."""
    n = len(covariance)
    factor = np.zeros((n, n))
    for i in range(n):
        factor[i, : i + 1] = next_row(factor[:i, :i], covariance[i, :i], float(covariance[i, i]))
    return factor


def next_row(factor: Array, column: Array, variance: float) -> Array:
    """The row (i + 1,) that :func:`semidefinite_factor` adds to `factor` (i, i) for a variable of these covariances with the others."""
    i = len(factor)
    row = np.zeros(i + 1)
    for j in range(i):
        if factor[j, j] > 0.0:
            row[j] = (column[j] - row[:j] @ factor[j, :j]) / factor[j, j]
    rest = variance - float(row @ row)
    row[i] = math.sqrt(rest) if rest > _DEPENDENT * variance else 0.0
    return row


def _pairs(problem: Problem, layer: int, covariance: Array, derivative: bool) -> Array:
    """E g(u_i) g(u_j), u ~ N(0, covariance), g what sigma or sigma' of `layer` is in the first pass."""
    sigma, p = problem.sigma, problem.sigma.homogeneity
    if p is not None:
        values = (float(sigma(1.0)), float(sigma(-1.0)))
        return power_pairs((p * values[0], -p * values[1]) if derivative else values, p - derivative, covariance)
    if layer > 1:
        return np.full_like(covariance, slope(sigma) ** 2) if derivative else slope(sigma) ** 2 * covariance
    return smooth_pairs(sigma.derivative if derivative else sigma, covariance)


def power_pairs(values: tuple[float, float], p: int, covariance: Array) -> Array:
    """E g(u_i) g(u_j) for g(z) = values[0] z^p (z > 0), values[1] |z|^p (z < 0).

    With the angle phi of two variables, E (u)_+^p (v)_+^p = |u|^p |v|^p 2^p p! / (2 pi) times the integral of
    cos(psi)^p cos(psi - phi)^p over phi - pi/2 < psi < pi/2, a trigonometric polynomial (Cho, Saul 2009, in polar coordinates).
    """
    size = np.sqrt(np.diag(covariance))
    scale = np.outer(size, size)
    cosine = np.clip(np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0.0), -1.0, 1.0)
    np.fill_diagonal(cosine, 1.0)
    phi = np.arccos(cosine)
    x, w = np.polynomial.legendre.leggauss(_NODES)

    def one_sided(angle: Array) -> Array:
        half = 0.5 * (math.pi - angle)[..., None]
        psi = 0.5 * angle[..., None] + half * x
        total: Array = np.sum(w * half * np.cos(psi) ** p * np.cos(psi - angle[..., None]) ** p, axis=-1)
        return total

    plus, minus = values
    means = (plus**2 + minus**2) * one_sided(phi) + 2.0 * plus * minus * one_sided(math.pi - phi)
    return scale**p * means * (2.0**p * math.factorial(p) / (2.0 * math.pi))


def smooth_pairs(g: Callable[[Array], Array], covariance: Array) -> Array:
    """E g(u_i) g(u_j) by the trapezoidal rule in two variables, to rounding for analytic g."""
    z = np.arange(-_RANGE, _RANGE + 0.5 * _SPACING, _SPACING)
    w = np.exp(-0.5 * z * z) * (_SPACING / math.sqrt(2.0 * math.pi))
    out = np.empty_like(covariance)
    for i, j in np.ndindex(*covariance.shape):
        if j <= i:
            factor = semidefinite_factor(covariance[np.ix_((i, j), (i, j))])
            second = np.asarray(g(factor[1, 0] * z[:, None] + factor[1, 1] * z)) @ w
            out[i, j] = out[j, i] = float(np.sum(w * np.asarray(g(factor[0, 0] * z)) * second))
    return out
