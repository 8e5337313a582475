"""Coupled runs: what is compared with what, and at which times."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pytest

import mfpde as mf
from mfpde.streams import stream
from tests import toys

SYSTEM = mf.DepthSeparation(d=5, sigma_1=0.5, sigma_2=0.1)
TIMES = [0.0, 10.0, 20.0, 40.0]
FAST = {"dynamics": "gd", "network": {"directions": 64}, "limit": {"nodes": 8}}
OWN = ("function_distance", "first_layer_rms", "first_layer_max", "second_layer_rms", "second_layer_max")


def _drift(**arguments):
    return mf.drift(SYSTEM, **({"widths": {"m1": [4, 8]}, "fixed": {"m2": 6}, "replicas": 3, "t_eval": TIMES, **FAST} | arguments))


def _seed(rng, replica):
    return int(stream(rng, "replica", replica).integers(2**63))


def test_shapes_names_and_order():
    result = _drift(widths={"m1": [4, 8], "m2": [3, 6, 2]}, fixed=None, replicas=2)
    assert result.widths == [{"m1": m1, "m2": m2} for m1 in (4, 8) for m2 in (3, 6, 2)]
    assert repr(_drift(widths={"m1": np.array([4])}, replicas=1).widths) == "[{'m1': 4}]"
    limit = SYSTEM.limit(nodes=8)
    assert set(result.gaps) == {*limit.observe(0.0, limit.state0), *OWN}
    assert {gap.shape for gap in result.gaps.values()} == {(6, 2, 4)}
    assert result.complete.shape == (6, 2)
    assert result.complete.all()
    np.testing.assert_array_equal(result.t, TIMES)
    np.testing.assert_array_equal(result.sup("loss"), np.abs(result.gaps["loss"]).max(axis=-1))
    for name in OWN[1:]:
        np.testing.assert_array_equal(result.gaps[name][..., 0], 0.0)


def test_gaps_are_those_of_the_runs_done_by_hand():
    """One network, its limit and its tracers without `drift`, the function distance in plain NumPy on the same inputs."""
    result, seed = _drift(widths={"m1": [4]}, rng=5), _seed(5, 1)
    network = SYSTEM.network(m1=4, m2=6, dynamics="gd", directions=64, rng=seed)
    limit, start = SYSTEM.limit(nodes=8), network.unpack(network.state0)
    nodes = limit.unpack(limit.state0)
    weights = np.append(limit.weights, np.zeros(6))
    second = np.column_stack([np.append(nodes["w2"], start["w2"]), np.append(nodes["b2"], start["b2"])])
    carried = SYSTEM.limit(second_layer=mf.Ensemble(second, weights))
    run, reference = mf.solve(network, TIMES), mf.solve(carried, TIMES, rtol=1e-6, atol=1e-9)
    state, exact = run.unpack(), reference.unpack()
    tracers = np.column_stack([exact["w2"], exact["b2"]])[8:]
    distance = np.linalg.norm(np.column_stack([state["w2"], state["b2"]]) - tracers, axis=1)
    first = np.linalg.norm(state["w1"] - start["w1"] * exact["rho"] / 0.5, axis=1)
    x = SYSTEM.law.sample(4096, stream(seed, "function distance"))
    feature = np.mean(np.linalg.norm(state["w1"], axis=1) * np.maximum(x @ state["w1"].T, 0.0), axis=1)
    f = np.mean(np.maximum(np.outer(feature, state["w2"]) + state["b2"], 0.0), axis=1)
    feature = SYSTEM.kappa * exact["rho"] ** 2 * np.linalg.norm(x, axis=1)
    f_limit = np.maximum(np.outer(feature, exact["w2"]) + exact["b2"], 0.0) @ weights
    expected = {
        "loss": run.observables["loss"][-1] - reference.observables["loss"][-1],
        "function_distance": np.sqrt(np.mean((f - f_limit) ** 2)),
        "first_layer_rms": np.sqrt(np.mean(first**2)),
        "first_layer_max": first.max(),
        "second_layer_rms": np.sqrt(np.mean(distance**2)),
        "second_layer_max": distance.max(),
    }
    for name, value in expected.items():
        assert result.gaps[name][0, 1, -1] == pytest.approx(value, rel=1e-9), name


def test_nested_networks_begin_with_the_same_neurons_and_independent_ones_do_not():
    """The same width twice: equal bits if nested, other neurons if independent; replicas always differ."""
    nested = _drift(widths={"m1": [4, 4, 8]})
    independent = _drift(widths={"m1": [4, 4]}, coupling="independent")
    for name in ("loss", "rho", "second_layer_rms"):
        np.testing.assert_array_equal(nested.gaps[name][0], nested.gaps[name][1])
        assert np.all(independent.gaps[name][0, :, -1] != independent.gaps[name][1, :, -1])
        assert len(np.unique(nested.gaps[name][0, :, -1])) == 3
    alone = _drift(widths={"m1": [8]})
    np.testing.assert_array_equal(alone.gaps["loss"][0], nested.gaps["loss"][2])
    wide, narrow = (SYSTEM.network(m1=m1, m2=6, directions=16, rng=_seed(0, 0)) for m1 in (8, 4))
    np.testing.assert_array_equal(wide.unpack(wide.state0)["w1"][:4], narrow.unpack(narrow.state0)["w1"])


def test_seeds_and_processes():
    here = _drift()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        elsewhere = _drift(executor=processes)
    assert _drift(rng=1).gaps["loss"][0, 0, -1] != here.gaps["loss"][0, 0, -1]
    for name, gap in here.gaps.items():
        np.testing.assert_array_equal(gap, elsewhere.gaps[name])
    np.testing.assert_array_equal(here.complete, elsewhere.complete)


def test_neurons_stay_closer_to_their_characteristics_in_wider_networks():
    """Both widths times 16: root-mean-square distances fall about 4 times."""
    arguments = {"fixed": None, "replicas": 24, "t_eval": [0.0, 10.0], "network": {"directions": 512, "dt": 0.125}}
    narrow, wide = (_drift(widths={"m1": [m], "m2": [m]}, **arguments) for m in (16, 256))
    for name in ("function_distance", "first_layer_rms", "second_layer_rms"):
        ratio = np.sqrt(np.mean(narrow.gaps[name][..., -1] ** 2) / np.mean(wide.gaps[name][..., -1] ** 2))
        assert 2.5 < ratio < 6.5, name


@dataclass(frozen=True)
class Fragile:
    """SYSTEM, but the network of one seed is infinite from t = 16.5 on."""

    seed: int

    def config(self):
        return {**SYSTEM.config(), "seed": self.seed}

    @property
    def law(self):
        return SYSTEM.law

    def coupled_limit(self, network, **arguments):
        return SYSTEM.coupled_limit(network, **arguments)

    def network(self, **arguments):
        network = SYSTEM.network(**arguments)
        step = network.step
        if arguments["rng"] == self.seed:
            network.step = lambda k, y: step(k, y) * (np.inf if k >= 32 else 1.0)
        return network


def test_a_network_that_blows_up_is_kept_and_marked():
    arguments = {"widths": {"m1": [4]}, "fixed": {"m2": 6}, "replicas": 3, "t_eval": TIMES, **FAST}
    whole, broken = mf.drift(SYSTEM, **arguments), mf.drift(Fragile(_seed(0, 1)), **arguments)
    assert broken.complete.tolist() == [[True, False, True]]
    for name, gap in broken.gaps.items():
        np.testing.assert_array_equal(gap[:, [0, 2]], whole.gaps[name][:, [0, 2]])
        np.testing.assert_array_equal(gap[0, 1, :2], whole.gaps[name][0, 1, :2])
        assert np.all(np.isnan(gap[0, 1, 2:])), name
    assert np.isnan(broken.sup("loss")[0]).tolist() == [False, True, False]


def test_a_network_that_blows_up_before_the_first_time_is_kept_too():
    arguments = {"widths": {"m1": [4]}, "fixed": {"m2": 6}, "replicas": 1, "t_eval": [20.0, 40.0], **FAST}
    broken = mf.drift(Fragile(_seed(0, 0)), **arguments)
    assert not broken.complete.any()
    assert all(np.all(np.isnan(gap)) for gap in broken.gaps.values())


def test_shares_of_projected_gradients_belong_to_the_network_alone():
    system = mf.DepthSeparation(d=5, projection=(1e-3, 1e-3, 1e-3))
    result = mf.drift(system, widths={"m1": [4]}, fixed={"m2": 3}, replicas=1, t_eval=[0.0, 1.0], dynamics="sgd", limit={"nodes": 4})
    assert not any(name.startswith("projected") for name in result.gaps)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": {}}, "widths = {}: name at least one width and its values, such as {'m1': [64, 256]}"),
        ({"widths": {"m1": []}}, "widths = {'m1': []}: name at least one width and its values"),
        ({"widths": {"m1": 64}}, "widths = {'m1': 64}: name at least one width and its values"),
        ({"widths": {"m1": "64"}}, "widths = {'m1': '64'}: name at least one width and its values"),
        ({"widths": ["m1"]}, "widths = ['m1']: name at least one width and its values"),
        ({"fixed": 6}, "fixed = 6: give values by name, such as {'m2': 128}"),
        ({"network": ["dt"]}, "network = ['dt']: give values by name"),
        ({"widths": {"m1": [64, 0]}}, "m1 = 0: give an integer >= 1"),
        ({"widths": {"m1": [4.0]}}, "m1 = 4.0: give an integer >= 1"),
        ({"fixed": {"m2": -1}}, "m2 = -1: give an integer >= 1"),
        ({"fixed": {"m1": 4}}, "m1 is given twice: name it in one of widths, fixed, network and dynamics, and rng in none of them"),
        ({"network": {"dynamics": "gd"}}, "dynamics is given twice"),
        ({"network": {"rng": 4}}, "rng is given twice"),
        ({"replicas": 0}, "replicas = 0: give an integer >= 1"),
        ({"replicas": 2.0}, "replicas = 2.0: give an integer >= 1"),
        ({"coupling": "loose"}, "coupling = 'loose': give one of ('nested', 'independent', 'mirrored')"),
        ({"laws": True, "tracers": False}, "laws = True: only characteristics sample the limit's law, and DepthSeparation here has none"),
        ({"rng": -1}, "rng = -1: give an integer seed >= 0"),
        ({"t_eval": [0.0, 0.0]}, "t_eval[1] = 0.0 does not exceed t_eval[0] = 0.0: times must increase"),
        ({"t_eval": [0.0, 0.3]}, "t_eval has 0.3, no multiple of dt = 0.5"),
        ({"dynamics": "adam"}, "dynamics = 'adam': give one of ('flow', 'gd', 'sgd')"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        _drift(**arguments)


def test_rates_of_gaps():
    result = _drift(widths={"m1": [8, 32, 128], "m2": [4, 8]}, fixed=None, replicas=6, t_eval=[0.0, 10.0])
    rate = result.rate("loss_gap", width="m1", at={"m2": 8}, t=10.0)
    direct = mf.finite.fit_rate([8, 32, 128], result.gaps["loss"][1::2, :, -1], joint=True)
    assert (rate.exponent, rate.low, rate.high) == (direct.exponent, direct.low, direct.high)
    assert result.rate("loss", width="m1", at={"m2": 8}).values.tolist() != rate.values.tolist()
    biased = result.rate("loss", width="m1", at={"m2": 4}, t=10.0, statistic="bias")
    assert biased.values == pytest.approx(np.abs(result.gaps["loss"][::2, :, -1].mean(axis=1)))
    for words, name, options in [
        ("gap 'los' is unknown", "los", {}),
        (re.escape("widths that vary: ['m1', 'm2']"), "loss", {}),
        (re.escape("['m2'] vary too"), "loss", {"width": "m1"}),
        ("t = 3.0 was not saved", "loss", {"width": "m1", "at": {"m2": 8}, "t": 3.0}),
        ("at has 'm3': there are m1, m2", "loss", {"width": "m1", "at": {"m2": 8, "m3": None}}),
        ("no network has these widths", "loss", {"width": "m1", "at": {"m2": 5}}),
        ("the bias belongs to a time", "loss", {"width": "m1", "at": {"m2": 8}, "statistic": "bias"}),
    ]:
        with pytest.raises(ValueError, match=words):
            result.rate(name, **options)


def test_a_store_keeps_every_run(tmp_path, monkeypatch):
    first = _drift(store=tmp_path / "study")
    calls = []
    monkeypatch.setattr(mf.DepthSeparation, "network", lambda self, **arguments: calls.append(arguments))
    again = _drift(store=tmp_path / "study")
    assert not calls
    for name, gap in first.gaps.items():
        np.testing.assert_array_equal(gap, again.gaps[name])
    np.testing.assert_array_equal(first.complete, again.complete)


@dataclass(frozen=True)
class Mean:
    """x' = -x from m standard normal numbers; observables: their mean, and the first two moments as one array. No coupling, no outputs."""

    def config(self):
        return {}

    def _flow(self, x):
        flow = toys.Toy(lambda t, y: -y, x)
        flow.observe = lambda t, y: {"mean": float(np.mean(y)), "moments": np.array([np.mean(y), np.mean(y**2)])}
        return flow

    def limit(self):
        flow = toys.Toy(lambda t, y: np.array([0.0, -2.0 * y[1]]), [0.0, 1.0])
        flow.observe = lambda t, y: {"mean": 0.0, "moments": y}
        return flow

    def network(self, *, m, rng):
        return self._flow(stream(rng, "start").standard_normal(m))


