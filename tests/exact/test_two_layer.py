"""The two-layer network against its exactly solved problems, through the public names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import mfpde as mf
from mfpde.systems.two_layer import exact
from mfpde.targets import Norm, Polynomial

GaussianInit, SphereInit, ProductInit = mf.measures.GaussianInit, mf.measures.SphereInit, mf.measures.ProductInit
S = np.array([1.0, 4.0])
FLOW = {"rtol": 1e-12, "atol": 1e-14}


def linear(**options):
    problem = {"clock": 0.5, "initial": GaussianInit([0.0, 0.0], 1.0), "target": mf.targets.Linear((1.0, -2.0)), **options}
    return mf.TwoLayer(law=mf.laws.Gaussian(2, S), activation="identity", second_layer="fixed", **problem)


def bilinear(**options):
    problem = {"clock": 0.5, "initial": GaussianInit([0.0, 0.0, 0.0], [1.0, 1.0, 0.0]), "target": mf.targets.Linear((1.0, 0.0)), **options}
    return mf.TwoLayer(law=mf.laws.Gaussian(2), activation="identity", second_layer="trained", **problem)


def quadratic(d, target, cov, **options):
    law = mf.laws.Gaussian(d)
    return mf.TwoLayer(law=law, target=target, activation="quadratic", initial=GaussianInit(np.zeros(d), cov), clock=0.5, **options)


def noisy_linear(**options):
    return linear(target=mf.targets.Linear((1.0, -1.0)), ridge=0.1, beta=10.0, **options)


def noisy_quadratic(**options):
    label = Polynomial(constant=-2.0, quadratic=np.eye(2))
    return quadratic(2, label, 0.2, centred=True, ridge=0.2, beta=10.0, **options)


def run(flow, times, **settings):
    trajectory = mf.solve(flow, times, **({} if settings.get("steps") else FLOW))
    assert trajectory.complete, trajectory.message
    return trajectory


def test_linear():
    limit = linear().limit()
    assert limit.config["arguments"]["method"] == "moments"
    trajectory = run(limit, [0.5])
    assert trajectory.clock == "flow clock s"
    assert trajectory.observables["risk"][0] == pytest.approx(0.66092966339118920630, abs=1e-13)
    assert np.array_equal(trajectory.observables["risk"], trajectory.observables["loss"])
    mean, risk = exact.linear(0.5, np.diag(S), (1.0, -2.0), (0.0, 0.0))
    assert risk == pytest.approx(0.66092966339118920630, abs=1e-14)
    np.testing.assert_allclose(limit.predict(trajectory.states[0], np.eye(2)), mean, atol=1e-12)
    assert trajectory.observables["movement"][0] == pytest.approx(np.linalg.norm(mean), abs=1e-12)
    assert trajectory.observables["free_energy"][0] == pytest.approx(risk / 2, abs=1e-12)
    gaps = exact.linear_gaps(0.5, np.diag(S), np.eye(2))
    np.testing.assert_allclose(gaps, (0.44114199672637904277, 5.0, 0.90246319416168427089), atol=1e-13)


def test_papers_clock_runs_twice_as_fast():
    slow, fast = run(linear().limit(), [0.5]), run(linear(clock=1.0).limit(), [0.25])
    assert fast.clock == "time"
    assert fast.observables["risk"][0] == pytest.approx(slow.observables["risk"][0], abs=1e-12)
    varying = run(linear(clock=lambda t: 2.0 * t).limit(), [0.5])
    assert varying.observables["risk"][0] == pytest.approx(slow.observables["risk"][0], abs=1e-12)


def test_bilinear():
    limit = bilinear().limit()
    trajectory = run(limit, [0.5, 1.0])
    assert trajectory.observables["risk"][0] == pytest.approx(0.11433589848645070385, abs=1e-12)
    m = [limit.predict(y, [[1.0, 0.0]])[0] for y in trajectory.states]
    np.testing.assert_allclose(m, (0.66186408282104856548, 0.90658828887727457711), atol=1e-12)
    np.testing.assert_allclose([exact.bilinear(s, 1.0)[0] for s in (0.5, 1.0)], m, atol=1e-12)


SCALED = [
    (0.0, 0.13533528323661269189, 0.13453285003075135325, "second", -0.051529771653720763661),
    (0.5, 0.10484712622895212539, 0.097278359563784796755, "first", -0.058440523314124254219),
]


@pytest.mark.parametrize(("x0", "limit", "at_8", "order", "coefficient"), SCALED)
def test_bilinear_scaled(x0, limit, at_8, order, coefficient):
    c, sh, alpha = math.cosh(x0), math.sinh(x0), 8.0
    closed = exact.bilinear_scaled(1.0, alpha, 1.0, 1.0, x0)
    assert (closed.limit, closed.residual) == pytest.approx((limit, at_8), abs=1e-13)
    assert getattr(closed, order) == pytest.approx(coefficient, abs=1e-13)
    initial = GaussianInit([0.0, 0.0, 0.0], [[c, sh, 0.0], [sh, c, 0.0], [0.0, 0.0, 0.0]])
    system = bilinear(target=mf.targets.Linear((alpha * sh + 1.0, 0.0)), initial=initial, scale=alpha)
    for method in ("moments", "nodes"):
        flow = system.limit(method=method)
        trajectory = run(flow, [1.0])
        assert math.sqrt(trajectory.observables["risk"][0]) == pytest.approx(at_8, abs=1e-12)
        assert alpha * sh + 1.0 - flow.predict(trajectory.states[0], [[1.0, 0.0]])[0] == pytest.approx(at_8, abs=1e-12)


def test_quadratic():
    trajectory = run(quadratic(5, Polynomial(quadratic=np.eye(5)), 0.2).limit(), [0.1])
    assert trajectory.observables["risk"][0] == pytest.approx(1.3397655426157387487, abs=1e-12)
    assert trajectory.observables["second_moment"][0] / 5 == pytest.approx(0.80434976232238607017, abs=1e-12)
    assert exact.quadratic(0.1, 5, 1.0, 0.2) == pytest.approx((0.80434976232238607017, 1.3397655426157387487), abs=1e-12)


FORM, START = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[0.2, 0.05], [0.05, 0.1]])
MOMENT = np.array([[0.58758410096172473318, 0.20969831612080301728], [0.20969831612080301728, 0.21454012295474146415]])


def test_centred_quadratic():
    limit = quadratic(2, Polynomial(constant=-1.5, quadratic=FORM), START, centred=True).limit()
    trajectory = run(limit, [0.2])
    assert trajectory.observables["risk"][0] == pytest.approx(0.53576600681015965553, abs=1e-12)
    np.testing.assert_allclose(limit.moment(trajectory.states[0]), MOMENT, atol=1e-12)
    moment, risk = exact.centred_quadratic(0.2, FORM, START)
    np.testing.assert_allclose(moment, MOMENT, atol=1e-13)
    assert risk == pytest.approx(0.53576600681015965553, abs=1e-13)


def test_radial_relu():
    law, target = mf.laws.Gaussian(10), Norm(1.0)
    fixed = mf.TwoLayer(law=law, target=target, activation="relu", initial=SphereInit(10, 1.0), clock=0.5)
    trajectory = run(fixed.limit(), [1.0])
    assert trajectory.observables["risk"][0] == pytest.approx(5.4247064391141973227, abs=1e-12)
    assert math.sqrt(trajectory.observables["second_moment"][0]) == pytest.approx(2.036986332861372737, abs=1e-12)
    initial = ProductInit([SphereInit(1, 1.0), SphereInit(10, 1.0)])
    trained = mf.TwoLayer(law=law, target=target, activation="relu", second_layer="trained", initial=initial, clock=0.5)
    limit = trained.limit()
    trajectory = run(limit, [1.0])
    assert trajectory.observables["risk"][0] == pytest.approx(2.5977618647996396604, abs=1e-12)
    assert limit.moment(trajectory.states[0])[0] == pytest.approx(3.7907741176949169628, abs=1e-12)
    assert exact.kappa(10) == pytest.approx(0.12934496962388954272, abs=1e-15)
    assert exact.radial_relu(1.0, 10, 1.0, 1.0) == pytest.approx((2.036986332861372737, 5.4247064391141973227), abs=1e-13)
    assert exact.radial_relu_trained(1.0, 10, 1.0) == pytest.approx((3.7907741176949169628, 2.5977618647996396604), abs=1e-13)


def test_noisy_linear():
    trajectory = run(noisy_linear().limit(), [0.5, 400.0])
    np.testing.assert_allclose(trajectory.observables["risk"], (0.46871046402270797614, 0.01064399880039921141), atol=1e-12)
    np.testing.assert_allclose(trajectory.observables["free_energy"], (0.094089292276263248232, -0.08955267338151104503), atol=1e-12)
    for s, c in ((0.5, 0.55575399783439559318), (math.inf, 0.18847006651884700665)):
        assert exact.noisy_linear(s, S, (1.0, -1.0), 0.1, 10.0, (0.0, 0.0), (1.0, 1.0)).drift == pytest.approx(c, abs=1e-13)


def test_noisy_quadratic():
    trajectory = run(noisy_quadratic().limit(), [0.5, 40.0])
    np.testing.assert_allclose(trajectory.observables["second_moment"] / 2, (0.91659509038339831134, 0.97562460986251964319), atol=1e-12)
    closed = [exact.noisy_quadratic(s, 1.0, 0.2, 10.0, 0.2) for s in (0.5, math.inf)]
    np.testing.assert_allclose(closed, (0.91659509039339831134, 0.97562460986251964319), atol=1e-14)


def test_noisy_bilinear():
    """With noise and ridge the second moments Z of (a, w) obey Z' = K Z + Z K + 2/beta, K = g e_a^T + e_a g^T - lam."""
    start, ridge, beta, target = np.diag([1.0, 0.5, 0.2]), 0.3, 4.0, np.array([1.0, -0.5])
    start[0, 1] = start[1, 0] = 0.4
    label = mf.targets.Linear(target)
    system = bilinear(initial=GaussianInit(np.zeros(3), start), target=label, ridge=ridge, beta=beta)

    def velocity(s, z):
        second = z.reshape(3, 3)
        k = -ridge * np.eye(3)
        k[0, 1:] = k[1:, 0] = target - second[0, 1:]
        return (k @ second + second @ k + 2.0 / beta * np.eye(3)).ravel()

    second = solve_ivp(velocity, (0.0, 0.7), start.ravel(), method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1].reshape(3, 3)
    risk = np.sum((target - second[0, 1:]) ** 2)
    entropy = 0.5 * np.linalg.slogdet(2.0 * math.pi * math.e * second)[1]
    values = run(system.limit(), [0.7]).observables
    assert values["risk"][0] == pytest.approx(risk, abs=1e-11)
    assert values["second_moment"][0] == pytest.approx(np.trace(second), abs=1e-11)
    assert values["free_energy"][0] == pytest.approx(0.5 * (risk + ridge * np.trace(second)) - entropy / beta, abs=1e-11)


