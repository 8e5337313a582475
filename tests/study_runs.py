"""Runs for the tests of studies; a program too, because a parent that is killed must be a process of its own.

    python tests/study_runs.py FOLDER COUNT     a study on two workers, each run slow enough to be killed in
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.streams import stream
from mfpde.study import Archive, Run, execute


def sample(seed: int, size: int = 5, log: str | None = None) -> dict[str, Any]:
    """Normal numbers of a seed; each call leaves a line in the file `log`."""
    if log is not None:
        with Path(log).open("a") as file:
            file.write(f"{seed}\n")
    values = stream(seed, "study").standard_normal(size)
    return {"mean": float(values.mean()), "values": values, "counts": np.arange(seed + 1), "message": f"seed {seed}", "complete": True}


def shapes() -> dict[str, Any]:
    """Arrays of every kind: a complex number, no rows, one in Fortran's order, one read backwards."""
    x = np.arange(6.0)
    return {"z": np.complex128(1 + 2j), "none": np.empty((0, 3)), "flags": x[:3] > 1.0, "turned": x.reshape(2, 3).T, "backwards": x[::-1]}


def slow(seed: int) -> dict[str, Any]:
    time.sleep(0.05)
    return sample(seed)


def failing(seed: int) -> dict[str, Any]:
    if seed == 3:
        raise ValueError("three is not allowed")
    return sample(seed)


def dying(seed: int) -> dict[str, Any]:
    if seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return sample(seed)


def spawned(workers: int = 2) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def runs(function: Any, count: int, **config: Any) -> list[Run]:
    return [Run(function, {"seed": seed, **config}) for seed in range(count)]


if __name__ == "__main__":
    from tests.study_runs import slow as slow_run  # the workers know it under this name, not as __main__

    with spawned() as pool:
        execute(runs(slow_run, int(sys.argv[2])), archive=Archive(sys.argv[1]), executor=pool)
