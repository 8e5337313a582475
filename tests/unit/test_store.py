"""Trajectory and checkpoint files: what comes back, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

from mfpde.flow import Field, Packing, Trajectory
from mfpde.solve import solve
from mfpde.store import StoreError, load_trajectory, read_checkpoint, run_info, save_trajectory, write_checkpoint
from tests import toys


def _run(**arguments: Any) -> Trajectory:
    return solve(toys.NoisySteps(), [0, 1, 2.5, 10], **arguments)


def _equal(a: Trajectory, b: Trajectory) -> None:
    assert a.t.tobytes() == b.t.tobytes()
    assert (a.states.dtype, a.states.tobytes()) == (b.states.dtype, b.states.tobytes())
    assert {name: v.tobytes() for name, v in a.observables.items()} == {name: v.tobytes() for name, v in b.observables.items()}
    assert (a.packing, a.clock, a.config, a.stats, a.message, a.complete) == (b.packing, b.clock, b.config, b.stats, b.message, b.complete)


def test_saved_trajectory_comes_back_whole(tmp_path: Path) -> None:
    run = _run()
    path = save_trajectory(run, tmp_path / "run.h5")
    _equal(load_trajectory(path), run)
    _equal(Trajectory.load(run.save(tmp_path / "again.h5")), run)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.h5", "run.h5"]


def test_store_of_a_run_is_its_trajectory(tmp_path: Path) -> None:
    run = _run(store=tmp_path / "run.h5")
    _equal(load_trajectory(tmp_path / "run.h5"), run)


def test_early_end_leaves_nan_that_loading_trims(tmp_path: Path) -> None:
    run = _run(store=tmp_path / "run.h5", max_steps=3)
    assert run.t.tolist() == [0, 1, 1.5]
    _equal(load_trajectory(tmp_path / "run.h5"), run)
    with h5py.File(tmp_path / "run.h5") as file:
        assert np.isnan(file["w1"][3:]).all()
        assert file["w1"].shape == (4, 4, 3)
        assert file["run/rows"][()] == 3


def test_run_info_reads_everything_but_the_arrays(tmp_path: Path) -> None:
    run = _run(store=tmp_path / "run.h5", max_steps=3)
    info = run_info(tmp_path / "run.h5")
    assert (info.config, info.clock, info.rows, info.planned) == (run.config, "time", 3, 4)
    assert (info.complete, info.message, info.stats) == (False, run.message, run.stats)
    assert {"mfpde", "python", "numpy", "scipy", "numba", "platform", "cpu", "created"} == set(info.provenance)
    assert all(info.provenance.values())


def test_xarray_opens_it_with_named_dimensions(tmp_path: Path) -> None:
    run = _run(store=tmp_path / "run.h5")
    with xarray.open_dataset(tmp_path / "run.h5", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"t": 4, "neuron_1": 4, "component": 3}
        assert data["w1"].dims == ("t", "neuron_1", "component")
        assert data["w1"].values.tobytes() == run.packing.unpack(run.states)["w1"].tobytes()
        assert data["loss"].dims == ("t",)
        assert data["t"].values.tolist() == run.t.tolist()
        assert data["b2"].values.tolist() == run.observables["b2"].tolist()
        assert data["b2_state"].values.tolist() == run.states[:, -1].tolist()
        assert load_trajectory(tmp_path / "run.h5").complete


def test_long_attributes_fit(tmp_path: Path) -> None:
    t = np.linspace(0, 5, 20001)
    run = solve(toys.Toy(lambda t, y: 0 * y, [1.0]), t, method="LSODA", store=tmp_path / "run.h5")
    assert load_trajectory(tmp_path / "run.h5").config["solve"]["t_eval"] == t.tolist() == run.config["solve"]["t_eval"]


def test_names_that_cannot_stand_side_by_side_are_refused(tmp_path: Path) -> None:
    run = _run()
    for fields in (
        (Field("w1", (13,), ("loss",)),),
        (Field("w1", (6,), ("i",)), Field("w2", (7,), ("i",))),
        (Field("b2", (6,), ("i",)), Field("b2_state", (7,), ("j",))),
    ):
        run.packing = Packing(fields, "float32")
        with pytest.raises(ValueError, match="a name of its own"):
            save_trajectory(run, tmp_path / "run.h5")
    assert list(tmp_path.iterdir()) == []


# ---- checkpoints


def test_checkpoint_returns_bits_types_and_memory_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tree = {
        "none": None,
        "flag": True,
        "count": 3,
        "tiny": 5e-324,
        "third": 1 / 3,
        "infinite": np.inf,
        "words": "é",
        "scalar": np.float64(0.1),
        "whole": np.int64(7),
        "rows": rng.standard_normal((3, 2)),
        "columns": np.asfortranarray(rng.standard_normal((3, 2))),
        "complex": (rng.standard_normal(2) + 1j, np.array([1, 0], np.int32)),
        "nested": {"list": [1, None, np.arange(2)], "empty": {}},
        "single": rng.standard_normal(3).astype(np.float32),
    }
    write_checkpoint(tmp_path / "c", {"a": 1}, tree)
    back = read_checkpoint(tmp_path / "c", {"a": 1})

    def compare(a: Any, b: Any) -> None:
        assert type(a) is type(b)
        if isinstance(a, dict):
            assert list(a) == list(b)
            for name in a:
                compare(a[name], b[name])
        elif isinstance(a, (tuple, list)):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                compare(x, y)
        elif isinstance(a, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
            assert a.flags.f_contiguous == b.flags.f_contiguous
        else:
            assert a == b

    compare(tree, back)


def test_checkpoint_refuses_what_it_cannot_keep(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot be part of a checkpoint"):
        write_checkpoint(tmp_path / "c", {}, {"f": print})
    assert list(tmp_path.iterdir()) == []


# ---- refusals


def _refused(words: str, **arguments: Any) -> None:
    with pytest.raises(StoreError, match=words):
        _run(**arguments)


def test_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    run = _run(store=path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"run.h5 exists already: delete it or give another name"):
        run.save(path)
    _refused(r"run.h5 exists already, without a checkpoint", store=path)
    _refused(r"run.h5 exists already, without a checkpoint", store=path, checkpoint=tmp_path / "none")
    assert path.read_bytes() == before


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Path]:
    files = {"store": tmp_path / "run.h5", "checkpoint": tmp_path / "run.checkpoint"}
    _run(**files, max_steps=6)
    return files


def test_other_run_is_refused_naming_what_differs(pair: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"run.checkpoint is from another run: parameters.noise is 1.0 there and 2.0 here"):
        solve(toys.NoisySteps(noise=2.0), [0, 1, 2.5, 10], **pair)
    with pytest.raises(StoreError, match=r"solve.t_eval\[2\] is 2.5 there and 3.0 here"):
        solve(toys.NoisySteps(), [0, 1, 3, 10], **pair)
    with pytest.raises(StoreError, match=r"solve.y0 is None there and 'sha256"):
        solve(toys.NoisySteps(), [0, 1, 2.5, 10], y0=np.zeros(13), **pair)
    solve(toys.NoisySteps(seed=1), [0, 1, 2.5, 10], store=tmp_path / "other.h5")
    pair["store"] = tmp_path / "other.h5"
    _refused(r"other.h5 is from another run: parameters.seed is 1 there and 0 here", **pair)


def test_tolerances_and_method_must_match(tmp_path: Path) -> None:
    path = tmp_path / "c"
    solve(toys.pendulum(), [0, 5], checkpoint=path, max_steps=3)
    with pytest.raises(StoreError, match=r"solve.rtol is 1e-06 there and 1e-07 here"):
        solve(toys.pendulum(), [0, 5], checkpoint=path, rtol=1e-7)
    with pytest.raises(StoreError, match=r"solve.method is 'DOP853' there and 'RK45' here"):
        solve(toys.pendulum(), [0, 5], checkpoint=path, method="RK45")


def test_files_of_one_run_must_come_together(pair: dict[str, Path]) -> None:
    _refused(r"run.checkpoint was written with a store: give store=", checkpoint=pair["checkpoint"])
    pair["store"].unlink()
    _refused(r"run.h5 is missing, its checkpoint .*run.checkpoint is at row 3", **pair)


def test_store_behind_its_checkpoint_is_refused(pair: dict[str, Path]) -> None:
    with h5py.File(pair["store"], "r+") as file:
        file["run/rows"][()] = 1
    _refused(r"run.h5 has 1 rows, its checkpoint is at row 3", **pair)


def test_checkpoint_without_store_refuses_one(tmp_path: Path) -> None:
    _run(checkpoint=tmp_path / "c", max_steps=3)
    _refused(r"c was written without a store: leave store= out", checkpoint=tmp_path / "c", store=tmp_path / "new.h5")
    with pytest.raises(ValueError, match="store and checkpoint are both"):
        _run(checkpoint=tmp_path / "c", store=tmp_path / "c")


def test_other_scipy_is_refused(pair: dict[str, Path]) -> None:
    with h5py.File(pair["checkpoint"], "r+") as file:
        file.attrs["scipy"] = "1.0.0"
    _refused(r"run.checkpoint was written under SciPy 1.0.0, this is SciPy .*: install scipy==1.0.0", **pair)


def test_lsoda_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="checkpoint with method 'LSODA'"):
        solve(toys.pendulum(), [0, 1], method="LSODA", checkpoint=tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.02])
def test_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = save_trajectory(_run(), tmp_path / "run.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(StoreError, match=r"run.h5 is truncated or damaged \(.*truncated file.*\): use a copy, or delete it"):
        load_trajectory(path)


def test_truncated_checkpoint_is_refused(pair: dict[str, Path]) -> None:
    whole = pair["checkpoint"].read_bytes()
    pair["checkpoint"].write_bytes(whole[: len(whole) // 2])
    _refused("run.checkpoint is truncated or damaged", **pair)


def test_foreign_files_are_refused(tmp_path: Path, pair: dict[str, Path]) -> None:
    for name, content, words in (("text", b"hello", "is not an HDF5 file"), ("empty", b"", "is not an HDF5 file")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StoreError, match=rf"{name} {words}"):
            load_trajectory(tmp_path / name)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(StoreError, match=r"foreign.h5 was not written by mfpde"):
        load_trajectory(tmp_path / "foreign.h5")
    with pytest.raises(StoreError, match=r"run.checkpoint is a checkpoint, not a trajectory"):
        run_info(pair["checkpoint"])
    with pytest.raises(StoreError, match=r"run.h5 is a trajectory, not a checkpoint"):
        _run(checkpoint=pair["store"])
    with h5py.File(pair["store"], "r+") as file:
        file.attrs["mfpde_schema"] = 99
    with pytest.raises(StoreError, match=r"run.h5 has schema version 99, this mfpde reads 1"):
        load_trajectory(pair["store"])
    with pytest.raises(StoreError, match=r"cannot read .*none.h5: No such file or directory; check the path"):
        load_trajectory(tmp_path / "none.h5")
    _refused(r"cannot write .*x.h5: No such file or directory; create the directory first", store=tmp_path / "none" / "x.h5")


def test_missing_permission_is_refused(tmp_path: Path) -> None:
    path = save_trajectory(_run(), tmp_path / "run.h5")
    path.chmod(0)
    tmp_path.chmod(0o500)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(StoreError, match=r"cannot read .*run.h5: Permission denied; give a path you may use"):
            load_trajectory(path)
        _refused(r"cannot (read|write) .*new.h5: Permission denied; give a path you may use", store=tmp_path / "new.h5")
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o700)


_FULL_DISK = """
import resource, signal, sys
import numpy as np
from tests import toys
from mfpde.solve import saver, solve
from mfpde.store import load_trajectory
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
small, large = toys.Toy(lambda t, y: -y, np.ones(10)), toys.Toy(lambda t, y: -y, np.ones(100_000))
limit = 1_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for make in (lambda: solve(large, [0, 1, 2], store="large.h5"), lambda: solve(large, [0, 1, 2], checkpoint="large.checkpoint")):
    try:
        make()
    except RuntimeError as error:
        print(type(error).__name__, error)
