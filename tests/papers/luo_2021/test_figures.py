"""The figures of Luo, Xu, Ma, Zhang (2021): the printed numbers, and every figure at small size."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest

from mfpde import papers
from mfpde.datafiles import reference_rows
from mfpde.papers.produce import produce, produce_kept
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.condensation import condensation
from mfpde.systems.phase_diagram.phase_map import phase_map

NAMES = ("boxes", "condensed", "displacement", "images", "layers", "plane", "slopes_map")
BOXES, CONDENSED, DISPLACEMENT, IMAGES, LAYERS, PLANE, SLOPES = (import_module(f"mfpde.papers.luo2021.{name}") for name in NAMES)


def arrays(tables):
    return {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}


def printed_row():
    rows = reference_rows("luo2021_fig4_row.csv")
    return [np.array([float(row[name]) for row in rows]) for name in ("gamma", "s_w")]


def test_every_figure_has_both_presets():
    for presets in (*(module.PRESETS for module in (BOXES, CONDENSED, DISPLACEMENT, IMAGES, LAYERS, PLANE, SLOPES)), BOXES.IMAGE_PRESETS):
        assert set(presets) == set(papers.PRESETS)


def test_printed_displacements_are_those_of_one_network():
    """Three of the five widths; the figure has all 15 points."""
    data = arrays(DISPLACEMENT.compute(seeds=24, gammas=[1.0], scale_seeds=1, widths=[1000, 5000, 10_000], progress=False))
    table = data["displacements"]
    z = dict(zip(zip(table["gamma"], table["m"], strict=True), table["z"], strict=True))
    assert len(z) == 9
    assert np.isfinite(table["z"]).all(), z
    assert np.sum(np.abs(table["z"]) > 2.0) <= 2, z
    assert np.abs(table["z"]).max() < 3.5, z
    # The z-scores are only worth something if networks vary little.
    assert np.all(table["deviation"] < 0.1 * table["rd_w"])
    np.testing.assert_allclose(data["slopes"]["s_w"], 0.0, atol=0.05)


def test_z_scores():
    z = DISPLACEMENT.z_scores(np.array([0.27, 31.0]), np.array([0.01, 0.5]), np.array([0.26196, 31.015]), 24)
    expected = [0.00804 / math.hypot(0.01 * math.sqrt(25 / 24), 0.0005), -0.015 / math.hypot(0.5 * math.sqrt(25 / 24), 0.05)]
    np.testing.assert_allclose(z, expected, rtol=1e-12)


def test_the_printed_row_by_the_law_and_by_networks():
    gammas, printed = printed_row()
    widths = [1000, 5000, 10_000, 20_000, 40_000]
    law = phase_map(gammas=gammas.tolist(), gamma_primes=[0.0], widths=widths, seeds=1, dynamics="limit", nodes=6)
    assert np.abs(law.s_w[0] - printed).max() < 0.05
    some = [0, 3, 6, 11]
    networks = phase_map(gammas=gammas[some].tolist(), gamma_primes=[0.0], widths=widths[:3], seeds=4)
    assert np.abs(networks.s_w[0] - printed[some]).max() < 0.05


def test_condensed_neurons_point_at_the_kinks():
    flow = PhasePoint(gamma=1.75, gamma_prime=0.0).network(m=1000)
    y = flow.pack(da=flow.run.da, dw=flow.run.dw, sup=flow.run.suprema)
    clusters = sorted(condensation(flow, y).clusters[:2], key=lambda cluster: cluster.angle)
    found = [cluster.angle for cluster in clusters]
    np.testing.assert_allclose(found, [math.atan(1.0 / 6.0) - math.pi, -math.atan(1.0 / 6.0)], atol=2e-3)
    assert sum(cluster.share for cluster in clusters) > 0.7


def stand_in(count, scale=255.0, label_scale=1.0):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 784)) / scale, rng.permutation(10)[:count] / label_scale


TINY = {
    "plane": (PLANE, "compute", {"widths": [100], "parameter": 0.4}),
    "condensed": (CONDENSED, "compute", {"m": 100, "gammas": [0.5, 1.75], "seed": 0}),
    "displacement": (DISPLACEMENT, "compute", {"seeds": 2, "gammas": [0.5, 1.0], "scale_seeds": 1, "widths": [100, 1000]}),
    "images": (
        IMAGES,
        "compute",
        {"images": 4, "widths": [30, 60], "seeds": 1, "tolerance": 1e-2, "gammas": [0.9, 1.1], "gamma_primes": [-0.1, 0.0]},
    ),
    "boxes": (BOXES, "compute", {"widths": [20, 40], "bins": 10, "seed": 0}),
    "image boxes": (BOXES, "compute_images", {"images": 4, "widths": [20], "bins": 10, "seed": 0, "tolerance": 1e-2}),
}


@pytest.mark.parametrize("name", TINY)
def test_a_figure_is_drawn_from_its_tables(name, tmp_path, monkeypatch):
    monkeypatch.setattr(IMAGES, "image_data", stand_in)
    monkeypatch.setattr(BOXES, "image_data", stand_in)
    module, compute, settings = TINY[name]
    paths = produce("small", settings, getattr(module, compute), module.draw, tmp_path, False)
    assert {path.suffix for path in paths} == {".pdf", ".png", ".h5", ".csv", ".json"}


@pytest.mark.parametrize(("module", "extra"), [(SLOPES, {"flow_seeds": 1, "rho": 1.0}), (LAYERS, {})])
def test_maps_are_drawn_from_their_tables(module, extra, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GAMMAS", [0.8, 1.2])
    monkeypatch.setattr(module, "GAMMA_PRIMES", [-0.1, 0.0])
    settings = {"widths": [30, 90], "seeds": 2, "nodes": 2, **extra}
    data = arrays(module.compute(**settings, progress=False))
    assert set(data["recipe"]) == set(data["law"])
    assert len(data["recipe"]["gamma"]) == 4
    assert produce("small", settings, module.compute, module.draw, tmp_path, False)


def test_networks_of_a_stopped_figure_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(IMAGES, "image_data", stand_in)
    chosen = [
        (BOXES.compute, {"widths": [10], "bins": 4, "seed": 0}, "neurons"),
        (IMAGES.compute, TINY["images"][2], "cells"),
        (DISPLACEMENT.compute, TINY["displacement"][2], "displacements"),
        (DISPLACEMENT.compute, TINY["displacement"][2], "slopes"),
    ]

    def made():
        return [arrays(compute(**settings, progress=False, store=tmp_path))[name] for compute, settings, name in chosen]

    first = made()
    monkeypatch.setattr(BOXES, "search", None)
    for name in ("train", "train_law"):
        monkeypatch.setattr(f"mfpde.systems.phase_diagram.phase_map.{name}", None)
    for before, after in zip(first, made(), strict=True):
        for column, values in before.items():
            np.testing.assert_array_equal(after[column], values)


def test_a_figure_that_was_stopped_goes_on_from_the_runs_beside_it(tmp_path, monkeypatch):
    settings = TINY["displacement"][2]

    def interrupted(data):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        produce_kept("small", settings, DISPLACEMENT.compute, interrupted, tmp_path, False)
    assert list((tmp_path / "small-runs").glob("*.npz"))
    for name in ("train", "train_law"):
        monkeypatch.setattr(f"mfpde.systems.phase_diagram.phase_map.{name}", None)
    assert produce_kept("small", settings, DISPLACEMENT.compute, DISPLACEMENT.draw, tmp_path, False)


def test_the_images_are_the_data_set_s_first():
    x, y = IMAGES.image_data(45)
    assert x.shape == (45, 784)
    assert (x.min(), x.max()) == (0.0, 1.0)
    assert y[:5].tolist() == [5.0, 0.0, 4.0, 1.0, 9.0]
    assert IMAGES.image_data(2, scale=1.0, label_scale=10.0)[1].tolist() == [0.5, 0.0]


def test_neurons_of_a_box_are_the_strongest_of_their_directions():
    table = arrays(BOXES.compute(widths=[30], bins=8, seed=0, progress=False))["neurons"]
    for gamma, prime in ((0.7, -0.3), (1.3, 0.3)):
        mine = (table["gamma"] == gamma) & (table["gamma_prime"] == prime)
        bins = np.floor((table["direction"][mine] + np.pi) / (2.0 * np.pi) * 8)
        assert len(np.unique(bins)) == mine.sum() <= 8
        assert table["amplitude"][mine].max() == 1.0
    assert np.all(table["converged"] == 1.0)
