"""One-pass SGD of a two-layer network, one sample a step: one sweep over the neurons updates a row and projects the next sample on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.activation import IDENTITY, PIECEWISE_LINEAR, RELU, activate, activate_derivative
from mfpde.kernels.jit import jit_fast

Array = npt.NDArray[np.floating[Any]]
Double = npt.NDArray[np.float64]


@jit_fast
def sgd_steps(
    code: int, parameters: Double, trained: bool, scale: float, ridge: float, lengths: Double, x: Array, y: Double, a: Array, w: Array
) -> None:
    """Make n steps theta_i += 2 s_k [(y_k - f(x_k)) grad sigma*(x_k; theta_i) / scale - ridge theta_i] in place, theta = (a, w).

    The bits of a step do not depend on how many steps are made in one call.

    Parameters
    ----------
    code, parameters
        The activation, as in :mod:`mfpde.kernels.activation`.
    trained
        Whether a moves.
    scale, ridge
        alpha, with f = (alpha/m) sum_i a_i sigma(<w_i, x>), and lam.
    lengths : array (n,)
        2 s_k.
    x, y : arrays (n, d), (n,)
        The samples; x in the neurons' type.
    a, w : arrays (m,), (m, d)
        The neurons, contiguous.
    """
    n, m = len(y), len(a)
    one = a.dtype.type(1.0)
    shrink = one
    z, value, slope, c = np.empty_like(a), np.empty_like(a), np.empty_like(a), np.zeros_like(a)
    for k in range(n + 1):
        # Also the first sweep updates (by nothing) and the last one projects (for nothing): one code path, so that the
        # rounding of a step does not depend on its place in the call.
        _sweep(w, shrink, c, x[max(k - 1, 0)], x[min(k, n - 1)], z)
        if k < n:
            _activate(code, parameters, z, value, slope)
            total = 0.0
            for i in range(m):
                total += a[i] * value[i]
            gain = a.dtype.type(lengths[k] * (y[k] - scale * total / m) / scale)
            shrink = a.dtype.type(1.0 - ridge * lengths[k])
            for i in range(m):
                c[i] = gain * a[i] * slope[i]
            if trained:
                for i in range(m):
                    a[i] = shrink * a[i] + gain * value[i]


@jit_fast
def _sweep(w: Array, shrink: Any, c: Array, last: Array, now: Array, z: Array) -> None:
    """w_i = shrink w_i + c_i last, z_i = <w_i, now>."""
    m, d = w.shape
    for i in range(m):
        row, ci = w[i], c[i]
        dot = w.dtype.type(0.0)
        for j in range(d):
            moved = shrink * row[j] + ci * last[j]
            row[j] = moved
            dot += moved * now[j]
        z[i] = dot


@jit_fast
def _activate(code: int, parameters: Double, z: Array, value: Array, slope: Array) -> None:
    """sigma and sigma' of z (m,); loops of their own, which the compiler can vectorise, for those that cost less than a call."""
    m, zero, one = len(z), z.dtype.type(0.0), z.dtype.type(1.0)
    if code == RELU:
        for i in range(m):
            value[i] = max(z[i], zero)
            slope[i] = one if z[i] > zero else zero
    elif code == IDENTITY:
        for i in range(m):
            value[i] = z[i]
            slope[i] = one
    elif code == PIECEWISE_LINEAR:
        knots = len(parameters) // 2
        value[:] = z.dtype.type(parameters[knots])
        slope[:] = zero
        for q in range(knots - 1):
            left, right = z.dtype.type(parameters[q]), z.dtype.type(parameters[q + 1])
            rise = z.dtype.type((parameters[knots + q + 1] - parameters[knots + q]) / (parameters[q + 1] - parameters[q]))
            for i in range(m):
                value[i] += rise * (min(max(z[i], left), right) - left)
                slope[i] += rise if (z[i] > left) & (z[i] <= right) else zero
    else:
        for i in range(m):
            value[i] = activate(code, parameters, z[i])
            slope[i] = activate_derivative(code, parameters, z[i])
