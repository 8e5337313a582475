"""Runs that are killed with SIGKILL over and over; a program, because only a process of its own can be killed.

    python tests/killed_runs.py at-steps DIRECTORY     each case killed in chosen evaluations, its files left behind
    python tests/killed_runs.py any-time DIRECTORY     a run killed at random moments; what is on disk is checked each time
    python tests/killed_runs.py at-writes DIRECTORY    the same, killed around each single write to its store
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.flow import Flow, Trajectory
from mfpde.solve import saver, solve, times
from mfpde.store import load_trajectory
from tests import toys

CASES: dict[str, tuple[Callable[[], Flow], dict[str, Any]]] = {
    "RK45": (toys.pendulum, {"method": "RK45", "t_eval": times.linear(0, 20, 21)}),
    "DOP853": (toys.pendulum, {"method": "DOP853", "t_eval": times.linear(0, 20, 21)}),
    "Radau": (toys.stiff, {"method": "Radau", "t_eval": times.linear(0, 5, 21)}),
    "BDF": (toys.stiff, {"method": "BDF", "t_eval": times.linear(0, 5, 21)}),
    "DOP853 with events": (toys.ball, {"t_eval": times.linear(0, 2.9, 30)}),
    "steps": (toys.NoisySteps, {"t_eval": times.linear(0, 100, 21)}),
    "own pace": (toys.OwnPace, {}),
}


def paths(directory: Path, case: str, with_store: bool) -> dict[str, Path]:
    name = f"{case.replace(' ', '-')}{'-stored' if with_store else ''}"
    files = {"checkpoint": directory / f"{name}.checkpoint"}
    return {**files, "store": directory / f"{name}.h5"} if with_store else files


def save_always() -> None:
    """Save after every step, so that a kill can hit every kind of state."""
    saver._PERIOD, saver._SHARE = 0.0, np.inf


def killed_at(flow: Flow, calls: int) -> Flow:
    """`flow`, which kills its process in the call number `calls` of its rule of motion."""
    name = next(name for name in ("velocity", "step", "advance") if hasattr(flow, name))
    rule, made = getattr(flow, name), 0

    def counting(*arguments: Any) -> Any:
        nonlocal made
        made += 1
        if made == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return rule(*arguments)

    setattr(flow, name, counting)
    return flow


def in_child(work: Callable[[], object], after: float | None = None) -> int:
    """Run `work` in a forked process, killed `after` so many seconds if given; return its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the run failed by itself"
    return status


def at_steps(directory: Path) -> None:
    save_always()
    for case, (make, arguments) in CASES.items():
        for with_store in (False, True):
            for calls in (30, 41, 57) if hasattr(make(), "velocity") else (5, 9, 14):
                flow = killed_at(make(), calls)
                status = in_child(partial(solve, flow, **arguments, **paths(directory, case, with_store)))
                assert os.WIFSIGNALED(status), f"{case} finished before it could be killed in call {calls}"


def any_time(directory: Path) -> None:
    save_always()
    case = "DOP853"
    make, arguments = CASES[case]
    arguments = {**arguments, "t_eval": times.linear(0, 400, 801)}
    solve(make(), [0, 1], **paths(directory, "first", True))  # imports h5py, or every child would be killed while it does
    began = time.monotonic()
    solve(make(), [0, 1], **paths(directory, "second", True))
    window = 5 * (time.monotonic() - began)
    files, whole = paths(directory, case, True), solve(make(), **arguments)
    rng, kills, seen = np.random.default_rng(0), 0, set()
    for _ in range(25):
        kills += os.WIFSIGNALED(in_child(lambda: solve(make(), **arguments, **files), after=rng.uniform(0.0, window)))
        if files["store"].exists():
            seen.add(check(files["store"], whole))
    assert kills >= 5, kills
    assert len(seen) >= 3, seen
    assert np.array_equal(solve(make(), **arguments, **files).states, whole.states)
    print(f"{kills} kills, seen with {sorted(seen)} rows")


def at_writes(directory: Path) -> None:
    import h5py

    save_always()
    make, arguments = CASES["DOP853"]
    files, whole = paths(directory, "at-writes", True), solve(make(), **arguments)
    write = h5py.Dataset.__setitem__

    def killed_in_write(last: int) -> None:
        made = 0

        def counting(self: Any, index: Any, value: Any) -> None:
            nonlocal made
            write(self, index, value)
            self.file.flush()  # what was written so far is what a kill here leaves
            made += 1
            if made == last:
                os.kill(os.getpid(), signal.SIGKILL)

        h5py.Dataset.__setitem__ = counting
        solve(make(), **arguments, **files)

    for last in range(1, 31):
        if not os.WIFSIGNALED(in_child(partial(killed_in_write, last))):
            assert last > 15, last
            break
        if files["store"].exists():
            check(files["store"], whole)


def check(store: Path, whole: Trajectory) -> int:
    """Assert that every row in the file is a row of the whole run; how many there are."""
    part = load_trajectory(store)
    rows = len(part.t)
    assert np.array_equal(part.t, whole.t[:rows])
    assert np.array_equal(part.states, whole.states[:rows])
    assert all(np.array_equal(part.observables[name], whole.observables[name][:rows]) for name in whole.observables)
    return rows


if __name__ == "__main__":
    {"at-steps": at_steps, "any-time": any_time, "at-writes": at_writes}[sys.argv[1]](Path(sys.argv[2]))