saver._PERIOD = 0.0
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
solve(small, [0, 1, 2], store="small.h5", checkpoint="small.checkpoint", max_steps=2)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limit))
try:
    solve(small, [0, 1, 2], store="small.h5", checkpoint="small.checkpoint")
except RuntimeError as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
done = solve(small, [0, 1, 2], store="small.h5", checkpoint="small.checkpoint")
print(done.complete, np.array_equal(done.states, solve(small, [0, 1, 2]).states))
"""


def test_full_disk_says_so_at_once_and_loses_nothing(tmp_path: Path) -> None:
    root = Path(toys.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", _FULL_DISK], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].startswith("StoreError cannot write large.h5: File too large; raise the limit on file sizes")
    assert lines[1].startswith("StoreError cannot write large.checkpoint: File too large")
    assert lines[2].startswith("StoreError cannot write small.checkpoint: File too large")
    assert lines[3] == "True True"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.checkpoint", "small.h5"]


def test_full_file_system_says_so(tmp_path: Path) -> None:
    mount, directory = shutil.which("mount"), tmp_path / "tiny"
    directory.mkdir()
    command = [mount or "", "-t", "tmpfs", "-o", "size=256k", "tmpfs", directory]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        with pytest.raises(StoreError, match=r"cannot write .*run.h5: No space left on device; free some space or give another directory"):
            solve(toys.Toy(lambda t, y: -y, np.ones(100_000)), [0, 1, 2], store=directory / "run.h5")
        assert list(directory.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def test_array_observables_have_axes_of_their_own(tmp_path: Path) -> None:
    run = solve(toys.OwnPace(), store=tmp_path / "run.h5", checkpoint=tmp_path / "run.checkpoint")
    _equal(load_trajectory(tmp_path / "run.h5"), run)
    _equal(Trajectory.load(run.save(tmp_path / "again.h5")), run)
    _equal(solve(toys.OwnPace(), store=tmp_path / "run.h5", checkpoint=tmp_path / "run.checkpoint"), run)
    with xarray.open_dataset(tmp_path / "again.h5", engine="h5netcdf") as data:
        assert data["powers"].dims == ("t", "powers_0")
        assert data["table"].dims == run.to_xarray()["table"].dims == ("t", "table_0", "table_1")
        assert data["table"].values.tobytes() == run.observables["table"].tobytes()
