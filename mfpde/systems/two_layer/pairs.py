"""Sums over all pairs of neurons, in blocks of rows and columns between two matrix products."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from mfpde.threads import run_blocks

Array = npt.NDArray[np.floating[Any]]

ROWS, COLUMNS = 128, 512


class PairKernel(Protocol):
    """The two block kernels of an activation; the contract is that of :mod:`mfpde.kernels.dual`."""

    def values(self, q: Array, left: Array, right: Array, c: Array, out: Array) -> None:
        """Add sum_j c_j u to `out` (rows,)."""

    def gradients(self, q: Array, left: Array, right: Array, c: Array, along: Array, turning: Array) -> None:
        """Overwrite q with c_j u_12, add the factors of w_i to `along` and the derivatives in the phase to `turning` (rows,)."""


class PairSums(NamedTuple):
    """What :func:`sum_pairs` returns, for every row i.

    Attributes
    ----------
    value : array (m,)
        sum_j c_j u(w_i, w_j).
    gradient : array (m, d)
        Its gradient in w_i.
    turning : array (m,)
        Its derivative in the phase b_i.
    """

    value: Array
    gradient: Array
    turning: Array


def sum_pairs(
    kernel: PairKernel, left: tuple[Array, Array], right: tuple[Array, Array], c: Array, *, values: bool, gradients: bool
) -> PairSums:
    """Sum over the columns j the pairs (w_i, w_j) with coefficients c (n,); what is not asked for is returned as 0.

    Memory is one block of ROWS x COLUMNS a thread beside the result. The partition depends on the sizes only, and every block
    of rows has its own output: the bits do not depend on the number of threads.

    Parameters
    ----------
    left, right : pairs of arrays
        Neurons (m, d) and (n, d) as contiguous rows, each with the table (k, m) or (k, n) that the kernel wants of them.
    """
    w, table = left
    m = len(w)
    tiles = _tiles(*right, c)
    sums = PairSums(np.zeros(m), np.zeros(w.shape), np.zeros(m))
    along = np.zeros(m)

    def work(block: int) -> None:
        rows = slice(block * ROWS, min((block + 1) * ROWS, m))
        mine, own = w[rows], np.ascontiguousarray(table[:, rows])
        buffer = np.empty(len(mine) * min(COLUMNS, max(len(c), 1)))
        for v, other, coefficients in tiles:
            q = buffer[: len(mine) * len(v)].reshape(len(mine), len(v))
            np.matmul(mine, v.T, out=q)
            if values:
                kernel.values(q, own, other, coefficients, sums.value[rows])
            if gradients:
                kernel.gradients(q, own, other, coefficients, along[rows], sums.turning[rows])
                sums.gradient[rows] += q @ v
        sums.gradient[rows] += along[rows, None] * mine

    run_blocks(work, -(-m // ROWS))
    return sums


def _tiles(v: Array, table: Array, c: Array) -> list[tuple[Array, Array, Array]]:
    """Contiguous blocks of columns: neurons, table, coefficients; neurons without weight move nothing and are left out."""
    used = c != 0.0
    if not used.all():
        v, table, c = v[used], table[:, used], c[used]
    parts = [slice(first, first + COLUMNS) for first in range(0, len(c), COLUMNS)]
    return [(v[part], np.ascontiguousarray(table[:, part]), np.ascontiguousarray(c[part])) for part in parts]
