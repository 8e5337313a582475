"""The infinite-width recursion: one way of solving it against another, exact properties, and networks of finite width."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.integrable import IntegrableNetwork, Parameterization
from mfpde.systems.integrable.exact import relu_first_step
from mfpde.threads import set_threads

X, PROBE = np.array([[1.0, 0.0, 0.0]]), np.array([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0], [-0.5, 1.0, 2.0]])
ONE = [(X, np.ones(1))] * 3
RNG = np.random.default_rng(11)
TWO = [(RNG.standard_normal((2, 3)), RNG.standard_normal(2)) for _ in range(3)]
CLASSES = [(RNG.standard_normal((2, 3)), RNG.integers(0, 3, 2)) for _ in range(3)]


def system(depth=2, parameterization="hp", **parameters):
    return IntegrableNetwork(d=3, depth=depth, parameterization=parameterization, **parameters)


def run(flow):
    return mf.solve(flow, range(flow.problem.steps + 1)).observables


def make(depth=2, parameterization="hp", batches=ONE, lr=0.5, probe=PROBE, activation="relu", outputs=1, loss="mse", bias1=True, **options):
    problem = system(depth, parameterization, activation=activation, outputs=outputs, loss=loss, bias1=bias1)
    return problem.limit(batches=batches, lr=lr, probe=probe, **options)


def agree(values, sampled, errors=4.5):
    """Whether Monte Carlo rows t >= 1 lie within their error bars of exact ones, and these are small."""
    assert np.array_equal(sampled["f"][0], np.zeros_like(sampled["f"][0]))
    assert np.all(sampled["f_stderr"][1:] > 0.0)
    assert np.all(sampled["f_stderr"][1:] < 0.02 * np.max(np.abs(values["f"])))
    off = np.abs(sampled["f"] - values["f"])[1:] / sampled["f_stderr"][1:]
    assert np.max(off) < errors
    assert np.sqrt(np.mean(off**2)) < 2.0


# One way of solving against another.


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("bias1", [True, False])
def test_first_step_is_the_closed_form(depth, bias1):
    flow = make(depth, "ip-llr", [(X + 0.3, np.array([-2.0]))], bias1=bias1)
    expected = relu_first_step(X[0] + 0.3, PROBE, depth, 1.0, bias1=bias1)
    np.testing.assert_allclose(run(flow)["f"][1], expected, rtol=1e-13)


def test_every_further_layer_divides_the_first_step_by_the_same_factor():
    f = np.array([relu_first_step(X[0], PROBE, depth, -0.5) for depth in range(2, 8)])
    np.testing.assert_allclose(f[1:] / f[:-1], 0.5 * np.sqrt(2.5) / (2.0 * np.pi), rtol=1e-14)


@pytest.mark.parametrize(("depth", "parameterization", "activation"), [
    (1, "ip", "relu"), (2, "ip", "relu"), (2, "ip-llr", "relu"), (3, "hpz", "relu"), (2, "hp", "leaky_relu"),
])  # fmt: skip
def test_monte_carlo_meets_the_sectors(depth, parameterization, activation):
    batches = [(X, np.array([y])) for y in (1.0, 0.6, 1.2, 0.8, 1.0)]
    exact = make(depth, parameterization, batches, activation=activation)
    sampled = make(depth, parameterization, batches, activation=activation, backend="mc", samples=16384)
    assert (exact.backend, sampled.backend) == ("sector", "mc")
    agree(run(exact), run(sampled))


def test_monte_carlo_meets_the_sectors_where_all_classes_of_ties_matter():
    """Units that a random sign revives at step j move like others afterwards: here half of f_5 depends on it."""
    arguments = {"batches": [(X, np.array([y])) for y in (2.0, 1.2, 1.0, 1.5, 1.8)], "lr": 0.8}
    agree(run(make(2, "ip-llr", **arguments)), run(make(2, "ip-llr", **arguments, backend="mc", samples=32768)))


@pytest.mark.parametrize("depth", [1, 2])
def test_quadrature_meets_the_sectors(depth):
    values = [run(make(depth, "hp", activation="identity", backend=backend))["f"] for backend in ("sector", "trapezoid")]
    assert np.max(np.abs(values[0])) > 0.1
    np.testing.assert_allclose(values[1], values[0], atol=1e-12)


@pytest.mark.parametrize(("depth", "parameterization"), [(2, "ip"), (3, "hp")])
def test_monte_carlo_meets_quadrature(depth, parameterization):
    arguments = {"batches": ONE[:2], "lr": 1.0, "activation": "tanh", "probe": PROBE[:2]}
    exact = make(depth, parameterization, **arguments)
    assert exact.backend == "trapezoid"
    values, sampled = run(exact), run(make(depth, parameterization, **arguments, backend="mc", samples=8192))
    first = sampled["f"][1] if depth == 3 else np.zeros(1)
    assert np.max(np.abs(first)) < 1e-14
    for observables in (values, sampled):
        observables["f"], observables["f_stderr"] = observables["f"][[0, 2]], observables["f_stderr"][[0, 2]]
    agree(values, sampled)


def test_quadrature_of_a_batch_of_two_is_converged():
    """One layer, two inputs: three Gaussians."""
    arguments = {"batches": TWO[:1] * 2, "activation": "tanh", "probe": TWO[0][0]}
    flow = make(1, "ip", **arguments)
    assert flow.backend == "trapezoid"
    values = run(flow)
    fine = flow.refined()
    assert fine.config["arguments"]["spacing"] == 0.5 * flow.config["arguments"]["spacing"]
    agree(values, run(make(1, "ip", **arguments, backend="mc", samples=16384)))
    coarse = make(1, "ip", **arguments, backend="mc", samples=4096)
    assert coarse.refined().config["arguments"]["samples"] == 8192


def test_runs_that_are_switched_off_are_flagged():
    """Labels 1, -1, 1 on one input: with tie "zero" every unit of layer 2 is off after step 2, at any back end; with ties it lives on.

    A rate that overshoots switches layer 2 of 3 off under both rules.
    """
    batches = [(X, np.array([y])) for y in (1.0, -1.0, 1.0)]
    for options in ({}, {"backend": "mc", "samples": 4096}):
        np.testing.assert_array_equal(run(make(2, "hpz", batches, **options))["dead"], [0.0, 0.0, 1.0, 1.0])
        np.testing.assert_array_equal(run(make(2, "ip-llr", batches, **options))["dead"], np.zeros(4))
    overshoot = run(make(3, "ip-llr", [(X, np.ones(1))] * 5, lr=0.8))
    np.testing.assert_array_equal(overshoot["dead"], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(overshoot["f"][4:], np.zeros((2, 3)))
    np.testing.assert_array_equal(run(make(3, "hpz", activation="tanh"))["dead"], np.zeros(4))
    np.testing.assert_array_equal(run(make(3, "ip"))["dead"], np.zeros(4))


def test_spacing_is_an_argument_of_the_limit():
    """The trapezoidal rule converges geometrically: half the spacing has an error far below the quarter that any order would give."""
    flows = [make(2, "hpz", activation="tanh", **options) for options in ({"spacing": 0.8}, {"spacing": 0.4}, {})]
    assert [flow.config["arguments"]["spacing"] for flow in flows] == [0.8, 0.4, 0.1]
    coarse, half, default = (run(flow)["f"] for flow in flows)
    assert 0.0 < np.max(np.abs(half - default)) < 0.02 * np.max(np.abs(coarse - default))


def test_halving_the_spacing_changes_nothing():
    flow = make(2, "hp", ONE[:2], activation="gelu", probe=X)
    np.testing.assert_allclose(run(flow.refined())["f"], run(flow)["f"], atol=1e-13)


def test_error_bars_shrink_with_the_samples():
    few, many = (run(make(2, "hpz", TWO, samples=n, replicas=32))["f_stderr"][1:] for n in (512, 8192))
    assert 3.0 < np.exp(np.mean(np.log(few / many))) < 5.3


# Exact properties.


@pytest.mark.parametrize("backend", ["sector", "mc"])
def test_a_repeated_sample_counts_once(backend):
    options = {"backend": backend, "samples": 1024}
    doubled = [(np.repeat(X, 2, axis=0), np.array([2.0, 0.0]))] * 3
    np.testing.assert_allclose(run(make(2, "hp", doubled, **options))["f"], run(make(2, "hp", **options))["f"], atol=1e-11)


def test_rotated_inputs_give_the_same_outputs():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turned = make(3, "ip-llr", [(X @ rotation, np.ones(1))] * 3, probe=PROBE @ rotation)
    np.testing.assert_allclose(run(turned)["f"], run(make(3, "ip-llr"))["f"], rtol=1e-12)


def test_naive_integrable_networks():
    """L = 1 is the two-layer mean field, whatever its name; L = 2 moves in its middle layer first; L >= 3 never moves."""
    names = ("ip", "ip-llr", "hp", "hpz")
    one = [run(make(1, name))["f"] for name in names]
    assert all(np.array_equal(f, one[0]) for f in one)
    naive, large = (run(make(2, name))["f"] for name in ("ip", "ip-llr"))
    # Only layer 2 moves: f_1 = -E U relu(-kappa U 1{g > 0}) with kappa = eta chi E x_0 x_0 = -eta k0 / 2.
    assert naive[1, 1] == pytest.approx(0.5 * 2.5 / 2.0 / 4.0, rel=1e-14)
    assert np.all(naive[1, :2] < large[1, :2])
    for depth, activation in ((3, "relu"), (4, "tanh"), (2, "relu^2")):
        flow = make(depth, "ip", TWO, activation=activation)
        values = run(flow)
        assert flow.backend == "stationary"
        assert not values["f"].any()
        assert values["loss"][0] == values["loss"][-1] == pytest.approx(0.5 * np.mean([y**2 for _, y in TWO]))


def test_loss_is_the_mean_over_all_batches():
    flow = make(2, "hpz", TWO, samples=1024)
    values, end = run(flow), mf.solve(flow, [3]).final_state
    errors = [flow.predict(end, x) - y for x, y in TWO]
    assert values["loss"][-1] == pytest.approx(0.5 * np.mean(np.square(errors)), rel=1e-12)
    flow = make(2, "hpz", CLASSES, outputs=3, loss="cross-entropy", samples=1024)
    assert run(flow)["loss"][0] == pytest.approx(np.log(3.0), rel=1e-14)


def test_what_a_step_saw_is_what_is_predicted():
    flow = make(2, "hp", ONE)
    end = mf.solve(flow, [3]).final_state
    before = flow.steps(0, 2, flow.state0)
    assert flow.unpack(end)["chi"][0, 2, 0, 0] == pytest.approx(float(flow.predict(before, X)[0]) - 1.0, abs=1e-14)


@pytest.mark.parametrize("backend", ["sector", "trapezoid", "mc"])
def test_any_state_can_be_continued_to_the_same_bits(backend):
    arguments = {"activation": "tanh" if backend == "trapezoid" else "relu", "backend": backend, "samples": 1024}
    flow, other = make(2, "hp", **arguments), make(2, "hp", **arguments)
    half = flow.steps(0, 2, flow.state0)
    end = flow.step(2, half)
    assert other.step(2, half).tobytes() == end.tobytes()
    assert other.observe(3.0, end)["f"].tobytes() == flow.observe(3.0, end)["f"].tobytes()
    assert flow.observe(2.0, half)["f"].tobytes() == other.observe(2.0, half)["f"].tobytes()
    assert flow.step(2, half).tobytes() == end.tobytes()


def test_bits_do_not_depend_on_the_threads():
    states = []
    for count in (1, 3):
        set_threads(count)
        states.append(mf.solve(make(2, "hp", TWO, samples=1024), [3]).final_state.tobytes())
    set_threads(None)
    assert states[0] == states[1]


def test_sensitivity_is_the_derivative():
    flow = make(2, "hpz", probe=PROBE)
    ends = [run(make(2, "hpz", lr=0.5 * np.exp(h)))["f"][2] for h in (1e-5, -1e-5)]
    np.testing.assert_allclose(flow.sensitivity(2), (ends[0] - ends[1]) / 2e-5, rtol=1e-4)


# Networks of finite width.


def networks(m, seeds, problem, batches, lr=0.5, probe=PROBE[:2]):
    """f (seeds, steps, probe...) of independent networks."""
    flows = (problem.network(m=m, batches=batches, lr=lr, probe=probe, rng=seed) for seed in range(seeds))
    return np.array([mf.solve(flow, range(1, len(batches) + 1)).observables["f"] for flow in flows])


def slope(widths, sizes):
    return np.polyfit(np.log(widths), np.log(sizes), 1)[0]


def test_networks_approach_the_recursion():
    problem, batches = system(2, "hpz"), ONE[:2]
    expected = run(make(2, "hpz", batches, probe=PROBE[:2]))["f"][1:]
    widths = [64, 256, 1024]
    found = [networks(m, 40, problem, batches) for m in widths]
    errors = np.array([np.sqrt(np.mean((f - expected) ** 2, axis=0)) for f in found])
    for k in range(2):
        assert slope(widths, errors[:, k, 0]) == pytest.approx(-0.5, abs=0.15)
    gap = np.abs(found[-1].mean(axis=0) - expected)
    assert np.all(gap < 4.0 * found[-1].std(axis=0, ddof=1) / np.sqrt(40))


@pytest.mark.parametrize(("depth", "parameterization", "activation"), [(2, "ip", "tanh"), (2, "ip", "relu"), (1, "hp", "relu")])
def test_networks_without_a_large_first_step_approach_theirs(depth, parameterization, activation):
    problem = system(depth, parameterization, activation=activation)
    expected = run(make(depth, parameterization, activation=activation, probe=PROBE[:2]))["f"][1:]
    found = networks(1024, 24, problem, ONE)
    gap, spread = np.abs(found.mean(axis=0) - expected), found.std(axis=0, ddof=1) / np.sqrt(24)
    assert np.all(spread < 0.05 * np.max(expected))
    assert np.all(gap < 4.0 * spread + 0.6 / np.sqrt(1024))


def test_networks_on_changing_batches_of_classes():
    problem = system(2, "hpz", outputs=3, loss="cross-entropy")
    limit = run(make(2, "hpz", CLASSES, lr=1.0, outputs=3, loss="cross-entropy", probe=PROBE[:2]))
    found = networks(512, 24, problem, CLASSES, lr=1.0)
    error = np.hypot(found.std(axis=0, ddof=1) / np.sqrt(24), limit["f_stderr"][1:])
    assert np.all(np.abs(found.mean(axis=0) - limit["f"][1:]) < 4.5 * error)
    assert np.max(np.abs(limit["f"][1:])) > 20.0 * np.min(error)


def test_kept_initial_weights_matter_for_relu_and_not_for_tanh():
    """HP - HPZ with equal initial weights: tanh and the first step of relu vanish like m^{-1/2}, the second step of relu does not."""
    batches, seeds = ONE[:2], [16, 8]
    widths = {"relu": [512, 2048], "tanh": [128, 512]}
    gaps = {}
    for activation in ("relu", "tanh"):
        gaps[activation] = []
        for m, count in zip(widths[activation], seeds, strict=True):
            kept, zeroed = (networks(m, count, system(2, name, activation=activation), batches)[..., 0] for name in ("hp", "hpz"))
            gaps[activation].append(kept - zeroed)
    for activation, step in (("relu", 0), ("tanh", 0), ("tanh", 1)):
        sizes = [np.sqrt(np.mean(gap[:, step] ** 2)) for gap in gaps[activation]]
        assert slope(widths[activation], sizes) == pytest.approx(-0.5, abs=0.1)
    expected = run(make(2, "hp"))["f"][2, 0] - run(make(2, "hpz"))["f"][2, 0]
    narrow, wide = (gap[:, 1] for gap in gaps["relu"])
    # Linear in m^{-1/2}: twice the gap at 4 m less the gap at m.
    extrapolated = 2.0 * wide.mean() - narrow.mean()
    error = np.hypot(2.0 * wide.std(ddof=1) / np.sqrt(seeds[1]), narrow.std(ddof=1) / np.sqrt(seeds[0]))
    assert abs(extrapolated - expected) < 3.0 * error
    assert extrapolated > 3.0 * error


def test_odd_networks_wake_up_at_the_second_step():
    problem, batches = system(3, "hpz", activation="tanh"), ONE[:2]
    expected = run(make(3, "hpz", batches, lr=1.0, activation="tanh", probe=PROBE[:2]))["f"][1:]
    assert np.max(np.abs(expected[0])) < 1e-15 < 0.3 < expected[1, 0]
    widths = [64, 192, 576]
    found = [networks(m, 24, problem, batches, lr=1.0) for m in widths]
    assert slope(widths, [np.sqrt(np.mean(f[:, 0] ** 2)) for f in found]) == pytest.approx(-0.5, abs=0.15)
    last = found[-1][:, 1, 0]
    assert abs(last.mean() - expected[1, 0]) < 4.0 * last.std(ddof=1) / np.sqrt(24)


# Bad input.


@pytest.mark.parametrize("name", ["ip-bias", "ip-non-centered", "mup", "ntp", "sp"])
def test_other_parameterizations_have_no_recursion(name):
    with pytest.raises(ValueError, match=f"parameterization = '{name}' has no closed infinite-width recursion: "):
        make(2, name)


def test_a_parameterization_of_ones_own_is_judged_by_its_exponents():
    own = Parameterization(name="own", a=(0, 1, 1), c=(-1, -2, -1))
    assert np.array_equal(run(make(2, own))["f"], run(make(2, "ip"))["f"])
    slow = Parameterization(name="slow", a=(0, 1, 1), c=(-1, -1, -1))
    with pytest.raises(ValueError, match="'slow' has no closed infinite-width recursion: from step 1 on"):
        make(2, slow)
    odd = Parameterization(name="odd", a=(0, 1, 1), c=(-1, -2, -1), first_c=(-1, -3, -1))
    with pytest.raises(ValueError, match="'odd': the exponents of its first step are neither"):
        make(2, odd)


@pytest.mark.parametrize(("change", "message"), [
    ({"backend": "exact"}, "backend = 'exact': give one of auto, sector, trapezoid, mc"),
    ({"tie": "random"}, "tie = 'random': give one of gaussian, zero"),
    ({"lr": 0.0}, "lr = 0.0: give a finite number > 0"),
    ({"probe": np.zeros((2, 4))}, r"probe has shape \(2, 4\)"),
    ({"batches": lambda k: ONE[0]}, "batches is a callable without a length"),
    ({"batches": TWO, "backend": "sector"}, "backend = 'sector': there are 6 training inputs"),
    ({"batches": ONE * 2, "backend": "sector"}, "backend = 'sector': with tie='gaussian' it is exact up to step 5, there are 6"),
    ({"backend": "trapezoid"}, "backend = 'trapezoid': units at the kink"),
    ({"batches": TWO, "backend": "trapezoid", "activation": "tanh"}, "backend = 'trapezoid': a layer depends on"),
    ({"backend": "mc", "samples": 1022}, "samples = 1022: give a multiple of 4"),
    ({"backend": "mc", "replicas": 1}, "replicas = 1: give an integer >= 2"),
    ({"backend": "mc", "rng": -1}, "rng = -1"),
])  # fmt: skip
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


def test_there_is_no_step_beyond_the_batches():
    with pytest.raises(ValueError, match="this flow has 3 steps of 1"):
        mf.solve(make(2, "hp"), [4])
