"""Odd targets against reference digits, closed forms, brute-force recursions and independent quadrature."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.symmetric.odd import OddTarget, exact
from mfpde.targets import Linear, OddCubic, Sum

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
SKEW = OddTarget(cross_moment=[0.5, 0.5, 0.1], covariance=np.diag([2.0, 0.5, 0.1]), second_moment=1.0)


def random_data(n, d, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) * np.linspace(0.4, 1.5, d)
    return x, x @ rng.standard_normal(d) + rng.standard_normal(n)


def of_data(x, y):
    return OddTarget(cross_moment=y @ x / len(x), covariance=x.T @ x / len(x), second_moment=np.mean(y**2))


def neurons(network):
    return network.particles(network.state0)["neurons"]


# The closed form.


@pytest.mark.parametrize(("t", "ratio", "loss"), [
    (10, 0.0557444205593799, 0.934971159582845),
    (20, 0.205995665065429, 0.778265730336935),
    (30, 0.517823112350034, 0.539496730590285),
    (40, 0.815625246331672, 0.420396429874154),
    (50, 0.947945048622234, 0.401625830777765),
    (100, 0.99995351273984, 0.400000001296639),
])  # fmt: skip
def test_reference_values(t, ratio, loss):
    system = OddTarget.cubic(60)
    closed = system.closed_form(t)
    assert closed.w_ratio[0] == pytest.approx(ratio, abs=2e-15)
    assert closed.loss[0] == pytest.approx(loss, abs=2e-15)
    run = mf.solve(system.limit(), [t], **TIGHT).observables
    assert run["w_ratio"][0] == pytest.approx(ratio, abs=1e-12)
    assert run["loss"][0] == pytest.approx(loss, abs=1e-12)


def test_numbers_of_the_cubic_setting():
    system = OddTarget.cubic(60)
    assert system.second_moment == pytest.approx(2.0, rel=1e-14)
    assert np.linalg.norm(system.Xbar) == pytest.approx(np.sqrt(6 / 300), rel=1e-14)
    assert np.linalg.norm(system.optimum) == pytest.approx(np.sqrt(72.0), rel=1e-14)
    assert system.asymptotic_rate == pytest.approx(0.141485, abs=5e-7)
    assert system.rate_bound == pytest.approx(61 / 14400, rel=1e-14)
    assert system.minimal_loss == pytest.approx(0.4, abs=1e-14)


def test_descent_reference_values():
    system = OddTarget.cubic(60)
    run = mf.solve(system.limit(dynamics="gd", lr=0.01), [1000, 3000, 5000])
    np.testing.assert_allclose(run.observables["w_ratio"], [0.0557210337207, 0.517636714166, 0.947975206067159], atol=6e-13, rtol=0)
    np.testing.assert_allclose(run.observables["w_ratio"], exact.descent_ratio(system.line, 0.01, [1000, 3000, 5000]), atol=1e-13)


@pytest.mark.parametrize(("d", "v", "size"), [(2, 1.0, 1.0), (60, 1 / 60, 0.14), (5, 3.0, 1e-6), (7, 1e-3, 20.0), (1000, 1.0, 1e-3)])
def test_closed_form_keeps_its_digits_at_every_time(d, v, size):
    """In 60 digits: y from u = (u_- + R0 e^{St} u_+)/(1 + R0 e^{St})."""
    system = OddTarget(cross_moment=np.eye(d)[0] * size, covariance=v, second_moment=2 * size**2 / v)
    S = system.asymptotic_rate
    times = np.array([1e-6, 0.1, 1.0, 5.0, 20.0, 100.0, 600.0]) / S
    closed = system.closed_form(times)
    with mpmath.workdps(400):
        A, B = mpmath.mpf(float(np.linalg.norm(system.Xbar))), mpmath.mpf(v) * (1 + mpmath.mpf(1) / d) / 4
        rate = mpmath.sqrt(A * A + B * B)
        low, high = (A - rate) / B, (A + rate) / B
        start = (1 - low) / (high - 1)
        for i, t in enumerate(times):
            growth = start * mpmath.exp(rate * mpmath.mpf(float(t)))
            u = (low + growth * high) / (1 + growth)
            ratio = B / A * (u - 1 / u) / 2
            # exp(-St) has a relative error of St rounding units.
            assert closed.w_ratio[i] == pytest.approx(float(ratio), rel=2e-14, abs=0.0)
            assert closed.gap[i] == pytest.approx(float(1 - ratio), rel=2e-15 * (5 + S * t), abs=0.0)
            assert closed.y[i] == pytest.approx(float(mpmath.log(u)), rel=2e-14, abs=0.0)


def test_late_times_do_not_overflow():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        closed = OddTarget.cubic(60).closed_form([0.0, 1e4, 1e300])
    assert closed.w_ratio.tolist() == [0.0, 1.0, 1.0]
    assert closed.gap[0] == pytest.approx(1.0, abs=1e-15)
    assert closed.rate[2] == pytest.approx(OddTarget.cubic(60).asymptotic_rate, rel=1e-14)


@pytest.mark.parametrize("clock", ["closed form", "limit"])
@pytest.mark.parametrize(("window", "tolerance"), [((15.0, 25.0), 1e-6), ((25.0, 35.0), 1e-10)])
def test_rate_is_recovered(clock, window, tolerance):
    """The slope of log |w - w*|; in the first window its own corrections, of order exp(-S t), are 2e-7."""
    system = OddTarget.cubic(60)
    times = np.linspace(*window, 11) / system.asymptotic_rate
    distance = system.closed_form(times).distance if clock == "closed form" else None
    if distance is None:
        distance = mf.solve(system.limit(), times, rtol=1e-12, atol=0.0).observables["distance"]
    assert -np.polyfit(times, np.log(distance), 1)[0] == pytest.approx(system.asymptotic_rate, abs=tolerance)


@pytest.mark.parametrize("along", [0, 2])
def test_closed_form_along_an_eigenvector(along):
    """Any covariance, if Xbar is one of its eigenvectors."""
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    covariance = rotation @ np.diag([2.0, 0.5, 0.1]) @ rotation.T
    plain = OddTarget(cross_moment=0.7 * np.eye(3)[along], covariance=np.diag([2.0, 0.5, 0.1]), second_moment=9.0)
    turned = OddTarget(cross_moment=0.7 * rotation[:, along], covariance=covariance, second_moment=9.0)
    closed, times = plain.closed_form([0.5, 3.0, 20.0]), [0.5, 3.0, 20.0]
    for system, map_back in ((plain, np.eye(3)), (turned, rotation)):
        run = mf.solve(system.limit(), times, **TIGHT).observables
        np.testing.assert_allclose(run["w"] @ map_back, closed.w, atol=1e-11)
        least = 0.25 * (closed.second_layer_moment + 1 / 3)
        np.testing.assert_allclose(run["smallest_eigenvalue"], least, rtol=1e-11, err_msg="b b^T is I/d across w")
        for name in ("loss", "w_ratio", "distance", "second_layer_moment", "rate"):
            np.testing.assert_allclose(run[name], getattr(closed, name), atol=3e-11, rtol=3e-11, err_msg=name)


# The moment equation.


def test_skew_reference_values():
    run = mf.solve(SKEW.limit(), [2, 10], **TIGHT).observables
    np.testing.assert_allclose(run["w"], [[0.20358502, 0.32944497, 0.07618678], [0.25182905, 0.99369338, 0.49120098]], atol=6e-9, rtol=0)
    np.testing.assert_allclose(run["second_layer_moment"], [1.36657365, 2.70249683], atol=6e-9, rtol=0)
    descent = mf.solve(SKEW.limit(dynamics="gd", lr=0.1), [100]).observables
    np.testing.assert_allclose(descent["w"][0], [0.25177657, 0.99516379, 0.49032314], atol=6e-9, rtol=0)


def brute_force(system, sigma, lr, steps):
    """Sigma_{k+1} = (I + lr M) Sigma (I + lr M) with the whole matrix."""
    d = system.d
    for _ in range(steps):
        g = system.Xbar - system.C @ (0.5 * sigma[0, 1:])
        m = np.zeros((d + 1, d + 1))
        m[0, 1:] = m[1:, 0] = 0.5 * g
        sigma = (np.eye(d + 1) + lr * m) @ sigma @ (np.eye(d + 1) + lr * m)
    return sigma


@pytest.mark.parametrize("given", [False, True])
def test_descent_is_the_matrix_recursion(given):
    system = of_data(*random_data(40, 4))
    if given:
        start = np.random.default_rng(3).standard_normal((7, 5))
        sigma, limit = start.T @ start / 7, system.limit(dynamics="gd", lr=0.05, neurons=mf.Ensemble(start))
    else:
        sigma, limit = np.diag([1.0, *[0.25] * 4]), system.limit(dynamics="gd", lr=0.05)
    sigma = brute_force(system, sigma, 0.05, 300)
    run = mf.solve(limit, [300]).observables
    w = 0.5 * sigma[0, 1:]
    h = 0.25 * (sigma[0, 0] * np.eye(4) + sigma[1:, 1:])
    error = system.optimum - w
    np.testing.assert_allclose(run["w"][0], w, atol=1e-13)
    assert run["second_layer_moment"][0] == pytest.approx(sigma[0, 0], rel=1e-13)
    assert run["smallest_eigenvalue"][0] == pytest.approx(np.linalg.eigvalsh(h)[0], rel=1e-12)
    assert run["rate"][0] == pytest.approx(error @ h @ system.C @ error / (error @ error), rel=1e-7)
    assert run["loss"][0] == pytest.approx(0.5 * system.second_moment - system.Xbar @ w + 0.5 * w @ system.C @ w, rel=1e-13)


def test_only_excited_directions_are_in_the_state():
    covariance = np.diag([2.0, 2.0, 0.5, 0.3])
    reduced = OddTarget(cross_moment=[0.3, 0.4, 0.2, 0.0], covariance=covariance, second_moment=3.0)
    assert len(reduced.subspace.variances) == 2
    whole = reduced.limit(neurons=mf.Ensemble(np.vstack([np.column_stack([s * np.ones(4), 1.0 * np.eye(4)]) for s in (1.0, -1.0)])))
    assert whole.packing.size == 4 + 1 + 16
    runs = [mf.solve(flow, [1.0, 10.0], **TIGHT).observables for flow in (reduced.limit(), whole)]
    for name, values in runs[0].items():
        np.testing.assert_allclose(values, runs[1][name], rtol=1e-11, atol=1e-12, err_msg=name)


def test_rate_is_the_slope_of_the_distance_and_the_bound_holds_where_H_does_not_fall():
    times = 2.0 + 1e-3 * np.arange(-2, 3)
    run = mf.solve(SKEW.limit(), times, **TIGHT).observables
    log = np.log(run["distance"])
    assert -(log[0] - 8 * log[1] + 8 * log[3] - log[4]) / 12e-3 == pytest.approx(run["rate"][2], rel=1e-9)
    rows = mf.solve(SKEW.limit(), np.linspace(0, 60, 61), **TIGHT).observables
    assert np.all(rows["smallest_eigenvalue"] >= 0.25 * (1 + 1 / 3) - 1e-12)
    excess = rows["loss"] - SKEW.minimal_loss
    assert np.all(excess <= excess[0] * np.exp(-2 * SKEW.rate_bound * np.linspace(0, 60, 61)) * (1 + 1e-9) + 1e-15)


def test_H_is_a_function_of_w():
    """Boosts of diag(1, I/d): E a^2 and E b b^T follow from w alone, for any covariance, and H never falls below H(0)."""
    rng = np.random.default_rng(8)
    for d in (2, 3, 6):
        system, V = of_data(*random_data(3 * d, d, seed=d)), 1 + 1 / d
        limit, t = system.limit(), [0.0, 0.3, 2.0, 10.0, 50.0]
        run = mf.solve(limit, t, **TIGHT)
        for row, w in enumerate(run.observables["w"]):
            c = np.hypot(1.0, 4 * np.linalg.norm(w) / V)
            assert run.observables["smallest_eigenvalue"][row] == pytest.approx(V / 8 * (1 + c), rel=1e-10)
            assert run.observables["second_layer_moment"][row] == pytest.approx(1 + V * (c - 1) / 2, rel=1e-10)
            along = w / (np.linalg.norm(w) or 1.0)
            first = limit.moments.space.basis @ limit.unpack(run.states[row])["first"] @ limit.moments.space.basis.T
            np.testing.assert_allclose(first, np.eye(d) / d + V * (c - 1) / 2 * np.outer(along, along), atol=1e-10 * c)
        x = rng.standard_normal((2, d))
        np.testing.assert_allclose(limit.predict(run.states[-1], x), x @ run.observables["w"][-1], atol=1e-13)


@pytest.mark.parametrize("system", [SKEW, OddTarget.cubic(60), of_data(*random_data(12, 4))])
def test_late_rate_of_any_covariance(system):
    """The momentary rate ends in the smallest eigenvalue of H(w*) C."""
    end = 22.0 / system.asymptotic_rate
    run = mf.solve(system.limit(), [end], rtol=1e-12, atol=1e-18).observables
    assert run["rate"][0] == pytest.approx(system.asymptotic_rate, rel=1e-7)
    if len(system.subspace.variances) == 1:
        assert system.asymptotic_rate == pytest.approx(system.line.S, rel=1e-13)


# Networks.


@pytest.mark.parametrize(("activation", "paired"), [("relu", True), ("linear", False)])
@pytest.mark.parametrize("given", [False, True])
def test_network_is_the_recursion(activation, paired, given):
    """2000 steps of ReLU gradient descent against the recursion from the network's own second moments."""
    x, y = random_data(23, 5)
    system = of_data(x, y)
    network = system.network(
        m=30, dynamics="gd", lr=0.1, data=(x, y) if given else None, paired=paired, activation=activation, rng=4
    )
    recursion = system.limit(dynamics="gd", lr=0.1, neurons=mf.Ensemble(neurons(network)))
    steps = [1, 10, 100, 500, 2000]
    run, expected = mf.solve(network, steps), mf.solve(recursion, steps)
    for name in ("w", "w_ratio", "loss", "second_layer_moment", "distance", "smallest_eigenvalue"):
        np.testing.assert_allclose(run.observables[name], expected.observables[name], atol=1e-12, rtol=1e-12, err_msg=name)
    assert np.max(run.observables["nonlinearity"]) < 1e-13
    inputs = np.random.default_rng(0).standard_normal((50, 5))
    np.testing.assert_allclose(network.predict(run.states[-1], inputs), inputs @ run.observables["w"][-1], atol=1e-13)
    np.testing.assert_allclose(recursion.predict(expected.states[-1], inputs), inputs @ expected.observables["w"][-1], atol=1e-13)


