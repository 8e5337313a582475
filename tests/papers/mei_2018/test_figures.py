"""The figures of Mei, Montanari, Nguyen (2018) at small size: what their tables say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mfpde import papers
from mfpde.papers.mei2018 import anisotropic, histograms, recalled, separation, two_basins
from mfpde.papers.mei2018.recalled import inverse_quarter_power, multiples


def modules():
    import importlib

    return [importlib.import_module(f"mfpde.papers.mei2018.{name}") for name in ("histograms", "separation", "two_basins", "anisotropic")]


HISTOGRAMS, SEPARATION, TWO_BASINS, ANISOTROPIC = modules()


def arrays(tables):
    return {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}


def test_every_figure_is_registered_and_has_both_presets():
    for name in ("histograms", "separation", "two-basins", "anisotropic"):
        assert papers.figure(f"mei2018-{name}").summary
    for module in modules():
        assert set(module.PRESETS) == set(papers.PRESETS)
    assert all(callable(f) for f in (anisotropic, histograms, separation, two_basins))


def test_density_is_that_of_the_neurons():
    """Before the split: the density integrates to 1, its mean is the limit's, and the network's mean is near."""
    data = arrays(HISTOGRAMS.compute(d=40, delta=0.8, m=200, eps=1e-4, shown=[1e-3, 0.2], rows=3, progress=False))
    for time in (1e-3, 0.2):
        at = data["density"]["t"] == time
        r, p = data["density"]["radius"][at], data["density"]["density"][at]
        mean = data["limit"]["radius_mean"][data["limit"]["t"] == time][0]
        assert np.trapezoid(p, r) == pytest.approx(1.0, abs=2e-3)
        assert np.trapezoid(p * r, r) == pytest.approx(mean, abs=2e-3)
        assert data["neurons"]["radius"][data["neurons"]["t"] == time].mean() == pytest.approx(mean, abs=0.03)


def test_least_risk_leaves_the_single_atom_at_the_threshold():
    data = arrays(SEPARATION.compute(d=[40], deltas=12, trained=[0.4], m=100, eps=3e-4, steps=20000, progress=False))
    least = data["least"]
    for d, critical in zip(data["threshold"]["d"], data["threshold"]["delta"], strict=True):
        at = least["d"] == d
        gap = least["atom_risk"][at] - least["risk"][at]
        assert np.all(gap[(least["delta"][at] > 0.03) & (least["delta"][at] < critical)] < 1e-10)
        assert np.all(gap[least["delta"][at] > critical + 0.05] > 1e-3)
    assert np.all(least["certificate"] < 1e-12)
    assert data["sgd"]["risk"][0] == pytest.approx(0.0728817857423, abs=0.06)


def test_one_start_is_trapped_and_the_other_is_not():
    data = arrays(TWO_BASINS.compute(d=64, delta=0.5, starts=[0.1, 0.4], m=50, eps=2e-5, end=1.0, rows=4, progress=False))
    for table in ("limit", "network"):
        rows = data[table]
        last = {start: rows["risk"][rows["sigma_0"] == start][-1] for start in (0.1, 0.4)}
        assert last[0.4] < 0.5 < 4.0 < last[0.1]


def test_steps_and_flow_clock_belong_together():
    settings = {"d": 128, "gamma": 0.25, "delta": 0.5, "m": 200, "eps": 2e-4, "steps": 20000, "rows": 6}
    data = arrays(ANISOTROPIC.compute(**settings, progress=False))
    network, limit = data["network"], data["limit"]
    np.testing.assert_allclose(np.interp(limit["s"], network["s"], network["step"])[[0, -1]], limit["step"][[0, -1]], rtol=1e-9)
    assert network["s"][-1] == pytest.approx(8.0 / 3.0 * network["t"][-1] ** 0.75, rel=1e-2)
    np.testing.assert_allclose(network["risk"], np.interp(network["s"], limit["s"], limit["risk"]), atol=0.05)


def test_files_say_that_settings_are_from_memory(tmp_path):
    small = {"d": 32, "gamma": 0.25, "delta": 0.5, "m": 10, "eps": 1e-3, "steps": 200, "rows": 4}
    paths = recalled.produce_recalled("mei2018-anisotropic", small, ANISOTROPIC.compute, ANISOTROPIC.draw, tmp_path, False)
    assert {path.suffix for path in paths} == {".pdf", ".png", ".h5", ".csv", ".json"}
    config = json.loads((tmp_path / "mei2018-anisotropic.json").read_text())["config"]
    assert config["note"].startswith("settings from memory")
    assert config["steps"] == 200


def test_shared_helpers():
    assert inverse_quarter_power(16.0) == 0.5
    np.testing.assert_allclose(multiples([0.0, 0.1001, 0.0999, 0.36], 0.1), [0.0, 0.1, 0.4])
