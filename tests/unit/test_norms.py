"""Distances of laws beside closed forms and brute force, and beside their floors in coupled runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import mfpde as mf
from mfpde.finite.norms import energy_distance, law_distances, particle_distances
from mfpde.measures.distances import wasserstein

SYSTEM = mf.DepthSeparation(d=5, sigma_1=0.5, sigma_2=0.1)


def _sample(seed, m=40, p=3):
    return np.random.default_rng(seed).standard_normal((m, p))


@pytest.mark.parametrize("p", [2, 12])
def test_energy_distance_by_all_pairs(p):
    """A block of 1024 rows is crossed."""
    a, b = _sample(0, 1100, p), _sample(1, 30, p) + 5.0
    pair = [np.mean(np.linalg.norm(x[:, None] - y[None], axis=2)) for x, y in ((a, b), (a, a), (b, b))]
    assert energy_distance(a, b) == pytest.approx(np.sqrt(2.0 * pair[0] - pair[1] - pair[2]), rel=1e-12)


def test_energy_distance_is_a_distance_of_laws():
    a = _sample(2)
    assert energy_distance(a, a[::-1]) == pytest.approx(0.0, abs=1e-7)
    # Two atoms at distance h: the square is 2 h; far from the origin too.
    for far in (0.0, 1e6):
        assert energy_distance(np.full((4, 2), far), np.full((6, 2), far) + np.array([3.0, 4.0])) == pytest.approx(np.sqrt(10.0), rel=1e-12)


def test_energy_distance_on_the_line():
    """2 int (F - G)^2 of two pairs of atoms, 0 and 2 against 1 and 3."""
    assert energy_distance(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]])) == pytest.approx(np.sqrt(2 * 0.5), rel=1e-12)


@pytest.mark.parametrize("other", [np.zeros((3, 3)), np.zeros(2), np.zeros((0, 2))])
def test_particles_of_no_common_space(other):
    with pytest.raises(ValueError, match=r"particles of shapes \(4, 2\) and .*: give \(m, p\) and \(n, p\)"):
        energy_distance(np.zeros((4, 2)), other)


def test_distances_of_laws_by_layer():
    a, b = _sample(3), _sample(4)
    found = law_distances({"u": a, "v": a[:, :1]}, {"u": b, "v": b[:, :1]}, {"u": "assignment", "v": "sliced"})
    assert list(found) == ["u_w1", "u_w2", "u_energy", "v_w1", "v_w2", "v_energy"]
    assert found["u_w2"] == wasserstein(a, b, 2)
    assert found["v_w1"] == pytest.approx(np.mean(np.abs(np.sort(a[:, 0]) - np.sort(b[:, 0]))), rel=1e-12)
    assert found["v_w2"] == pytest.approx(np.sqrt(np.mean((np.sort(a[:, 0]) - np.sort(b[:, 0])) ** 2)), rel=1e-12)


def test_slices_of_a_translation():
    """Shifted by h, every slice is shifted by u.h: root mean square |h|/sqrt(p) over whole orthogonal frames."""
    a = _sample(5, p=4)
    shifted = law_distances({"u": a}, {"u": a + np.array([3.0, 0.0, 4.0, 0.0])}, {"u": "sliced"})
    assert shifted["u_w2"] == pytest.approx(5.0 / 2.0, rel=1e-9)


def test_particles_beside_their_characteristics():
    a = _sample(6)
    found = particle_distances({"u": a + np.array([3.0, 0.0, 4.0])}, {"u": a})
    assert found == pytest.approx({"u_rms": 5.0, "u_max": 5.0})


def _drift(**arguments):
    chosen = {"widths": {"m1": [8, 32]}, "fixed": {"m2": 6}, "replicas": 2, "t_eval": [0.0, 5.0]} | arguments
    return mf.drift(SYSTEM, network={"directions": 32}, limit={"nodes": 8}, laws=True, **chosen)


def test_at_the_start_gap_and_floor_are_one():
    """Network and characteristics are the same sample there, and f is that of the network; later they part."""
    result = _drift()
    names = [f"{layer}_{kind}" for layer in ("first_layer", "second_layer") for kind in ("w1", "w2", "energy")]
    for name in [*names, "function_distance"]:
        gap, floor = result.gaps[name], result.gaps[f"{name}_floor"]
        np.testing.assert_array_equal(gap[..., 0], floor[..., 0])
        assert np.all(gap[..., 1] != floor[..., 1]), name
        assert np.all(floor > 0.0), name
    assert result.methods == {"first_layer": "assignment", "second_layer": "assignment"}


def test_the_floor_is_the_distance_of_two_independent_samples():
    """Means over networks of width 32 against means over pairs of samples of the initial law."""
    result = _drift(widths={"m1": [32]}, replicas=12, t_eval=[0.0])
    sample = [SYSTEM.first_layer.sample(32, np.random.default_rng(seed)) for seed in range(40)]
    pairs = [wasserstein(a, b) for a, b in zip(sample[::2], sample[1::2], strict=True)]
    floors = result.gaps["first_layer_w2_floor"][0, :, 0]
    error = np.hypot(np.std(pairs) / np.sqrt(len(pairs)), np.std(floors) / np.sqrt(len(floors)))
    assert abs(np.mean(floors) - np.mean(pairs)) < 4.0 * error
    assert np.std(floors) > 0.0


def test_every_width_is_measured_alike(monkeypatch):
    monkeypatch.setattr(sys.modules["mfpde.finite.drift"], "ASSIGNED", 16)
    result = _drift(replicas=1, t_eval=[0.0])
    assert result.methods == {"first_layer": "sliced", "second_layer": "assignment"}
