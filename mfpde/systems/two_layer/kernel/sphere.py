"""The kernel of a wide ReLU network with inputs on the unit sphere, and its spectrum. Derived in docs/two_layer_exact."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, comb

from mfpde.flow import Array


def relu_kernel(x: npt.ArrayLike, y: npt.ArrayLike, second_moment: float = 1.0, second_layer: str = "trained") -> Array:
    """H(x, y) of the network a relu(<w, .>), w ~ N(0, I_d), E a = 0, E a^2 = `second_moment` =: A, independent of w.

    H = H1 + A H2 with p the angle between unit vectors, H1 = [sin p + (pi - p) cos p]/(2 pi) from the second layer (absent if it is
    fixed) and H2 = (pi - p) cos p/(2 pi) from the first.

    Parameters
    ----------
    x : array (n, d)
    y : array (k, d)
        Unit vectors, one a row.

    Returns
    -------
    array (n, k)

    Raises
    ------
    ValueError
        If a row is not a unit vector to 1e-9, or `second_moment` < 0.
    """
    rows = [np.asarray(v, np.float64) for v in (x, y)]
    for name, v in zip(("x", "y"), rows, strict=True):
        if v.ndim != 2 or np.any(np.abs(np.linalg.norm(v, axis=1) - 1.0) > 1e-9):
            raise ValueError(f"{name} has a row that is no unit vector: this kernel is for inputs (n, d) on the unit sphere")
    a, b = rows
    # atan2 of half chords: arccos of an inner product would lose half the digits near equal and opposite vectors.
    apart = np.linalg.norm(a[:, None, :] - b[None, :, :], axis=2)
    together = np.linalg.norm(a[:, None, :] + b[None, :, :], axis=2)
    return _of_angle(2.0 * np.arctan2(apart, together), second_moment, second_layer)


def eigenvalues(d: int, count: int, second_moment: float = 1.0, second_layer: str = "trained") -> Array:
    """lambda_0, ..., lambda_(count - 1) of :func:`relu_kernel` for inputs uniform on the sphere of R^d, d >= 2.

    lambda_k = int_0^pi H(p) P_k(cos p) sin^(d-2) p dp / Beta((d-1)/2, 1/2), P_k the Gegenbauer polynomial with P_k(1) = 1 (cos k p for
    d = 2), by a Gauss-Legendre rule in p, in which the integrand is analytic: the error is 1e-15, absolute. lambda_k = 0 for odd
    k >= 3.

    Raises
    ------
    ValueError
        If d < 2, count < 1 or `second_moment` < 0.
    """
    if d < 2 or count < 1:
        raise ValueError(f"d = {d!r}, count = {count!r}: give a dimension >= 2 and a number of eigenvalues >= 1")
    nodes, weights = np.polynomial.legendre.leggauss(64 + 2 * count + 8 * math.isqrt(d))
    p = 0.5 * math.pi * (nodes + 1.0)
    density = 0.5 * math.pi * weights * np.exp((d - 2) * np.log(np.sin(p)) - betaln(0.5 * (d - 1), 0.5))
    values: Array = _gegenbauer(d, count, np.cos(p)) @ (density * _of_angle(p, second_moment, second_layer))
    values[3::2] = 0.0
    return values


def multiplicities(d: int, count: int) -> Array:
    """How many spherical harmonics of R^d have degree 0, ..., count - 1: C(k+d-1, d-1) - C(k+d-3, d-1)."""
    k = np.arange(count)
    below = np.where(k >= 2, comb(np.maximum(k + d - 3, 0), d - 1), 0.0)
    number: Array = comb(k + d - 1, d - 1) - below
    return number


def _of_angle(p: Array, second_moment: float, second_layer: str) -> Array:
    if not second_moment >= 0.0:
        raise ValueError(f"second_moment = {second_moment!r}: E a^2 is a number >= 0")
    if second_layer not in ("fixed", "trained"):
        raise ValueError(f"second_layer = {second_layer!r}: give 'fixed' or 'trained'")
    first = (math.pi - p) * np.cos(p) / (2.0 * math.pi)
    kernel: Array = second_moment * first
    if second_layer == "trained":
        kernel += first + np.sin(p) / (2.0 * math.pi)
    return kernel


def _gegenbauer(d: int, count: int, c: Array) -> Array:
    """P_0(c), ..., P_(count - 1)(c), shape (count, n), by (k + d - 2) P_(k+1) = (2k + d - 2) c P_k - k P_(k-1), P_1 = c."""
    rows = np.ones((max(count, 2), len(c)))
    rows[1] = c
    for k in range(1, count - 1):
        rows[k + 1] = ((2 * k + d - 2) * c * rows[k] - k * rows[k - 1]) / (k + d - 2)
    return rows[:count]