def test_a_system_without_coupling_is_compared_by_its_observables():
    result = mf.drift(Mean(), widths={"m": [16, 64, 256]}, replicas=40, t_eval=[0.0, 1.0], rtol=1e-8, atol=1e-10)
    assert set(result.gaps) == {"mean", "moments"}
    assert result.gaps["moments"].shape == (3, 40, 2, 2)
    np.testing.assert_array_equal(result.gaps["moments"][..., 0], result.gaps["mean"])
    assert result.gaps["mean"][..., 1] == pytest.approx(result.gaps["mean"][..., 0] * np.exp(-1.0), rel=1e-6)
    assert result.rate("mean", t=1.0).covers(0.5)
    assert result.sup("moments") == pytest.approx(np.linalg.norm(result.gaps["moments"][:, :, 0], axis=-1))


def test_mirrored_networks_have_lost_the_odd_part():
    """f = mean w x: w -> -w turns the fluctuation's sign, and what is left of the risk's gap is (mean w - E w)^2, the bias."""
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear([1.0, 0.0]),
        activation="identity",
        initial=mf.measures.GaussianInit([0.25, 0.0], [0.5, 0.0]),
        clock=0.5,
    )
    arguments = {"widths": {"m": [5]}, "replicas": 4, "t_eval": [0.0, 1.0], "dynamics": "particles", "rtol": 1e-9, "atol": 1e-12}
    nested, mirrored = (mf.drift(system, coupling=coupling, **arguments) for coupling in ("nested", "mirrored"))
    for replica in range(4):
        network = system.network(m=5, dynamics="particles", rng=_seed(0, replica))
        away = np.mean(network.unpack(network.state0)["theta"][:, 1]) - 0.25
        decay = np.exp(-1.0)
        assert nested.gaps["risk"][0, replica, 1] == pytest.approx((away**2 - 2.0 * 0.75 * away) * decay**2, abs=1e-8)
        assert mirrored.gaps["risk"][0, replica, 1] == pytest.approx(away**2 * decay**2, abs=1e-8)
    np.testing.assert_allclose(mirrored.gaps["neurons_rms"], nested.gaps["neurons_rms"], rtol=1e-6, atol=1e-12)
    assert mirrored.joint


