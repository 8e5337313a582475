"""The cosine model against closed forms and reference values. All times in the flow clock s unless said otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde.density import FreeEnergy, extrapolate, gibbs
from mfpde.systems import registry
from mfpde.systems.two_layer.circle import exact
from mfpde.systems.two_layer.circle.network import uniform_neurons

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
TIMES = [0.5, 1.0, 2.0, 5.0]
Z = [0.17524869625801109904, 0.30597745424663367511, 0.47518795809158937873, 0.67568889349404740335]
GIBBS = [
    (1.0, 0.26042357732881814434, -1.6232898250837198236),
    (10.0, 0.63376982262671389342, -0.12448592435782313762),
    (100.0, 0.77413074043436677874, -0.010595355670690108091),
]


@pytest.mark.parametrize("method", ["auto", "modes", "nodes"])
def test_order_parameter(method):
    run = mf.solve(mf.CosineCircle(b=0.8).limit(method=method), TIMES, **TIGHT)
    np.testing.assert_allclose(run.observables["z"], Z, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(run.observables["risk"], (0.8 - np.array(Z)) ** 2, rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(run.observables["loss"], run.observables["risk"])
    np.testing.assert_allclose(run.observables["free_energy"], 0.5 * run.observables["risk"], rtol=1e-15)
    assert run.clock == "flow clock s"


def test_closed_form_of_the_order_parameter():
    np.testing.assert_allclose([exact.order_parameter(s, 0.8) for s in TIMES], Z, rtol=0.0, atol=1e-15)


@pytest.mark.parametrize("b", [-0.8, 0.0, 0.3, 1.0, 1.7])
def test_any_target_strength(b):
    run = mf.solve(mf.CosineCircle(b=b).limit(), TIMES, **TIGHT)
    np.testing.assert_allclose(run.observables["z"], [exact.order_parameter(s, b) for s in TIMES], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("modes", [1, 3, 20])
def test_the_closure_is_exact_without_noise(modes):
    run = mf.solve(mf.CosineCircle(b=0.8).limit(method="modes", modes=modes), TIMES, **TIGHT)
    np.testing.assert_allclose(run.states, np.power.outer(Z, np.arange(1.0, modes + 1.0)), rtol=0.0, atol=1e-12)


def test_nodes_err_by_z_to_their_number():
    errors = []
    for n in (8, 16, 24):
        run = mf.solve(mf.CosineCircle(b=0.8).limit(method="nodes", nodes=n), [2.0], **TIGHT)
        errors.append(abs(run.observables["z"][0] - Z[2]))
    rates = -np.diff(np.log(errors)) / 8.0
    np.testing.assert_allclose(rates, -np.log(Z[2]), rtol=0.15)
    estimate = mf.refinement(mf.CosineCircle(b=0.8).limit(method="nodes", nodes=16), [2.0], rtol=1e-11, atol=1e-13)["z"]
    assert estimate[0] == pytest.approx(errors[1], rel=0.05)


def test_clocks():
    """xi = 1 is s = 2t; xi = t is s = t^2."""
    papers = mf.solve(mf.CosineCircle(b=0.8, clock=1.0).limit(), [0.25, 0.5, 1.0, 2.5], **TIGHT)
    np.testing.assert_allclose(papers.observables["z"], Z, rtol=0.0, atol=1e-12)
    assert papers.clock == "time"
    ramped = mf.solve(mf.CosineCircle(b=0.8, clock=lambda t: t).limit(), np.sqrt(TIMES), **TIGHT)
    np.testing.assert_allclose(ramped.observables["z"], Z, rtol=0.0, atol=1e-12)


def test_a_neuron_in_the_field():
    network = mf.CosineCircle(b=0.8).network(m=3, dynamics="nonlinear")
    start = network.pack(modes=[0.0], tracers=[[1.0, 2.0], [1.0, -0.5], [1.0, 3.0]])
    run = mf.solve(network, [1.0], y0=start, **TIGHT)
    angles = run.unpack()["tracers"][:, 1]
    assert angles[0] == pytest.approx(1.3827348857809473398, abs=1e-12)
    np.testing.assert_allclose(angles, exact.neuron([2.0, -0.5, 3.0], Z[1]), rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(exact.neuron([2.0 + 2.0 * math.pi, -0.5, 3.0], Z[1]), angles, rtol=0.0, atol=1e-12)


def test_what_sampling_neurons_costs():
    """N (E R_N - R) = 1 - z^2 for independent neurons in the field: by U on the nodes of the law, and on samples."""
    system = mf.CosineCircle(b=0.8)
    flow = system.limit(method="nodes")
    run = mf.solve(flow, [1.0], **TIGHT)
    theta = run.unpack()["theta"]
    own = flow.weights @ system.field.potential.self_interaction(theta)
    assert own - run.observables["z"][0] ** 2 == pytest.approx(1.0 - Z[1] ** 2, abs=1e-12)
    n, runs = 20, 20_000
    w = exact.neuron(np.random.default_rng(1).uniform(-np.pi, np.pi, (runs, n)), Z[1])
    gaps = n * (np.abs(0.8 - np.exp(1j * w).mean(axis=1)) ** 2 - (0.8 - Z[1]) ** 2)
    assert abs(gaps.mean() - (1.0 - Z[1] ** 2)) < 4.0 * gaps.std() / math.sqrt(runs)


def test_density_of_the_law():
    """The pushed-forward uniform law is the Poisson kernel; its entropy by modes is that of the kernel, log(2 pi (1 - z^2))."""
    flow = mf.CosineCircle(b=0.8).limit(method="modes", modes=120)
    y = mf.solve(flow, [1.0], **TIGHT).final_state
    start = np.linspace(-3.0, 3.0, 7)
    h = 1e-5
    stretch = (exact.neuron(start + h, Z[1]) - exact.neuron(start - h, Z[1])) / (2.0 * h)
    np.testing.assert_allclose(flow.density(y, exact.neuron(start, Z[1])), 1.0 / (2.0 * math.pi * stretch), rtol=1e-8)
    assert flow.entropy(y) == pytest.approx(math.log(2.0 * math.pi * (1.0 - Z[1] ** 2)), abs=1e-13)
    noisy = mf.CosineCircle(b=0.8, beta=10.0).limit(method="modes", modes=120)
    w = np.linspace(-3.0, 3.0, 7)
    np.testing.assert_allclose(noisy.density(y, w), flow.density(y, w), rtol=0.0, atol=1e-13)


def test_noisy_limit():
    run = mf.solve(mf.CosineCircle(b=0.8, beta=10.0).limit(), [1.0, 5.0], **TIGHT)
    np.testing.assert_allclose(run.observables["z"], [0.293046886880596, 0.589047923842901], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(run.observables["free_energy"], [-0.046360997192020, -0.122562376146805], rtol=0.0, atol=1e-12)
    assert run.unpack(0)["modes"][1] == pytest.approx(0.080187354838608, abs=1e-12)


NOISY = [(1.0, 0.293046886880596, -0.046360997192020), (5.0, 0.589047923842901, -0.122562376146805)]


@pytest.mark.parametrize(("s", "z", "free_energy"), NOISY)
def test_noisy_limit_on_a_grid(s, z, free_energy):
    """32, 64, 128 cells in 64, 256, 1024 steps, extrapolated twice."""
    flow = mf.CosineCircle(b=0.8, beta=10.0).limit(method="density", cells=32, dt=s / 64.0)
    found = extrapolate(flow, [s], levels=2)
    assert found.observables["z"][0] == pytest.approx(z, abs=1e-7)
    assert found.observables["free_energy"][0] == pytest.approx(free_energy, abs=1e-7)


@pytest.mark.parametrize(("b", "beta"), [(0.8, 1.0), (0.8, 1000.0), (1.3, 200.0), (-0.5, 30.0)])
def test_modes_are_enough(b, beta):
    limit = mf.CosineCircle(b=b, beta=beta).limit()
    assert np.max(np.abs(mf.solve(limit, [0.5, 2.0, 6.0], **TIGHT).states[:, -1])) < 1e-13
    estimate = mf.refinement(limit, [0.5, 2.0, 6.0], rtol=1e-12, atol=1e-14)
    for name in ("z", "risk", "free_energy"):
        assert np.all(estimate[name] < 1e-12)


@pytest.mark.parametrize(("beta", "z", "free_energy"), GIBBS)
def test_stationary_law(beta, z, free_energy):
    system = mf.CosineCircle(b=0.8, beta=beta)
    state = system.gibbs()
    assert state["z"] == pytest.approx(z, abs=1e-12)
    assert state["free_energy"] == pytest.approx(free_energy, abs=1e-12)
    energy = FreeEnergy(system.limit(method="density", cells=256).energy.field, system.limit(method="density", cells=256).grid, beta)
    assert energy.observe(gibbs(energy))["free_energy"] == pytest.approx(free_energy, abs=1e-12)
    assert set(state) == set(system.limit().observe(0.0, system.limit().state0))


def test_noise_leads_to_the_stationary_law():
    """The free energy falls all the way, and to no other value."""
    system = mf.CosineCircle(b=0.8, beta=10.0)
    run = mf.solve(system.limit(), np.linspace(0.0, 120.0, 81), **TIGHT)
    assert np.all(np.diff(run.observables["free_energy"]) < 1e-14)
    for name, value in system.gibbs().items():
        assert run.observables[name][-1] == pytest.approx(value, abs=1e-12)


def test_particles_of_any_number_follow_the_hierarchy():
    """z_k' = (k/2) [(b - z_1) z_(k-1) - (b - conj z_1) z_(k+1)] for five neurons anywhere."""
    system = mf.CosineCircle(b=0.8)
    network = system.network(m=5)
    y = network.state0
    w, speed = (network.unpack(v)["theta"][:, 1] for v in (y, network.velocity(0.0, y)))
    z = np.array([np.mean(np.exp(1j * k * w)) for k in range(6)])
    for k in range(1, 5):
        expected = 0.5 * k * ((0.8 - z[1]) * z[k - 1] - (0.8 - np.conj(z[1])) * z[k + 1])
        assert np.mean(1j * k * speed * np.exp(1j * k * w)) == pytest.approx(expected, abs=1e-14)
    np.testing.assert_array_equal(network.unpack(network.velocity(0.0, y))["theta"][:, 0], 0.0)
    h = 1e-5
    ahead, behind = (network.observe(0.0, y + sign * h * network.velocity(0.0, y))["risk"] for sign in (1.0, -1.0))
    assert (ahead - behind) / (2.0 * h) == pytest.approx(-2.0 * np.mean(speed**2), rel=1e-8)


