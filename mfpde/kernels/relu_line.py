"""Sweeps over the neurons of f(x) = kappa sum_k a_k relu(w_k x + b_k), data on a line: one pass moves a neuron and evaluates it again.

Neurons lie in blocks of BLOCK: block k holds the arrays a, w, b one after the other at [3 BLOCK k, 3 BLOCK (k + 1)) of a flat array, `z`
their start and `d` how far they have moved, so that a small motion keeps all its digits. With residuals r_i = dt kappa e_i / n a step is

    da = -(1 / kappa') (w g + b h),  dw = -kappa' a g,  db = -kappa' a h,  g = sum of r_i x_i, h = sum of r_i over w x_i + b > 0.

Every block writes sums of its own, in double precision, so that the bits do not depend on who sweeps which block. Points come in fours;
missing ones are x = r = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit_fast

Array = npt.NDArray[np.floating[Any]]
Double = npt.NDArray[np.float64]

BLOCK = 384
FOUR = 4


@jit_fast
def _outputs(x0: Any, x1: Any, x2: Any, x3: Any, a: Any, w: Any, b: Any, zero: Any) -> tuple[Any, Any, Any, Any]:
    """a relu(w x + b) at four points, all numbers and `zero` of one precision."""
    h0, h1, h2, h3 = w * x0 + b, w * x1 + b, w * x2 + b, w * x3 + b
    v0, v1 = a * (h0 if h0 > zero else zero), a * (h1 if h1 > zero else zero)
    v2, v3 = a * (h2 if h2 > zero else zero), a * (h3 if h3 > zero else zero)
    return v0, v1, v2, v3


@jit_fast
def euler4(x: Array, r: Array, rates: Array, z: Array, d: Array, first: int, last: int, sums: Double) -> None:
    """One Euler step of the blocks first <= k < last on at most four points, in place; then their sums.

    Parameters
    ----------
    x, r : arrays (4,)
        Points and residuals dt kappa e / n.
    rates : array (2,)
        1 / kappa' and kappa'.
    z, d : arrays (3 BLOCK K,)
        Start and displacement of all blocks, in one precision with `x`, `r` and `rates`.
    sums : array (K, 6)
        Row k receives sum_k a relu(w x_i + b) for i < 4, sum da^2 and sum dw^2 + db^2 of the moved block.
    """
    zero = d.dtype.type(0.0)
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    r0, r1, r2, r3 = r[0], r[1], r[2], r[3]
    q0, q1, q2, q3 = r0 * x0, r1 * x1, r2 * x2, r3 * x3
    slow, fast = rates[0], rates[1]
    for k in range(first, last):
        start, moved = z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], d[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        f0, f1, f2, f3, square_a, square_w = zero, zero, zero, zero, zero, zero
        for j in range(BLOCK):
            da, dw, db = moved[j], moved[j + BLOCK], moved[j + 2 * BLOCK]
            a0, w0, b0 = start[j], start[j + BLOCK], start[j + 2 * BLOCK]
            a, w, b = a0 + da, w0 + dw, b0 + db
            on0, on1, on2, on3 = w * x0 + b > zero, w * x1 + b > zero, w * x2 + b > zero, w * x3 + b > zero
            g = (q0 if on0 else zero) + (q1 if on1 else zero) + (q2 if on2 else zero) + (q3 if on3 else zero)
            h = (r0 if on0 else zero) + (r1 if on1 else zero) + (r2 if on2 else zero) + (r3 if on3 else zero)
            da -= slow * (w * g + b * h)
            dw -= fast * a * g
            db -= fast * a * h
            moved[j], moved[j + BLOCK], moved[j + 2 * BLOCK] = da, dw, db
            a, w, b = a0 + da, w0 + dw, b0 + db
            v0, v1, v2, v3 = _outputs(x0, x1, x2, x3, a, w, b, zero)
            f0, f1, f2, f3 = f0 + v0, f1 + v1, f2 + v2, f3 + v3
            square_a += da * da
            square_w += dw * dw + db * db
        sums[k, 0], sums[k, 1], sums[k, 2], sums[k, 3] = f0, f1, f2, f3
        sums[k, 4], sums[k, 5] = square_a, square_w


@jit_fast
def stage(
    x: Array,
    r: Array,
    rates: Array,
    method: Array,
    displaced: bool,
    z: Array,
    d: Array,
    s: Array,
    total: Array,
    first: int,
    last: int,
    sums: Double,
) -> None:
    """One stage of a Runge-Kutta step of the blocks first <= k < last; then the sums of the new stage.

    With v the velocity at the stage z + s: total <- keep total + weight v, s <- d + ahead v + final total,
    (keep, weight, ahead, final) = `method`. An Euler step is (0, 1, 0, 1), the evaluation of z + d is r = 0, (0, 0, 0, 0).

    Parameters
    ----------
    x, r : arrays (N,)
        Points and residuals kappa e / n, N a multiple of four.
    displaced : bool
        Sum the changes a relu(w x + b) - a0 relu(w0 x + b0), without cancellation, in place of the values.
    z, d, s, total : arrays (3 BLOCK K,)
        Start, displacement at the start of the step, displacement of the stage, weighted sum of velocities.
    sums : array (K, N + 2)
        As in :func:`euler4`.
    """
    n = x.shape[0]
    zero = d.dtype.type(0.0)
    slow, fast = rates[0], rates[1]
    keep, weight, ahead, final = method[0], method[1], method[2], method[3]
    along, level = np.empty(BLOCK, d.dtype), np.empty(BLOCK, d.dtype)
    for k in range(first, last):
        start, base = z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], d[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        moved, summed = s[3 * BLOCK * k : 3 * BLOCK * (k + 1)], total[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        along[:] = zero
        level[:] = zero
        for i in range(0, n, FOUR):
            _active(x[i : i + FOUR], r[i : i + FOUR], start, moved, along, level)
        square_a, square_w = zero, zero
        for j in range(BLOCK):
            a, w, b = start[j] + moved[j], start[j + BLOCK] + moved[j + BLOCK], start[j + 2 * BLOCK] + moved[j + 2 * BLOCK]
            g, h = along[j], level[j]
            va, vw, vb = -slow * (w * g + b * h), -fast * a * g, -fast * a * h
            ta, tw = keep * summed[j] + weight * va, keep * summed[j + BLOCK] + weight * vw
            tb = keep * summed[j + 2 * BLOCK] + weight * vb
            da, dw = base[j] + ahead * va + final * ta, base[j + BLOCK] + ahead * vw + final * tw
            db = base[j + 2 * BLOCK] + ahead * vb + final * tb
            summed[j], summed[j + BLOCK], summed[j + 2 * BLOCK] = ta, tw, tb
            moved[j], moved[j + BLOCK], moved[j + 2 * BLOCK] = da, dw, db
            square_a += da * da
            square_w += dw * dw + db * db
        sums[k, n], sums[k, n + 1] = square_a, square_w
        for i in range(0, n, FOUR):
            if displaced:
                _changes(x[i : i + FOUR], start, moved, sums[k, i : i + FOUR])
            else:
                _values(x[i : i + FOUR], start, moved, sums[k, i : i + FOUR])


@jit_fast
def stage4(
    x: Array, r: Array, rates: Array, method: Array, z: Array, d: Array, s: Array, total: Array, first: int, last: int, sums: Double
) -> None:
    """:func:`stage` on at most four points, in a single loop."""
    zero = d.dtype.type(0.0)
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    r0, r1, r2, r3 = r[0], r[1], r[2], r[3]
    q0, q1, q2, q3 = r0 * x0, r1 * x1, r2 * x2, r3 * x3
    slow, fast = rates[0], rates[1]
    keep, weight, ahead, final = method[0], method[1], method[2], method[3]
    for k in range(first, last):
        start, base = z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], d[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        moved, summed = s[3 * BLOCK * k : 3 * BLOCK * (k + 1)], total[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        f0, f1, f2, f3, square_a, square_w = zero, zero, zero, zero, zero, zero
        for j in range(BLOCK):
            a0, w0, b0 = start[j], start[j + BLOCK], start[j + 2 * BLOCK]
            a, w, b = a0 + moved[j], w0 + moved[j + BLOCK], b0 + moved[j + 2 * BLOCK]
            on0, on1, on2, on3 = w * x0 + b > zero, w * x1 + b > zero, w * x2 + b > zero, w * x3 + b > zero
            g = (q0 if on0 else zero) + (q1 if on1 else zero) + (q2 if on2 else zero) + (q3 if on3 else zero)
            h = (r0 if on0 else zero) + (r1 if on1 else zero) + (r2 if on2 else zero) + (r3 if on3 else zero)
            va, vw, vb = -slow * (w * g + b * h), -fast * a * g, -fast * a * h
            ta, tw = keep * summed[j] + weight * va, keep * summed[j + BLOCK] + weight * vw
            tb = keep * summed[j + 2 * BLOCK] + weight * vb
            da, dw = base[j] + ahead * va + final * ta, base[j + BLOCK] + ahead * vw + final * tw
            db = base[j + 2 * BLOCK] + ahead * vb + final * tb
            summed[j], summed[j + BLOCK], summed[j + 2 * BLOCK] = ta, tw, tb
            moved[j], moved[j + BLOCK], moved[j + 2 * BLOCK] = da, dw, db
            a, w, b = a0 + da, w0 + dw, b0 + db
            v0, v1, v2, v3 = _outputs(x0, x1, x2, x3, a, w, b, zero)
            f0, f1, f2, f3 = f0 + v0, f1 + v1, f2 + v2, f3 + v3
            square_a += da * da
            square_w += dw * dw + db * db
        sums[k, 0], sums[k, 1], sums[k, 2], sums[k, 3] = f0, f1, f2, f3
        sums[k, 4], sums[k, 5] = square_a, square_w


@jit_fast
def gram(x: Array, rates: Array, z: Array, s: Array, first: int, last: int, sums: Double) -> None:
    """sums[k, i, q] = sum over block k of [relu_i relu_q / kappa' + kappa' a^2 1_i 1_q (1 + x_i x_q)] at z + s, for q <= i."""
    zero = s.dtype.type(0.0)
    one = s.dtype.type(1.0)
    slow, fast = rates[0], rates[1]
    for k in range(first, last):
        start, moved = z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], s[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        for i in range(x.shape[0]):
            for q in range(i + 1):
                xi, xq = x[i], x[q]
                product = fast * (one + xi * xq)
                summed = zero
                for j in range(BLOCK):
                    a, w, b = start[j] + moved[j], start[j + BLOCK] + moved[j + BLOCK], start[j + 2 * BLOCK] + moved[j + 2 * BLOCK]
                    hi, hq = w * xi + b, w * xq + b
                    summed += slow * hi * hq + product * a * a if min(hi, hq) > zero else zero
                sums[k, i, q] = summed


@jit_fast
def _active(x: Array, r: Array, start: Array, moved: Array, along: Array, level: Array) -> None:
    """along += sum of r x, level += sum of r over the four points that are active."""
    zero = moved.dtype.type(0.0)
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    r0, r1, r2, r3 = r[0], r[1], r[2], r[3]
    q0, q1, q2, q3 = r0 * x0, r1 * x1, r2 * x2, r3 * x3
    for j in range(BLOCK):
        w, b = start[j + BLOCK] + moved[j + BLOCK], start[j + 2 * BLOCK] + moved[j + 2 * BLOCK]
        on0, on1, on2, on3 = w * x0 + b > zero, w * x1 + b > zero, w * x2 + b > zero, w * x3 + b > zero
        along[j] += (q0 if on0 else zero) + (q1 if on1 else zero) + (q2 if on2 else zero) + (q3 if on3 else zero)
        level[j] += (r0 if on0 else zero) + (r1 if on1 else zero) + (r2 if on2 else zero) + (r3 if on3 else zero)


@jit_fast
def _values(x: Array, start: Array, moved: Array, out: Double) -> None:
    """Sums of a relu(w x + b) for four points."""
    zero = moved.dtype.type(0.0)
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    f0, f1, f2, f3 = zero, zero, zero, zero
    for j in range(BLOCK):
        a, w, b = start[j] + moved[j], start[j + BLOCK] + moved[j + BLOCK], start[j + 2 * BLOCK] + moved[j + 2 * BLOCK]
        v0, v1, v2, v3 = _outputs(x0, x1, x2, x3, a, w, b, zero)
        f0, f1, f2, f3 = f0 + v0, f1 + v1, f2 + v2, f3 + v3
    out[0], out[1], out[2], out[3] = f0, f1, f2, f3


@jit_fast
def _changes(x: Array, start: Array, moved: Array, out: Double) -> None:
    """Sums of a relu(h) - a0 relu(h0) = a0 [max(h - h0, -h0) + min(h0, 0)] + (a - a0) relu(h) for four points."""
    zero = moved.dtype.type(0.0)
    for i in range(FOUR):
        xi = x[i]
        summed = zero
        for j in range(BLOCK):
            a, w, b = start[j], start[j + BLOCK], start[j + 2 * BLOCK]
            da, dw, db = moved[j], moved[j + BLOCK], moved[j + 2 * BLOCK]
            h, dh = w * xi + b, dw * xi + db
            gain = (dh if dh > -h else -h) + (h if h < zero else zero)
            value = h + dh if h + dh > zero else zero
            summed += a * gain + da * value
        out[i] = summed
