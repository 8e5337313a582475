"""What the two-layer dynamics must keep: energies, symmetries, shared randomness, bits; and what they must refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde import activations
from mfpde.systems.two_layer import Teacher
from mfpde.targets import ClassLabels, Norm, Polynomial
from mfpde.threads import set_threads

GaussianInit = mf.measures.GaussianInit
RAMP = activations.piecewise_linear([0.5, 1.5], [-2.5, 7.5])
CLASSES = mf.laws.Mixture([mf.laws.Gaussian(3, 3.24), mf.laws.Gaussian(3, 0.04)], [0.5, 0.5])


def system(**options):
    problem = {
        "law": mf.laws.Gaussian(3),
        "target": mf.targets.Linear((1.0, -0.5, 0.2)),
        "activation": "relu",
        "initial": GaussianInit(np.zeros(4), 0.8),
        "second_layer": "trained",
        "clock": 0.5,
        **options,
    }
    return mf.TwoLayer(**problem)


def final(flow, t=1.0, **settings):
    trajectory = mf.solve(flow, [t], **settings)
    assert trajectory.complete, trajectory.message
    return trajectory.final_state


def neurons(flow, t=1.0, **settings):
    return flow.particles(final(flow, t, **settings))["neurons"]


TIGHT = {"rtol": 1e-11, "atol": 1e-13}
SYSTEMS = [
    system(),
    system(activation="erf", second_layer="fixed", initial=GaussianInit(np.zeros(3), 0.8), clock=1.0),
    system(law=CLASSES, target=ClassLabels([1.0, -1.0]), activation=RAMP, second_layer="fixed", initial=GaussianInit(np.zeros(3), 0.2)),
]


@pytest.mark.parametrize("problem", SYSTEMS)
def test_energy_identity(problem):
    """dR/dt = -4 xi int |grad Psi|^2 drho, by central differences of a solved flow."""
    network, step = problem.network(m=20, dynamics="particles", rng=0), 1e-4
    times = np.array([0.3 - 2 * step, 0.3 - step, 0.3, 0.3 + step, 0.3 + 2 * step])
    trajectory = mf.solve(network, times, rtol=1e-12, atol=1e-14)
    r = trajectory.observables["risk"]
    slope = (r[0] - 8 * r[1] + 8 * r[3] - r[4]) / (12 * step)
    theta = network.particles(trajectory.states[2])["neurons"]
    force = problem.field.force(theta, theta, network.weights)
    assert slope == pytest.approx(-4.0 * problem.clock * np.mean(np.sum(force**2, axis=1)), rel=1e-6)


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_balance_of_homogeneous_neurons(activation):
    network = system(activation=activation).network(m=30, dynamics="particles", rng=0)
    before, after = network.particles(network.state0)["neurons"], neurons(network, **TIGHT)
    balance = [theta[:, 0] ** 2 - np.sum(theta[:, 1:] ** 2, axis=1) for theta in (before, after)]
    np.testing.assert_allclose(balance[1], balance[0], atol=1e-9)
    assert np.max(np.abs(after - before)) > 0.1


def test_fixed_weights_stay():
    problem = system(second_layer="fixed")
    for dynamics, eps in (("particles", None), ("gd", 0.01), ("sgd", 0.01)):
        network = problem.network(m=10, dynamics=dynamics, eps=eps)
        np.testing.assert_array_equal(neurons(network, 0.1)[:, 0], network.particles(network.state0)["neurons"][:, 0])


def test_permutation_and_duplication():
    problem = system()
    points = np.random.default_rng(0).standard_normal((8, 4))
    ensembles = (mf.Ensemble(points), mf.Ensemble(points[::-1]), mf.Ensemble(points).duplicate(2))
    flows = [problem.limit(method="nodes", nodes=ensemble) for ensemble in ensembles]
    first, backwards, twice = (neurons(flow, **TIGHT) for flow in flows)
    np.testing.assert_allclose(backwards[::-1], first, atol=1e-9)
    np.testing.assert_allclose(twice[::2], first, atol=1e-9)
    np.testing.assert_array_equal(twice[::2], twice[1::2])


def test_orthogonal_invariance():
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    points = rng.standard_normal((8, 4))
    turned = np.concatenate([points[:, :1], points[:, 1:] @ rotation], axis=1)
    label = np.array([1.0, -0.5, 0.2])
    plain = neurons(system().limit(method="nodes", nodes=mf.Ensemble(points)), **TIGHT)
    other = neurons(system(target=mf.targets.Linear(label @ rotation)).limit(method="nodes", nodes=mf.Ensemble(turned)), **TIGHT)
    np.testing.assert_allclose(other[:, 1:], plain[:, 1:] @ rotation, atol=1e-8)
    np.testing.assert_allclose(other[:, 0], plain[:, 0], atol=1e-8)


def test_quadrature_agrees_with_the_closed_form():
    options = {"activation": "erf", "second_layer": "fixed", "law": mf.laws.Gaussian(2, [1.0, 0.5])}
    start = {"initial": GaussianInit([0.2, 0.0], 0.05), "target": mf.targets.Linear((1.0, 0.3))}
    closed, rule = (system(**options, **start, quadrature=q) for q in (None, 40))
    a, b = (problem.limit(method=method, nodes=6) for problem, method in ((closed, "nodes"), (rule, "quadrature")))
    np.testing.assert_allclose(final(a, 0.2, **TIGHT), final(b, 0.2, **TIGHT), atol=1e-8)
    assert rule.limit().config["arguments"]["method"] == "quadrature"


@pytest.mark.parametrize("dynamics", ["nonlinear", "particles", "gd", "sgd"])
def test_one_seed_is_shared_and_narrow_networks_are_prefixes(dynamics):
    problem = system(activation="identity", beta=4.0, ridge=0.1)
    eps = {"eps": 0.01}
    wide, narrow = (problem.network(m=m, dynamics=dynamics, rng=7, **eps) for m in (9, 4))
    start = problem.network(m=9, dynamics="gd", rng=7, **eps)
    np.testing.assert_array_equal(wide.particles(wide.state0)["neurons"], start.particles(start.state0)["neurons"])
    np.testing.assert_array_equal(narrow.particles(narrow.state0)["neurons"], wide.particles(wide.state0)["neurons"][:4])
    paths = [network.paths.increment(network.field.clock, 0.01, 3, (m, 4)) for network, m in ((narrow, 4), (wide, 9))]
    np.testing.assert_array_equal(paths[0], paths[1][:4])


def test_the_four_dynamics_follow_the_same_noise():
    """With hardly a signal all that moves the neurons is their noise, so that all four end at the same place."""
    problem = system(activation="identity", beta=4.0, target=mf.targets.Linear((0.0, 0.0, 0.0)), initial=GaussianInit(np.zeros(4), 0.0))
    ends = [neurons(problem.network(m=2000, dynamics=d, rng=3, eps=0.01), 0.1) for d in ("nonlinear", "particles", "gd", "sgd")]
    np.testing.assert_array_equal(ends[1], ends[2])
    for end in (ends[0], ends[3]):
        assert np.sqrt(np.mean((end - ends[1]) ** 2)) < 0.01 * np.sqrt(np.mean(ends[1] ** 2))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", [*SYSTEMS, system(ridge=0.3)])
def test_sgd_does_not_depend_on_chunks(problem, dtype):
    network = problem.network(m=17, dynamics="sgd", eps=1e-3, rng=5, dtype=dtype)
    y = network.state0
    whole = network.steps(0, 600, y)
    assert whole.dtype == dtype
    again = network.steps(7, 593, network.steps(0, 7, y))
    np.testing.assert_array_equal(whole, again)
    other = problem.network(m=17, dynamics="sgd", eps=1e-3, rng=5, dtype=dtype)
    late = other.steps(300, 300, network.steps(0, 300, y))
    np.testing.assert_array_equal(whole, late)
    assert not np.array_equal(whole, y)


@pytest.mark.parametrize("problem", [*SYSTEMS, system(ridge=0.3), system(activation="tanh", quadrature=4), system(scale=3.0)])
def test_compiled_sgd_agrees_with_its_numpy_twin(problem):
    network = problem.network(m=17, dynamics="sgd", eps=1e-3, rng=5)
    start = network.unpack(network.state0)["theta"]
    compiled, plain = start.copy(), start.copy()
    network._compiled(0, 40, compiled)
    network._plain(0, 40, plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-11, atol=1e-13)
    assert np.max(np.abs(plain - start)) > 1e-4


@pytest.mark.parametrize("options", [
    {},
    {"activation": "quadratic", "centred": True, "target": Polynomial(quadratic=np.eye(3)), "second_layer": "fixed"},
    {"activation": "cosine", "phase": True, "initial": GaussianInit(np.zeros(5), 0.8)},
    {"activation": "normal_cdf"},
])
def test_a_step_on_many_samples_is_a_step_of_descent(options):
    """The mean over samples of the stochastic force is -grad Psi: within five standard errors of one batch of 4096."""
    problem = system(**options)
    batch = 4096
    start = problem.network(m=6, dynamics="gd", eps=0.01, rng=2)
    theta = start.particles(start.state0)["neurons"]
    samples = problem.field.samples
    x, y = samples.draw(batch, np.random.default_rng(0))
    singles = np.array([samples.force(theta, x[i : i + 1], y[i : i + 1], 1.0) for i in range(batch)])
    error = np.std(singles, axis=0) / math.sqrt(batch)
    np.testing.assert_allclose(samples.force(theta, x, y, 1.0), singles.mean(axis=0), atol=1e-12)
    gap = samples.force(theta, x, y, 1.0) - problem.field.force(theta, theta, np.full(6, 1 / 6))
    assert np.all(np.abs(gap) <= 5.0 * error + 1e-12)


def test_resumed_sgd_gives_the_same_bits(tmp_path):
    network = SYSTEMS[0].network(m=11, dynamics="sgd", eps=1e-3, rng=5)
    whole = mf.solve(network, [0.9])
    stopped = mf.solve(network, [0.9], checkpoint=tmp_path / "c.h5", max_steps=333)
    assert not stopped.complete
    resumed = mf.solve(network, [0.9], checkpoint=tmp_path / "c.h5")
    np.testing.assert_array_equal(resumed.final_state, whole.final_state)


def test_threads_do_not_change_bits():
    network = SYSTEMS[0].network(m=300, dynamics="gd", eps=0.05, rng=5)
    try:
        set_threads(1)
        one = network.steps(0, 3, network.state0)
        set_threads(2)
        np.testing.assert_array_equal(network.steps(0, 3, network.state0), one)
    finally:
        set_threads(None)


def test_limit_and_networks_report_the_same_observables():
    problem = system(activation="identity")
    flows = [problem.limit(), problem.limit(method="nodes", nodes=3)]
    flows += [problem.network(m=4, dynamics=d) for d in ("nonlinear", "particles")]
    flows += [problem.network(m=4, dynamics=d, eps=0.1) for d in ("gd", "sgd")]
    names = {tuple(flow.observe(0.0, flow.state0)) for flow in flows}
    assert names == {("risk", "loss", "free_energy", "second_moment", "movement")}


def test_drift_couples_networks_with_the_limit():
    problem = system(activation="identity")
    found = mf.drift(problem, widths={"m": [8, 64]}, t_eval=[0.5], replicas=4, dynamics="particles")
    rms = found.gaps["neurons_rms"].mean(axis=(1, 2))
    assert rms[1] < 0.6 * rms[0]


def test_refinement_reports_the_error_of_the_nodes():
    errors = [mf.refinement(SYSTEMS[1].limit(nodes=n), [0.2], rtol=1e-8)["risk"][0] for n in (3, 6)]
    assert 1e-6 < errors[1] < 0.5 * errors[0]


LAW = mf.laws.Gaussian(3)
BAD = [
    ({"activation": "tanh"}, "no closed-form"),
    ({"target": lambda x: x[:, 0] ** 3}, "no closed form"),
    ({"target": Norm(), "activation": "erf"}, "relu only"),
    ({"law": mf.laws.Bessel(3)}, "infinite"),
    ({"beta": 0.0}, "beta = 0.0"),
    ({"beta": -1.0}, "beta = -1.0"),
    ({"ridge": -0.1}, "ridge = -0.1"),
    ({"scale": 0.0}, "scale = 0.0"),
    ({"scale": 2.0, "beta": 1.0}, "rescaled flow has neither"),
    ({"scale": 2.0, "clock": 3.0}, "rescaled time has no xi"),
    ({"clock": -1.0}, "clock = -1.0"),
    ({"noise": "white"}, "noise = 'white'"),
    ({"second_layer": "both"}, "second_layer = 'both'"),
    ({"initial": GaussianInit(np.zeros(3), 1.0)}, "initial has 3 coordinates"),
    ({"target": Teacher(mf.Ensemble(np.ones((1, 4))), "erf")}, "teacher"),
    ({"centred": True}, "centred"),
]


@pytest.mark.parametrize(("options", "words"), BAD)
def test_impossible_systems(options, words):
    with pytest.raises(ValueError, match=words):
        system(**options)


LINEAR = {"activation": "identity", "second_layer": "fixed", "initial": GaussianInit(np.zeros(3), 1.0)}
BAD_NETWORKS = [
    ({}, {"m": 0}, "m = 0"),
    ({}, {"m": 3, "dynamics": "adam"}, "dynamics = 'adam'"),
    ({}, {"m": 3, "dynamics": "gd"}, "eps = None"),
    ({}, {"m": 3, "dynamics": "particles", "eps": 0.1}, "chooses its own steps"),
    ({}, {"m": 3, "dynamics": "gd", "eps": 0.1, "batch": 4}, "draws no samples"),
    ({}, {"m": 3, "dynamics": "sgd", "eps": -0.1}, "eps = -0.1"),
    ({}, {"m": 3, "dynamics": "particles", "dtype": "float32"}, "dtype"),
    ({}, {"m": 3, "dynamics": "gd", "eps": 0.1, "noise_steps": 2}, "noise_steps = 2"),
    ({"beta": 2.0}, {"m": 3, "dynamics": "particles"}, "eps = None"),
    ({"beta": 2.0}, {"m": 3, "dynamics": "nonlinear", "eps": 0.1}, "density"),
    ({"ridge": 3.0}, {"m": 3, "dynamics": "gd", "eps": 1.0}, "stability bound"),
    (LINEAR, {"m": 3, "dynamics": "gd", "eps": 2.0}, "give eps < 2"),
    (LINEAR, {"m": 3, "dynamics": "sgd", "eps": 0.4}, "give eps < 0.4"),
    ({"clock": lambda t: t**-0.25}, {"m": 3, "dynamics": "particles"}, "xi\\(0\\) is not finite"),
]


@pytest.mark.parametrize(("options", "arguments", "words"), BAD_NETWORKS)
def test_impossible_networks(options, arguments, words):
    problem = system(**options)
    with pytest.raises(ValueError, match=words):
        problem.network(**arguments)


BAD_LIMITS = [
    ({}, {"method": "moments"}, "no finite set of moments"),
    ({}, {"method": "exact"}, "method = 'exact'"),
    ({}, {"method": "quadrature"}, "quadrature rule"),
    ({}, {"method": "moments", "nodes": 3}, "nodes = 3"),
    ({"beta": 2.0}, {"method": "nodes"}, "weighted nodes have no noise"),
    ({"beta": 2.0}, {"method": "density", "cells": 10, "reach": 3.0, "eps": 0.1}, "finitely many data"),
    ({}, {"nodes": mf.Ensemble(np.ones((2, 3)))}, "columns"),
    ({"initial": mf.measures.SphereInit(4, 1.0)}, {}, "Gauss-Hermite"),
]


@pytest.mark.parametrize(("options", "arguments", "words"), BAD_LIMITS)
def test_impossible_limits(options, arguments, words):
    problem = system(**options)
    with pytest.raises(ValueError, match=words):
        problem.limit(**arguments)


def test_an_unstable_step_says_so():
    problem = system(activation="identity", second_layer="trained")
    trajectory = mf.solve(problem.network(m=4, dynamics="gd", eps=50.0), [50000.0])
    assert not trajectory.complete
    assert "blow-up" in trajectory.message


def test_singular_clock_is_taken_at_the_end_of_steps():
    problem = system(clock=lambda t: t**-0.25)
    clock = problem.field.clock
    np.testing.assert_allclose(clock.step_sizes(0.01, 2, 2), 0.02 * np.array([0.03, 0.04]) ** -0.25)
    assert clock.flow_time(2.0) == pytest.approx(8.0 / 3.0 * 2.0**0.75, rel=1e-10)
    assert problem.config()["clock"]["taken_at"] == "end of a step"
    assert mf.solve(problem.network(m=4, dynamics="sgd", eps=0.01), [0.1]).complete
