"""``mfpde drift``: the table and files of small studies, what a second call computes, and how impossible studies are refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import mfpde as mf
from mfpde.cli import main
from mfpde.papers.drift import STUDIES, make_system
from mfpde.systems import registry

SMALL = ("--widths", "m=8,16,32", "--replicas", "4", "--t", "0,0.5", "--workers", "1", "--quiet")


def run(out, *arguments):
    """The exit code of `mfpde drift` with the output folder `out`."""
    try:
        return main(["drift", *map(str, arguments), "--out", str(out)])
    except SystemExit as stop:
        return stop.code


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_table_plot_and_numbers(capsys, tmp_path):
    assert run(tmp_path, "CosineCircle", *SMALL, "--param", "b=0.5") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "CosineCircle: rms over 4 replicas, t = 0.5"
    assert printed[1].split()[:4] == ["gap", "statistic", "exponent", "interval"]
    expected = mf.drift(mf.CosineCircle(b=0.5), widths={"m": [8, 16, 32]}, replicas=4, t_eval=[0.0, 0.5])
    rate = expected.rate("z", t=0.5)
    written = {row["gap"]: row for row in rows(tmp_path / "CosineCircle-rates.csv")}
    assert float(written["z"]["exponent"]) == rate.exponent
    assert [float(row["z"]) for row in rows(tmp_path / "CosineCircle-drift-values.csv")] == rate.values.tolist()
    assert float(rows(tmp_path / "CosineCircle-drift-fits.csv")[0]["z_low"]) == rate.low
    kept = mf.finite.Drift.load(tmp_path / "CosineCircle-gaps.h5")
    np.testing.assert_array_equal(kept.gaps["risk"], expected.gaps["risk"])
    assert json.loads((tmp_path / "CosineCircle-drift.json").read_text())["config"]["drift"]["replicas"] == 4
    for line in printed[-9:]:
        assert (tmp_path / line.rsplit("/", 1)[1]).stat().st_size > 0


def test_a_second_call_computes_nothing_and_more_replicas_only_the_rest(capsys, tmp_path, monkeypatch):
    assert run(tmp_path, "CosineCircle", *SMALL) == 0
    first = capsys.readouterr().out
    made = []
    network = mf.CosineCircle.network
    monkeypatch.setattr(mf.CosineCircle, "network", lambda self, **given: made.append(given["m"]) or network(self, **given))
    assert run(tmp_path, "CosineCircle", *SMALL) == 0
    assert capsys.readouterr().out == first
    assert made == [8]
    assert run(tmp_path, "CosineCircle", *SMALL, "--replicas", "5") == 0
    assert sorted(made) == [8, 8, 8, 16, 32]


def test_a_grid_of_widths_is_fitted_along_one(capsys, tmp_path):
    given = ("--widths", "m1=4,8,16", "m2=4,8", "--replicas", "3", "--t", "0,10", "--param", "d=5", "sigma_2=0.1", "--workers", "1")
    fast = ("--network", "directions=64", "dt=0.5", "--dynamics", "gd", "--limit", "nodes=8", "--quiet")
    assert run(tmp_path, "DepthSeparation", *given, *fast, "--along", "m1", "--at", "sup") == 0
    assert "largest over the saved times" in capsys.readouterr().out
    system = mf.DepthSeparation(d=5, sigma_2=0.1)
    study = STUDIES["DepthSeparation"]
    network = {**study.network, "directions": 64, "dt": 0.5}
    options = {"rtol": study.rtol, "t_eval": [0.0, 10.0], "network": network, "dynamics": "gd", "limit": {"nodes": 8}}
    expected = mf.drift(system, widths={"m1": [4, 8, 16], "m2": [4, 8]}, replicas=3, **options)
    found = {row["gap"]: float(row["exponent"]) for row in rows(tmp_path / "DepthSeparation-rates.csv")}
    assert found["second_layer_rms"] == expected.rate("second_layer_rms", width="m1", at={"m2": 8}).exponent
    values = rows(tmp_path / "DepthSeparation-drift-values.csv")
    assert [float(row["m1"]) for row in values] == [4, 8, 16]
    assert run(tmp_path, "DepthSeparation", *given, *fast) == 2
    assert "give --along one of them" in capsys.readouterr().err


def test_floors_of_the_same_law(tmp_path):
    given = ("--widths", "m=8,16,32", "--replicas", "3", "--t", "0,1", "--workers", "1", "--quiet", "--laws")
    assert run(tmp_path, "TwoLayer", *given, "--limit", "nodes=6") == 0
    columns = rows(tmp_path / "TwoLayer-drift-values.csv")[0]
    assert {"neurons_w2", "neurons_w2_error", "neurons_w2_floor", "neurons_w2_floor_error"} <= set(columns)


def test_runs_that_did_not_complete_are_shown_and_left_out(capsys, tmp_path, monkeypatch):
    """The study of three widths, as if one run, then every run of one width, had stopped before its last time."""
    full = mf.drift(mf.CosineCircle(b=0.8), widths={"m": [8, 16, 32]}, replicas=4, t_eval=[0.0, 0.5])
    for lost in (1, 4):
        gaps = {name: gap.copy() for name, gap in full.gaps.items()}
        complete, messages = full.complete.copy(), full.messages.astype("U20")
        complete[0, :lost], messages[0, :lost] = False, "network: overflow"
        for gap in gaps.values():
            gap[0, :lost, 1:] = np.nan
        found = replace(full, gaps=gaps, complete=complete, messages=messages)
        monkeypatch.setattr("mfpde.finite.drift", lambda *given, found=found, **settings: found)
        assert run(tmp_path / str(lost), "CosineCircle", *SMALL) == 0
        printed = capsys.readouterr().out
        said = "did not complete: {'m': 8, 'replica': 0, 'rows': 1, 'message': 'network: overflow'}"
        assert said in printed
        assert printed.count("did not complete: {") == lost
    assert "width 8 has 0 complete replicas" in printed
    assert rows(tmp_path / "4" / "CosineCircle-drift-fits.csv") == []
    assert {row["excluded"] for row in rows(tmp_path / "1" / "CosineCircle-rates.csv")} == {"1"}


def test_every_system_has_a_study():
    assert list(STUDIES) == registry.names()


@pytest.mark.parametrize("name", registry.names())
def test_the_study_of_every_system_runs(name):
    """One network of the smallest widths beside its limit, to the first time after 0."""
    study = STUDIES[name]
    limit = {**study.limit, **{key: study.network[key] for key in study.shared}}
    widths = {width: [min(sizes)] for width, sizes in study.widths.items()}
    fixed = dict.fromkeys(study.fixed, 8)
    times = study.times[:2]
    network = {**study.network, **({"directions": 64} if name == "DepthSeparation" else {})}
    found = mf.drift(make_system(name, {}), widths=widths, fixed=fixed, replicas=1, t_eval=times, network=network, limit=limit)
    assert found.complete.all()
    assert np.max(np.abs(found.gaps["loss"])) < 3.0


@pytest.mark.parametrize(("arguments", "message"), [
    (["Nothing"], "system 'Nothing' is unknown: the systems are AnisotropicGaussians, Chain"),
    (["CosineCircle", "--widths", "m=8,16"], "m = [8, 16]: a rate needs at least 3 different widths"),
    (["CosineCircle", "--widths", "m=8,16,32", "--floor"], "m = [8, 16, 32]: a rate needs at least 4 different widths"),
    (["CosineCircle", "--widths", "m=8,x"], "argument --widths: 'm=8,x': give NAME=NUMBER,NUMBER,..."),
    (["CosineCircle", "--widths", "m=8,0,4"], "m = 0: give an integer >= 1"),
    (["CosineCircle", "--widths", "n=8,16,32"], "CosineCircle: CosineCircle.network() got an unexpected keyword argument 'n'"),
    (["CosineCircle", "--fixed", "m=8,16"], "argument --fixed: 'm=8,16': give one number"),
    (["CosineCircle", "--replicas", "1"], "replicas = 1: an interval needs at least 2"),
    (["CosineCircle", "--t", "0,soon"], "argument --t: '0,soon': give times with commas between them"),
    (["CosineCircle", "--t", "2,1"], "t_eval"),
    (["CosineCircle", "--at", "7"], "--at 7: give one of the times [0.0, 1.0, 2.0], or sup"),
    (["CosineCircle", "--widths", "m=8,8,16,32"], "m = [8, 8, 16, 32]: give each width once"),
    (["CosineCircle", "--statistic", "bias", "--at", "sup"], "--statistic bias --at sup: a bias belongs to a time"),
    (["CosineCircle", "--statistic", "median"], "statistic = 'median': give rms, mean or bias"),
    (["CosineCircle", "--param", "c=1"], "CosineCircle: unknown key 'c'; the keys are b, beta, clock, noise"),
    (["CosineCircle", "--param", "b"], "argument --param: 'b': give KEY=VALUE"),
    (["CosineCircle", "--dynamics", "newton"], "dynamics = 'newton': give one of"),
    (["CosineCircle", "--coupling", "loose"], "coupling = 'loose': give one of"),
    (["CosineCircle", "--limit", "foo=3"], "CosineCircle: CosineCircle.limit() got an unexpected keyword argument 'foo'"),
    (["AnisotropicGaussians", "--limit", "foo=3"], "AnisotropicGaussians: AnisotropicGaussians.limit() got an unexpected keyword"),
    (["CosineCircle", "--workers", "0"], "workers = 0: give an integer >= 1"),
])  # fmt: skip
def test_impossible_studies_are_refused(capsys, tmp_path, arguments, message):
    assert run(tmp_path, *arguments, "--quiet") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"mfpde: {message}")
    assert not list(tmp_path.rglob("*.npz"))


def test_a_store_of_something_else_is_left_alone(capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert run(tmp_path, "CosineCircle", *SMALL, "--store", tmp_path / "mine") == 1
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_ctrl_c_says_how_to_go_on(capsys, tmp_path, monkeypatch):
    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("mfpde.finite.drift", stop)
    assert run(tmp_path, "CosineCircle", *SMALL) == 1
    assert "the same command goes on from there" in capsys.readouterr().err
