"""The figures of Hajjar, Chizat (2023) on the target |x_H| at small size: what their tables say."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import mfpde as mf
from mfpde import papers
from mfpde.datafiles import reference_rows
from mfpde.papers.produce import produce
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget

ANGLES, MASSES, SGD, TABLE, VELOCITY = (
    import_module(f"mfpde.papers.hajjar2023.low_{name}") for name in ("angles", "masses", "sgd", "table", "velocity")
)

# d_H; alpha, tau^+ and tau^- at t = 10, d = 40, from an independent program.
MASSES_AT_TEN = np.array([
    [2, 3.141593, 3.424508, 0.115874], [5, 5.333333, 5.510874, 0.064665], [10, 7.731263, 7.844421, 0.041870],
    [15, 9.547786, 9.629152, 0.032296], [18, 10.488114, 10.556295, 0.028631], [20, 11.070787, 11.131609, 0.026664],
    [25, 12.408468, 12.454242, 0.022816], [30, 13.615453, 13.649384, 0.019952], [33, 14.290825, 14.318695, 0.018542],
    [35, 14.723880, 14.748046, 0.017698],
])  # fmt: skip


def arrays(tables):
    return {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}


def test_every_figure_has_both_presets():
    for module in (ANGLES, MASSES, SGD, TABLE, VELOCITY):
        assert set(module.PRESETS) == set(papers.PRESETS)


def test_masses_against_the_dimension_of_h():
    table = arrays(TABLE.compute(nodes=16, times=[10.0], progress=False))["masses"]
    np.testing.assert_array_equal(table["d_h"], MASSES_AT_TEN[:, 0])
    for name, column in (("alpha", 1), ("mass_plus", 2), ("mass_minus", 3)):
        np.testing.assert_allclose(table[name], MASSES_AT_TEN[:, column], atol=5.1e-7)
    assert max(table["mass_plus_error"].max(), table["mass_minus_error"].max()) < 1e-8


def test_published_masses_agree_as_well_as_they_can():
    """Monte Carlo of 1000 draws a step: .7 % and 7.5 %, if the run ended at t = 10."""
    names, rows = ("d_h", "mass_plus", "mass_minus"), reference_rows("hajjar2023_masses.csv")
    published = np.array([[float(row[name]) for name in names] for row in rows])
    np.testing.assert_array_equal(published[:, 0], MASSES_AT_TEN[:, 0])
    np.testing.assert_allclose(published[:, 1], MASSES_AT_TEN[:, 2], rtol=0.007)
    np.testing.assert_allclose(published[:, 2], MASSES_AT_TEN[:, 3], rtol=0.075)


def test_published_masses_at_the_end_of_the_window():
    """d = 30, d_H = 5, t = 100: published 5.5399 and .1904; the overshoot was seen at about step 680 of 5e-3."""
    system = LowDimensionalTarget(d=30, d_h=5)
    run = mf.solve(system.limit(), [100.0], rtol=1e-9, atol=1e-11).observables
    assert run["mass_plus"][0] == pytest.approx(5.516038, abs=5.1e-7)
    assert run["mass_minus"][0] == pytest.approx(0.177706, abs=5.1e-7)
    assert run["mass_plus"][0] == pytest.approx(5.5399, rel=0.007)
    assert run["mass_minus"][0] == pytest.approx(0.1904, rel=0.075)
    assert system.overshoot_time() == pytest.approx(680 * 5e-3, rel=0.01)


def test_excursion_of_the_negative_mass():
    settings = {"d": 30, "d_h": 5, "nodes": 20, "shown": [0.0, 5.0], "end": 2000.0, "rows": 25, "m": 64, "progress": False}
    data = arrays(MASSES.compute(**settings))
    limit, t = data["limit"], data["limit"]["t"]
    lowest, highest = t[np.argmin(limit["mass_minus"][t < 20.0])], t[t > 20.0][np.argmax(limit["mass_minus"][t > 20.0])]
    assert 2.0 < lowest < 5.0
    assert 100.0 < highest < 400.0
    assert limit["mass_minus"][-1] < 0.65 * limit["mass_minus"].max()
    for sign, mass in ((1, "mass_plus"), (-1, "mass_minus")):
        at = (data["density"]["t"] == 5.0) & (data["density"]["sign"] == sign)
        area = np.trapezoid(data["density"]["density"][at], data["density"]["theta"][at])
        assert area == pytest.approx(limit[mass][t == 5.0][0], rel=5e-3)
        bars = (data["histogram"]["t"] == 5.0) & (data["histogram"]["sign"] == sign)
        assert data["histogram"]["density"][bars].sum() * np.pi / 2 / MASSES._BINS == pytest.approx(area, rel=0.2)


def test_predictor_becomes_flat_outside_of_h():
    """Published: at r = 5 it overshoots to about 2.05 near step 60 and is 1.13 at step 1000."""
    settings = {"d": 20, "d_h": 5, "m": 200, "lr": 0.05, "batch": 128, "steps": 1000, "shown": [60, 1000], "pairs": 16, "progress": False}
    data = arrays(SGD.compute(**settings))
    far = data["far"]
    assert far["limit"][far["step"] == 60][0] == pytest.approx(2.05, abs=0.06)
    assert far["limit"][far["step"] == 1000][0] == pytest.approx(1.13, abs=0.03)
    np.testing.assert_allclose(far["network"], far["limit"], atol=0.12)


def test_angles_of_the_network_follow_the_density():
    settings = {"d": 50, "d_h": 10, "m": 300, "lr": 0.05, "batch": 128, "shown": [0, 60], "nodes": 24, "progress": False}
    data = arrays(ANGLES.compute(**settings, dimensions=[20, 100], times=[1.0]))
    for step in (0, 60):
        at = (data["neurons"]["step"] == step) & (data["neurons"]["sign"] == 1)
        mean = np.average(data["neurons"]["theta"][at], weights=data["neurons"]["weight"][at])
        of_limit = (data["density"]["step"] == step) & (data["density"]["sign"] == 1)
        theta, density = data["density"]["theta"][of_limit], data["density"]["density"][of_limit]
        assert mean == pytest.approx(np.trapezoid(theta * density, theta) / np.trapezoid(density, theta), abs=0.05)
    assert data["dimension"]["sin2_plus"][1] > data["dimension"]["sin2_plus"][0]


def test_modes_add_up_to_the_initial_velocity():
    data = arrays(VELOCITY.compute(d=30, dimensions=[5], d_h=5, modes=40, points=31, progress=False))
    total = sum(values for name, values in data["modes"].items() if name.startswith("n_"))
    np.testing.assert_allclose(total, data["modes"]["exact"], atol=1e-8)
    np.testing.assert_array_equal(data["modes"]["exact"], data["velocity"]["d_h_5"])


def test_files_of_a_figure(tmp_path):
    settings = {"d": 12, "dimensions": [2, 5], "d_h": 5, "modes": 3, "points": 21}
    paths = produce("hajjar2023-velocity", settings, VELOCITY.compute, VELOCITY.draw, tmp_path, False)
    assert {path.suffix for path in paths} == {".pdf", ".png", ".h5", ".csv", ".json"}
