"""The fixed partition of a layer's neurons into blocks, by which threads share a matrix product without touching its bits."""

from __future__ import annotations

from collections.abc import Callable

from mfpde.threads import run_blocks

BLOCK = 256
"""Neurons a block: large enough for a matrix product at full rate, small enough for its output to stay in a core's cache."""


def row_blocks(m: int) -> int:
    """How many blocks `m` neurons make."""
    return -(-m // BLOCK)


def rows(m: int, b: int) -> slice:
    """The neurons of block `b`."""
    return slice(b * BLOCK, min((b + 1) * BLOCK, m))


def phase(work: Callable[[int], None], blocks: int) -> None:
    """Call ``work(b)`` for every block, on all threads; a single block stays on this one, under the BLAS threads of the caller."""
    if blocks == 1:
        work(0)
    else:
        run_blocks(work, blocks)