def test_paired_flow_is_the_moment_flow():
    network = SKEW.network(m=20, rng=1)
    limit = SKEW.limit(neurons=mf.Ensemble(neurons(network)))
    run, expected = (mf.solve(flow, [1.0, 8.0], **TIGHT).observables for flow in (network, limit))
    for name in expected:
        np.testing.assert_allclose(run[name], expected[name], atol=1e-10, rtol=1e-10, err_msg=name)


def test_paired_batches_keep_the_predictor_linear():
    """A step on a paired batch is the matrix recursion of that batch's moments."""
    system = OddTarget.cubic(4)
    network = system.network(m=12, dynamics="sgd", lr=0.2, batch=10, rng=2)
    y = network.state0
    sigma = neurons(network).T @ neurons(network) / 12
    for k in range(5):
        batch = network.source(k)
        assert len(batch.y) == 10
        np.testing.assert_allclose(batch.y, system.target(batch.x), rtol=1e-15)
        np.testing.assert_array_equal(batch.x[:5], -batch.x[5:])
        np.testing.assert_array_equal(batch.y[:5], -batch.y[5:])
        sigma = brute_force(of_data(batch.x, batch.y), sigma, 0.2, 1)
        y = network.step(k, y)
    moved = network.particles(y)["neurons"]
    np.testing.assert_allclose(moved.T @ moved / 12, sigma, atol=1e-13)


