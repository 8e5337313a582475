"""A run that was stopped and continued has the same bits as one that never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mfpde.flow import Trajectory
from mfpde.solve import solve, times
from mfpde.store import load_trajectory
from tests import killed_runs, toys

_HELPER = Path(killed_runs.__file__)


def _python(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(_HELPER.parents[1])}
    return subprocess.run([sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120, check=False)


def _same(a: Trajectory, b: Trajectory) -> None:
    assert a.t.tobytes() == b.t.tobytes()
    assert a.states.dtype == b.states.dtype
    assert a.states.tobytes() == b.states.tobytes()
    assert {name: v.tobytes() for name, v in a.observables.items()} == {name: v.tobytes() for name, v in b.observables.items()}


def _counts(trajectory: Trajectory) -> dict[str, float]:
    return {name: value for name, value in trajectory.stats.items() if name != "seconds"}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("killed")
    done = _python(_HELPER, "at-steps", directory)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.parametrize("with_store", [False, True], ids=["alone", "stored"])
@pytest.mark.parametrize("case", list(killed_runs.CASES))
def test_killed_run_continues_to_the_same_bits(killed: Path, case: str, with_store: bool) -> None:
    make, arguments = killed_runs.CASES[case]
    files = killed_runs.paths(killed, case, with_store)
    whole = solve(make(), **arguments)
    again = make()
    resumed = solve(again, **arguments, **files)
    assert resumed.complete
    _same(resumed, whole)
    assert _counts(resumed) == _counts(whole)
    if isinstance(again, toys.Toy):
        assert again.calls < whole.stats["evaluations"], "the run began anew"
    if with_store:
        _same(load_trajectory(files["store"]), whole)


@pytest.mark.parametrize("when", ["any-time", "at-writes"])
def test_kills_at_any_moment_leave_every_saved_row(tmp_path: Path, when: str) -> None:
    done = _python(_HELPER, when, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("with_store", [False, True], ids=["alone", "stored"])
@pytest.mark.parametrize("case", list(killed_runs.CASES))
def test_run_stopped_by_max_steps_continues_to_the_same_bits(tmp_path: Path, case: str, with_store: bool) -> None:
    make, arguments = killed_runs.CASES[case]
    files = killed_runs.paths(tmp_path, case, with_store)
    for steps in (3, 7, 11):
        part = solve(make(), **arguments, **files, max_steps=steps)
        assert not part.complete
        assert part.stats["steps"] == steps
        assert "max_steps" in part.message
        if with_store:
            _same(load_trajectory(files["store"]), part)
    _same(solve(make(), **arguments, **files), solve(make(), **arguments))


def test_complete_run_is_returned_without_an_evaluation(tmp_path: Path) -> None:
    for files in ({"checkpoint": tmp_path / "a.checkpoint"}, {"checkpoint": tmp_path / "b.checkpoint", "store": tmp_path / "b.h5"}):
        first = solve(toys.logistic(), [0, 1, 2], **files)
        again = toys.logistic()
        _same(solve(again, [0, 1, 2], **files), first)
        assert again.calls == 0


_CTRL_C = """
import os, signal, sys
from tests import toys
from mfpde.solve import solve, times
# A test that runs in the background of a shell inherits a SIGINT that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
flow, calls = toys.pendulum(), 0
rule = flow.velocity
def velocity(t, y):
    global calls
    calls += 1
    if calls == 100:
        os.kill(os.getpid(), signal.SIGINT)
    return rule(t, y)
flow.velocity = velocity
solve(flow, times.linear(0, 20, 21), store=sys.argv[1], checkpoint=sys.argv[2])
"""


def test_ctrl_c_writes_rows_and_checkpoint_and_is_raised_again(tmp_path: Path) -> None:
    store, checkpoint = tmp_path / "run.h5", tmp_path / "run.checkpoint"
    done = _python("-c", _CTRL_C, store, checkpoint)
    assert done.returncode == -signal.SIGINT
    assert "KeyboardInterrupt: interrupted at t = " in done.stderr
    part = load_trajectory(store)
    assert not part.complete
    assert part.message.startswith("interrupted at t = ")
    assert len(part.t) > 1
    again = toys.pendulum()
    resumed = solve(again, times.linear(0, 20, 21), store=store, checkpoint=checkpoint)
    whole = solve(toys.pendulum(), times.linear(0, 20, 21))
    _same(resumed, whole)
    assert again.calls < whole.stats["evaluations"] - 80


def test_handler_of_ctrl_c_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    solve(toys.logistic(), [0, 1])
    assert signal.getsignal(signal.SIGINT) is before


def test_rows_before_an_error_in_the_flow_are_saved(tmp_path: Path) -> None:
    flow = toys.pendulum()
    rule = flow.rhs

    def fails(t: float, y: np.ndarray) -> np.ndarray:
        if t > 5:
            raise ZeroDivisionError("a bug")
        return np.asarray(rule(t, y))

    flow.rhs = fails
    store = tmp_path / "run.h5"
    with pytest.raises(ZeroDivisionError):
        solve(flow, times.linear(0, 20, 21), store=store)
    part, whole = load_trajectory(store), solve(toys.pendulum(), times.linear(0, 20, 21))
    assert 3 <= len(part.t) <= 6
    assert part.states.tobytes() == whole.states[: len(part.t)].tobytes()
    assert "ZeroDivisionError: a bug" in part.message
