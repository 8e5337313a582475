"""The figures of Hajjar, Chizat, Giraud (2024) at small size: what their tables say."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from mfpde import papers
from mfpde.datafiles import reference_rows
from mfpde.papers.hajjar2024 import shared, training_runs

NAMES = ("coordinates", "freeze", "identities", "initialisation", "ranks", "recursion", "regression", "training")


def module(name):
    return importlib.import_module(f"mfpde.papers.hajjar2024.{name}")


def tables(name, **changes):
    found = module(name).compute(**{**module(name).PRESETS["quick"], **changes}, progress=False)
    return {key: {column: np.asarray(values) for column, values in table.items()} for key, table in found.items()}


@pytest.mark.parametrize("name", NAMES)
def test_both_presets(name):
    assert set(module(name).PRESETS) == set(papers.PRESETS)


def test_published_settings_and_numbers():
    p = module("training").PRESETS["paper"]
    assert (p["depth"], p["m"], p["batch"], p["steps"], p["seeds"], p["lr"], p["tested"]) == (6, 1024, 512, 600, 5, 0.01, 10000)
    assert len(p["models"]) == 5
    assert p["activations"] == ["relu", "gelu", "elu", "tanh"]
    found = [shared.published("accuracy", model="IP-LLR", data="MNIST", depth=6, activation=a) for a in p["activations"]]
    assert found == [0.114, 0.946, 0.783, 0.947]
    assert math.isnan(shared.published("accuracy", model="muP", data="MNIST", depth=6, activation="gelu"))
    ranks = [shared.published("rank_fields", activation="relu", layer=layer) for layer in range(1, 7)]
    assert ranks == [592, 145, 9, 2, 1, 1]
    assert {row["quantity"] for row in reference_rows("hajjar2024_accuracies.csv")} == {"accuracy", "rank_fields", "rank_updates"}


def test_naive_ip_learns_at_two_layers_and_freezes_at_three():
    table = tables("freeze", depths=[2, 3, 4], widths=[32, 96], steps=160, window=20)["relu"]
    fallen = {}
    for depth in (2, 3, 4):
        for m in (32, 96):
            loss = table["loss"][(table["depth"] == depth) & (table["m"] == m)]
            fallen[depth, m] = math.log(10.0) - loss[-1]
    # Two layers: no power of m in f. Three: 1/m at fixed t, so that wider networks start later. Four: 1/m^2.
    assert fallen[2, 96] > 1.0
    assert fallen[2, 32] / fallen[2, 96] < 1.3
    assert fallen[3, 32] > 0.3
    assert fallen[3, 96] < 0.3 * fallen[3, 32]
    assert abs(fallen[4, 96]) < 0.01


def test_initial_outputs_fall_with_the_predicted_powers():
    """-L/2 for naive IP and -1/2 for muP in |f_0|, twice that in f_0^2; both have the same weights."""
    found = tables("initialisation", depth=3, widths=[16, 32, 64, 128], trials=100)
    e = found["exponents"]
    np.testing.assert_array_equal(e["predicted"], [-1.5, -3.0, -0.5, -1.0])
    assert np.all((e["low"] < e["exponent"]) & (e["exponent"] < e["high"]))
    np.testing.assert_allclose(e["exponent"], [-1.5, -3.0, -0.5, -1.0], atol=0.35)
    # f_0 of the two differ by m^{-(L-1)/2} exactly.
    s = found["sizes"]
    ip, mup = (s["mean"][(s["model"] == i) & (s["power"] == 1)] for i in (0, 1))
    np.testing.assert_allclose(ip / mup, np.array([16.0, 32.0, 64.0, 128.0]) ** -1.0, rtol=1e-12)


def test_identities_and_gaps():
    found = tables("identities", widths=[64, 128, 256], seeds=6, identical=[64, 100, 256], samples=1024)
    identity, limit, gaps = found["identity"], found["limit"], found["gaps"]
    np.testing.assert_array_equal(identity["difference"][[0, 2]], 0.0)
    assert np.max(identity["difference"]) < 1e-14
    relu = limit["activation"] == 0
    # f_2 at the test input: reference digits of the two tie rules; at t = 1 the rules agree.
    assert limit["gap"][relu][0] == 0.0
    assert limit["gap"][relu][1] == pytest.approx(0.782809276964766 - 0.758011511560853, rel=1e-10)
    assert np.all(limit["gap"][~relu] == 0.0)
    tanh = (gaps["activation"] == 1) & (gaps["other"] == 0) & (gaps["t"] == 1)
    assert gaps["rms"][tanh][-1] < 0.8 * gaps["rms"][tanh][0]


def test_networks_lie_around_the_recursion():
    found = tables("recursion", depths=[2], m=256, seeds=8, steps=2, samples=4096)
    limit, networks = found["limit"], found["networks"]
    for batch in (1, 8):
        at, here = limit["batch"] == batch, networks["batch"] == batch
        f = networks["f"][here].reshape(8, 3)
        assert limit["f"][at][0] == 0.0
        assert np.all(np.abs(f.mean(axis=0) - limit["f"][at]) < 0.3 * limit["f"][at][2])
        assert f[:, 2].min() < limit["f"][at][2] < f[:, 2].max()


def test_networks_that_are_switched_off_stay_off():
    """From the first time below 2 % of the largest |f| before; a small first output is not off."""
    fan = np.array([[0.0, 0.01, 0.5, 0.005, 0.3], [0.0, 0.01, 0.5, -0.02, 0.3]])
    np.testing.assert_array_equal(module("recursion")._off(fan), [[False, False, False, True, True], [False] * 5])


def test_ranks_collapse():
    """The output's update has rank 9 (ten classes, derivatives that sum to 0), others at most the batch; relu collapses with depth."""
    found = tables("ranks", activations=["relu", "elu"], depth=4, m=64, batch=32, images=500, trials=2)
    fields, updates = found["fields"], found["updates"]
    assert np.all(updates["mean"][updates["layer"] == 5] == 9)
    assert np.all(updates["largest"] <= 32)
    relu = fields["mean"][fields["activation"] == 0]
    assert relu[0] > 50
    assert np.all(np.diff(relu) <= 0)
    assert np.isnan(fields["published"]).all()


