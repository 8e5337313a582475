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
def bernoulli_slope(z: float) -> float:
    """Ber'(z) for z >= 0; Ber'(-z) = -1 - Ber'(z)."""
    if z < 1e-2:
        return -0.5 + z / 6.0 - z**3 / 180.0
    ber = bernoulli(z)
    return ber * (1.0 - ber - z) / z


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
    right, left, slope = np.zeros(n), np.zeros(n), np.zeros(n)
    factors = np.zeros((FACTORS, n))
    for line in range(begin, end):
        u, p = phi[line], after[line]
        for i in range(faces):
            z = u[(i + 1) % n] - u[i]
            ber = bernoulli(abs(z))
            right[i] = rate * (ber if z >= 0.0 else ber - z)
            left[i] = rate * (ber + z if z >= 0.0 else ber)
        eliminate(right, left, periodic, factors)
        p[:] = rho[line]
        substitute(factors, p)
        if directions.shape[0] == 0:
            continue
        for i in range(faces):
            z = u[(i + 1) % n] - u[i]
            down = bernoulli_slope(abs(z))
            here, there = (down, -1.0 - down) if z >= 0.0 else (-1.0 - down, down)
            slope[i] = rate * (here * p[i] + there * p[(i + 1) % n])
        for k in range(directions.shape[0]):
            change, tangent = directions[k, line], tangents[k, line]
            tangent[:] = 0.0
            for i in range(faces):
                j = (i + 1) % n
                flux = slope[i] * (change[j] - change[i])
                tangent[i] -= flux
                tangent[j] += flux
            substitute(factors, tangent)
