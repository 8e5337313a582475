"""``mfpde sweep``: one row a run, nothing computed twice, and how impossible grids are refused."""

from __future__ import annotations

import csv

import h5py
import numpy as np
import pytest

import mfpde as mf
from mfpde.cli import main
from mfpde.study import Run

BASE = """
[system]
name = "CosineCircle"

[flow]
role = "network"
dynamics = "particles"
m = 8

[solve]
t_eval = { linear = [0, 1, 3] }
"""
GRID = BASE + "\n[grid]\nsystem.b = [0.5, 0.8]\nflow.rng = [0, 1, 2]\n"


def sweep(folder, text, *arguments):
    (folder / "grid.toml").write_text(text)
    given = ["sweep", str(folder / "grid.toml"), "--out", str(folder / "out"), "--workers", "1", "--quiet", *arguments]
    try:
        return main(given)
    except SystemExit as stop:
        return stop.code


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_one_row_a_run_and_one_a_time(capsys, tmp_path):
    assert sweep(tmp_path, GRID) == 0
    printed = capsys.readouterr().out.split()
    assert [line.rsplit("/", 1)[1] for line in printed] == ["grid.csv", "grid.h5", "grid-rows.csv", "grid-rows.h5"]
    table, every = rows(tmp_path / "out" / "grid.csv"), rows(tmp_path / "out" / "grid-rows.csv")
    assert [(float(row["system.b"]), int(row["flow.rng"])) for row in table] == [(b, rng) for b in (0.5, 0.8) for rng in (0, 1, 2)]
    run = mf.solve(mf.CosineCircle(b=0.8).network(m=8, rng=1), [0.0, 0.5, 1.0])
    assert float(table[4]["z"]) == run.observables["z"][-1]
    assert [float(row["z"]) for row in every[12:15]] == run.observables["z"].tolist()
    assert [float(row["t"]) for row in every[12:15]] == [0.0, 0.5, 1.0]
    with h5py.File(tmp_path / "out" / "grid.h5") as file:
        np.testing.assert_array_equal(file["runs/z"][()], [float(row["z"]) for row in table])


def test_points_that_are_lists_are_told_apart(tmp_path):
    """Times here; the widths of a chain are a list too."""
    times = "solve.t_eval = [[0, 0.5], {linear = [0, 1, 3]}]\n"
    assert sweep(tmp_path, BASE.replace("t_eval = { linear = [0, 1, 3] }", "[grid]\nsystem.b = [0.5]\n" + times)) == 0
    points = [row["solve.t_eval"] for row in rows(tmp_path / "out" / "grid.csv")]
    assert points == ["[0, 0.5]", '{"linear": [0, 1, 3]}']
    assert [row["solve.t_eval"] for row in rows(tmp_path / "out" / "grid-rows.csv")] == [points[0]] * 2 + [points[1]] * 3


def test_only_what_is_missing_is_solved(tmp_path, monkeypatch):
    assert sweep(tmp_path, GRID) == 0
    first = (tmp_path / "out" / "grid.csv").read_bytes()
    solved = []
    compute = Run.compute
    monkeypatch.setattr(Run, "compute", lambda run: solved.append(run.config["chosen"]) or compute(run))
    assert sweep(tmp_path, GRID) == 0
    assert solved == []
    assert (tmp_path / "out" / "grid.csv").read_bytes() == first
    assert sweep(tmp_path, GRID.replace("[0, 1, 2]", "[0, 1, 2, 7]")) == 0
    assert [chosen["flow.rng"] for chosen in solved] == [7, 7]


def test_two_processes_give_the_same_table(tmp_path):
    assert sweep(tmp_path, GRID) == 0
    here = (tmp_path / "out" / "grid.csv").read_bytes()
    assert sweep(tmp_path, GRID, "--workers", "2", "--out", str(tmp_path / "other")) == 0
    assert (tmp_path / "other" / "grid.csv").read_bytes() == here


def test_runs_that_stop_early_are_in_the_table_and_in_the_exit_code(capsys, tmp_path):
    problem = '[system]\nname = "LowDimensionalTarget"\nd = 4\nd_h = 2\n'
    steps = '[flow]\nrole = "network"\nm = 4\ndynamics = "gd"\nsamples = 32\n[solve]\nt_eval = { linear = [0, 5000, 2] }\n'
    assert sweep(tmp_path, problem + steps + "[grid]\nflow.lr = [50.0]\n") == 1
    assert "1 of 1 runs did not complete, such as run 0, {'flow.lr': 50.0}" in capsys.readouterr().err
    assert float(rows(tmp_path / "out" / "grid.csv")[0]["complete"]) == 0.0


@pytest.mark.parametrize(("text", "message"), [
    (BASE, "section [grid] is missing or empty"),
    (BASE + "\n[grid]\n", "section [grid] is missing or empty"),
    (BASE + "\n[grid]\nsystem.b = 0.5\n", "[grid]: system.b = 0.5: give a list of values"),
    (BASE + "\n[grid]\nsystem.b = []\n", "[grid]: system.b = []: give a list of values"),
    (BASE + "\n[grid]\nb = [0.5]\n", "[grid]: 'b': give lists under one of system, flow, solve"),
    (BASE + "\n[grid]\nflow.m = [8, 16]\nsystem.b = [0.5]\n", "[grid]: flow.m is given in [flow] too: leave it out there"),
    (BASE + "\n[grid]\nsystem.c = [0.5]\n", "CosineCircle: unknown key 'c'"),
    (BASE + "\n[grid]\nsystem.b = [0.5]\n[more]\nx = 1\n", "the configuration: unknown key 'more'"),
    (BASE + "max_seconds = 1\n[grid]\nsystem.b = [0.5]\n", "[solve]: max_seconds has no place in a sweep"),
    (BASE.replace("[solve]", "[rest]") + "[grid]\nsystem.b = [0.5]\n", "the configuration: unknown key 'rest'"),
    ("solve = 5\n" + BASE.replace("[solve]\n", "") + "[grid]\nsolve.rtol = [1e-3]\n", "solve = 5: give [solve] as a section"),
    ("[grid", "is not TOML"),
])  # fmt: skip
def test_impossible_grids_are_refused(capsys, tmp_path, text, message):
    assert sweep(tmp_path, text) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_an_impossible_value_later_in_the_grid_is_named(capsys, tmp_path):
    assert sweep(tmp_path, BASE + '\n[grid]\nsystem.b = [0.5, "x"]\n') == 2
    assert "[grid] at {'system.b': 'x'}" in capsys.readouterr().err
    assert len(list((tmp_path / "out" / "store").glob("*.npz"))) == 1


def test_a_missing_file(capsys, tmp_path):
    assert main(["sweep", str(tmp_path / "none.toml"), "--out", str(tmp_path), "--quiet"]) == 1
    assert "none.toml" in capsys.readouterr().err
