"""The odd-target figures of Hajjar, Chizat (2023) at small size: what their tables say."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from mfpde import papers
from mfpde.systems.symmetric.odd import OddTarget

ODD, PAIRED, LINEAR = (importlib.import_module(f"mfpde.papers.hajjar2023.{name}") for name in ("odd", "odd_paired", "odd_linear"))
SMALL = {"d": 6, "widths": [10, 40], "lr": 0.02, "batch": 64, "steps": 1200, "rows": 13, "progress": False}


def arrays(tables):
    return {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}


@pytest.mark.parametrize("module", [ODD, PAIRED, LINEAR])
def test_both_presets(module):
    assert set(module.PRESETS) == set(papers.PRESETS)


def test_published_setting():
    """Loss from 1.0 to .4, |w*| = 8.485, |w|/|w*| after 5000 steps: the setting of the paper's preset."""
    settings = ODD.PRESETS["paper"]
    assert (settings["d"], settings["widths"], settings["batch"], settings["steps"]) == (60, [10, 50, 128, 1024], 512, 10000)
    table = ODD.limit_table(OddTarget.cubic(60), settings["lr"], np.array([0.0, 5000.0, 10000.0]))
    assert table["loss"][0] == pytest.approx(1.0, abs=1e-12)
    assert table["loss"][2] == pytest.approx(0.4, abs=1e-8)
    assert table["distance"][0] == pytest.approx(np.sqrt(72.0), rel=1e-12)
    assert table["distance"][1] == pytest.approx(np.sqrt(72.0) * (1 - 0.947975206067159), rel=1e-9)
    assert table["bound"][2] == pytest.approx(np.sqrt(72.0) * np.exp(-100 * 61 / 14400), rel=1e-12)


@pytest.mark.parametrize("module", [ODD, PAIRED])
def test_networks_are_near_the_limit_until_the_noise_of_batches(module):
    data = arrays(module.compute(**SMALL))
    limit, networks = data["limit"], data["networks"]
    assert np.all(limit["distance"] <= limit["bound"] * (1 + 1e-12))
    # Gradient descent in steps of .02 falls a little faster than exp(-S t).
    assert limit["distance"][-1] == pytest.approx(limit["asymptote"][-1], rel=0.1)
    for m, allowed in ((10, 0.25), (40, 0.15)):
        at = networks["m"] == m
        assert np.max(np.abs(networks["loss"][at] - limit["loss"])) < allowed
        assert networks["loss"][at][-1] == pytest.approx(0.4, abs=0.02)
    if module is PAIRED:
        assert np.max(networks["nonlinearity"]) < 1e-14
        assert np.max(data["descent"]["difference"]) < 1e-12
        assert np.max(data["descent"]["w_norm"]) == pytest.approx(np.sqrt(7.2), rel=1e-3)
    else:
        assert np.all(networks["nonlinearity"] > 1e-3)


def test_linear_networks_are_their_recursion():
    data = arrays(LINEAR.compute(d=5, n=12, m=60, lr=0.05, steps=1000, trials=2, rows=8, progress=False))["trials"]
    np.testing.assert_allclose(data["network"], data["recursion"], rtol=1e-9, atol=1e-13)
    assert np.max(data["difference"]) < 1e-12
    for trial in (0.0, 1.0):
        at = data["trial"] == trial
        assert np.all(np.diff(data["network"][at]) < 0)
        assert np.max(np.abs(data["network"][at] / data["infinite"][at] - 1.0)[:5]) < 0.2


@pytest.mark.parametrize("name", ["odd", "odd_paired"])
def test_files(name, tmp_path):
    module = importlib.import_module(f"mfpde.papers.hajjar2023.{name}")
    figure = f"hajjar2023-{name.replace('_', '-')}"
    paths = module.produce(figure, {k: v for k, v in SMALL.items() if k != "progress"}, module.compute, module.draw, tmp_path, False)
    assert {path.suffix for path in paths} == {".pdf", ".png", ".h5", ".csv", ".json"}
