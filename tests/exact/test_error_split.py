"""The error of SGD split along the four dynamics, on problems where each gap is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.streams import stream
from mfpde.systems.two_layer import exact
from mfpde.systems.two_layer.split import error_split

D, M, EPS, STEPS, NOISE = 4, 6, 0.01, 25, 0.25
LABEL = np.array([1.0, 0.0, -0.5, 0.0])
LINEAR = mf.TwoLayer(
    law=mf.laws.Gaussian(D),
    target=mf.targets.Linear(LABEL),
    activation="identity",
    initial=mf.measures.GaussianInit(np.full(D, 0.2), 0.5),
    label_noise=NOISE,
)


def start_means(replicas):
    """The mean of the neurons' w at the start, for every replica."""
    seeds = [int(stream(0, "replica", replica).integers(2**63)) for replica in range(replicas)]
    networks = [LINEAR.network(m=M, dynamics="particles", rng=seed) for seed in seeds]
    return np.array([network.particles(network.state0)["neurons"][:, 1:].mean(axis=0) for network in networks])


def test_every_gap_of_the_linear_network():
    replicas, s = 60, 2.0 * EPS * STEPS
    found = error_split(LINEAR, m=M, eps=EPS, t_eval=[0.0, EPS * STEPS], replicas=replicas)
    m0 = start_means(replicas)
    mean, risk = exact.linear(s, np.eye(D), LABEL, np.full(D, 0.2))
    assert found.limit[-1] == pytest.approx(risk + NOISE, abs=1e-8)
    flow, descent = np.exp(-s), (1.0 - 2.0 * EPS) ** STEPS
    start, left = np.linalg.norm(m0 - 0.2, axis=1), np.linalg.norm(m0 - LABEL, axis=1)
    for table in (found.rms, found.largest):  # every neuron of a linear network is moved by the same vector
        np.testing.assert_allclose(table["nonlinear-particles"][:, -1], (1.0 - flow) * start, atol=1e-8)
        np.testing.assert_allclose(table["particles-gd"][:, -1], (flow - descent) * left, atol=1e-8)
    shifted = mean - 0.2 + m0  # of the neurons in the limit's field
    expected = np.sum((shifted - LABEL) ** 2, axis=1) - risk
    np.testing.assert_allclose(found.risk["limit-nonlinear"][:, -1], expected, atol=1e-8)
    np.testing.assert_allclose(found.risk["nonlinear-particles"][:, -1], (flow * left) ** 2 - expected - risk, atol=1e-8)
    np.testing.assert_allclose(found.risk["particles-gd"][:, -1], (descent**2 - flow**2) * left**2, atol=1e-8)
    for i, value in enumerate(("distance", "risk")):
        predicted = [exact.linear_descent(STEPS, EPS, D, r0, NOISE) for r0 in left**2]
        wanted = np.array([p.distance if i == 0 else p.sgd - p.gd for p in predicted])
        measured = found.rms["gd-sgd"][:, -1] ** 2 if i == 0 else found.risk["gd-sgd"][:, -1]
        excess = measured - wanted
        assert abs(excess.mean()) < 3.0 * excess.std(ddof=1) / np.sqrt(replicas), value
    for table in (found.rms, found.largest):
        for gap in table.values():
            np.testing.assert_array_equal(gap[:, 0], 0.0)


def test_the_gaps_sum_to_the_error_of_sgd():
    system = mf.CosineCircle(b=0.8)
    found = error_split(system, m=16, eps=0.05, t_eval=[0.5, 1.0], replicas=2)
    seed = int(stream(0, "replica", 1).integers(2**63))
    sgd = mf.solve(system.network(m=16, dynamics="sgd", eps=0.05, rng=seed), [0.5, 1.0]).observables["risk"]
    np.testing.assert_allclose(sum(gap[1] for gap in found.risk.values()), sgd - found.limit, atol=1e-14)
    both = error_split(system, m=16, eps=0.05, t_eval=[1.0], replicas=2, dynamics=("nonlinear", "particles", "sgd"))
    np.testing.assert_allclose(
        both.risk["particles-sgd"][:, 0], (found.risk["particles-gd"] + found.risk["gd-sgd"])[:, 1], atol=1e-14
    )


def test_time_step_is_of_strong_order_one_with_noise():
    """Additive noise on shared paths: halving eps halves the distance of gd from steps 16 times finer."""
    system = mf.CosineCircle(b=0.8, beta=10.0)
    distances = []
    for eps in (0.04, 0.02):
        found = error_split(system, m=64, eps=eps, t_eval=[0.96], replicas=3, dynamics=("particles", "gd"))
        distances.append(np.sqrt(np.mean(found.rms["particles-gd"] ** 2)))
    assert 1.8 < distances[0] / distances[1] < 2.2
    assert distances[0] < 0.02


@pytest.mark.parametrize(("options", "words"), [
    ({"dynamics": ("gd", "particles")}, "in this order"),
    ({"dynamics": ()}, "one or more"),
    ({"dynamics": ("adam",)}, "adam"),
    ({"replicas": 0}, "replicas = 0"),
    ({"fine": 0}, "fine = 0"),
    ({"m": 0}, "m = 0"),
    ({"eps": -1.0}, "eps = -1.0"),
])  # fmt: skip
def test_impossible_splits(options, words):
    with pytest.raises(ValueError, match=words):
        error_split(LINEAR, **{"m": 2, "eps": 0.1, "t_eval": [0.1], "replicas": 1, **options})