NODES = [
    (linear(), 3, 0.5, 1e-13),
    (bilinear(), 3, 0.5, 1e-12),
    (quadratic(2, Polynomial(constant=-1.5, quadratic=FORM), START, centred=True), 3, 0.2, 1e-12),
]


@pytest.mark.parametrize(("system", "nodes", "s", "tolerance"), NODES)
def test_nodes_agree_with_the_moments(system, nodes, s, tolerance):
    moments, by_nodes = system.limit(), system.limit(method="nodes", nodes=nodes)
    first, second = run(moments, [s]), run(by_nodes, [s])
    for name in first.observables:
        assert first.observables[name][0] == pytest.approx(second.observables[name][0], rel=4e-12), name
    x = np.array([[0.3, -1.2], [2.0, 0.1]])
    np.testing.assert_allclose(moments.predict(first.states[0], x), by_nodes.predict(second.states[0], x), atol=1e-11)
    theta = np.array([[1.0, 0.4, -0.7], [1.0, -2.0, 0.5]])
    np.testing.assert_allclose(moments.force(first.states[0], theta), by_nodes.force(second.states[0], theta), atol=1e-11)


def test_nonlinear_gap_is_exact_at_every_width():
    """N (E R_N - R) = int U(theta, theta) drho - int int U drho drho, here tr(S C0) = 5 by an ensemble of small networks."""
    system, runs, width = linear(), 4000, 4
    network = system.network(m=width * runs, dynamics="nonlinear", rng=3)
    trajectory = run(network, [0.5])
    potential = system.field.potential
    groups = network.particles(trajectory.states[0])["neurons"].reshape(runs, width, 3)
    risks = np.array([potential.risk(theta, np.full(width, 1.0 / width)) for theta in groups])
    gaps = width * (risks - exact.linear(0.5, np.diag(S), (1.0, -2.0), (0.0, 0.0))[1])
    assert np.mean(gaps) == pytest.approx(5.0, abs=3.0 * np.std(gaps) / math.sqrt(runs))


