"""Studies: results are kept, found again, never computed twice, and survive what kills a run."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import mfpde as mf
from mfpde import threads
from mfpde.study import Archive, Run, StudyError, collect, execute, save_table
from mfpde.study.functions import functions
from tests import study_runs
from tests.study_runs import runs, spawned


def _same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert list(one) == list(other)
        for name, value in one.items():
            assert type(value) is type(other[name])
            assert np.asarray(value).dtype == np.asarray(other[name]).dtype
            assert np.asarray(value).tobytes() == np.asarray(other[name]).tobytes()


def test_results_come_back_in_order_and_only_the_missing_are_computed(tmp_path: Path) -> None:
    log, archive = tmp_path / "log", Archive(tmp_path / "study")
    first = execute(runs(study_runs.sample, 3, log=str(log)), archive=archive)
    again = execute(runs(study_runs.sample, 5, log=str(log))[::-1], archive=Archive(tmp_path / "study"))
    assert log.read_text().split() == ["0", "1", "2", "4", "3"]
    _same(again[:1:-1], first)
    assert [r["message"] for r in again] == ["seed 4", "seed 3", "seed 2", "seed 1", "seed 0"]
    assert first[2]["counts"].tolist() == [0, 1, 2]


def test_equal_runs_are_computed_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    results = execute([Run(study_runs.sample, {"seed": 1, "log": str(log)})] * 3)
    assert log.read_text().split() == ["1"]
    _same(results[:1], results[2:])


def test_a_run_is_named_by_function_and_configuration() -> None:
    run = Run(study_runs.sample, {"seed": 1, "size": 4})
    assert run.key == Run(study_runs.sample, {"size": np.int64(4), "seed": 1}).key
    others = [Run(study_runs.sample, {"seed": 1, "size": 5}), Run(study_runs.slow, {"seed": 1, "size": 4})]
    assert len({run.key, *(other.key for other in others)}) == 3


def _scaled(factor: float) -> Any:
    return lambda x: factor * x


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: float) -> float:
        return self.factor * x


def _power(x: float, n: int) -> float:
    return x**n


def _calling(function: Any) -> Any:
    return lambda x: 1.0 + function(x)


@pytest.mark.parametrize(("one", "other"), [
    (lambda x: x, lambda x: 2 * x),
    (_scaled(1.0), _scaled(2.0)),
    (_scaled(np.arange(3.0)), _scaled(np.arange(3.0) + 1.0)),
    (_calling(_scaled(1.0)), _calling(_scaled(2.0))),
    (Scale(1.0), Scale(2.0)),
    (Scale(1.0).__call__, Scale(2.0).__call__),
    (partial(_power, n=1), partial(_power, n=2)),
    (cache(lambda x: x), cache(lambda x: 2 * x)),
    (_calling(cache(lambda x: x)), _calling(cache(lambda x: 2 * x))),
    (np.vectorize(lambda x: x), np.vectorize(lambda x: 2 * x)),
    (CubicSpline([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]), CubicSpline([0.0, 1.0, 2.0], [0.0, 1.0, 3.0])),
    (np.poly1d([1.0, 2.0]).__call__, np.poly1d([1.0, 3.0]).__call__),
    (_calling(mf.targets.Linear([1.0])), _calling(mf.targets.Linear([2.0]))),
    (mf.targets.Custom(lambda x: x), mf.targets.Custom(lambda x: 2 * x)),
    ([{"a": lambda x: x}], [{"a": lambda x: 2 * x}]),
])  # fmt: skip
def test_functions_of_one_name_are_told_apart(one: Any, other: Any) -> None:
    keys = [Run(study_runs.sample, {"seed": 1, "f": "<lambda>"}, {"f": value}).key for value in (one, other, one)]
    assert keys[0] == keys[2] != keys[1]


def test_a_function_written_again_is_the_same() -> None:
    """At another line; what this package and NumPy call by a name needs no code."""
    first, second = lambda x: {"a", "b", "c"} & {x}, lambda x: {"a", "b"} & {x}
    third = lambda x: {"a", "b", "c"} & {x}  # noqa: E731
    assert functions(first) == functions(third) != functions(second)
    assert len(functions(first)) == 1
    assert functions([np.tanh, np.linalg.norm, mf.targets.Linear([1.0]), 3, "x", Path]) == []

    def turns(n: int) -> int:
        return n and turns(n - 1)

    assert len(functions([turns, turns])) == 1
    # Not into the code of installed packages, where every function leads to many others.
    assert len(functions(lambda x: pytest.approx(x) + json.dumps(x) + sample_quantiles(x))) == 1


sample_quantiles = statistics.quantiles


def test_an_executor_gives_the_same_bits(tmp_path: Path) -> None:
    here = execute(runs(study_runs.sample, 6))
    with spawned() as pool:
        _same(execute(runs(study_runs.sample, 6), archive=Archive(tmp_path / "study"), executor=pool), here)
    _same(execute(runs(study_runs.sample, 6), archive=Archive(tmp_path / "study")), here)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b.replace(b"seed 1", b"seed 9")])
def test_a_damaged_result_is_computed_again(tmp_path: Path, damage: Any) -> None:
    archive, (_, run) = Archive(tmp_path), runs(study_runs.sample, 2)
    good = execute([run], archive=archive)
    (path,) = tmp_path.glob("*.npz")
    broken = damage(path.read_bytes())
    assert broken != path.read_bytes()
    path.write_bytes(broken)
    assert archive.read(run) is None
    _same(execute([run], archive=archive), good)
    assert archive.read(run) is not None


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    archive, (run,) = Archive(tmp_path), runs(study_runs.sample, 1)
    (result,) = execute([run], archive=archive)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    place = content.index(result["values"].tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert archive.read(run) is None


def test_a_result_under_another_name_is_not_taken(tmp_path: Path) -> None:
    archive, (a, b) = Archive(tmp_path), runs(study_runs.sample, 2)
    execute([a], archive=archive)
    (tmp_path / f"{a.key}.npz").rename(tmp_path / f"{b.key}.npz")
    assert archive.read(b) is None


def test_a_failing_run_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    with pytest.raises(ValueError, match=r"^three is not allowed") as raised:
        execute(runs(study_runs.failing, 5), archive=archive)
    (note,) = raised.value.__notes__
    assert '"seed": 3' in note
    assert f"3 of 5 runs are done; {tmp_path} keeps them" in note
    assert [archive.read(run) is not None for run in runs(study_runs.failing, 5)] == [True, True, True, False, False]
    with spawned(1) as pool, pytest.raises(ValueError, match="three is not allowed"):
        execute(runs(study_runs.failing, 5), executor=pool)


def test_a_killed_worker_loses_nothing_that_was_done(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    with spawned(1) as pool, pytest.raises(StudyError, match=r"the executor died .* 3 of 5 runs are done; .* goes on from there"):
        execute(runs(study_runs.dying, 5), archive=archive, executor=pool)
    assert [archive.read(run) is not None for run in runs(study_runs.dying, 5)] == [True, True, True, False, False]


def test_a_killed_parent_loses_nothing_that_was_done(tmp_path: Path) -> None:
    folder, wanted = tmp_path / "study", runs(study_runs.slow, 40)
    environment = {**os.environ, "PYTHONPATH": str(Path(study_runs.__file__).parents[1])}
    child = subprocess.Popen([sys.executable, study_runs.__file__, str(folder), "40"], env=environment, start_new_session=True)
    while len(list(folder.glob("*.npz"))) < 5:
        assert child.poll() is None, "the study ended by itself"
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    archive = Archive(folder)
    kept = [archive.read(run) for run in wanted]
    assert 5 <= sum(result is not None for result in kept) < 40
    _same(execute(wanted, archive=archive), execute(wanted))


def test_a_folder_that_another_process_marks_meanwhile_is_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mark and its first result appear while this one looks whether there are any."""
    exists = Path.exists

    def late(path: Path, **options: Any) -> bool:
        found = exists(path, **options)
        if path.name == "study.json" and not found:
            (tmp_path / "first.npz").write_text("")
            path.write_text('{"schema": 1}')
        return found

    monkeypatch.setattr(Path, "exists", late)
    assert Archive(tmp_path).folder == tmp_path


