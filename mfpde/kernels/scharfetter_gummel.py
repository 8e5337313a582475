"""Implicit Scharfetter-Gummel steps along the lines of a grid, and how they change with the potential."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_inline
from mfpde.kernels.tridiagonal import FACTORS, eliminate, substitute

Array = npt.NDArray[np.floating[Any]]


@jit_inline
def bernoulli(z: float) -> float:
    """Ber(z) = z / (e^z - 1) for z >= 0; Ber(-z) = Ber(z) + z."""
    return 1.0 if z == 0.0 else z / math.expm1(z)


@jit_inline
def bernoulli_slope(z: float, ber: float) -> float:
    """Ber'(z) for z >= 0 and ber = Ber(z); Ber'(-z) = -1 - Ber'(z)."""
    return -0.5 + z / 6.0 - z**3 / 180.0 if z < 1e-2 else ber * (1.0 - ber - z) / z


@jit_inline
def differences(u: Array, out: Array) -> None:
    """Differences across the faces of a ring, out_i = u_{i+1} - u_i."""
    for i in range(u.size - 1):
        out[i] = u[i + 1] - u[i]
    out[u.size - 1] = u[0] - u[u.size - 1]


@jit
def implicit_lines(
    phi: Array, rho: Array, rate: float, periodic: bool, directions: Array, begin: int, end: int, after: Array, tangents: Array
) -> None:
    """One implicit step on the lines `begin` to `end` - 1.

    after - rho = -(rate) div [Ber(phi_{i+1} - phi_i) after_i - Ber(phi_i - phi_{i+1}) after_{i+1}], Scharfetter and Gummel 1969.

    Parameters
    ----------
    phi, rho : array (lines, n)
        Potential times beta, and density before the step.
    rate : float
        ds / (beta h^2).
    periodic : bool
        Whether the last cell is the first one's neighbour; the ends are closed otherwise.
    directions : array (K, lines, n)
        Changes of phi; K may be 0.
    after : array (lines, n)
        Written: the density after the step.
    tangents : array (K, lines, n)
        Written: the derivative of `after` along each direction.
    """
    n = phi.shape[1]
    faces = n if periodic else n - 1
    right, left, flux, slope, z, ber = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    factors = np.zeros((FACTORS, n))
    for line in range(begin, end):
        u, p = phi[line], after[line]
        differences(u, z)
        for i in range(faces):
            ber[i] = bernoulli(abs(z[i]))
            right[i] = rate * (ber[i] + max(-z[i], 0.0))
            left[i] = rate * (ber[i] + max(z[i], 0.0))
        eliminate(right, left, periodic, factors)
        p[:] = rho[line]
        substitute(factors, p)
        if directions.shape[0] == 0:
            continue
        for i in range(faces):
            down = bernoulli_slope(abs(z[i]), ber[i])
            here = down if z[i] >= 0.0 else -1.0 - down
            slope[i] = rate * (here * p[i] - (1.0 + here) * p[i + 1 if i + 1 < n else 0])
        for k in range(directions.shape[0]):
            differences(directions[k, line], flux)
            for i in range(n):
                flux[i] *= slope[i]
            tangent = tangents[k, line]
            tangent[0] = flux[n - 1] - flux[0]
            for i in range(1, n):
                tangent[i] = flux[i - 1] - flux[i]
            substitute(factors, tangent)
