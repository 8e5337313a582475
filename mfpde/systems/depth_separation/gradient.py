"""The first layer's two matrix products, in blocks: features F = sum_i s_i relu(w_i.x), then V_i = sum_x c(x) 1{w_i.x > 0} x.

A narrow layer is split by samples (every block sees all neurons, each slot has its own V); a wide one by neurons (the
features are summed first, pre-activations are computed twice, and every block of neurons owns its rows of V). Which of the two,
and every partition, depends on the problem's size only, so that the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.first_layer import gate, weighted_relu
from mfpde.threads import run_blocks

Array = npt.NDArray[Any]
Source = Callable[[slice, int], Array]
Head = Callable[[slice, Array, Array, int], Array]
Gate = Callable[[Array, Array, slice, slice, int], None]

ROWS = 256
SLOTS = 16
_NEURONS = 2048
_WIDE = 2**25


def first_layer_gradient(inputs: Source, n: int, w1: Array, scale: Array, head: Head, out: Array, gating: Gate | None = None) -> None:
    """Fill out (m1, d) with V.

    Parameters
    ----------
    inputs : callable
        ``inputs(rows, block)``: the samples of block `block`, those with the indices `rows`, shape (len, d), in w1's dtype.
    n : int
        Number of samples.
    w1, scale : arrays (m1, d), (m1,)
        Neurons and their weights in F, of one dtype.
    head : callable
        ``head(rows, x, features, slot)``: the coefficients c (len,) of a block; calls with different slots, less than
        SLOTS of them, run side by side.
    gating : callable, optional
        ``gating(h, c, rows, neurons, slot)`` instead of the plain c(x) 1{h > 0} in place of the pre-activations h.
    """
    apply_gate = gating or _plain_gate
    by = _by_samples if min(SLOTS, -(-n // ROWS)) * w1.size <= _WIDE else _by_neurons
    by(inputs, n, w1, scale, head, apply_gate, out)


def features(inputs: Source, n: int, w1: Array, scale: Array) -> Array:
    """F at every sample, (n,), in double precision."""
    slots = min(SLOTS, -(-len(w1) // _NEURONS))
    blocks = range(-(-n // ROWS))
    if slots == 1:
        total = np.zeros(n)

        def rows_of(block: int) -> None:
            rows = _rows(block, n)
            weighted_relu(inputs(rows, block) @ w1.T, scale, total[rows])

        run_blocks(rows_of, len(blocks))
        return total
    partial = np.zeros((slots, n))

    def neurons_of(slot: int) -> None:
        for neurons in _neurons(slot, slots, len(w1)):
            for block in blocks:
                rows = _rows(block, n)
                weighted_relu(inputs(rows, block) @ w1[neurons].T, scale[neurons], partial[slot, rows])

    run_blocks(neurons_of, slots)
    total = partial.sum(axis=0)
    return total


def _by_samples(inputs: Source, n: int, w1: Array, scale: Array, head: Head, apply_gate: Gate, out: Array) -> None:
    blocks = -(-n // ROWS)
    slots = min(SLOTS, blocks)
    partial = np.zeros((slots, *w1.shape), w1.dtype)

    def work(slot: int) -> None:
        buffer = np.empty((min(ROWS, n), len(w1)), w1.dtype)
        product = np.empty_like(w1)
        for block in range(slot, blocks, slots):
            rows = _rows(block, n)
            x = inputs(rows, block)
            h = np.matmul(x, w1.T, out=buffer[: len(x)])
            value = np.zeros(len(x))
            weighted_relu(h, scale, value)
            apply_gate(h, head(rows, x, value, slot).astype(w1.dtype, copy=False), rows, slice(len(w1)), slot)
            partial[slot] += np.matmul(h.T, x, out=product)

    run_blocks(work, slots)
    np.sum(partial, axis=0, out=out)


def _by_neurons(inputs: Source, n: int, w1: Array, scale: Array, head: Head, apply_gate: Gate, out: Array) -> None:
    value = features(inputs, n, w1, scale)
    blocks = -(-n // ROWS)
    slots = min(SLOTS, blocks)
    coefficient = np.empty(n, w1.dtype)

    def heads_of(slot: int) -> None:
        for block in range(slot, blocks, slots):
            rows = _rows(block, n)
            coefficient[rows] = head(rows, inputs(rows, block), value[rows], slot)

    def neurons_of(slot: int) -> None:
        for neurons in _neurons(slot, SLOTS, len(w1)):
            out[neurons] = 0.0
            for block in range(blocks):
                rows = _rows(block, n)
                x = inputs(rows, block)
                h = x @ w1[neurons].T
                apply_gate(h, coefficient[rows], rows, neurons, slot)
                out[neurons] += h.T @ x

    run_blocks(heads_of, slots)
    run_blocks(neurons_of, SLOTS)


def _plain_gate(h: Array, coefficient: Array, rows: slice, neurons: slice, slot: int) -> None:
    gate(h, coefficient)


def _rows(block: int, n: int) -> slice:
    return slice(block * ROWS, min((block + 1) * ROWS, n))


def _neurons(slot: int, slots: int, m: int) -> list[slice]:
    return [slice(first, min(first + _NEURONS, m)) for first in range(slot * _NEURONS, m, slots * _NEURONS)]