def test_no_changed_bit_gives_another_result(tmp_path: Path) -> None:
    """Read as damaged, or in a place that says nothing."""
    archive, (run,) = Archive(tmp_path), runs(study_runs.sample, 1)
    good = execute([run], archive=archive)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        found = archive.read(run)
        if found is not None:
            _same([found], good)


def test_shapes_come_back(tmp_path: Path) -> None:
    archive, run = Archive(tmp_path), Run(study_runs.shapes, {})
    computed = execute([run], archive=archive)
    _same([archive.read(run)], computed)
    for name, value in computed[0].items():
        assert np.shape(archive.read(run)[name]) == np.shape(value), name


def test_threads_leave_the_settings_of_their_process() -> None:
    threads.set_threads(3)
    try:
        with ThreadPoolExecutor(2) as pool:
            _same(execute(runs(study_runs.sample, 4), executor=pool), execute(runs(study_runs.sample, 4)))
        assert threads.thread_count() == 3
    finally:
        threads.set_threads(None)


def test_an_executor_that_was_shut_down(tmp_path: Path) -> None:
    with spawned(1) as pool:
        pass
    with pytest.raises(StudyError, match=r"the executor died .*after shutdown.*: 0 of 2 runs are done"):
        execute(runs(study_runs.sample, 2), archive=Archive(tmp_path), executor=pool)
    with pytest.raises(ValueError, match="threads = 0: give an integer >= 1"):
        execute(runs(study_runs.sample, 2), threads=0)