def test_interaction_moves_all_neurons_by_one_vector():
    system, width = linear(), 16
    particles = system.network(m=width, dynamics="particles", rng=1)
    nonlinear = system.network(m=width, dynamics="nonlinear", rng=1)
    interacting = particles.particles(run(particles, [0.5]).states[0])["neurons"]
    passive = nonlinear.particles(run(nonlinear, [0.5]).states[0])["neurons"]
    start = particles.particles(particles.state0)["neurons"]
    expected = -(1.0 - np.exp(-0.5 * S)) * (start[:, 1:].mean(axis=0) - 0.0)
    np.testing.assert_allclose((interacting - passive)[:, 1:], np.tile(expected, (width, 1)), atol=1e-11)


def test_descent_recursion_of_the_linear_network():
    system, eps, k = linear(clock=1.0), 0.01, 50
    network = system.network(m=8, dynamics="gd", eps=eps, rng=2)
    trajectory = run(network, [k * eps], steps=True)
    start = network.particles(network.state0)["neurons"][:, 1:].mean(axis=0) - (1.0, -2.0)
    error = (1.0 - 2.0 * eps * S) ** k * start
    assert trajectory.observables["risk"][0] == pytest.approx(np.sum(S * error**2), rel=1e-12)


def test_descent_recursion_of_the_bilinear_network():
    system, eps, k = bilinear(clock=1.0), 0.01, 40
    network = system.network(m=5, dynamics="gd", eps=eps, rng=4)
    neurons = network.particles(network.state0)["neurons"]
    p, q = np.mean((neurons[:, 0] + neurons[:, 1]) ** 2) / 2, np.mean((neurons[:, 0] - neurons[:, 1]) ** 2) / 2
    for _ in range(k):
        g = 1.0 - 0.5 * (p - q)
        p, q = (1.0 + 2.0 * eps * g) ** 2 * p, (1.0 - 2.0 * eps * g) ** 2 * q
    trajectory = run(network, [k * eps], steps=True)
    assert trajectory.observables["risk"][0] == pytest.approx((1.0 - 0.5 * (p - q)) ** 2, rel=1e-12)


