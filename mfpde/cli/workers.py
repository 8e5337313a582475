"""The processes that runs are shared out over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from mfpde.threads import thread_count


@contextmanager
def workers(count: int | None) -> Iterator[Executor | None]:
    """An executor of `count` processes, or of one for each thread in use; None for one, which is this process.

    What waits when an error or Ctrl-C ends the block is cancelled.

    Raises
    ------
    ValueError
        If `count` < 1.
    """
    chosen = thread_count() if count is None else count
    if chosen < 1:
        raise ValueError(f"workers = {chosen}: give an integer >= 1")
    if chosen == 1:
        yield None
        return
    executor = ProcessPoolExecutor(chosen, mp_context=get_context("spawn"))
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()