def test_folders_that_are_no_study_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StudyError, match=r"holds other files and no study.json"):
        Archive(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "study.json").write_text(json.dumps([99]))
    with pytest.raises(StudyError, match="cannot hold a study"):
        Archive(other)
    (other / "study.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(StudyError, match="schema version 99"):
        Archive(other)
    (other / "study.json").write_text("{")
    with pytest.raises(StudyError, match="cannot hold a study"):
        Archive(other)
    with pytest.raises(StudyError, match="cannot hold a study"):
        Archive(tmp_path / "thesis.tex")


def test_only_plain_results_are_taken() -> None:
    with pytest.raises(TypeError, match="results are numbers, strings and numeric arrays"):
        execute([Run(dict, {"a": [None]})])


def test_one_table_of_all_runs(tmp_path: Path) -> None:
    wanted = runs(study_runs.sample, 2)
    table = collect([*wanted, Run(dict, {"seed": 7, "options": {"dt": 0.5}})], [*execute(wanted), {"mean": 1.0}])
    assert table.dtype.names == ("seed", "mean", "message", "complete", "options.dt")
    assert table["seed"].tolist() == [0, 1, 7]
    assert table["message"].tolist() == ["seed 0", "seed 1", ""]
    assert np.isnan(table["options.dt"]).tolist() == [True, True, False]
    csv, hdf5 = save_table(table, tmp_path / "table")
    assert csv.read_text().splitlines()[0] == "seed,mean,message,complete,options.dt"
    assert [path.name for path in save_table(table, tmp_path / "grid.v2")] == ["grid.v2.csv", "grid.v2.h5"]
    with h5py.File(hdf5) as file:
        assert file["runs/mean"][:].tolist() == table["mean"].tolist()
        assert file["runs/message"][:].tolist() == [b"seed 0", b"seed 1", b""]


def test_a_number_of_workers_is_no_executor():
    with pytest.raises(TypeError, match="executor = 2: give an executor"):
        execute([], executor=2)
