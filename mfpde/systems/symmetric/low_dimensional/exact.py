"""Closed forms of the reduction. Derived in docs/low_dimensional."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betainc, hyp2f1

from mfpde.flow import Array
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, beta_half

_NARROW_NODES = 32
_LARGE, _TERMS = 20.0, 60


def alpha(d_h: int) -> float:
    """alpha = 2 / E|r|, r the first coordinate of a uniform point of S^(d_h - 1), so that |x_H| = alpha phi(0; x)."""
    return 2.0 * math.pi / beta_half(d_h)


def relu_mean(d_h: int, d_perp: int, head: Array, rest: Array) -> Array:
    """phi = E relu(r A + s B), A = |x_H| cos theta (`head`) and B = |x_perp| sin theta (`rest`), r and s as in :func:`alpha`.

    (1/2) E|r| A 2F1(-1/2, (1 - d_h)/2; d_perp/2; B^2 / A^2) where A >= B, and with the parts exchanged where B > A.
    """
    out = np.zeros(head.shape)
    for large, small, m, n, chosen in ((head, rest, d_h, d_perp, head >= rest), (rest, head, d_perp, d_h, head < rest)):
        a, b = large[chosen], small[chosen]
        ratio = np.divide(b, a, out=np.zeros_like(b), where=a > 0.0)
        series = hyp2f1(-0.5, 0.5 * (1 - m), 0.5 * n, ratio**2)
        out[chosen] = a / alpha(m) * series
    # SciPy's 2F1 overflows near argument 1 where d exceeds about 250.
    lost = ~np.isfinite(out)
    if lost.any():
        parts = sorted([(d_h, head[lost]), (d_perp, rest[lost])], key=lambda part: part[0])
        out[lost] = _relu_mean_high(*parts[0], *parts[1])
    return out


def _relu_mean_high(m: int, wide: Array, n: int, narrow: Array) -> Array:
    """(1/2) E |r A + s B| by the Gauss rule of s^2, s the coordinate in the higher dimension n, which is narrow, and E over r given s.

    E |r + q| = q P(|r| < q) + E|r| (1 - q^2)^((m - 1)/2) for 0 <= q <= 1. Here A and B are nearly equal and s is small, so that q < 1.
    """
    theta, weights = JacobiBasis(n, 1, 2).gauss(_NARROW_NODES)
    q = np.multiply.outer(narrow / wide, np.cos(theta))
    mean = np.ones_like(q) if m == 1 else q * betainc(0.5, 0.5 * (m - 1), q**2) + 2.0 / alpha(m) * (1.0 - q**2) ** (0.5 * (m - 1))
    values: Array = 0.5 * wide * (mean @ weights)
    return values


def kernel_with_end(d_end: int, squared: Array) -> Array:
    """K(theta, 0) = 2F1(-1/2, -1/2; d_h/2; cos^2 theta) / 2 pi from d_end = d_h and squared = cos^2 theta.

    K(theta, pi/2) from d_end = d_perp and squared = sin^2 theta.
    """
    return _square_series(-0.5, 0.5 * d_end, squared) / (2.0 * np.pi)


def kernel_slope_with_end(d_end: int, squared: Array) -> Array:
    """The derivative of :func:`kernel_with_end` in `squared`, 2F1(1/2, 1/2; d_end/2 + 1; squared) / (4 pi d_end)."""
    return _square_series(0.5, 0.5 * d_end + 1.0, squared) / (4.0 * np.pi * d_end)


def corner(d_end: int) -> float:
    """K(0, 0) = d_h / alpha(d_h)^2, the kernel's value at the end where theta = 0; with d_perp at pi/2."""
    return d_end / alpha(d_end) ** 2


def _square_series(a: float, c: float, z: Array) -> Array:
    """2F1(a, a; c; z) for a = 1/2 or -1/2; where c is so large that SciPy's may overflow near z = 1, by its series."""
    if c < _LARGE:
        values: Array = hyp2f1(a, a, c, z)
        return values
    term: Array = np.ones_like(z, np.float64)
    total = term.copy()
    for k in range(_TERMS):
        term = term * ((k + a) ** 2 / ((k + c) * (k + 1.0))) * z
        total += term
    return total
