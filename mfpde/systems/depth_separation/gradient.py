"""The first layer's gradient, in blocks: features F = sum_i s_i relu(w_i.x), then V_i = sum_x c(x) 1{w_i.x > 0} x.

A block takes one matrix product, for the pre-activations w_i.x; V needs only their signs (kernels/active_sums.py). A narrow
layer is split by samples (every block sees all neurons, each slot has its own V); a wide one by neurons (the features are
summed first, pre-activations are computed twice, and every block of neurons owns its rows of V). Which of the two, and every
partition, depends on the problem's size only, so that the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.active_sums import SAMPLES, active_signs, add_active, aligned, subset_tables
from mfpde.kernels.first_layer import weighted_relu
from mfpde.systems.depth_separation.kept import kept
from mfpde.threads import run_blocks

Array = npt.NDArray[Any]
Source = Callable[[slice, int], Array]
Head = Callable[[slice, Array, Array, int], Array]
Gate = Callable[[Array, Array, slice, slice, int], int]

ROWS = 256
SLOTS = 16
_NEURONS = 512
_WIDE = 2**25
_SMALL, _LEAST = 10**6, 128


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
        ``gating(h, c, rows, neurons, slot)`` puts a factor other than c(x) 1{h > 0} in the place of some pre-activations h
        and that one in the place of the rest, and returns how many are other; V then takes a second matrix product.
    """
    by = _by_samples if min(SLOTS, -(-n // ROWS)) * w1.size <= _WIDE else _by_neurons
    by(inputs, n, w1, scale, head, gating, out)


def features(x: Array, w1: Array, scale: Array) -> Array:
    """F at the samples x (n, d), in w1's dtype; (n,), in double precision."""
    n = len(x)
    slots = min(SLOTS, -(-len(w1) // _NEURONS))
    blocks = -(-n // ROWS)
    if slots == 1:
        total, columns = np.zeros(n), _columns(w1)
        parts = _parts(ROWS, *columns.shape)

        def rows_of(block: int) -> None:
            rows = _rows(block, n)
            h = kept("products", np.empty, (ROWS, len(w1)), w1.dtype)[: rows.stop - rows.start]
            for part in parts:
                np.matmul(x[rows], columns[:, part], out=h[:, part])
            weighted_relu(h, scale, total[rows])

        run_blocks(rows_of, blocks)
        return total
    partial = np.zeros((slots, n))

    def neurons_of(slot: int) -> None:
        for neurons in _neurons(slot, slots, len(w1)):
            columns = _columns(w1[neurons])
            buffer = kept("products", np.empty, (ROWS, columns.shape[1]), columns.dtype)
            for block in range(blocks):
                rows = _rows(block, n)
                h = np.matmul(x[rows], columns, out=buffer[: rows.stop - rows.start])
                weighted_relu(h, scale[neurons], partial[slot, rows])

    run_blocks(neurons_of, slots)
    summed: Array = partial.sum(axis=0)
    return summed


class _Gradient:
    """V of the neurons `neurons`, the columns of a matrix (d, len), added up in `total` over blocks of at most ROWS samples."""

    def __init__(self, columns: Array, total: Array, neurons: slice, slot: int, gating: Gate | None) -> None:
        d, m = columns.shape
        self._columns = columns
        self._products = kept("products", np.empty, (ROWS, m), columns.dtype)
        self._signs = kept("signs", np.empty, (-(-ROWS // SAMPLES), m), np.uint32)
        self._tables = kept("tables", subset_tables, d, columns.dtype)
        self._total = total
        self._neurons, self._slot, self._gating = neurons, slot, gating
        total[:] = 0.0

    def products(self, x: Array) -> Array:
        """The pre-activations of the samples x (n, d), shape (n, len), in place of the last ones."""
        h: Array = self._products[: len(x)]
        for part in _parts(ROWS, *self._columns.shape):
            np.matmul(x, self._columns[:, part], out=h[:, part])
        return h

    def add(self, h: Array, coefficient: Array, x: Array, rows: slice) -> None:
        """The samples x (n, d) with coefficients (n,) and pre-activations h, which a gating overwrites."""
        active_signs(h, self._signs)
        if self._gating is not None and self._gating(h, coefficient, rows, self._neurons, self._slot) > 0:
            self._total[:, : x.shape[1]] += h.T @ x
        else:
            add_active(self._signs, coefficient, x, self._tables, self._total)


def _by_samples(inputs: Source, n: int, w1: Array, scale: Array, head: Head, gating: Gate | None, out: Array) -> None:
    blocks = -(-n // ROWS)
    slots = min(SLOTS, blocks)
    m, d = w1.shape
    partial, columns = kept("partial", aligned, (slots, m, d), w1.dtype), _columns(w1)

    def work(slot: int) -> None:
        gradient = _Gradient(columns, partial[slot], slice(m), slot, gating)
        for block in range(slot, blocks, slots):
            rows = _rows(block, n)
            x = inputs(rows, block)
            h = gradient.products(x)
            value = np.zeros(len(x))
            weighted_relu(h, scale, value)
            gradient.add(h, head(rows, x, value, slot).astype(w1.dtype, copy=False), x, rows)

    run_blocks(work, slots)
    np.sum(partial[:, :, :d], axis=0, out=out)


def _by_neurons(inputs: Source, n: int, w1: Array, scale: Array, head: Head, gating: Gate | None, out: Array) -> None:
    x = np.empty((n, w1.shape[1]), w1.dtype)
    blocks = -(-n // ROWS)
    slots = min(SLOTS, blocks)
    coefficient = np.empty(n, w1.dtype)

    def inputs_of(block: int) -> None:
        rows = _rows(block, n)
        x[rows] = inputs(rows, block)

    def heads_of(slot: int) -> None:
        for block in range(slot, blocks, slots):
            rows = _rows(block, n)
            coefficient[rows] = head(rows, x[rows], value[rows], slot)

    def neurons_of(slot: int) -> None:
        for neurons in _neurons(slot, SLOTS, len(w1)):
            total = kept("total", aligned, w1[neurons].shape, w1.dtype)
            gradient = _Gradient(_columns(w1[neurons]), total, neurons, slot, gating)
            for block in range(blocks):
                rows = _rows(block, n)
                gradient.add(gradient.products(x[rows]), coefficient[rows], x[rows], rows)
            out[neurons] = total[:, : w1.shape[1]]

    run_blocks(inputs_of, blocks)
    value = features(x, w1, scale)
    run_blocks(heads_of, slots)
    run_blocks(neurons_of, SLOTS)


def _columns(w: Array) -> Array:
    """w (m, d), transposed into memory of its own: the faster right factor of a matrix product."""
    columns = kept("columns", np.empty, w.shape[::-1], w.dtype)
    columns[:] = w.T
    return columns


def _parts(n: int, d: int, m: int) -> list[slice]:
    """The columns of a product (n, d) (d, m), in parts that OpenBLAS multiplies without copying, twice as fast, where d is small."""
    size = _SMALL // (n * d) // _LEAST * _LEAST or m
    return [slice(first, min(first + size, m)) for first in range(0, m, size)]


def _rows(block: int, n: int) -> slice:
    return slice(block * ROWS, min((block + 1) * ROWS, n))


def _neurons(slot: int, slots: int, m: int) -> list[slice]:
    return [slice(first, min(first + _NEURONS, m)) for first in range(slot * _NEURONS, m, slots * _NEURONS)]
