"""Squares of Bessel functions of integer and half-integer order, to rounding, by backward recurrence."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit

_LARGE = 1e100
_SMALL = 1e-100


@jit
def squared_bessel(twice_order: int, z: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """Write J_nu(z)^2, nu = `twice_order` / 2, into `out`, for every z > 0 of the 1-D array `z`.

    The recurrence y_{k-1} = 2 (k + h) / z y_k - y_{k+1} (DLMF 10.6.1; h = 0 or 1/2) is run downwards from an order where J
    is negligible, and normalised by a sum of positive terms, which costs no digits: J_0^2 + 2 sum J_k^2 = 1 for
    integer order (DLMF 10.23.3), sum (2 k + 1) j_k^2 = 1 with J_{k+1/2}^2 = 2 z / pi j_k^2 for half-integer order
    (DLMF 10.60.12). Squares below the smallest double are 0.
    """
    n = twice_order // 2
    half = twice_order % 2
    for i in range(z.size):
        x = z[i]
        top = max(float(n), x)
        start = int(top + 12.0 * top ** (1.0 / 3.0)) + 30
        above, here = 0.0, _SMALL
        total, square = 0.0, 0.0
        for k in range(start, -1, -1):
            if k == n:
                square = here * here
            weight = 2.0 * k + 1.0 if half else (2.0 if k > 0 else 1.0)
            total += weight * here * here
            above, here = here, (2.0 * k + half) / x * here - above
            if abs(here) > _LARGE:
                here *= _SMALL
                above *= _SMALL
                total *= _SMALL * _SMALL
                square *= _SMALL * _SMALL
        out[i] = square / total * (2.0 * x / math.pi if half else 1.0)