def test_descent_recursion_of_the_quadratic_network():
    label = Polynomial(constant=-1.5, quadratic=FORM)
    system, eps, k = quadratic(2, label, START, centred=True), 0.02, 30
    network = system.network(m=6, dynamics="gd", eps=eps, rng=5)
    w = network.particles(network.state0)["neurons"][:, 1:]
    m = w.T @ w / 6
    for _ in range(k):
        step = np.eye(2) + 4.0 * eps * (FORM - m)
        m = step @ m @ step
    trajectory = run(network, [k * eps], steps=True)
    assert trajectory.observables["risk"][0] == pytest.approx(2.0 * np.sum((m - FORM) ** 2), rel=1e-12)


def test_descent_recursion_of_the_isotropic_quadratic_network():
    d, b, mu, eps, k = 5, 1.0, 0.2, 0.004, 30
    start = mf.Ensemble(math.sqrt(mu * d) * np.eye(d))
    system = mf.TwoLayer(law=mf.laws.Gaussian(d), target=Polynomial(quadratic=b * np.eye(d)), activation="quadratic", initial=start)
    trajectory = run(system.network(m=d, dynamics="gd", eps=eps), [k * eps], steps=True)
    for _ in range(k):
        mu *= (1.0 - 4.0 * eps * (d + 2) * (mu - b)) ** 2
    assert trajectory.observables["risk"][0] == pytest.approx(d * (d + 2) * (mu - b) ** 2, rel=1e-12)


def test_descent_closed_form():
    closed = exact.linear_descent(1000, 1e-3, 10, 1.0, 0.25)
    values = (0.021548478880592251252, 0.01824242522375069945, 0.018315638888734180294, 0.0033060536568415518)
    np.testing.assert_allclose(closed, values, rtol=0.0, atol=1e-13)


def test_sgd_of_the_linear_network_by_simulation():
    d, eps, k, v, runs = 10, 1e-3, 1000, 0.25, 200
    target = mf.targets.Linear((1.0, *[0.0] * (d - 1)))
    start = mf.Ensemble(np.zeros((1, d)))
    system = mf.TwoLayer(law=mf.laws.Gaussian(d), target=target, activation="identity", initial=start, label_noise=v)
    ends = [run(system.network(m=1, dynamics="sgd", eps=eps, rng=seed), [k * eps], steps=True) for seed in range(runs)]
    excess = np.array([end.observables["risk"][0] - v for end in ends])
    closed = exact.linear_descent(k, eps, d, 1.0, v)
    error = np.std(excess) / math.sqrt(runs)
    assert error < 0.05 * closed.sgd
    assert np.mean(excess) == pytest.approx(closed.sgd, abs=3.0 * error)
    assert closed.sgd - closed.gd > 3.0 * error