@pytest.mark.parametrize("law", [
    mf.laws.Gaussian(2, np.array([[1.0, 0.3], [0.3, 0.5]])),
    mf.laws.Sphere(2, 1.5),
    mf.laws.Mixture([mf.laws.Gaussian(2, 0.5), mf.laws.Sphere(2, 2.0)], [0.3, 0.7]),
])  # fmt: skip
def test_free_neurons_have_the_population_gradient(law):
    """Loss by quadrature over angles with exact radial moments; force by central differences of the loss."""
    target = Sum((Linear((0.4, -0.2)), OddCubic((0.3, 0.5))))
    system = OddTarget(law=law, target=target)
    network = system.network(m=5, paired=False, rng=3)
    y = network.state0
    values = network.observe(0.0, y)
    angles = (np.arange(20000) + 0.5) * (np.pi / 10000)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    total, even = 0.0, 0.0
    for weight, root, moments in parts(law):
        x = circle @ root.T
        f, linear, cubic = network.predict(y, x), Linear((0.4, -0.2))(x), OddCubic((0.3, 0.5))(x)
        total += weight * np.mean(moments[0] * (linear - f) ** 2 + 2 * moments[1] * (linear - f) * cubic + moments[2] * cubic**2)
        even += weight * moments[0] * np.mean((f - x @ values["w"]) ** 2)
    # Where the moments of the target come from samples, the loss has their error.
    allowed = 1e-7 + 5 * system.moment_error[1] + 5 * np.linalg.norm(system.moment_error[0])
    assert values["loss"] == pytest.approx(0.5 * total, abs=allowed)
    assert values["nonlinearity"] == pytest.approx(np.sqrt(even), rel=1e-7)
    h, gradient = 1e-5, np.empty_like(y)
    for i, step in enumerate(h * np.eye(y.size)):
        gradient[i] = (network.observe(0, y + step)["loss"] - network.observe(0, y - step)["loss"]) / (2 * h)
    np.testing.assert_allclose(network.velocity(0.0, y), -5 * gradient, atol=1e-8)


