"""Sums over the samples on which a neuron is active, V_i = sum_x c(x) 1{w_i.x > 0} x, by tables of partial sums.

The samples are taken 32 at a time, in eight groups of four. The 16 sums of c(x) x over the subsets of a group are tabulated
once, and every neuron then adds the eight table rows that its signs name: eight additions in place of the 32
multiplications and additions of a matrix product with a gated matrix (Arlazarov, Dinic, Kronrod, Faradzhev 1970).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit_fast

Array = npt.NDArray[Any]
Signs = npt.NDArray[np.uint32]

SAMPLES = 32
_LINE = 64
_FOUR = np.uint32(15)


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Room whose last axis is padded to whole cache lines and starts on one, so that no vector load straddles two."""
    per_line = _LINE // dtype.itemsize
    padded = (*shape[:-1], -(-shape[-1] // per_line) * per_line)
    size = int(np.prod(padded)) * dtype.itemsize
    raw = np.empty(size + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    return raw[start : start + size].view(dtype).reshape(padded)


def subset_tables(d: int, dtype: np.dtype[Any]) -> Array:
    """Room for the tables of :func:`add_active` on samples of dimension d; calls may share it one after the other."""
    tables = aligned((8, 16, d), dtype)
    tables[:] = 0.0
    return tables


@jit_fast
def active_signs(h: Array, out: Signs) -> None:
    """Bit r of out[g, j] = 1{h[32 g + r, j] > 0}; h (n, m), out (ceil(n / 32), m); bits of rows beyond n are 0."""
    n, m = h.shape
    zero = h.dtype.type(0.0)
    for g in range(-(-n // SAMPLES)):
        row = out[g]
        row[:] = 0
        for r in range(min(SAMPLES, n - SAMPLES * g)):
            bit = np.uint32(1) << np.uint32(r)
            for j in range(m):
                row[j] |= bit if h[SAMPLES * g + r, j] > zero else np.uint32(0)


@jit_fast
def add_active(signs: Signs, coefficient: Array, x: Array, tables: Array, total: Array) -> None:
    """total[i, :d] += sum of coefficient[32 g + r] x[32 g + r] over the bits r of signs[g, i]; the padding stays 0.

    Parameters
    ----------
    signs : array (ceil(n / 32), m)
        From :func:`active_signs`.
    coefficient, x : arrays (n,), (n, d)
        The samples and their coefficients, in one precision.
    tables : array
        From :func:`subset_tables`.
    total : array (m, d)
        From :func:`aligned`, its padding 0.
    """
    m, padded = total.shape
    for g in range(-(-len(x) // SAMPLES)):
        _tabulate(coefficient, x, SAMPLES * g, tables)
        for i in range(m):
            s = signs[g, i]
            s0, s1, s2, s3 = s & _FOUR, s >> np.uint32(4) & _FOUR, s >> np.uint32(8) & _FOUR, s >> np.uint32(12) & _FOUR
            s4, s5, s6, s7 = s >> np.uint32(16) & _FOUR, s >> np.uint32(20) & _FOUR, s >> np.uint32(24) & _FOUR, s >> np.uint32(28)
            for j in range(padded):
                total[i, j] += ((tables[0, s0, j] + tables[1, s1, j]) + (tables[2, s2, j] + tables[3, s3, j])) + (
                    (tables[4, s4, j] + tables[5, s5, j]) + (tables[6, s6, j] + tables[7, s7, j])
                )


@jit_fast
def _tabulate(coefficient: Array, x: Array, first: int, tables: Array) -> None:
    """tables[q, s, :d] = sum of coefficient[r] x[r], r = first + 4 q + b, over the bits b of s.

    Sums that would take samples beyond n are left as they are: no neuron has their bits.
    """
    n, d = x.shape
    for q in range(8):
        tables[q, 0] = 0.0
        for b in range(min(4, n - first - 4 * q)):
            r = first + 4 * q + b
            half = 1 << b
            for s in range(half):
                for j in range(d):
                    tables[q, half + s, j] = tables[q, s, j] + coefficient[r] * x[r, j]
