"""The figures of Mei, Misiakiewicz, Montanari (2019) at small size: what their tables say."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from mfpde import papers
from mfpde.systems.two_layer import exact

NAMES = ("constants", "kernel", "noisy", "spectrum")
CONSTANTS, KERNEL, NOISY, SPECTRUM = (importlib.import_module(f"mfpde.papers.mei2019.{name}") for name in NAMES)
SPLIT = importlib.import_module("mfpde.papers.mei2019.error_split")


def arrays(tables):
    return {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}


def test_every_figure_is_registered_and_has_both_presets():
    for name, module in zip(NAMES, (CONSTANTS, KERNEL, NOISY, SPECTRUM), strict=True):
        assert papers.figure(f"mei2019-{name}").summary
        assert set(module.PRESETS) == set(papers.PRESETS)


def test_networks_lie_on_the_constant():
    data = arrays(CONSTANTS.compute(b=0.8, end=0.7, nodes=16, modes=16, width=40, replicas=100, progress=False))
    circle, measured = data["circle"], data["measured"]
    np.testing.assert_allclose(circle["drift"], circle["drift_exact"], atol=1e-4)
    expected = np.interp(measured["s"], circle["s"], circle["drift_exact"])
    assert np.all(np.abs(measured["drift"] - expected) < 4.0 * measured["error"])
    assert data["families"]["bilinear"][0] == pytest.approx(1.0)


def test_slopes_of_the_distance_to_the_kernel():
    data = arrays(KERNEL.compute(nodes=16, end=1.0, late=2.0, largest=256.0, scales=3, progress=False))
    table, bilinear = data["scales"], data["bilinear"]
    for start in ("skewed", "symmetric"):
        x0 = {"skewed": 0.5, "symmetric": 0.0}[start]
        known = [exact.bilinear_scaled(1.0, alpha, 1.0, 1.0, x0) for alpha in bilinear["alpha"]]
        np.testing.assert_allclose(bilinear[f"gap_{start}"], [abs(k.residual - k.limit) for k in known], atol=1e-9)
        assert bilinear[f"gap_{start}"][-1] == pytest.approx(bilinear[f"leading_{start}"][-1], rel=0.01)
    for layer in ("fixed", "trained"):
        for start, order in (("skewed", -1.0), ("symmetric", -2.0)):
            gap = table[f"gap_{layer}_{start}"]
            assert np.log(gap[-1] / gap[-2]) / np.log(16.0) == pytest.approx(order, abs=0.03)
        assert np.all(np.diff(table[f"movement_{layer}_skewed"]) < 0.0)


def test_density_and_neurons_reach_the_gibbs_law():
    data = arrays(NOISY.compute(b=0.8, betas=[1.0, 10.0], end=30.0, width=2000, eps=0.05, shown=[0.5, 40.0], progress=False))
    density, neurons = data["density"], data["neurons"]
    np.testing.assert_allclose(density["s_40"], density["gibbs"], atol=1e-4)
    expected = np.interp(neurons["w"], density["w"], density["gibbs"])
    width = neurons["w"][1] - neurons["w"][0]
    assert np.max(np.abs(neurons["density"] - expected)) < 6.0 * np.sqrt(0.5 / (2000 * width))
    for name in ("beta_1", "beta_10"):
        assert np.all(np.diff(data["energy"][name]) < 1e-14)


def test_modes_of_a_network_decay_at_their_rates():
    data = arrays(SPECTRUM.compute(dimensions=[2, 3], count=8, pairs=2000, points=21, scale=64.0, end=4.0, progress=False))
    for k in range(5):
        np.testing.assert_allclose(data["decay"][f"network_{k}"], data["decay"][f"limit_{k}"], atol=0.05)
    assert data["spectrum"]["d_3"][2] == pytest.approx(0.0390625)


def test_files_carry_the_settings(tmp_path):
    settings = {"nodes": 4, "end": 1.0, "late": 1.5, "largest": 4.0, "scales": 2}
    KERNEL.produce("mei2019-kernel", settings, KERNEL.compute, KERNEL.draw, tmp_path, False)
    assert (tmp_path / "mei2019-kernel.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "mei2019-kernel.json").read_text())["config"]["scales"] == 2


def test_error_split_against_its_exact_lines():
    settings = {"widths": [16, 64, 256], "steps": [2.0**-4, 2.0**-6], "dimensions": [10, 100], "width": 16, "narrow": 16}
    data = arrays(SPLIT.compute(**settings, replicas=12, progress=False))
    width, step, linear, ramp = (data[name] for name in ("width", "step", "linear", "ramp"))
    measured, error, exact = (width[name] for name in ("risk_limit_nonlinear", "risk_limit_nonlinear_error", "exact_risk_limit_nonlinear"))
    assert np.all(np.abs(measured - exact)[1:] < 3.0 * error[1:])
    assert step["risk_particles_gd"][0] / step["risk_particles_gd"][1] == pytest.approx(4.0, rel=0.2)
    for gap in ("nonlinear_particles", "particles_gd", "gd_sgd"):
        name = f"rms_{gap}"
        assert np.all(np.abs(linear[name] - linear[f"exact_{name}"]) < 3.0 * linear[f"{name}_error"]), gap
    flat = [(linear, "rms_nonlinear_particles"), (linear, "rms_gd_sgd"), (ramp, "rms_nonlinear_particles"), (ramp, "rms_particles_sgd")]
    for table, name in flat:
        assert 0.7 < table[name][1] / table[name][0] < 1.4, name