def test_copies_of_a_network_move_alike():
    """600 neurons, in several blocks of pairs, that are 120 copies of 5."""
    system = OddTarget(law=mf.laws.Gaussian(3, (1.0, 0.5, 2.0)), target=Linear((0.4, -0.2, 1.0)))
    small, large = (system.network(m=m, paired=False, rng=3) for m in (5, 600))
    state = small.unpack(small.state0)
    y = large.pack(a=np.tile(state["a"], 120), b=np.tile(state["b"], (120, 1)))
    one, many = (flow.unpack(flow.velocity(0.0, z)) for flow, z in ((small, small.state0), (large, y)))
    np.testing.assert_allclose(many["a"].reshape(120, 5), np.tile(one["a"], (120, 1)), atol=1e-14)
    np.testing.assert_allclose(many["b"].reshape(120, 5, 3), np.tile(one["b"], (120, 1, 1)), atol=1e-14)
    expected = small.observe(0.0, small.state0)
    for name, value in large.observe(0.0, y).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, err_msg=name)


def parts(law):
    """(weight, root, E r^2, E r^4, E r^6) of the components, x = r root u with u on the circle."""
    if isinstance(law, mf.laws.Mixture):
        return [(w * v, *rest) for w, part in zip(law.weights, law.components, strict=True) for v, *rest in parts(part)]
    if isinstance(law, mf.laws.Sphere):
        return [(1.0, law.radius * np.eye(2), (1.0, 1.0, 1.0))]
    return [(1.0, np.linalg.cholesky(law.second_moment()), (2.0, 8.0, 48.0))]


