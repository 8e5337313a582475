"""Runs shared out over an executor, and kept as each one finishes."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import contextmanager

from mfpde.checks import whole
from mfpde.study.archive import Archive
from mfpde.study.progress import runs_bar
from mfpde.study.run import Result, Run, StudyError
from mfpde.threads import set_threads, single_threaded_blas


def execute(
    runs: Sequence[Run],
    *,
    archive: Archive | None = None,
    executor: Executor | None = None,
    threads: int = 1,
    progress: bool = False,
) -> list[Result]:
    """The results of `runs`, in their order; those in the archive are read, the others are computed and kept there.

    Parameters
    ----------
    archive
        Where results are kept, each as soon as it is there; None keeps nothing.
    executor
        Any executor of the ``concurrent.futures`` kind whose workers are processes: ``ProcessPoolExecutor`` (with the context
        "spawn"), loky's, ``distributed.Client(...).get_executor()``, ``mpi4py.futures.MPIPoolExecutor``. None computes here, one run
        after the other. The results are the same bits. Workers that are threads of this process leave its settings as they are.
    threads : int
        Threads of each worker process; without an executor a run uses all that :func:`mfpde.threads.set_threads` allows.
    progress
        Show a bar with the time left.

    Raises
    ------
    TypeError
        If `executor` has no ``submit``, such as a number of workers.
    ValueError
        If `threads` < 1.
    StudyError
        If the executor dies or was shut down. As after any error, what was done is in the archive, and the same call computes only
        the rest.
    Exception
        Whatever a run raises, with a note that names the run.
    """
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor = {executor!r}: give an executor, such as concurrent.futures.ProcessPoolExecutor(2), or None")
    threads, unique = whole("threads", threads), {run.key: run for run in runs}
    results: dict[str, Result] = {}
    if archive is not None:
        found = {key: archive.read(run) for key, run in unique.items()}
        results = {key: result for key, result in found.items() if result is not None}
    rest = [run for key, run in unique.items() if key not in results]
    with runs_bar(progress, len(unique), len(results)) as update:
        if executor is None:
            for run in rest:
                with _noted(run, results, len(unique), archive):
                    results[run.key] = _one(run, archive)
                update()
        else:
            _share_out(rest, results, len(unique), archive, executor, threads, update)
    return [results[run.key] for run in runs]


def _share_out(
    rest: Sequence[Run],
    results: dict[str, Result],
    total: int,
    archive: Archive | None,
    executor: Executor,
    threads: int,
    update: Callable[[], object],
) -> None:
    pending: dict[Future[Result], Run] = {}
    try:
        for run in rest:
            pending[_submitted(executor, run, archive, threads)] = run
        for future in as_completed(pending):
            run = pending[future]
            with _noted(run, results, total, archive):
                results[run.key] = future.result()
            update()
    except BrokenExecutor as error:
        raise StudyError(f"the executor died ({error}): {_progress(results, total, archive)}") from error
    finally:
        for future in pending:
            future.cancel()


def _submitted(executor: Executor, run: Run, archive: Archive | None, threads: int) -> Future[Result]:
    try:
        return executor.submit(_in_worker, run, archive, threads, _this_process())
    except BrokenExecutor:
        raise
    except RuntimeError as error:  # what an executor says that was shut down
        raise BrokenExecutor(str(error)) from error


def _in_worker(run: Run, archive: Archive | None, threads: int, parent: str) -> Result:
    if _this_process() == parent:  # a thread: the number of threads is the parent's too
        return _one(run, archive)
    set_threads(threads)
    with single_threaded_blas():
        return _one(run, archive)


def _this_process() -> str:
    return f"{platform.node()} {os.getpid()}"


def _one(run: Run, archive: Archive | None) -> Result:
    result = run.compute()
    if archive is not None:
        archive.write(run, result)
    return result


@contextmanager
def _noted(run: Run, results: Mapping[str, Result], total: int, archive: Archive | None) -> Iterator[None]:
    """Add to what a run raises which run it was and what is kept."""
    try:
        yield
    except Exception as error:
        error.add_note(f"raised by the run {run.description}: {_progress(results, total, archive)}")
        raise


def _progress(results: Mapping[str, Result], total: int, archive: Archive | None) -> str:
    kept = "an archive would keep them" if archive is None else f"{archive.folder} keeps them, and the same call goes on from there"
    return f"{len(results)} of {total} runs are done; {kept}"