def test_potential_is_the_data_integral():
    """V, U, gradient and the sample force against a fine rule on the circle of x, for neurons with any a."""
    b, rng = 0.7, np.random.default_rng(0)
    field = mf.CosineCircle(b=b).field
    theta = rng.standard_normal((4, 2))
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    x = 2.0 * np.pi * np.arange(64) / 64.0
    sigma = np.sqrt(2.0) * theta[:, :1] * np.cos(theta[:, 1:] - x)
    slope = -np.sqrt(2.0) * theta[:, :1] * np.sin(theta[:, 1:] - x)
    y, f = np.sqrt(2.0) * b * np.cos(x), weights @ sigma
    np.testing.assert_allclose(field.potential.psi(theta, theta, weights), -np.mean((y - f) * sigma, axis=1), atol=1e-14)
    np.testing.assert_allclose(field.potential.psi_gradient(theta, theta, weights)[:, 1], -np.mean((y - f) * slope, axis=1), atol=1e-14)
    assert field.potential.risk(theta, weights) == pytest.approx(np.mean((y - f) ** 2), abs=1e-14)
    np.testing.assert_allclose(field.predict(theta, weights, x[:, None]), f, atol=1e-14)
    equal = field.samples.force(theta, x[:, None], y, 1.0)
    np.testing.assert_allclose(equal, -field.potential.psi_gradient(theta, theta, np.full(4, 0.25)), atol=1e-14)