def test_force_on_data_is_the_gradient():
    x, y = random_data(15, 3)
    symmetric = mf.laws.Empirical(np.vstack([x, -x]), np.concatenate([y, -y]), np.tile(np.arange(1.0, 16.0), 2))
    system = OddTarget(law=symmetric)
    network = system.network(m=4, paired=False, rng=6)
    state, h = network.state0, 1e-5
    weights = symmetric.weights
    residual = symmetric.y - network.predict(state, symmetric.x)
    values = network.observe(0.0, state)
    assert values["loss"] == pytest.approx(0.5 * weights @ residual**2, rel=1e-13)
    slopes = [(network.observe(0, state + e)["loss"] - network.observe(0, state - e)["loss"]) / (2 * h) for e in h * np.eye(state.size)]
    np.testing.assert_allclose(network.velocity(0.0, state), -4 * np.array(slopes), atol=1e-9)


# Neurons beside their mean-field characteristics.


def test_tracers_follow_the_closed_form():
    system = OddTarget.cubic(8)
    network = system.network(m=9, paired=False, rng=5)
    coupled = system.coupled_limit(network)
    run = mf.solve(coupled, [5.0, 25.0], **TIGHT)
    plain = mf.solve(system.limit(), [5.0, 25.0], **TIGHT)
    np.testing.assert_allclose(run.observables["w"], plain.observables["w"], atol=1e-11)
    direction = system.Xbar / np.linalg.norm(system.Xbar)
    for row, t in enumerate([5.0, 25.0]):
        expected = exact.neurons(direction, float(system.closed_form(t).y[0]), neurons(network))
        np.testing.assert_allclose(coupled.particles(run.states[row])["neurons"], expected, atol=3e-11)