@pytest.mark.parametrize("dynamics", ["nonlinear", "particles", "gd", "sgd"])
def test_mirror_images_of_two_layer_networks(dynamics):
    """Neurons (a, w) with a = 1 and w from two laws side by side; twice mirrored is the network itself."""
    parts = [mf.measures.GaussianInit([0.5], [1.0]), mf.measures.SphereInit(2, 1.5)]
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(3),
        target=mf.targets.Linear([1.0, 0.0, 0.0]),
        activation="identity",
        initial=mf.measures.ProductInit(parts),
    )
    network = system.network(m=4, dynamics=dynamics, rng=1, **({"eps": 0.1} if dynamics in ("gd", "sgd") else {}))
    image = network.mirrored()
    theta, other = (flow.particles(flow.state0)["neurons"] for flow in (network, image))
    np.testing.assert_allclose(other + theta, np.tile([2.0, 1.0, 0.0, 0.0], (4, 1)), rtol=0.0, atol=1e-14)
    np.testing.assert_array_equal(theta[:, 0], 1.0)
    assert image.observe(0.0, image.state0)["movement"] == 0.0
    np.testing.assert_allclose(image.mirrored().state0, network.state0, rtol=0.0, atol=1e-15)
    assert image.config["arguments"]["mirrored"] is True
    assert "mirrored" not in network.config["arguments"]