def test_steps_of_descent():
    """gd is Euler's method for the particles; sgd steps along its own samples, 2 s_k = 2 eps xi."""
    system = mf.CosineCircle(b=0.8, clock=1.0)
    flow = system.network(m=6)
    gd = system.network(m=6, dynamics="gd", eps=0.1)
    np.testing.assert_allclose(gd.step(0, gd.state0), flow.state0 + 0.1 * flow.velocity(0.0, flow.state0), rtol=0.0, atol=1e-15)
    sgd = system.network(m=6, dynamics="sgd", eps=0.1, batch=3)
    w = sgd.unpack(sgd.state0)["theta"][:, 1]
    x, y = sgd.sample(0, 1)
    np.testing.assert_allclose(y, np.sqrt(2.0) * 0.8 * np.cos(x[:, 0]), rtol=0.0, atol=1e-14)
    sigma, slope = np.sqrt(2.0) * np.cos(w[:, None] - x[:, 0]), -np.sqrt(2.0) * np.sin(w[:, None] - x[:, 0])
    moved = w + 0.2 * np.mean((y - sigma.mean(axis=0)) * slope, axis=1)
    np.testing.assert_allclose(sgd.unpack(sgd.step(0, sgd.state0))["theta"][:, 1], moved, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize(("noise", "factor"), [("pde", 2.0), ("printed_sgd", 1.0)])
def test_both_conventions_of_the_noise(noise, factor):
    """Without target and in the field nothing but noise moves a neuron: variance 2 s/beta, or s/beta as printed."""
    m, beta = 20_000, 10.0
    network = mf.CosineCircle(b=0.0, beta=beta, noise=noise).network(m=m, dynamics="nonlinear", eps=0.01)
    run = mf.solve(network, [0.1])
    moved = run.unpack()["theta"][:, 1] - network.unpack(network.state0)["theta"][:, 1]
    expected = factor * 0.1 / beta
    assert np.mean(moved**2) == pytest.approx(expected, abs=4.0 * expected * math.sqrt(2.0 / m))


@pytest.mark.parametrize("dynamics", ["nonlinear", "particles", "sgd"])
def test_noisy_networks_follow_the_limit(dynamics):
    m = 20_000
    system = mf.CosineCircle(b=0.8, beta=10.0)
    network = system.network(m=m, dynamics=dynamics, eps=0.005, batch=200 if dynamics == "sgd" else 1, rng=3)
    z = mf.solve(network, [1.0]).observables["z"][0]
    assert z == pytest.approx(0.293046886880596, abs=4.0 * math.sqrt(0.5 / m) + 0.005)


def test_a_limit_and_a_network_are_rebuilt_from_their_configuration():
    system = mf.CosineCircle(b=0.8, beta=10.0)
    for flow in (system.limit(), system.limit(method="density", cells=16, dt=0.1), system.network(m=4, dynamics="sgd", eps=0.1)):
        again = registry.build(flow.config)
        assert again.config == flow.config
        assert again.state0.tobytes() == flow.state0.tobytes()
    assert registry.build(mf.CosineCircle(b=0.8).limit(method="nodes", nodes=8).config).config["parameters"]["beta"] == math.inf


def test_the_first_neurons_of_a_wider_network():
    few, many = (uniform_neurons(m, np.random.default_rng(0)) for m in (3, 9))
    np.testing.assert_array_equal(few, many[:3])
    assert np.all(np.abs(many[:, 1]) <= math.pi)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mf.CosineCircle(b=math.nan), "b = nan"),
        (lambda: mf.CosineCircle(b=0.8, beta=0.0), "beta = 0.0"),
        (lambda: mf.CosineCircle(b=0.8, beta=-1.0), "beta = -1.0"),
        (lambda: mf.CosineCircle(b=0.8, clock=0.0), "clock"),
        (lambda: mf.CosineCircle(b=0.8, noise="half"), "noise = 'half'"),
        (lambda: mf.CosineCircle(b=0.8).limit(method="moments"), "method = 'moments'"),
        (lambda: mf.CosineCircle(b=0.8).limit(method="nodes", nodes=1), "nodes = 1"),
        (lambda: mf.CosineCircle(b=0.8).limit(method="modes", modes=0), "modes = 0"),
        (lambda: mf.CosineCircle(b=0.8).limit(method="density"), "beta = inf"),
        (lambda: mf.CosineCircle(b=0.8, beta=10.0, clock=1.0).limit(method="density"), "clock=0.5"),
        (lambda: mf.CosineCircle(b=0.8, beta=10.0).limit(method="nodes"), "nodes carry no noise"),
        (lambda: mf.CosineCircle(b=0.8).gibbs(), "finite beta"),
        (lambda: mf.CosineCircle(b=0.8).network(m=0), "m = 0"),
        (lambda: mf.CosineCircle(b=0.8).network(m=4, dynamics="sgd"), "eps = None"),
        (lambda: mf.CosineCircle(b=0.8, beta=1.0).network(m=4, dynamics="nonlinear", eps=0.1), "stability bound"),
        (lambda: mf.CosineCircle(b=0.8).limit().predict(np.zeros(1), [0.0]), "shape"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