def test_tracers_of_descent_are_products_of_matrices():
    network = SKEW.network(m=6, dynamics="gd", lr=0.1, rng=0)
    coupled = SKEW.coupled_limit(network)
    run = mf.solve(coupled, np.arange(51))
    moved = neurons(network)
    for k in range(50):
        g = SKEW.Xbar - SKEW.C @ run.observables["w"][k]
        moved = moved + 0.05 * np.column_stack([moved[:, 1:] @ g, np.outer(moved[:, 0], g)])
    np.testing.assert_allclose(coupled.particles(run.states[-1])["neurons"], moved, atol=1e-13)


def test_predictor_becomes_linear_and_right_like_one_over_root_m():
    """T1 and T3: rms over 20 seeds of |f - w.x| and of |w_m - w| at fixed time, widths 64 to 4096."""
    x, y = random_data(12, 3, seed=2)
    system = OddTarget(law=mf.laws.Empirical(np.vstack([x, -x]), np.concatenate([y, -y])))
    widths, expected = [64, 512, 4096], mf.solve(system.limit(dynamics="gd", lr=0.2), [20]).observables["w"][0]
    sizes = []
    for m in widths:
        runs = [mf.solve(system.network(m=m, dynamics="gd", lr=0.2, paired=False, rng=seed), [20]).observables for seed in range(20)]
        sizes.append([
            np.sqrt(np.mean([run["nonlinearity"][0] ** 2 for run in runs])),
            np.sqrt(np.mean([np.sum((run["w"][0] - expected) ** 2) for run in runs])),
        ])  # fmt: skip
    slopes = np.polyfit(np.log(widths), np.log(sizes), 1)[0]
    np.testing.assert_allclose(slopes, -0.5, atol=0.1)


# Moments.