def test_mirror_image_of_a_deep_network():
    network = SYSTEM.network(m1=3, m2=4, directions=16, rng=2)
    image = network.mirrored()
    ours, theirs = network.unpack(network.state0), image.unpack(image.state0)
    for name, sign in (("w1", -1.0), ("w2", -1.0), ("b2", 1.0)):
        np.testing.assert_array_equal(theirs[name], sign * ours[name])
    layers = image.particles(image.state0)
    np.testing.assert_array_equal(network.with_particles(layers), image.state0)


def test_networks_without_a_mirror_image_are_refused():
    unknown = mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear([1.0, 0.0]),
        activation="identity",
        initial=mf.Ensemble([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]),
    )
    for system, words in [(Mean(), "Toy knows no reflection of its initial law"), (unknown, "not known to be symmetric about its mean")]:
        with pytest.raises(ValueError, match=words):
            mf.drift(system, widths={"m": [2]}, replicas=1, t_eval=[0.0], coupling="mirrored")


@dataclass(frozen=True)
class Clocked:
    """The limit and the networks are the flows given."""

    exact: object
    made: object

    def config(self):
        return {}

    def limit(self):
        return self.exact

    def network(self, *, m, rng):
        return self.made


@pytest.mark.parametrize(("exact", "made"), [("own", "own"), ("steps", "steps"), ("own", "flow"), ("steps", "flow"), ("flow", "own")])
def test_limits_and_networks_with_steps_of_their_own(exact, made):
    """Tolerances go only where they are taken; rows at common times."""

    def build(kind):
        flow = {"own": toys.OwnPace, "steps": toys.NoisySteps, "flow": toys.logistic}[kind]()
        flow.observe = lambda t, y: {"time": t}
        return flow

    result = mf.drift(Clocked(build(exact), build(made)), widths={"m": [1]}, replicas=1, t_eval=[0.0, 1.5, 3.0])
    assert result.complete.all()
    np.testing.assert_array_equal(result.gaps["time"][0, 0], 0.0)
    np.testing.assert_array_equal(result.observables["time"][0, 0], [0.0, 1.5, 3.0])


