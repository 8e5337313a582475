"""`run`, `resume` and `show`: files, interruptions and what is said about them."""

import functools
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mfpde
from mfpde.cli import main

LIMIT = """
[system]
name = "DepthSeparation"
d = 3
[flow]
role = "limit"
nodes = 4
rng = 1
[solve]
t_eval = {linear = [0, 40, 9]}
rtol = 1e-5
"""

# Many short steps: long enough to be stopped by hand, whatever the machine.
LONG = """
[system]
name = "DepthSeparation"
d = 3
[flow]
role = "network"
dynamics = "sgd"
m1 = 8
m2 = 4
directions = 64
batch = 64
dt = 0.01
[solve]
t_eval = {linear = [0, 2000, 21]}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "limit.toml"
    path.write_text(LIMIT)
    return path


def fails(capsys, *arguments):
    """The exit code of a command and the last line on standard error."""
    code = main([str(a) for a in arguments])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("mfpde: ")
    return code, last.removeprefix("mfpde: ")


def test_run_writes_what_solve_returns(capsys, config, tmp_path):
    out = tmp_path / "limit.h5"
    assert main(["run", str(config), "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 9 rows, complete")
    saved = mfpde.Trajectory.load(out)
    flow = mfpde.DepthSeparation(d=3).limit(nodes=4, rng=1)
    ours = mfpde.solve(flow, t_eval=np.linspace(0, 40, 9), rtol=1e-5)
    assert saved.states.tobytes() == ours.states.tobytes()
    assert saved.config == ours.config


def test_show_prints_configuration_progress_and_last_observables(capsys, config, tmp_path):
    out = tmp_path / "limit.h5"
    main(["run", str(config), "--out", str(out), "--quiet"])
    capsys.readouterr()
    assert main(["show", str(out)]) == 0
    printed = capsys.readouterr().out
    loss = mfpde.Trajectory.load(out).observables["loss"][-1]
    for word in ("DepthSeparation, limit", "9 rows, complete", "rtol", "observables at time = 40", f"{loss:.12g}"):
        assert word in printed


def test_run_overwrites_nothing(capsys, config, tmp_path):
    out = tmp_path / "limit.h5"
    out.write_text("precious")
    code, said = fails(capsys, "run", config, "--out", out)
    assert code == 1
    assert said.startswith(f"{out} exists already")
    assert out.read_text() == "precious"


def test_resuming_a_complete_run_leaves_it_alone(capsys, config, tmp_path):
    out = tmp_path / "limit.h5"
    main(["run", str(config), "--out", str(out), "--quiet"])
    before = out.read_bytes()
    assert main(["resume", str(out)]) == 0
    assert capsys.readouterr().out.endswith("complete: nothing to continue\n")
    assert out.read_bytes() == before


@pytest.mark.parametrize("command", ["resume", "show"])
def test_a_file_that_is_missing_foreign_or_truncated_is_refused_by_name(capsys, config, tmp_path, command):
    code, said = fails(capsys, command, tmp_path / "none.h5")
    assert code == 1
    assert "none.h5" in said
    (tmp_path / "text.h5").write_text("not HDF5")
    code, said = fails(capsys, command, tmp_path / "text.h5")
    assert code == 1
    assert "text.h5 is not an HDF5 file" in said
    whole = tmp_path / "limit.h5"
    main(["run", str(config), "--out", str(whole), "--quiet"])
    (tmp_path / "short.h5").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, said = fails(capsys, command, tmp_path / "short.h5")
    assert code == 1
    assert "short.h5 is truncated" in said


def test_an_incomplete_run_fails_says_why_and_resumes_to_the_same_bits(capsys, tmp_path):
    short, whole, stopped = tmp_path / "short.toml", tmp_path / "whole.toml", tmp_path / "stopped.h5"
    whole.write_text(LIMIT)
    short.write_text(LIMIT + "max_steps = 5\n")
    code, said = fails(capsys, "run", short, "--out", stopped, "--quiet")
    assert code == 1
    assert said.startswith(f"{stopped}: ")
    assert "incomplete" in said
    assert "mfpde resume" in said
    assert main(["resume", str(stopped), "--quiet"]) == 0
    assert main(["run", str(whole), "--out", str(tmp_path / "whole.h5"), "--quiet"]) == 0
    ours, theirs = mfpde.Trajectory.load(stopped), mfpde.Trajectory.load(tmp_path / "whole.h5")
    assert ours.complete
    assert ours.t.size == 9
    assert ours.states.tobytes() == theirs.states.tobytes()


def test_resume_without_the_checkpoint_says_so(capsys, tmp_path):
    short, stopped = tmp_path / "short.toml", tmp_path / "stopped.h5"
    short.write_text(LIMIT + "max_steps = 5\n")
    fails(capsys, "run", short, "--out", stopped, "--quiet")
    Path(f"{stopped}.checkpoint").unlink()
    before = stopped.read_bytes()
    code, said = fails(capsys, "resume", stopped)
    assert code == 1
    assert "checkpoint" in said
    assert stopped.read_bytes() == before


def test_ctrl_c_says_what_is_saved_and_how_to_continue(tmp_path):
    config, out = tmp_path / "long.toml", tmp_path / "long.h5"
    config.write_text(LONG)
    child = subprocess.Popen(
        [sys.executable, "-m", "mfpde", "run", str(config), "--out", str(out), "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not Path(f"{out}.checkpoint").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 1
    saved = mfpde.Trajectory.load(out)
    assert not saved.complete
    assert said.splitlines() == [f"mfpde: interrupted; {saved.t.size} rows are saved in {out}, continue with: mfpde resume {out}"]


def test_ctrl_c_before_the_first_row_says_that_nothing_is_saved(capsys, config, tmp_path, monkeypatch):
    def stop_by_hand(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("mfpde.solve", functools.wraps(mfpde.solve)(stop_by_hand))
    code, said = fails(capsys, "run", config, "--out", tmp_path / "limit.h5")
    assert (code, said) == (1, "interrupted before the first row was saved; run it again")


def test_a_checkpoint_of_another_run_is_refused_by_the_first_difference(capsys, tmp_path):
    for name, d in (("a", 3), ("b", 4)):
        config = tmp_path / f"{name}.toml"
        config.write_text(LIMIT.replace("d = 3", f"d = {d}") + "max_steps = 5\n")
        fails(capsys, "run", config, "--out", tmp_path / f"{name}.h5", "--quiet")
    before = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "b.h5.checkpoint").replace(tmp_path / "a.h5.checkpoint")
    code, said = fails(capsys, "resume", tmp_path / "a.h5")
    assert code == 1
    assert "a.h5.checkpoint is from another run: parameters.d is 4 there and 3 here" in said
    assert (tmp_path / "a.h5").read_bytes() == before


def test_a_folder_that_is_missing_is_a_failure_that_names_the_file(capsys, config, tmp_path):
    code, said = fails(capsys, "run", config, "--out", tmp_path / "none" / "limit.h5")
    assert code == 1
    assert str(tmp_path / "none" / "limit.h5") in said
