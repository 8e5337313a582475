"""Sums over all pairs of neurons, in blocks of rows and columns between two matrix products.

Memory is one block a thread and the neurons in parts beside the result. The partition depends on the sizes only, and no two blocks
that run side by side write to the same neurons: the bits do not depend on the number of threads.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from mfpde.threads import run_blocks

Array = npt.NDArray[np.floating[Any]]
Sides = tuple[Array, Array]

ROWS, SMALLEST, LARGEST, PARTS = 128, 64, 352, 12
SMALL_PRODUCT, SHORT = 10**6, 96


class Block(NamedTuple):
    """What a block kernel gets; the contract is that of :mod:`mfpde.kernels.dual`."""

    q: Array
    left: Array
    right: Array
    c_left: Array
    c_right: Array


class PairKernel(Protocol):
    """The two block kernels of an activation; `Sides` are the sums of the rows and of the columns."""

    def values(self, block: Block, out: Sides) -> None:
        """Add the sums of u to `out`."""

    def gradients(self, block: Block, along: Sides, turning: Sides) -> None:
        """Overwrite q with u_12, add the factors of w_i and w_j to `along` and the derivatives in the phases to `turning`."""


class Neurons(NamedTuple):
    """Neurons w (m, d), the table (k, m) that the kernel wants of them, and their coefficients c (m,)."""

    w: Array
    table: Array
    c: Array

    def block(self, rows: slice) -> list[Part]:
        """Those of `rows`, in parts.

        OpenBLAS multiplies matrices without packing them first, 30 % faster, where the product of the three sizes is at most 10^6.
        """
        n = rows.stop - rows.start
        pieces = -(-n // self._side())
        return [self._part(slice(rows.start + s.start, rows.start + s.stop)) for s in _slices(n, -(-n // pieces))]

    def largest(self) -> int:
        """The largest block to work on at a time: two parts, if they are small."""
        return min(LARGEST, 2 * self._side())

    def _side(self) -> int:
        side = math.isqrt(SMALL_PRODUCT // self.w.shape[1])
        return side if SHORT <= side < LARGEST else LARGEST

    def _part(self, rows: slice) -> Part:
        w, c = self.w[rows], self.c[rows]
        return Part(rows, w, np.ascontiguousarray(w.T), np.ascontiguousarray(self.table[:, rows]), c, c[:, None] * w)

    def moving(self) -> Neurons:
        """Those that move others: whose coefficient is not 0."""
        used = self.c != 0.0
        return self if used.all() else Neurons(self.w[used], self.table[:, used], self.c[used])


class Part(NamedTuple):
    """The neurons of `rows`: as :class:`Neurons`, with w also as columns (d, m), and the products c w (m, d)."""

    rows: slice
    w: Array
    columns: Array
    table: Array
    c: Array
    pull: Array


class PairSums(NamedTuple):
    """For every neuron i the sum over j of c_j u(w_i, w_j); what was not asked for is 0.

    Attributes
    ----------
    value : array (m,)
    gradient : array (m, d)
        In w_i.
    turning : array (m,)
        The derivative in the phase b_i.
    """

    value: Array
    gradient: Array
    turning: Array


class _Sums:
    """The sums under way, and what a block of pairs adds to them."""

    def __init__(self, kernel: PairKernel, m: int, d: int, values: bool, gradients: bool) -> None:
        self.kernel, self.values, self.gradients = kernel, values, gradients
        self.total = PairSums(np.zeros(m), np.zeros((m, d)), np.zeros(m))
        self.along = np.zeros(m)
        self.own = threading.local()

    def add(self, block: Sequence[Part], others: Sequence[Part], both: bool) -> None:
        """Add the pairs of the neurons of `block` with `others`; if `both`, also to the sums of `others`."""
        for mine in block:
            for theirs in others:
                self._add(mine, theirs, both)

    def add_own(self, block: Sequence[Part]) -> None:
        """Add the pairs of the neurons of `block` with each other and themselves."""
        for i, mine in enumerate(block):
            self._add(mine, mine, False)
            self.add([mine], block[i + 1 :], True)

    def _add(self, mine: Part, theirs: Part, both: bool) -> None:
        value, gradient, turning = self.total
        q = self._buffer(len(mine.c), len(theirs.c))
        np.matmul(mine.w, theirs.columns, out=q)
        if both:
            block = Block(q, mine.table, theirs.table, mine.c, theirs.c)
            sides: list[Sides] = [(array[mine.rows], array[theirs.rows]) for array in (value, self.along, turning)]
        else:
            spare: Array = np.zeros(len(theirs.c))
            block = Block(q, mine.table, theirs.table, np.zeros(len(mine.c)), theirs.c)
            sides = [(array[mine.rows], spare) for array in (value, self.along, turning)]
        if self.values:
            self.kernel.values(block, sides[0])
        if self.gradients:
            self.kernel.gradients(block, sides[1], sides[2])
            gradient[mine.rows] += q @ theirs.pull
            if both:
                gradient[theirs.rows] += q.T @ mine.pull

    def finished(self, slices: list[slice], w: Array) -> PairSums:
        """The sums, with what points along w_i itself."""

        def work(block: int) -> None:
            rows = slices[block]
            self.total.gradient[rows] += self.along[rows, None] * w[rows]

        if self.gradients:
            run_blocks(work, len(slices))
        return self.total

    def _buffer(self, rows: int, columns: int) -> Array:
        """A contiguous (rows, columns) of the memory that this thread keeps: new pages would cost more than the product in them."""
        if getattr(self.own, "memory", np.empty(0)).size < rows * columns:
            self.own.memory = np.empty(rows * columns)
        buffer: Array = self.own.memory[: rows * columns].reshape(rows, columns)
        return buffer


def sum_pairs(kernel: PairKernel, neurons: Neurons, others: Neurons, *, values: bool, gradients: bool) -> PairSums:
    """The sums of `neurons` over the pairs with `others`."""
    m, d = neurons.w.shape
    moving = others.moving()
    sums = _Sums(kernel, m, d, values, gradients)
    theirs = [part for rows in _slices(len(moving.c), LARGEST) for part in moving.block(rows)]
    slices = _slices(m, ROWS)
    run_blocks(lambda i: sums.add(neurons.block(slices[i]), theirs, False), len(slices))
    return sums.finished(slices, neurons.w)


def sum_own_pairs(kernel: PairKernel, neurons: Neurons, *, values: bool, gradients: bool) -> PairSums:
    """The sums of `neurons` over the pairs with each other and themselves: every pair of blocks is computed once, for both.

    The pairs are taken in rounds in which every block meets one other (the circle method of round-robin tournaments).
    """
    m, d = neurons.w.shape
    sums = _Sums(kernel, m, d, values, gradients)
    count = _count(m, neurons.largest())
    slices = _slices(m, -(-m // max(count, 1)))
    blocks = [neurons.block(rows) for rows in slices]
    run_blocks(lambda i: sums.add_own(blocks[i]), len(blocks))
    for games in _rounds(len(blocks)):

        def work(game: int, games: list[tuple[int, int]] = games) -> None:
            i, j = games[game]
            sums.add(blocks[i], blocks[j], True)

        run_blocks(work, len(games))
    return sums.finished(slices, neurons.w)


def _count(m: int, largest: int) -> int:
    """Into how many blocks to divide `m` neurons: where there are many, 4 k or 4 k + 1, for rounds of an even number of equal pairs."""
    if m <= PARTS * largest:
        return min(PARTS, -(-m // SMALLEST))
    count = -(-m // largest)
    return count if count % 4 < 2 else 4 * -(-count // 4)


def _slices(n: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, n)) for first in range(0, n, max(size, 1))]


def _rounds(teams: int) -> list[list[tuple[int, int]]]:
    """Rounds of disjoint pairs i < j in which all pairs of `teams` meet once."""
    last = teams + teams % 2 - 1
    rounds = []
    for first in range(last):
        games = [(first, last), *(((first + k) % last, (first - k) % last) for k in range(1, (last + 1) // 2))]
        rounds.append([(min(game), max(game)) for game in games if max(game) < teams])
    return rounds
