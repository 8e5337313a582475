"""The package's one thread pool: blocks of a fixed partition on Python threads, each with single-threaded BLAS.

Compiled kernels release the GIL, so Python threads run them side by side. The partition into blocks never depends on
the number of threads; a caller that gives every block its own output therefore gets the same bits from any number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

_chosen: int | None = None


def thread_count() -> int:
    """Threads in use: the last :func:`set_threads`, else MFPDE_NUM_THREADS, else the cores this process may use."""
    if _chosen is not None:
        return _chosen
    value = os.environ.get("MFPDE_NUM_THREADS")
    if value is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    if not value.isdigit() or int(value) < 1:
        raise ValueError(f"MFPDE_NUM_THREADS = {value!r}: give an integer >= 1")
    return int(value)


def set_threads(count: int | None) -> None:
    """Use `count` threads from now on; None returns to the default."""
    global _chosen
    if count is not None and count < 1:
        raise ValueError(f"count = {count!r}: give an integer >= 1, or None for the default")
    _chosen = count


def run_blocks(work: Callable[[int], None], blocks: int) -> int:
    """Call ``work(b)`` once for every b < `blocks`; thread i takes the blocks i, i + n, i + 2n, ...

    Returns
    -------
    int
        How many threads worked.
    """
    count = min(thread_count(), blocks)
    with single_threaded_blas():
        if count <= 1:
            for block in range(blocks):
                work(block)
        else:
            def share(first: int) -> None:
                for block in range(first, blocks, count):
                    work(block)

            for done in [_pool(count).submit(share, i) for i in range(count)]:
                done.result()
    return count


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Pin every loaded BLAS to one thread, so that it never competes with the blocks of this module."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _blas() -> Any:
    # NumPy and SciPy bring a BLAS each; only what is loaded by now can be limited.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@lru_cache(maxsize=4)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="mfpde")