def test_rank_of_a_matrix_in_single_precision():
    a = np.random.default_rng(0).standard_normal((40, 3)) @ np.random.default_rng(1).standard_normal((3, 60))
    ranks = module("ranks")
    assert ranks._rank(a @ a.T, 60) == 3.0
    assert ranks._rank(a @ a.T + 1e-2 * np.eye(40), 60) == 40.0


def test_regression_of_four_models():
    found = tables("regression", m=64, steps=150, seeds=2)
    functions, losses = found["functions"], found["losses"]
    assert np.all(functions["made"] == 150)
    last = {i: losses["loss"][(losses["model"] == i) & (losses["step"] == 149)] for i in range(4)}
    first = losses["loss"][losses["step"] == 0].reshape(4, 2)
    assert np.all(last[0] > 0.99 * first[0])  # naive IP stands still
    assert np.all(last[2] < 0.3 * first[2])  # muP learns
    assert np.max(np.abs(functions["f"][functions["model"] == 0])) < 1e-2


def test_training_runs_are_kept_and_read_again(tmp_path, monkeypatch):
    settings = {"models": ["naive IP", "muP"], "activations": ["relu"], "depth": 3, "m": 64, "batch": 64, "steps": 40, "seeds": 2}
    first = tables("training", **settings, every=10, tested=500, store=tmp_path / "runs")
    accuracy = first["accuracy"]
    assert np.all(accuracy["stopped"] == 0)
    assert np.isnan(accuracy["published"]).all()
    # Naive IP stays where it was, at the loss of ten equal classes; muP learns.
    loss = first["loss_relu"]
    ends = loss["mean"][loss["step"] == 39]
    assert ends[0] == pytest.approx(math.log(10.0), abs=0.02)
    assert ends[1] < 2.1
    assert accuracy["mean"][1] > accuracy["mean"][0] + 0.2
    monkeypatch.setattr(training_runs, "data", lambda: pytest.fail("computed again"))
    again = tables("training", **settings, every=10, tested=500, store=tmp_path / "runs")
    for name, table in first.items():
        for column, values in table.items():
            np.testing.assert_array_equal(again[name][column], values)


def test_runs_that_blow_up_are_counted_and_not_averaged():
    result = training_runs.train(
        model="muP", activation="relu", depth=2, m=32, lr=1e30, batch=16, steps=6, seed=0, every=2, tested=100
    )
    assert result["made"] < 6
    assert "layer" in result["message"]
    assert np.isnan(result["loss"][int(result["made"]) :]).all()
    mean, error, count = module("training")._over_seeds(np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]]))
    np.testing.assert_array_equal(mean, [2.0, 5.0, np.nan])
    np.testing.assert_array_equal(count, [2, 1, 0])
    np.testing.assert_allclose(error, [1.0, np.nan, np.nan])


SMALL = {
    "freeze": {"depths": [2], "widths": [8], "steps": 4, "window": 2},
    "initialisation": {"depth": 2, "widths": [8, 16, 32], "trials": 10, "fitted": 3},
    "identities": {"widths": [16, 32, 64], "seeds": 3, "identical": [16], "samples": 64},
    "recursion": {"depths": [2], "m": 16, "seeds": 2, "steps": 1, "samples": 64},
    "ranks": {"activations": ["gelu"], "depth": 2, "m": 16, "batch": 8, "images": 40},
    "regression": {"m": 16, "steps": 3, "seeds": 1},
    "training": {
        "activations": ["relu"], "models": ["IP-LLR", "muP"], "depth": 2, "m": 16, "batch": 8, "steps": 4, "every": 2, "tested": 20
    },
    "coordinates": {"names": ["ip", "hp"], "depths": [2, 2], "rates": [1.0, 1.0], "widths": [8, 16], "replicas": 3},
}  # fmt: skip


def test_coordinates():
    """Three quantities whose powers show at small widths: -L/2 for f_0, the sizes of the first layer's change."""
    names = ["ip", "mup", "ntp"]
    found = tables("coordinates", names=names, depths=[3, 2, 2], rates=[0.05] * 3, widths=[32, 96, 288], replicas=20)["exponents"]
    for quantity, predicted in ((0, [-1.5, -0.5, 0.0]), (2, [-1.0, 0.0, -0.5])):
        at = found["quantity"] == quantity
        np.testing.assert_array_equal(found["predicted"][at], predicted)
        np.testing.assert_allclose(found["exponent"][at], predicted, atol=0.12)
        assert np.all(found["high"][at] - found["low"][at] < 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_files(name, tmp_path, monkeypatch):
    monkeypatch.setitem(module(name).PRESETS, "quick", {**module(name).PRESETS["quick"], **SMALL[name]})
    paths = getattr(importlib.import_module("mfpde.papers.hajjar2024"), name)("quick", tmp_path, False)
    assert {path.suffix for path in paths} == {".pdf", ".png", ".h5", ".csv", ".json"}
    assert all(path.stat().st_size > 0 for path in paths)