def test_noisy_particles_of_the_linear_network():
    """c of the noisy linear problem at finite width, exact for every N, at a step whose bias is below the standard error."""
    system, runs, width, eps = noisy_linear(), 120, 8, 0.0125
    closed = exact.noisy_linear(0.5, S, (1.0, -1.0), 0.1, 10.0, (0.0, 0.0), (1.0, 1.0))
    ends = [run(system.network(m=width, dynamics="particles", eps=eps, rng=seed), [0.5], steps=True) for seed in range(runs)]
    risks = [end.observables["risk"][0] for end in ends]
    drift = width * (np.array(risks) - closed.risk)
    assert np.mean(drift) == pytest.approx(closed.drift, abs=3.0 * np.std(drift) / math.sqrt(runs) + width * 8.0 * eps * closed.risk)


@pytest.mark.parametrize(("noise", "share"), [("pde", 1.0), ("printed_sgd", 0.5)])
def test_both_noise_conventions(noise, share):
    """Ridge alone, no signal: the stationary variance is tau/(lam D) as in the PDE, or half of it as in the printed SGD; 1/beta = tau/D."""
    lam, beta, eps = 2.0, 4.0, 0.02
    law = mf.laws.Empirical(np.zeros((1, 2)), np.zeros(1))
    start = GaussianInit([0.0, 0.0], 0.0)
    system = mf.TwoLayer(law=law, activation="identity", initial=start, ridge=lam, beta=beta, noise=noise, clock=0.5)
    assert system.config()["noise"] == noise
    assert system.config()["beta"] == beta
    network = system.network(m=20000, dynamics="gd", eps=eps, rng=0)
    variance = run(network, [4.0], steps=True).observables["second_moment"][0] / 2
    stationary = share / (beta * lam) / (1.0 - 0.5 * lam * eps)
    assert variance == pytest.approx(stationary, rel=4.0 * math.sqrt(2.0 / 40000))


def test_density_converges_to_the_moments():
    problem = {"target": mf.targets.Linear((0.5, -0.5)), "initial": GaussianInit([0.0, 0.0], 0.5), "ridge": 0.5, "beta": 2.0}
    expected = run(linear(**problem).limit(), [0.5]).observables
    system = linear(**problem, quadrature=2)
    errors = []
    for cells, eps in ((32, 0.05), (64, 0.0125)):
        limit = system.limit(method="density", cells=cells, reach=6.0, eps=eps)
        trajectory = run(limit, [0.5], steps=True)
        errors.append([abs(trajectory.observables[name][0] - expected[name][0]) for name in ("risk", "free_energy", "second_moment")])
    ratios = np.array(errors[0]) / errors[1]
    assert np.all(ratios > 3.0), (errors, ratios)
    assert np.max(errors[1]) < 0.02


def test_extrapolated_density_against_the_moments():
    """One parameter: four orders of the cells are gone, and the error that is stated is one."""
    law = mf.laws.Empirical(np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0]))
    system = mf.TwoLayer(law=law, activation="identity", initial=GaussianInit([0.3], 0.5), ridge=0.3, beta=4.0)
    expected = run(system.limit(), [0.25]).observables
    limit = system.limit(method="density", cells=40, reach=6.0, eps=0.025)
    found = mf.density.extrapolate(limit, [0.25], tolerance=1e-3)
    for name in ("risk", "free_energy", "second_moment"):
        error, coarse = (abs(values[0] - expected[name][0]) for values in (found.observables[name], found.runs[0].observables[name]))
        assert error < 0.01 * coarse, name
        assert error < 4.0 * found.error[name][0] + 1e-9, name
    assert math.isnan(found.observables["movement"][0])
    with pytest.raises(ValueError, match="too coarse for tolerance"):
        mf.density.extrapolate(limit, [0.25], tolerance=1e-12)


def test_refined_density():
    """Twice the cells of the same interval, a quarter of the step, the same data; and the change is the error, to a quarter of it."""
    system = linear(target=mf.targets.Linear((0.5, -0.5)), initial=GaussianInit([0.0, 0.0], 0.5), ridge=0.5, beta=2.0, quadrature=2)
    limit = system.limit(method="density", cells=32, reach=6.0, eps=0.05)
    finer = limit.refined()
    assert finer.config == system.limit(method="density", cells=64, reach=6.0, eps=0.0125).config
    assert finer.refined().grid.shape == (128, 128)
    change = mf.refinement(limit, [0.5])["risk"][0]
    exact = run(system.limit(method="moments"), [0.5]).observables["risk"][0]
    error = abs(run(limit, [0.5], steps=True).observables["risk"][0] - exact)
    assert 0.6 * error < change < 0.9 * error
