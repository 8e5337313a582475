"""Closed forms of the reduction. Derived in docs/low_dimensional."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import beta, hyp2f1

from mfpde.flow import Array


def alpha(d_h: int) -> float:
    """alpha = 2 / E|r|, r the first coordinate of a uniform point of S^(d_h - 1), so that |x_H| = alpha phi(0; x)."""
    return 2.0 * math.pi / float(beta(0.5 * d_h, 0.5))


def relu_mean(d_h: int, d_perp: int, head: Array, rest: Array) -> Array:
    """phi = E relu(r A + s B), A = |x_H| cos theta (`head`) and B = |x_perp| sin theta (`rest`), r and s as in :func:`alpha`.

    (1/2) E|r| A 2F1(-1/2, (1 - d_h)/2; d_perp/2; B^2 / A^2) where A >= B, and with the parts exchanged where B > A.
    """
    out = np.zeros(head.shape)
    for large, small, m, n, chosen in ((head, rest, d_h, d_perp, head >= rest), (rest, head, d_perp, d_h, head < rest)):
        a, b = large[chosen], small[chosen]
        ratio = np.divide(b, a, out=np.zeros_like(b), where=a > 0.0)
        out[chosen] = a / alpha(m) * hyp2f1(-0.5, 0.5 * (1 - m), 0.5 * n, ratio**2)
    return out


def kernel_with_end(d_end: int, squared: Array) -> Array:
    """K(theta, 0) = 2F1(-1/2, -1/2; d_h/2; cos^2 theta) / 2 pi from d_end = d_h and squared = cos^2 theta.

    K(theta, pi/2) from d_end = d_perp and squared = sin^2 theta.
    """
    values: Array = hyp2f1(-0.5, -0.5, 0.5 * d_end, squared) / (2.0 * np.pi)
    return values


def kernel_slope_with_end(d_end: int, squared: Array) -> Array:
    """The derivative of :func:`kernel_with_end` in `squared`, 2F1(1/2, 1/2; d_end/2 + 1; squared) / (4 pi d_end)."""
    values: Array = hyp2f1(0.5, 0.5, 0.5 * d_end + 1.0, squared) / (4.0 * np.pi * d_end)
    return values


def corner(d_end: int) -> float:
    """K(0, 0) = d_h / alpha(d_h)^2, the kernel's value at the end where theta = 0; with d_perp at pi/2."""
    return d_end / alpha(d_end) ** 2