def test_moments_of_gaussian_laws_by_quadrature():
    covariance = np.array([[1.0, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, 0.8]])
    target = Sum((Linear((0.4, -0.2, 1.0)), OddCubic((0.3, 0.5, -0.7))))
    nodes = mf.measures.GaussianInit(np.zeros(3), covariance).gauss_hermite(4)
    values = target(nodes.points)
    system = OddTarget(law=mf.laws.Gaussian(3, covariance), target=target)
    np.testing.assert_allclose(system.Xbar, (nodes.weights * values) @ nodes.points, atol=1e-13)
    assert system.second_moment == pytest.approx(nodes.weights @ values**2, rel=1e-13)


def test_moments_on_the_circle_by_quadrature():
    target = Sum((Linear((0.4, -0.2)), OddCubic((0.3, 0.5))))
    angles = np.arange(64) * (np.pi / 32)
    x = 1.7 * np.column_stack([np.cos(angles), np.sin(angles)])
    system, values = OddTarget(law=mf.laws.Sphere(2, 1.7), target=target), target(x)
    np.testing.assert_allclose(system.Xbar, values @ x / 64, atol=1e-13)
    assert system.second_moment == pytest.approx(np.mean(values**2), rel=1e-13)


def test_moments_by_regression():
    law = mf.laws.Gaussian(3, 0.5)
    linear = OddTarget(law=law, target=lambda x: x @ np.array([1.0, -2.0, 0.5]))
    np.testing.assert_allclose(linear.Xbar, [0.5, -1.0, 0.25], atol=1e-13)
    known = OddTarget(law=law, target=OddCubic((1.0, 2.0, 0.0)))
    sampled = OddTarget(law=law, target=lambda x: x[:, 0] ** 3 + 2 * x[:, 1] ** 3)
    cross, square = sampled.moment_error
    assert 0.0 < np.max(cross) < 5e-3
    assert np.all(np.abs(sampled.Xbar - known.Xbar) < 5 * cross)
    assert abs(sampled.second_moment - known.second_moment) < 5 * square
    assert known.moment_error[1] == 0.0


@pytest.mark.parametrize("system", [SKEW, OddTarget.cubic(7), OddTarget(cross_moment=[0.3, 0.4], covariance=0.5, second_moment=0.5)])
def test_symmetric_data_have_the_moments(system):
    x, y = system.symmetric_data()
    np.testing.assert_allclose(x.T @ x / len(x), system.C, atol=1e-14)
    np.testing.assert_allclose(y @ x / len(x), system.Xbar, atol=1e-14)
    assert np.mean(y**2) == pytest.approx(system.second_moment, rel=1e-13)
    pairs = np.column_stack([x, y])
    images = {tuple(row) for row in np.round(-pairs, 12).tolist()}
    assert {tuple(row) for row in (np.round(pairs, 12) + 0.0).tolist()} == {tuple(v + 0.0 for v in row) for row in images}


@pytest.mark.parametrize("dynamics", ["flow", "gd"])
def test_drift_of_paired_networks(dynamics):
    """Networks of a system known by its moments, beside the limit that carries their neurons: gaps like 1/sqrt(m)."""
    more = {} if dynamics == "flow" else {"network": {"lr": 0.1}}
    times = [0.0, 2.0] if dynamics == "flow" else [0, 20]
    study = mf.drift(SKEW, widths={"m": [16, 1024]}, replicas=8, dynamics=dynamics, t_eval=times, **more)
    assert np.max(np.abs(study.gaps["nonlinearity"])) < 1e-14
    assert np.max(np.abs(study.gaps["neurons_max"][..., 0])) < 1e-15
    assert study.gaps["w"].shape == (2, 8, 2, 3)
    for name in ("function_distance", "neurons_rms", "loss"):
        narrow, wide = np.sqrt(np.mean(study.gaps[name][..., 1] ** 2, axis=1))
        assert 4.0 < narrow / wide < 16.0, name


def test_selfcheck_passes():
    from mfpde.selfcheck.odd_target import CASES

    for case in CASES:
        check = case()
        assert check.passed, check