def test_different_clocks_are_refused():
    network = toys.logistic()
    network.clock = "steps"
    with pytest.raises(ValueError, match="the network runs in 'steps', the limit in 'time'"):
        mf.drift(Clocked(toys.logistic(), network), widths={"m": [1]}, replicas=1, t_eval=[1.0])


def test_noisy_networks_beside_a_limit_without_tracers():
    """Ornstein-Uhlenbeck neurons, in steps of 1/20, without their characteristics."""
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear([1.0, 0.0]),
        activation="identity",
        initial=mf.measures.GaussianInit([0.0, 0.0], [1.0, 1.0]),
        beta=2.0,
        ridge=0.5,
        clock=0.5,
    )
    arguments = {"widths": {"m": [50, 200]}, "replicas": 8, "t_eval": [0.0, 0.5], "dynamics": "gd", "network": {"eps": 0.05}}
    result = mf.drift(system, tracers=False, **arguments)
    assert "neurons_rms" not in result.gaps
    assert "function_distance" in result.gaps
    mean, error = result.bias("second_moment")
    assert np.all(np.abs(mean[:, 1]) < 4.0 * error[:, 1] + 0.05)


def test_mirror_image_of_a_deep_network_in_steps():
    """Gradient descent from -w1, -w2 is the descent of those neurons; the loss knows them by |w1|, w2 and b2 only."""
    network = SYSTEM.network(m1=3, m2=4, dynamics="gd", directions=16, rng=2)
    image, start = network.mirrored(), network.unpack(network.state0)
    ours = network.pack(w1=-start["w1"], w2=-start["w2"], b2=start["b2"])
    np.testing.assert_array_equal(image.state0, ours)
    np.testing.assert_array_equal(network.with_particles(image.particles(ours)), ours)
    np.testing.assert_array_equal(mf.solve(image, [2.0]).states, mf.solve(network, [2.0], y0=ours).states)
    assert image.config["arguments"]["mirrored"] is True
