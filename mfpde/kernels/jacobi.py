"""Sums over scaled Jacobi polynomials q_n = sqrt(lambda_n) p_n by their three-term recurrence.

Every kernel gets the table (3, modes) of the recurrence q_{n+1} = up_n ((x - shift_n) q_n - down_n q_{n-1}), rows up, shift and
down, and q_0 = `first`. The scaling keeps every q_n small: nothing overflows, at any degree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast

Array = npt.NDArray[np.floating[Any]]


@jit_fast
def jacobi_modes(table: Array, first: float, x: Array, values: Array, slopes: Array) -> None:
    """q_n(x_j) into `values` and dq_n/dx into `slopes`, both (modes, len(x))."""
    modes, count = values.shape
    for j in range(count):
        values[0, j] = first
        slopes[0, j] = 0.0
    for n in range(modes - 1):
        up, shift, down = table[0, n], table[1, n], table[2, n]
        before = n - 1 if n > 0 else 0
        for j in range(count):
            distance = x[j] - shift
            values[n + 1, j] = up * (distance * values[n, j] - down * values[before, j])
            slopes[n + 1, j] = up * (distance * slopes[n, j] + values[n, j] - down * slopes[before, j])


@jit_fast
def mode_residuals(values: Array, charges: Array, target: Array, residuals: Array) -> None:
    """target_n - sum_j charges_j q_n(x_j) into `residuals` (modes,)."""
    modes, count = values.shape
    for n in range(modes):
        total = 0.0
        for j in range(count):
            total += charges[j] * values[n, j]
        residuals[n] = target[n] - total


@jit_fast
def mode_fields(values: Array, slopes: Array, residuals: Array, field: Array, slope: Array) -> None:
    """sum_n residuals_n q_n(x_j) into `field` and its derivative in x into `slope`, both (len(x),)."""
    modes, count = values.shape
    field[:] = 0.0
    slope[:] = 0.0
    for n in range(modes):
        r = residuals[n]
        for j in range(count):
            field[j] += r * values[n, j]
            slope[j] += r * slopes[n, j]


@jit
def jacobi_series(table: Array, first: float, coefficients: Array, x: Array, value: Array, slope: Array) -> None:
    """sum_n coefficients_n q_n(x_j) into `value` and its derivative in x into `slope`, without an array of all modes."""
    for j in range(x.size):
        q, q_before, s, s_before = first, 0.0, 0.0, 0.0
        value[j], slope[j] = coefficients[0] * q, 0.0
        for n in range(coefficients.size - 1):
            up, distance, down = table[0, n], x[j] - table[1, n], table[2, n]
            s, s_before = up * (distance * s + q - down * s_before), s
            q, q_before = up * (distance * q - down * q_before), q
            value[j] += coefficients[n + 1] * q
            slope[j] += coefficients[n + 1] * s


@jit
def jacobi_kernel(table: Array, first: float, modes: int, x: Array, z: Array, out: Array) -> None:
    """sum_n q_n(x_j) q_n(z_j) over the first `modes` degrees into `out` (len(x),)."""
    for j in range(x.size):
        q, q_before, p, p_before = first, 0.0, first, 0.0
        total = q * p
        for n in range(modes - 1):
            up, shift, down = table[0, n], table[1, n], table[2, n]
            q, q_before = up * ((x[j] - shift) * q - down * q_before), q
            p, p_before = up * ((z[j] - shift) * p - down * p_before), p
            total += q * p
        out[j] = total
