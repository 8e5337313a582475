"""Gradients, symmetries and conserved quantities of the depth-separation network and its limit."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde import threads
from mfpde.streams import stream

SMALL = {"m1": 6, "m2": 5, "directions": 64, "rng": 3}


def _system(p, d=7, **parameters):
    return mf.DepthSeparation(d=d, homogeneity=p, sigma_1=0.8, sigma_2=0.7, sigma_r=0.4, **parameters)


def _state_off_the_kinks(network, step):
    """A state in general position: no direction within 2 steps of a neuron's equator."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = network.state0 + 0.3 * rng.standard_normal(network.state0.shape)
        if np.min(np.abs(network.unpack(y)["w1"] @ network.directions.T)) > 2.0 * step:
            return y
    raise AssertionError("no state in general position among 20")


@pytest.mark.parametrize("p", [1, 2])
def test_velocity_is_minus_the_gradient_of_its_own_loss(p):
    rates = (0.7, 1.3, 2.0)
    network = _system(p, rates=rates).network(**SMALL)
    h = 1e-6
    y = _state_off_the_kinks(network, h)
    gradient = np.empty_like(y)
    for i in range(len(y)):
        e = np.zeros_like(y)
        e[i] = h
        gradient[i] = (network.observe(0.0, y + e)["loss"] - network.observe(0.0, y - e)["loss"]) / (2.0 * h)
    size = {"w1": SMALL["m1"], "w2": SMALL["m2"], "b2": SMALL["m2"]}
    parts = network.unpack(gradient)
    expected = network.pack(**{name: -rate * size[name] * parts[name] for name, rate in zip(("w1", "w2", "b2"), rates, strict=True)})
    np.testing.assert_allclose(network.velocity(0.0, y), expected, rtol=0.0, atol=1e-7 * np.max(np.abs(expected)))


