"""Sweeps over the neurons of f(X) = kappa sum_k a_k relu(w_k.X) for inputs of any dimension p: two matrix products a stage.

Neurons lie in blocks as in :mod:`mfpde.kernels.relu_line`, with p arrays for w. The products w.X_i of a stage stay in `h` until the
next stage needs its active neurons. Residuals and rates are those of :mod:`mfpde.kernels.relu_line`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit_fast
from mfpde.kernels.relu_line import BLOCK

Array = npt.NDArray[np.floating[Any]]
Double = npt.NDArray[np.float64]


@jit_fast
def stage_inputs(
    x: Array,
    r: Array,
    rates: Array,
    method: Array,
    z: Array,
    d: Array,
    s: Array,
    total: Array,
    h: Array,
    first: int,
    last: int,
    sums: Double,
) -> None:
    """One stage of a Runge-Kutta step, as in :func:`mfpde.kernels.relu_line.stage`.

    Parameters
    ----------
    x, r : arrays (n, p), (n,)
        Inputs and residuals kappa e / n; residuals 0 with ``method = (0, 0, 0, 0)`` evaluate z + d.
    z, d, s, total : arrays ((1 + p) BLOCK K,)
    h : array (n BLOCK K,)
        w_k.X_i of the stage z + s; of the new stage on return.
    sums : array (K, n + 2)
    """
    n, p = x.shape
    zero = d.dtype.type(0.0)
    slow, fast = rates[0], rates[1]
    keep, weight, ahead, final = method[0], method[1], method[2], method[3]
    gated, pull = np.empty((n, BLOCK), d.dtype), np.empty((p, BLOCK), d.dtype)
    w, push = np.empty((p, BLOCK), d.dtype), np.empty(BLOCK, d.dtype)
    columns = np.ascontiguousarray(x.T)
    size = (1 + p) * BLOCK
    for k in range(first, last):
        start, base = z[size * k : size * (k + 1)].reshape(1 + p, BLOCK), d[size * k : size * (k + 1)].reshape(1 + p, BLOCK)
        moved, summed = s[size * k : size * (k + 1)].reshape(1 + p, BLOCK), total[size * k : size * (k + 1)].reshape(1 + p, BLOCK)
        inner = h[n * BLOCK * k : n * BLOCK * (k + 1)].reshape(n, BLOCK)
        push[:] = zero
        for i in range(n):
            ri = r[i]
            row, on = inner[i], gated[i]
            for j in range(BLOCK):
                on[j] = ri if row[j] > zero else zero
                push[j] += ri * row[j] if row[j] > zero else zero
        np.dot(columns, gated, pull)
        square_a, square_w = zero, zero
        for i in range(p):
            for j in range(BLOCK):
                v = -fast * (start[0, j] + moved[0, j]) * pull[i, j]
                t = keep * summed[1 + i, j] + weight * v
                change = base[1 + i, j] + ahead * v + final * t
                summed[1 + i, j] = t
                moved[1 + i, j] = change
                w[i, j] = start[1 + i, j] + change
                square_w += change * change
        for j in range(BLOCK):
            v = -slow * push[j]
            t = keep * summed[0, j] + weight * v
            change = base[0, j] + ahead * v + final * t
            summed[0, j] = t
            moved[0, j] = change
            square_a += change * change
        np.dot(x, w, inner)
        for i in range(n):
            f = zero
            row = inner[i]
            for j in range(BLOCK):
                f += (start[0, j] + moved[0, j]) * (row[j] if row[j] > zero else zero)
            sums[k, i] = f
        sums[k, n], sums[k, n + 1] = square_a, square_w


@jit_fast
def gram_inputs(x: Array, rates: Array, z: Array, s: Array, h: Array, first: int, last: int, sums: Double) -> None:
    """sums[k, i, q] = sum over block k of [relu_i relu_q / kappa' + kappa' a^2 1_i 1_q X_i.X_q] at the stage z + s, for q <= i."""
    n, p = x.shape
    zero = s.dtype.type(0.0)
    slow, fast = rates[0], rates[1]
    features, active = np.empty((n, BLOCK), s.dtype), np.empty((n, BLOCK), s.dtype)
    angles, of_a, of_w = np.dot(x, np.ascontiguousarray(x.T)), np.empty((n, n), s.dtype), np.empty((n, n), s.dtype)
    size = (1 + p) * BLOCK
    for k in range(first, last):
        inner = h[n * BLOCK * k : n * BLOCK * (k + 1)].reshape(n, BLOCK)
        a0, da = z[size * k : size * k + BLOCK], s[size * k : size * k + BLOCK]
        for i in range(n):
            for j in range(BLOCK):
                features[i, j] = inner[i, j] if inner[i, j] > zero else zero
                active[i, j] = a0[j] + da[j] if inner[i, j] > zero else zero
        np.dot(features, features.T, of_a)
        np.dot(active, active.T, of_w)
        for i in range(n):
            for q in range(i + 1):
                sums[k, i, q] = slow * of_a[i, q] + fast * angles[i, q] * of_w[i, q]
