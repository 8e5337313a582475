"""The velocity of two-layer ReLU neurons with frozen activation patterns, and which way a neuron leaves a kink of its input.

A neuron (a, w) of f(x) = forward sum_k c_k a_k relu(w_k . x) has a pattern: for each data point X_i it is on, off, or pinned to the
line w . X_i = 0. With patterns frozen its velocity is smooth:

    a' = -(kappa/kappa') g . w,   w' = -kappa kappa' a g,   g = P (1/n) sum_{i on} e_i X_i,

P the projection that keeps w on the lines it is pinned to (derived in docs/phase_diagram). States are displacements
z (1 + p, m), rows a - a0 and the components of w - w0: neurons lie side by side, for SIMD.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast

Array = npt.NDArray[np.floating[Any]]

ON, OFF, PINNED = 1.0, 0.0, -1.0


class Neurons(NamedTuple):
    """The initial neurons and their data.

    Attributes
    ----------
    a0, w0, c
        Initial neurons (m,), (p, m) and their weights (m,).
    lines
        Initial inputs w0 . X_i (n, m).
    x, y, f0
        Data (n, p), targets (n,), initial outputs (n,).
    forward, kappa, ratio
        The prefactor of f, kappa and kappa' of the velocity.
    """

    a0: Array
    w0: Array
    c: Array
    lines: Array
    x: Array
    y: Array
    f0: Array
    forward: float
    kappa: float
    ratio: float


@jit_fast
def residuals(neurons: Neurons, pattern: Array, z: Array, e: Array) -> float:
    """e_i = f(x_i) - y_i for the pattern (n, m), written into `e` (n,); the mean of e^2 is returned.

    The change of f is summed, not f: no digits are lost where neurons hardly move.
    """
    n, m = pattern.shape
    a0, c, da, dh = neurons.a0, neurons.c, z[0], np.empty(m)
    total = 0.0
    for i in range(n):
        line_change(neurons.x[i], z, dh)
        flags, lines, change = pattern[i], neurons.lines[i], 0.0
        for k in range(m):
            # No branches: patterns are as good as random from neuron to neuron.
            on, was = max(flags[k], 0.0), 1.0 if lines[k] > 0.0 else 0.0
            change += c[k] * (a0[k] * (on * dh[k] + (on - was) * lines[k]) + da[k] * on * (lines[k] + dh[k]))
        e[i] = neurons.f0[i] - neurons.y[i] + neurons.forward * change
        total += e[i] * e[i]
    return float(total / n)


@jit_fast
def line_change(point: Array, z: Array, dh: Array) -> None:
    """(w - w0) . X_i of every neuron into `dh` (m,), for one input `point` (p,)."""
    dh[:] = 0.0
    for j in range(len(point)):
        factor, row = point[j], z[1 + j]
        for k in range(len(dh)):
            dh[k] += factor * row[k]


@jit_fast
def frozen_velocity(neurons: Neurons, pattern: Array, z: Array, e: Array, out: Array) -> None:
    """The velocity of the displacements `z` into `out` (1 + p, m); `e` (n,) receives the residuals."""
    residuals(neurons, pattern, z, e)
    n, m = pattern.shape
    p = neurons.x.shape[1]
    lowest = np.zeros(m)
    out[:] = 0.0
    for i in range(n):
        flags = pattern[i]
        for k in range(m):
            lowest[k] = min(lowest[k], flags[k])
        for j in range(p):
            pull, row = e[i] / n * neurons.x[i, j], out[1 + j]
            for k in range(m):
                row[k] += max(flags[k], 0.0) * pull
    g, basis = np.empty(p), np.empty((p, p))
    for k in range(m):
        if lowest[k] < 0.0:
            mean_gradient(neurons.x, e, pattern[:, k], -1, g, basis)
            out[1:, k] = g
    up, down = neurons.kappa / neurons.ratio, neurons.kappa * neurons.ratio
    first, a0, da = out[0], neurons.a0, z[0]
    for j in range(p):
        row, w0, dw = out[1 + j], neurons.w0[j], z[1 + j]
        for k in range(m):
            first[k] -= up * row[k] * (w0[k] + dw[k])
            row[k] *= -down * (a0[k] + da[k])


@jit
def mean_gradient(x: Array, e: Array, row: Array, besides: int, g: Array, basis: Array) -> int:
    """g = P (1/n) sum_{i on} e_i X_i for the pattern `row`, line `besides` taken as off; returns the number of pins in P.

    The first rows of `basis` (p, p) receive an orthonormal basis of the pinned X_i.
    """
    n, p = x.shape
    for j in range(p):
        g[j] = 0.0
    pins = 0
    for i in range(n):
        if i != besides and row[i] == ON:
            for j in range(p):
                g[j] += e[i] * x[i, j]
        elif i != besides and row[i] == PINNED:
            pins = _add_to_basis(x[i], basis, pins)
    for j in range(p):
        g[j] /= n
    _project(basis, pins, g)
    if pins == p:
        # Exactly 0, so that a neuron held at the origin is not let go by rounding.
        for j in range(p):
            g[j] = 0.0
    return pins


@jit
def normal_speeds(x: Array, e: Array, row: Array, i: int, a: float, g: Array, basis: Array) -> tuple[float, float]:
    """The speeds of w . X_i, over kappa kappa', on the off side and on the on side of line i.

    Without other pins v_off = -a g . X_i and v_on = v_off - (a/n) e_i |X_i|^2, g without point i.
    """
    n, p = x.shape
    pins = mean_gradient(x, e, row, i, g, basis)
    off = 0.0
    for j in range(p):
        off -= a * g[j] * x[i, j]
        g[j] = x[i, j]
    _project(basis, pins, g)
    if pins == p:
        return 0.0, 0.0
    square = 0.0
    for j in range(p):
        square += g[j] * g[j]
    return off, off - a / n * e[i] * square


@jit
def _add_to_basis(vector: Array, basis: Array, count: int) -> int:
    """One more row of the orthonormal `basis`, unless `vector` lies in its span; returns the new number of rows."""
    p, before, after = len(vector), 0.0, 0.0
    if count == p:
        return count
    for j in range(p):
        basis[count, j] = vector[j]
        before += vector[j] ** 2
    _project(basis, count, basis[count])
    for j in range(p):
        after += basis[count, j] ** 2
    if after < 1e-24 * before:
        return count
    for j in range(p):
        basis[count, j] /= np.sqrt(after)
    return count + 1


@jit
def _project(basis: Array, count: int, vector: Array) -> None:
    """Remove from `vector` its part in the span of the first `count` rows of `basis`."""
    for q in range(count):
        dot = 0.0
        for j in range(len(vector)):
            dot += basis[q, j] * vector[j]
        for j in range(len(vector)):
            vector[j] -= dot * basis[q, j]