@pytest.mark.parametrize("p", [1, 2])
def test_limit_velocity_is_minus_the_gradient_of_its_own_loss(p):
    system = _system(p, d=10)
    points = np.array([[-0.9, 0.5], [0.4, -0.2], [-0.3, 0.9], [0.2, 0.1], [-0.5, -0.4]])
    weights = np.array([0.3, 0.1, 0.2, 0.25, 0.15])
    limit = system.limit(second_layer=mf.Ensemble(points, weights))
    y, h = limit.state0, 1e-6
    gradient = np.array(
        [(limit.observe(0.0, y + e)["loss"] - limit.observe(0.0, y - e)["loss"]) / (2.0 * h) for e in h * np.eye(len(y))]
    )
    expected = -gradient / np.concatenate([[1.0], weights, weights])
    np.testing.assert_allclose(limit.velocity(0.0, y), expected, rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("p", [1, 2])
def test_loss_decomposition_adds_up(p):
    network = _system(p).network(**SMALL)
    values = network.observe(0.0, _state_off_the_kinks(network, 1e-6))
    parts = values["loss_perfect_first_layer"] + values["loss_discretisation"] + values["loss_cross"]
    assert parts == pytest.approx(values["loss"], rel=1e-12)
    assert values["loss_discretisation"] > 0.0


def test_duplicated_neurons_move_like_the_originals():
    system = _system(2)
    network = system.network(**SMALL)
    state = network.unpack(network.state0)
    twice = system.network(**(SMALL | {"m1": 12, "m2": 15}))
    y = twice.pack(w1=np.repeat(state["w1"], 2, axis=0), w2=np.repeat(state["w2"], 3), b2=np.repeat(state["b2"], 3))
    once = network.unpack(network.velocity(0.0, network.state0))
    moved = twice.unpack(twice.velocity(0.0, y))
    np.testing.assert_allclose(moved["w1"][::2], once["w1"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved["w1"][1::2], once["w1"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved["w2"], np.repeat(once["w2"], 3), rtol=0, atol=1e-12)
    assert twice.observe(0.0, y)["loss"] == pytest.approx(network.observe(0.0, network.state0)["loss"], rel=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_rotating_neurons_and_directions_together_changes_nothing(p):
    system = _system(p)
    network = system.network(**SMALL)
    rotation = np.linalg.qr(np.random.default_rng(5).standard_normal((7, 7)))[0]
    turned = system.network(**(SMALL | {"directions": network.directions @ rotation.T}))
    state = network.unpack(network.state0)
    y = turned.pack(**(state | {"w1": state["w1"] @ rotation.T}))
    expected = network.unpack(network.velocity(0.0, network.state0))
    moved = turned.unpack(turned.velocity(0.0, y))
    np.testing.assert_allclose(moved["w1"] @ rotation, expected["w1"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved["w2"], expected["w2"], rtol=0, atol=1e-12)
    before, after = network.observe(0.0, network.state0), turned.observe(0.0, y)
    assert after == pytest.approx(before, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("dtype", "accuracy"), [("float64", 1e-14), ("float32", 2e-6)])
@pytest.mark.parametrize(("m1", "directions"), [(1, 40), (6, 602), (700, 1200)])
@pytest.mark.parametrize("p", [1, 2])
def test_directions_in_pairs_are_seen_once_and_counted_twice(p, m1, directions, dtype, accuracy):
    """Directions that were drawn come as v and -v; the same ones given are not known to, and each is worked out."""
    system = _system(p)
    drawn = system.network(m1=m1, m2=5, directions=directions, dtype=dtype)
    given = system.network(m1=m1, m2=5, directions=drawn.directions, dtype=dtype)
    stopped = drawn.state0.copy()
    drawn.unpack(stopped)["w1"][0] = 0.0
    for y in (drawn.state0, stopped):
        moved, expected = drawn.unpack(drawn.velocity(0.0, y)), given.unpack(given.velocity(0.0, y))
        for name, values in expected.items():
            np.testing.assert_allclose(moved[name], values, rtol=0, atol=accuracy * np.abs(values).max())
    np.testing.assert_array_equal(drawn.unpack(drawn.velocity(0.0, stopped))["w1"][0], 0.0)


def test_rotating_the_neurons_alone_changes_the_loss_within_its_standard_error():
    network = mf.DepthSeparation(d=20, sigma_1=4.0, sigma_2=0.3, sigma_r=0.9).network(m1=64, m2=16, directions=2048)
    state = network.unpack(network.state0)
    state["w2"][:] = -0.8
    first = network.observe(0.0, network.pack(**state))
    rotation = np.linalg.qr(np.random.default_rng(6).standard_normal((20, 20)))[0]
    second = network.observe(0.0, network.pack(**(state | {"w1": state["w1"] @ rotation.T})))
    error = np.hypot(first["loss_stderr"], second["loss_stderr"])
    assert 0.0 < abs(first["loss"] - second["loss"]) < 4.0 * error
    assert error < 0.05 * first["loss"]


def test_narrow_network_is_the_beginning_of_a_wider_one():
    system = _system(2)
    wide, narrow = (system.network(m1=m1, m2=m2, directions=64, rng=9) for m1, m2 in ((12, 9), (5, 4)))
    wide_state, narrow_state = wide.unpack(wide.state0), narrow.unpack(narrow.state0)
    for name in ("w1", "w2", "b2"):
        np.testing.assert_array_equal(wide_state[name][: len(narrow_state[name])], narrow_state[name])


@pytest.mark.parametrize("dynamics", ["flow", "sgd"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_thread_count_does_not_change_a_bit(dynamics, dtype, monkeypatch):
    used = []
    original = threads.run_blocks
    monkeypatch.setattr("mfpde.systems.depth_separation.gradient.run_blocks", lambda work, n: used.append(original(work, n)))
    results = []
    for count in (1, 2):
        threads.set_threads(count)
        network = mf.DepthSeparation(d=20).network(m1=96, m2=17, directions=1000, dynamics=dynamics, dtype=dtype)
        y = network.state0
        results.append(network.velocity(0.0, y) if dynamics == "flow" else network.step(3, y))
        assert used
        assert used[-1] == count
    threads.set_threads(None)
    np.testing.assert_array_equal(results[0], results[1])


def test_wide_layers_take_another_route_to_the_same_velocity(monkeypatch):
    """The partition by neurons, meant for wide layers, against the partition by samples."""
    network = _system(2).network(**(SMALL | {"m1": 50, "directions": 700}))
    by_samples = network.velocity(0.0, network.state0)
    monkeypatch.setattr("mfpde.systems.depth_separation.gradient._WIDE", 0)
    monkeypatch.setattr("mfpde.systems.depth_separation.gradient._NEURONS", 8)
    np.testing.assert_allclose(network.velocity(0.0, network.state0), by_samples, rtol=0, atol=1e-13)


def test_invariant_of_the_limit():
    limit = mf.DepthSeparation(d=100, sigma_1=0.5).limit(nodes=16)
    run = mf.solve(limit, t_eval=[0.0, 200.0, 500.0], rtol=1e-10, atol=1e-12)
    assert np.ptp(run.observables["invariant"]) < 1e-9


def test_invariant_of_the_network():
    network = mf.DepthSeparation(d=100, sigma_1=0.5).network(m1=64, m2=16, directions=256)
    run = mf.solve(network, t_eval=[0.0, 25.0, 50.0], rtol=1e-6)
    assert np.ptp(run.observables["invariant"]) < 1e-8


def test_non_sphericity_at_the_start_has_its_exact_mean_square():
    """E non_sphericity^2 = ((1/2d)/kappa^2 - 1)/m1 over the initial law; 40 networks, 4 standard errors."""
    system = mf.DepthSeparation(d=30)
    m1 = 50
    squares = [system.network(m1=m1, m2=2, directions=16, rng=k) for k in range(40)]
    values = np.array([net.observe(0.0, net.state0)["non_sphericity"] ** 2 for net in squares])
    expected = (1.0 / (2 * 30) / system.kappa**2 - 1.0) / m1
    assert abs(values.mean() - expected) < 4.0 * values.std(ddof=1) / np.sqrt(len(values))


def test_non_sphericity_of_a_wide_layer_is_the_sum_over_all_pairs():
    network = mf.DepthSeparation(d=7).network(m1=700, m2=2, directions=16)
    w1 = network.unpack(network.state0)["w1"]
    squares = np.sum(w1**2, axis=1)
    cosines = w1 @ w1.T / np.sqrt(np.outer(squares, squares))
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    kernel = (np.sin(angles) + (np.pi - angles) * cosines) / (2.0 * np.pi)
    mean_square = squares @ kernel @ squares / squares.sum() ** 2 / 7.0
    expected = np.sqrt(mean_square / network.system.kappa**2 - 1.0)
    assert network.observe(0.0, network.state0)["non_sphericity"] == pytest.approx(expected, rel=1e-10)


def test_non_sphericity_equals_its_average_over_directions():
    network = _system(2).network(**(SMALL | {"directions": 16}))
    y = network.state0
    u = stream(0, "test").standard_normal((200_000, 7))
    u /= np.linalg.norm(u, axis=1)[:, None]
    g = network.features(y, u)
    values = network.observe(0.0, y)
    square = (g / values["slope"] - 1.0) ** 2
    assert abs(square.mean() - values["non_sphericity"] ** 2) < 4.0 * square.std() / np.sqrt(len(u))


@pytest.mark.parametrize("projection", [None, (0.2, 0.05, 0.05)])
def test_an_sgd_run_continues_to_the_same_bits(projection, tmp_path):
    """Stopped after 5 of 12 steps and continued from its checkpoint, the count of projected gradients included."""
    system, times = mf.DepthSeparation(d=9, sigma_1=2.0, projection=projection), [0.0, 1.0, 4.0, 6.0]

    def network():
        return system.network(m1=12, m2=5, dynamics="sgd", batch=300, directions=64, dtype="float32", rng=4)

    files = {"store": tmp_path / "run.h5", "checkpoint": tmp_path / "run.checkpoint"}
    assert not mf.solve(network(), times, max_steps=5, **files).complete
    continued, whole = mf.solve(network(), times, **files), mf.solve(network(), times)
    np.testing.assert_array_equal(continued.states, whole.states)
    for name, values in whole.observables.items():
        np.testing.assert_array_equal(continued.observables[name], values)
    assert (projection is None) == ("projected_w1" not in whole.observables)
