"""What must not change the chain: duplicated, permuted or reweighted neurons, threads, rotations; and what a run must repeat."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from mfpde import laws, targets, threads
from mfpde.measures import Ensemble, GaussianInit
from mfpde.systems.chain import Chain, Layer, gradient

D, K = 3, 2


def chain_of(ensembles, d=D):
    """Four layers, k = 2, with the given initial measures."""
    sigmas, degrees = ("relu", "tanh", "gelu", "leaky_relu"), (2, 1, 2, 1)
    layers = [
        Layer(outputs=K, activation=s, initial=e, homogeneity=p) for s, e, p in zip(sigmas, ensembles, degrees, strict=True)
    ]
    target = targets.Custom(lambda x: np.stack([x[:, 0], x[:, 1] ** 2], axis=1), "two", outputs=2)
    return Chain(layers, laws.Gaussian(d), target)


def ensembles(seed=0):
    rng = np.random.default_rng(seed)
    return [Ensemble(rng.standard_normal((5, K + k + 1))) for k in (D, K, K, K)]


def observed(chain, samples=300):
    flow = chain.network(widths=[None] * 4, samples=samples)
    return flow.observe(0.0, flow.state0)["loss"], flow.unpack(flow.velocity(0.0, flow.state0))


def assert_close(a, b):
    assert np.max(np.abs(a - b)) <= 1e-12 * np.max(np.abs(b))


def test_velocities_that_jump_are_solved_by_a_method_of_low_order():
    layer = Layer(outputs=1, activation="tanh", initial=GaussianInit(np.zeros(4), 1.0))
    smooth = Chain([layer], laws.Gaussian(2), targets.Linear([1.0, 0.0]))
    assert smooth.limit(nodes=2, samples=4).default_method == "DOP853"
    assert chain_of(ensembles()).network(widths=[None] * 4, samples=4).default_method == "RK45"


@pytest.mark.parametrize("layer", range(4))
def test_duplicated_neurons_change_nothing(layer):
    plain = ensembles()
    loss, v = observed(chain_of(plain))
    doubled = [e.duplicate(3) if i == layer else e for i, e in enumerate(plain)]
    loss_doubled, w = observed(chain_of(doubled))
    assert loss_doubled == pytest.approx(loss, rel=1e-12)
    for i, name in enumerate(v):
        assert_close(w[name], np.repeat(v[name], 3, axis=0) if i == layer else v[name])


@pytest.mark.parametrize("layer", range(4))
def test_permuted_neurons_move_as_before(layer):
    plain, order = ensembles(), np.array([3, 0, 4, 1, 2])
    loss, v = observed(chain_of(plain))
    loss_permuted, w = observed(chain_of([Ensemble(e.points[order]) if i == layer else e for i, e in enumerate(plain)]))
    assert loss_permuted == pytest.approx(loss, rel=1e-12)
    for i, name in enumerate(v):
        assert_close(w[name], v[name][order] if i == layer else v[name])


@pytest.mark.parametrize("layer", range(4))
def test_weights_are_multiplicities(layer):
    plain, times = ensembles(), np.array([1, 3, 2, 1, 0])
    weighted = [Ensemble(e.points, times / 7) if i == layer else e for i, e in enumerate(plain)]
    repeated = [Ensemble(np.repeat(e.points, times, axis=0)) if i == layer else e for i, e in enumerate(plain)]
    (loss, v), (loss_repeated, w) = observed(chain_of(weighted)), observed(chain_of(repeated))
    assert loss == pytest.approx(loss_repeated, rel=1e-12)
    for i, name in enumerate(v):
        assert_close(np.repeat(v[name], times, axis=0) if i == layer else v[name], w[name])


def test_inputs_and_first_layer_may_be_rotated_together():
    q, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((D, D)))
    plain = ensembles()
    x = np.random.default_rng(4).standard_normal((200, D))
    labels = np.random.default_rng(5).standard_normal((200, K))
    points = plain[0].points.copy()
    points[:, K:-1] = points[:, K:-1] @ q.T
    losses, velocities = [], []
    for first, inputs in ((plain[0], x), (Ensemble(points), x @ q.T)):
        chain = Chain(chain_of([first, *plain[1:]]).layers, laws.Empirical(inputs, labels))
        loss, v = observed(chain, samples=None)
        losses.append(loss)
        velocities.append(v)
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    velocities[0]["layer1"][:, K:-1] = velocities[0]["layer1"][:, K:-1] @ q.T
    for name in velocities[0]:
        assert_close(velocities[1][name], velocities[0][name])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_and_two_threads_give_the_same_bits(dtype, monkeypatch):
    chain, used = chain_of([GaussianInit([0.1] * p, 1.0) for p in (6, 5, 5, 5)]), []

    def counted(work, blocks):
        used.append(threads.run_blocks(work, blocks))
        return used[-1]

    monkeypatch.setattr(gradient, "run_blocks", counted)
    results = []
    for count in (1, 2):
        threads.set_threads(count)
        try:
            flow = chain.network(widths=[700, 30, 600, 20], samples=2100, dtype=dtype)
            sgd = chain.network(widths=[700, 30, 600, 20], dynamics="sgd", samples=10, dt=0.1, batch=1100, dtype=dtype)
            parts = [flow.velocity(0.0, flow.state0), sgd.step(5, sgd.state0), np.array([flow.observe(0.0, flow.state0)["loss"]])]
        finally:
            threads.set_threads(None)
        assert parts[0].dtype == parts[1].dtype == dtype
        assert np.all(np.isfinite(parts[0]))
        results.append(np.concatenate(parts))
    assert used[:3] == [1, 1, 1]
    assert used[3:] == [2, 2, 2]
    np.testing.assert_array_equal(results[0], results[1])


def test_single_precision_follows_double():
    chain = chain_of(ensembles())
    double, single = (chain.network(widths=[None] * 4, samples=500, dtype=dtype) for dtype in ("float64", "float32"))
    v, w = double.velocity(0.0, double.state0), single.velocity(0.0, single.state0)
    assert np.max(np.abs(v - w)) < 2e-5 * np.max(np.abs(v))


def test_memory_is_far_below_samples_times_neurons():
    m, n = 20_000, 4096
    chain = chain_of([GaussianInit([0.1] * p, 1.0) for p in (6, 5, 5, 5)])
    small = chain.network(widths=[5] * 4, samples=10)
    small.velocity(0.0, small.state0)  # compiled before memory is counted
    flow = chain.network(widths=[m, 50, 50, 50], samples=n)
    tracemalloc.start()
    try:
        flow.velocity(0.0, flow.state0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < m * n * 8 / 10


def test_sgd_repeats_itself_and_every_step_stands_alone():
    chain = chain_of([GaussianInit([0.1] * p, 1.0) for p in (6, 5, 5, 5)])

    def made(rng):
        return chain.network(widths=[4, 5, 6, 7], dynamics="sgd", dt=0.05, batch=300, samples=20, rng=rng)

    def run(flow, y, steps):
        for k in steps:
            y = flow.step(k, y)
        return y

    first, again, other = made(0), made(0), made(1)
    whole = run(first, first.state0, range(6))
    # stopped after step 2, and continued by another object
    np.testing.assert_array_equal(run(again, run(made(0), again.state0, range(3)), range(3, 6)), whole)
    assert not np.array_equal(run(other, first.state0, range(6)), whole)
    assert not np.array_equal(first.step(0, whole), first.step(1, whole))
    before = whole.copy()
    first.step(7, whole)
    np.testing.assert_array_equal(whole, before)


def test_an_sgd_step_is_unbiased_for_the_population_velocity():
    chain = chain_of(ensembles())
    reference = chain.network(widths=[None] * 4, samples=200_000, rng=9)
    sgd = chain.network(widths=[None] * 4, dynamics="sgd", dt=1.0, batch=2000, samples=10)
    moves = np.stack([sgd.step(k, sgd.state0) - sgd.state0 for k in range(40)])
    error = np.std(moves, axis=0, ddof=1) * np.sqrt(1 / 40 + 1 / 100)
    score = (moves.mean(axis=0) - reference.velocity(0.0, reference.state0)) / np.where(error > 0.0, error, 1.0)
    assert np.max(np.abs(score)) < 5.0
    assert np.sqrt(np.mean(score**2)) < 1.5


def test_a_gd_step_is_an_euler_step_of_the_flow():
    chain = chain_of(ensembles())
    flow = chain.network(widths=[None] * 4, samples=100)
    gd = chain.network(widths=[None] * 4, dynamics="gd", dt=0.3, samples=100)
    np.testing.assert_array_equal(gd.step(4, gd.state0), flow.state0 + 0.3 * flow.velocity(0.0, flow.state0))
    assert gd.observe(0.0, gd.state0) == flow.observe(0.0, flow.state0)
    assert set(gd.observe(0.0, gd.state0)) == {"loss", "loss_stderr", "layer1_rms", "layer2_rms", "layer3_rms", "layer4_rms"}


def test_limit_and_network_share_names_and_wider_networks_contain_narrower_ones():
    chain = chain_of([GaussianInit([0.1] * p, [1.0] + [0.0] * (p - 1)) for p in (6, 5, 5, 5)])
    limit, narrow, wide = chain.limit(rng=0), chain.network(widths=[3] * 4), chain.network(widths=[9] * 4)
    assert list(limit.observe(0.0, limit.state0)) == list(narrow.observe(0.0, narrow.state0))
    for name, part in narrow.unpack(narrow.state0).items():
        np.testing.assert_array_equal(wide.unpack(wide.state0)[name][:3], part)
    assert json.loads(json.dumps(limit.config)) == limit.config
    assert json.loads(json.dumps(wide.config)) == wide.config
    x = np.random.default_rng(0).standard_normal((700, D))
    f = wide.predict(wide.state0, x)
    assert f.shape == (700, 2)
    given = chain.network(widths=[9] * 4, samples=x)
    losses, seen = 0.5 * np.sum((f - given.samples.y) ** 2, axis=1), given.observe(0.0, given.state0)
    assert seen["loss"] == pytest.approx(np.mean(losses), rel=1e-13)
    assert seen["loss_stderr"] == pytest.approx(np.sqrt(np.var(losses, ddof=1) / 700), rel=1e-13)
    rms = np.sqrt(np.mean(np.sum(given.unpack(given.state0)["layer2"] ** 2, axis=1)))
    assert seen["layer2_rms"] == pytest.approx(rms, rel=1e-13)
    with pytest.raises(ValueError, match=r"x has shape \(3,\)"):
        wide.predict(wide.state0, x[0])


def test_layers_below_the_lowest_trained_one_stay():
    rng = np.random.default_rng(0)
    frozen = [Layer(outputs=K, activation="tanh", initial=Ensemble(rng.standard_normal((4, K + k + 1))), train=()) for k in (D, K)]
    moving = Layer(outputs=K, activation="tanh", initial=Ensemble(rng.standard_normal((4, 2 * K + 1))))
    target = chain_of(ensembles()).target
    flow = Chain([*frozen, moving], laws.Gaussian(D), target).network(widths=[None] * 3, samples=50)
    v = flow.unpack(flow.velocity(0.0, flow.state0))
    assert not np.any(v["layer1"])
    assert not np.any(v["layer2"])
    trained = [Layer(outputs=K, activation="tanh", initial=layer.initial) for layer in frozen]
    full = Chain([*trained, moving], laws.Gaussian(D), target).network(widths=[None] * 3, samples=50)
    np.testing.assert_array_equal(v["layer3"], full.unpack(full.velocity(0.0, full.state0))["layer3"])
    still = Chain(frozen, laws.Gaussian(D), target).network(widths=[None] * 2, samples=50)
    assert not np.any(still.velocity(0.0, still.state0))


def test_a_state_that_blew_up_gives_nan_and_no_warning():
    flow = chain_of(ensembles()).network(widths=[None] * 4, samples=50)
    assert not np.all(np.isfinite(flow.velocity(0.0, flow.state0 * 1e200)))
