"""The phase diagram's closed forms, and the observables of its flows, against published numbers, plain loops and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.phase_diagram import PhasePoint, condensation, exact, linearisation
from mfpde.systems.phase_diagram.clusters import find_clusters
from mfpde.systems.phase_diagram.directions import angles, rays
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.initialisations import Scales
from mfpde.systems.phase_diagram.particles import ParticleFlow

WIDTHS = (1000, 5000, 10000, 20000, 40000)


class Still(ParticleFlow):
    """Neurons at rest, wherever a test puts them."""

    def advance(self, t, y, t_stop):
        return t_stop, y.copy()


def still(point, m, rng=0, kappa=None, tracers=0):
    draw = np.random.default_rng(rng)
    a, w = draw.standard_normal(m), draw.standard_normal((m, point.inputs.shape[1]))
    initial = Initial.of(a, w, np.ones(m), point.antisymmetric)
    if tracers:
        initial = initial.with_tracers(draw.standard_normal(tracers), draw.standard_normal((tracers, w.shape[1])))
    kappa = point.kappa(m) if kappa is None else kappa
    return Still(point, initial, kappa=kappa, kappa_prime=point.kappa_prime(m), kappa_forward=kappa, config={})


def written(flow, scale, rng=1):
    draw = np.random.default_rng(rng)
    da, dw = scale * draw.standard_normal(len(flow.a0)), scale * draw.standard_normal(flow.w0.shape)
    return flow.pack(da=da, dw=dw, sup=np.zeros(3))


# Exponents.


@pytest.mark.parametrize(("at", "s_w", "s_a", "region"), [
    ((0.6, -0.3), -0.4, -1.0, 1), ((0.6, 0.3), -1.0, -0.4, 2), ((1.2, 0.5), -0.6, 0.2, 3), ((1.75, 0.0), 0.375, 0.375, 4),
    ((1.3, -0.5), 0.3, -0.4, 5),
])  # fmt: skip
def test_exponents(at, s_w, s_a, region):
    found = PhasePoint(gamma=at[0], gamma_prime=at[1]).exponents
    assert (found.s_w, found.s_a, found.s_theta) == pytest.approx((s_w, s_a, max(s_w, s_a)), abs=1e-15)
    assert (found.region, found.open) == (region, region == 5)


def test_exponents_are_continuous_and_symmetric():
    draw = np.random.default_rng(0)
    for gamma, gamma_prime in zip(draw.uniform(0.0, 2.0, 400), draw.uniform(-1.0, 1.0, 400), strict=True):
        here = exact.exponents(gamma, gamma_prime)
        assert here.s_a == pytest.approx(exact.exponents(gamma, -gamma_prime).s_w, abs=1e-14)
        for turn in np.linspace(0.0, 2.0 * np.pi, 7):
            near = exact.exponents(gamma + 1e-6 * np.cos(turn), gamma_prime + 1e-6 * np.sin(turn))
            assert near[:3] == pytest.approx(here[:3], abs=5e-6)
    for edge in np.linspace(0.0, 1.0, 11):
        borders = [((1.0, -edge), (1e-9, 0.0)), ((1.0, edge), (1e-9, 0.0))]
        borders += [((1.0 + edge, edge), (0.0, 1e-9)), ((1.0 + edge, -edge), (0.0, 1e-9))]
        for (gamma, gamma_prime), (x, y) in borders:
            sides = [exact.exponents(gamma + s * x, gamma_prime + s * y)[:3] for s in (-1.0, 1.0)]
            assert sides[0] == pytest.approx(sides[1], abs=1e-8)


# Closed forms.


def test_kernels_against_quadrature():
    """E over the angle of w: E relu relu = (1/pi) int (u.X_i)_+ (u.X_j)_+, as E|w|^2 = 2; E 1 1 = (1/2pi) int 1 1."""
    X = np.array([[-0.5, 1.0], [0.3, 1.0], [0.3 + 1e-6, 1.0], [4.0, -1.0]])
    nodes, weights = np.polynomial.legendre.leggauss(40)
    edges = np.append(angles(rays(X)), angles(rays(X))[0] + 2.0 * np.pi)
    theta = (0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * np.diff(edges)[:, None] * nodes).ravel()
    weight = (0.5 * np.diff(edges)[:, None] * weights).ravel()
    h = np.column_stack([np.cos(theta), np.sin(theta)]) @ X.T
    k_a, k_w = exact.kernels(X)
    np.testing.assert_allclose(k_a, np.maximum(h, 0.0).T @ (weight[:, None] * np.maximum(h, 0.0)) / np.pi, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(k_w, ((h > 0.0).T @ (weight[:, None] * (h > 0.0))) * (X @ X.T) / (2.0 * np.pi), rtol=1e-13, atol=1e-14)


def test_kernel_of_close_points_keeps_its_digits():
    """Two points at the angle 1e-9: K_ii K_jj - K_ij^2 is of order 1e-18, and an arc cosine would put the angle at 0 or 1.5e-8."""
    k_w = exact.kernels([[1.0, 0.0], [math.cos(1e-9), math.sin(1e-9)]])[1]
    assert 0.5 - k_w[0, 1] == pytest.approx(1e-9 / (2.0 * math.pi), rel=1e-6)


def test_linear_end_of_the_four_points():
    point = PhasePoint(gamma=0.5, gamma_prime=0.0)
    assert point.linear_end(1) == pytest.approx((0.273856, 0.168379), abs=5e-7)
    published = (0.00866, 0.00387, 0.00274, 0.00194, 0.00137)
    assert [round(point.linear_end(m)[0], 5) for m in WIDTHS] == list(published)
    one = PhasePoint(gamma=0.5, gamma_prime=0.0, antisymmetric=False)
    assert one.linear_end(100)[0] == pytest.approx(2.0 * point.linear_end(100)[0], rel=1e-15)


@pytest.mark.parametrize("gamma_prime", [-0.2, 0.0, 0.3])
def test_linear_end_is_where_lazy_training_ends(gamma_prime):
    """At kappa m = 250: displacements are those of the network's own kernel, and the closed form up to m^-1/2 and the loss left over."""
    point, m = PhasePoint(gamma=0.2, gamma_prime=gamma_prime), 1000
    flow = point.network(m=m, dynamics="flow")
    run = mf.solve(flow)
    of_a, of_w = flow.gram_parts(flow.state0)
    rates, modes = np.linalg.eigh(of_a + of_w)
    v = modes @ (-np.expm1(-rates * run.t[-1]) / rates * (modes.T @ flow.y))
    # |dw|^2 = kappa' v.G_w v / n and |da|^2 = v.G_a v / (kappa' n) over both copies, v the time integral of the errors.
    rd_w = math.sqrt(flow.kappa_prime * v @ of_w @ v / 8.0 / np.sum(flow.w0[:m] ** 2))
    rd_a = math.sqrt(v @ of_a @ v / flow.kappa_prime / 8.0 / np.sum(flow.a0[:m] ** 2))
    assert run.observables["rd_w"][-1] == pytest.approx(rd_w, rel=2e-3)
    assert run.observables["rd_a"][-1] == pytest.approx(rd_a, rel=2e-3)
    assert (rd_w, rd_a) == pytest.approx(point.linear_end(m), rel=0.05)


@pytest.mark.parametrize("gamma_prime", [-0.1, 0.0, 0.1])
def test_the_law_follows_the_closed_form_at_all_times(gamma_prime):
    """At kappa m = 1e6, where the kernel does not move: every saved row, to the error of the steps."""
    point, m = PhasePoint(gamma=0.4, gamma_prime=gamma_prime), 1e10
    run = mf.solve(point.limit(m=m, nodes=8, rho=0.125))
    expected = np.array([point.linear_end(m, t) for t in run.t])
    np.testing.assert_allclose(run.observables["rd_w"], expected[:, 0], rtol=2e-5)
    np.testing.assert_allclose(run.observables["rd_a"], expected[:, 1], rtol=2e-5)
    assert point.linear_end(m, 1e9) == pytest.approx(point.linear_end(m), rel=1e-12)
    assert run.observables["rd_w"][-1] == pytest.approx(point.linear_end(m)[0], rel=0.02)


def test_condensed_end_of_the_four_points():
    point = PhasePoint(gamma=1.75, gamma_prime=0.0)
    found = [point.condensed_end(m, 1.376)[0] for m in WIDTHS]
    assert [round(rd, 2) for rd in found] == [7.82, 14.30, 18.55, 24.05, 31.19]


def test_condensed_end_is_where_condensed_training_ends():
    """Gradient flow at kappa m = .003 and kappa' = 2.5: both closed forms from the amplitude that the run itself reached."""
    point, m = PhasePoint(gamma=1.8, gamma_prime=-0.125), 1500
    flow = point.network(m=m, dynamics="flow")
    run = mf.solve(flow)
    amplitude = condensation.condensation(flow, run.final_state).amplitude
    rd_w, rd_a = point.condensed_end(m, amplitude)
    assert run.observables["rd_w"][-1] == pytest.approx(rd_w, rel=0.1)
    assert run.observables["rd_a"][-1] == pytest.approx(rd_a, rel=0.1)
    assert point.least_amplitude().amplitude < amplitude < 1.1 * point.least_amplitude().amplitude


@pytest.mark.parametrize("y", [None, [1.0, -2.0, 0.5, 1.0], [-1.0, -0.2, 0.1, -0.7]])
def test_least_amplitude_of_four_points(y):
    """Against the linear programme on a grid of 7000 directions and the rays, and its certificate."""
    from scipy.optimize import linprog

    point = PhasePoint(gamma=1.75, gamma_prime=0.0, y=y)
    found = point.least_amplitude()
    if y is None:
        assert found.amplitude == pytest.approx(1.3437, abs=5e-5)
    theta = np.append(np.linspace(-np.pi, np.pi, 7000), angles(rays(point.inputs)))
    columns = np.maximum(point.inputs @ np.stack([np.cos(theta), np.sin(theta)]), 0.0)
    grid = linprog(np.ones(2 * len(theta)), A_eq=np.hstack([columns, -columns]), b_eq=point.labels, method="highs").fun
    assert grid * (1.0 - 1e-6) < found.amplitude < grid * (1.0 + 1e-9)
    assert 0.0 <= found.certificate < 1e-7 * found.amplitude
    np.testing.assert_allclose(found.weights @ np.maximum(found.directions @ point.inputs.T, 0.0), point.labels, atol=1e-12)
    assert np.sum(np.abs(found.weights)) == pytest.approx(found.amplitude, rel=1e-12)


def test_least_amplitude_of_one_point_and_of_points_off_the_line():
    one = PhasePoint(gamma=1.0, gamma_prime=0.0, x=[0.75], y=[-2.5]).least_amplitude()
    assert one.amplitude == pytest.approx(2.5 / 1.25, rel=1e-12)
    np.testing.assert_allclose(one.directions, [[0.6, 0.8]], atol=1e-7)
    bare = PhasePoint(gamma=1.0, gamma_prime=0.0, x=[-2.0, 3.0], y=[1.0, 6.0], bias=False).least_amplitude()
    assert bare.amplitude == pytest.approx(2.5, rel=1e-12)
    with pytest.raises(ValueError, match="X has 3 columns"):
        PhasePoint(gamma=1.0, gamma_prime=0.0, x=np.eye(2), y=np.ones(2)).least_amplitude()
    with pytest.raises(ValueError, match="no network interpolates"):
        PhasePoint(gamma=1.0, gamma_prime=0.0, x=[1.0, 3.0], y=[1.0, 6.0], bias=False).least_amplitude()


# The normalised model, the state of displacements and what is observed.


@pytest.mark.parametrize("rates", [(1.0, 1.0), (0.25, 4.0)])
def test_set_ups_with_equal_coordinates_train_alike(rates):
    """Gradient descent on (a, w) as they are, f = (1/alpha) sum a relu(w.x), against the normalised network."""
    m, scales = 60, Scales(alpha=2.0, beta_1=0.5, beta_2=0.3, lr_a=rates[0], lr_w=rates[1])
    point = PhasePoint.from_init(m=m, alpha=2.0, beta_1=0.5, beta_2=0.3, lr_a=rates[0], lr_w=rates[1])
    flow = point.network(m=m, dynamics="paper")
    a, w, X = scales.beta_1 * flow.a0, scales.beta_2 * flow.w0, flow.X
    steps, lr = 200, flow.dt * scales.time_unit
    for _ in range(steps):
        h = w @ X.T
        e = np.maximum(h, 0.0).T @ a / scales.alpha - flow.y
        a, w = (
            a - lr * rates[0] / scales.alpha * np.maximum(h, 0.0) @ e / 4,
            w - lr * rates[1] / scales.alpha * a[:, None] * ((h > 0.0) * e @ X) / 4,
        )
    run = mf.solve(flow, [0.0, steps * flow.dt])
    found, _ = flow.neurons(run.final_state)
    np.testing.assert_allclose(scales.beta_1 * found, a, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(flow.outputs(run.final_state), np.maximum(w @ X.T, 0.0).T @ a / scales.alpha, atol=1e-11)
    rd_w = np.linalg.norm(w[:m] - scales.beta_2 * flow.w0[:m]) / np.linalg.norm(scales.beta_2 * flow.w0[:m])
    assert run.observables["rd_w"][-1] == pytest.approx(rd_w, rel=1e-9)


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_outputs_and_observables_of_a_state_are_those_of_its_neurons(antisymmetric, scale):
    point = PhasePoint(gamma=0.6, gamma_prime=0.2, x=[[0.1, 0.4], [-1.0, 0.3], [2.0, 2.0]], y=[1.0, 2.0, -1.0], antisymmetric=antisymmetric)
    m = 50
    flow = still(point, m)
    y = written(flow, scale)
    a, w = flow.neurons(y)
    outputs = flow.kappa * np.maximum(w @ flow.X.T, 0.0).T @ a
    np.testing.assert_allclose(flow.outputs(y), outputs, atol=1e-13)
    np.testing.assert_allclose(flow.predict(y, point.x), outputs, atol=1e-13)
    found = flow.observe(0.0, y)
    assert found["loss"] == pytest.approx(np.mean((outputs - point.labels) ** 2), rel=1e-13)
    da, dw = a[:m] - flow.a0[:m], w[:m] - flow.w0[:m]
    assert found["rd_a"] == pytest.approx(np.linalg.norm(da) / np.linalg.norm(flow.a0[:m]), rel=1e-12)
    assert found["rd_w"] == pytest.approx(np.linalg.norm(dw) / np.linalg.norm(flow.w0[:m]), rel=1e-12)
    both = math.hypot(np.linalg.norm(da), np.linalg.norm(dw)) / math.hypot(np.linalg.norm(flow.a0[:m]), np.linalg.norm(flow.w0[:m]))
    assert found["rd_theta"] == pytest.approx(both, rel=1e-12)
    invariant = [flow.kappa_prime**2 * b**2 - np.sum(v**2, axis=1) for b, v in ((a, w), (flow.a0, flow.w0))]
    size = flow.kappa_prime**2 * a**2 + np.sum(w**2, axis=1)
    assert found["invariant_drift"] == pytest.approx(np.max(np.abs(invariant[0] - invariant[1]) / size), rel=1e-9)
    assert np.column_stack([a, w]).tolist() == flow.particles(y)["neurons"].tolist()


def test_displacements_far_below_the_rounding_of_the_neurons_are_seen():
    """Displacements of 1e-20: RD and what the outputs changed keep their digits, which a - a(0) and f - f(0) would not have."""
    from mpmath import mp, mpf

    flow = still(PhasePoint(gamma=0.5, gamma_prime=0.0), 20, kappa=1e20)
    y = written(flow, 1e-20)
    da, dw = flow.displacements(y)
    found = flow.observe(0.0, y)
    assert found["rd_w"] == pytest.approx(1e-20 * np.linalg.norm(dw[:20] / 1e-20) / np.linalg.norm(flow.w0[:20]), rel=1e-13)
    change = 2.0 * np.abs(flow.a0 * da - np.einsum("kj,kj->k", flow.w0, dw)) / (flow.a0**2 + np.sum(flow.w0**2, axis=1))
    assert found["invariant_drift"] == pytest.approx(np.max(change), rel=1e-12)
    with mp.workdps(60):
        for i, value in enumerate(flow.outputs(y)):
            terms = [
                (mpf(a) + mpf(b)) * max(mpf(0), sum((mpf(p) + mpf(q)) * mpf(x) for p, q, x in zip(v, u, flow.X[i], strict=True)))
                for a, b, v, u in zip(flow.a0, da, flow.w0, dw, strict=True)
            ]
            assert value == pytest.approx(float(mpf(1e20) * sum(terms)), rel=1e-12)


def test_gram_matrix_is_the_rate_of_the_outputs():
    """Against a finite difference of the outputs along the velocity of the neurons, antisymmetric or not, with tracers."""
    point = PhasePoint(gamma=0.6, gamma_prime=0.3)
    flow = still(point, 40, tracers=7)
    y = written(flow, 0.3)
    a, w = flow.neurons(y)
    e, h = flow.outputs(y) - flow.y, w @ flow.X.T
    va = -flow.kappa / flow.kappa_prime / 4 * np.maximum(h, 0.0) @ e
    vw = -flow.kappa * flow.kappa_prime / 4 * a[:, None] * ((h > 0.0) * e @ flow.X)
    da, dw = flow.displacements(y)
    step = 1e-6
    ends = [flow.outputs(flow.pack(da=da + s * va, dw=dw + s * vw, sup=np.zeros(3))) for s in (-step, step)]
    # Tracers weigh nothing here only because their c is 0.
    np.testing.assert_allclose((ends[1] - ends[0]) / (2.0 * step), -flow.gram(y) @ e, rtol=1e-6)
    x = np.array([-0.2, 0.7])
    ends = [flow.predict(flow.pack(da=da + s * va, dw=dw + s * vw, sup=np.zeros(3)), x) for s in (-step, step)]
    rows = np.add(*flow.gram_parts(y, point.augmented(x)))
    np.testing.assert_allclose((ends[1] - ends[0]) / (2.0 * step), -rows @ e, rtol=1e-6)


def test_tracers_count_nowhere_but_in_the_particles():
    point = PhasePoint(gamma=0.8, gamma_prime=0.0)
    plain, traced = still(point, 30), still(point, 30, tracers=5)
    y, z = written(plain, 0.2), written(traced, 0.2)
    da, dw = plain.displacements(y)
    state = traced.unpack(z)
    state["da"][:60], state["dw"][:60] = da, dw
    assert traced.outputs(z).tolist() == plain.outputs(y).tolist()
    ours, theirs = plain.observe(0.0, y), traced.observe(0.0, z)
    assert {k: v for k, v in ours.items() if k != "invariant_drift"} == {k: v for k, v in theirs.items() if k != "invariant_drift"}
    a, w = traced.neurons(z)
    assert traced.particles(z)["neurons"].tolist() == np.column_stack([a, w])[60:].tolist()
    for copy in ("first", "second", "both"):
        assert condensation.condensation(traced, z, copy=copy).n_eff == condensation.condensation(plain, y, copy=copy).n_eff


def test_wide_networks_are_summed_in_blocks(monkeypatch):
    point = PhasePoint(gamma=0.6, gamma_prime=0.0, antisymmetric=False)
    flow = still(point, 500)
    y = written(flow, 0.3)
    whole = flow.outputs(y), flow.gram(y), flow.predict(flow.state0, [0.1, 0.2])
    monkeypatch.setattr("mfpde.systems.phase_diagram.particles.BLOCK", 100)
    for one, other in zip(whole, (flow.outputs(y), flow.gram(y), flow.predict(flow.state0, [0.1, 0.2])), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)


def test_a_network_beside_the_law_that_carries_its_neurons():
    """Tracers start as the network's neurons and feel the law's field: their distance, and that of the functions, falls like m^-1/2."""
    point, distances = PhasePoint(gamma=1.0, gamma_prime=0.0), []
    for m in (250, 4000):
        rows = []
        for seed in range(4):
            network = point.network(m=m, dynamics="flow", rng=seed)
            limit = point.coupled_limit(network, nodes=8)
            assert limit.particles(limit.state0)["neurons"].tolist() == network.particles(network.state0)["neurons"].tolist()
            times = [0.0, 30.0 * m, 100.0 * m]
            run, law = mf.solve(network, times), mf.solve(limit, times)
            moved = network.particles(run.final_state)["neurons"] - limit.particles(law.final_state)["neurons"]
            f = network.predict(run.final_state, [-0.3, 0.1, 0.4]) - limit.predict(law.final_state, [-0.3, 0.1, 0.4])
            rows.append([np.sqrt(np.mean(moved**2)), np.sqrt(np.mean(f**2))])
        distances.append(np.mean(rows, axis=0))
    assert np.all(distances[1] < distances[0] / 2.5)
    assert np.all(distances[0] < 0.1)


def test_the_suprema_remember():
    flow = still(PhasePoint(gamma=0.6, gamma_prime=0.0), 30)
    y = flow.with_sup(written(flow, 0.5))
    back = y.copy()
    state = flow.unpack(back)
    state["da"][:] *= 0.1
    state["dw"][:] *= 2.0
    found, before = flow.observe(1.0, flow.with_sup(back)), flow.observe(0.0, y)
    assert found["sup_rd_a"] == before["rd_a"] > found["rd_a"]
    assert found["sup_rd_w"] == found["rd_w"] > before["rd_w"]


# How linear training was.


@pytest.mark.parametrize("dynamics", ["flow", "paper"])
def test_linearised_training(dynamics):
    """Towards the linear regime the distance from f_lin falls faster than 1/(kappa m), on and off the data, and the kernel's change too."""
    x, found = np.linspace(-0.5, 0.5, 41), []
    for gamma in (0.9, 0.7, 0.5):
        flow = PhasePoint(gamma=gamma, gamma_prime=0.0).network(m=2000, dynamics=dynamics)
        run = mf.solve(flow)
        on, off = (linearisation.linearised_distance(flow, run, at) for at in (None, x))
        assert on[0] == off[0] == 0.0
        found.append((on.max(), off.max(), linearisation.kernel_change(flow, run)[-1]))
    ratios = np.array(found[:-1]) / found[1:]
    assert np.all(ratios > 2.5)
    assert np.all(np.prod(ratios, axis=0) > 8.0)


def test_the_linearised_model_against_a_plain_loop_of_steps():
    """Every mode of gradient descent, those with dt r > 1 included, which alternate."""
    flow = PhasePoint(gamma=0.5, gamma_prime=0.0).network(m=300, dynamics="paper")
    x = np.array([-0.3, 0.05, 0.6])
    gram, rows = flow.gram(flow.state0), np.add(*flow.gram_parts(flow.state0, flow.point.augmented(x)))
    assert flow.dt * np.linalg.eigvalsh(gram)[-1] > 1.0
    on, off = np.zeros(4), np.zeros(3)
    for k in range(40):
        if k in (1, 7, 39):
            np.testing.assert_allclose(linearisation.linearised_outputs(flow, k * flow.dt)[0], on, atol=1e-13)
            np.testing.assert_allclose(linearisation.linearised_outputs(flow, [k * flow.dt], x)[0], off, atol=1e-13)
        e = on - flow.y
        on, off = on - flow.dt * gram @ e, off - flow.dt * rows @ e


# Condensation.


def test_order_parameters_against_brute_force():
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    flow = still(point, 300)
    y = written(flow, 1.0)
    # Neurons of the second copy on every ray, and near one: to within less and to within more than the width that counts as pinned.
    turned = np.concatenate([rays(flow.X), rays(flow.X)[[1, 6]] + [[5e-4, 0.0], [0.0, 5e-3]]])
    flow.unpack(y)["dw"][300:310] = 2.0 * turned - flow.w0[300:310]
    a, w = (rows[300:] for rows in flow.neurons(y))
    p = np.abs(a) * np.linalg.norm(w, axis=1)
    active = p.sum() ** 2 / (300 * np.sum(p**2))
    p /= p.sum()
    theta = np.arctan2(w[:, 1], w[:, 0])
    apart = np.abs((theta[:, None] - theta + np.pi) % (2 * np.pi) - np.pi)
    ray = np.array([s * np.pi / 2 + np.arctan2(1.0, x) for x in point.x for s in (-1, 1)])
    near = np.abs((theta[:, None] - ray + np.pi) % (2 * np.pi) - np.pi).min(axis=1) < 1e-3
    found = condensation.condensation(flow, y, copy="second", delta=0.05)
    assert found.n_eff == pytest.approx(1.0 / (p @ (apart < 0.05) @ p), rel=1e-12)
    assert found.active_share == pytest.approx(active, rel=1e-12)
    assert found.pinned_share == pytest.approx(p @ near, abs=1e-14)
    values = np.linalg.eigvalsh(np.einsum("k,ki,kj->ij", p, w, w / np.sum(w**2, axis=1)[:, None]))
    assert found.effective_rank == pytest.approx(np.exp(-np.sum(values * np.log(values))), rel=1e-12)
    every_a, every_w = flow.neurons(y)
    assert found.amplitude == pytest.approx(flow.kappa * np.sum(np.abs(every_a) * np.linalg.norm(every_w, axis=1)), rel=1e-13)
    assert near[:10].tolist() == 9 * [True] + [False]


def test_a_gaussian_start_has_no_direction():
    """n_eff = pi / delta, active share 1/2, effective rank 2, within a few standard errors of 40,000 neurons."""
    flow = PhasePoint(gamma=1.0, gamma_prime=0.0).network(m=40_000, dynamics="flow")
    found = condensation.condensation(flow, flow.state0)
    assert found.n_eff == pytest.approx(math.pi / 0.02, rel=0.01)
    assert found.active_share == pytest.approx(0.5, abs=0.01)
    assert found.effective_rank == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("turn", [0.0, math.pi - 0.005, 2.0])
def test_planted_clusters_are_found(turn):
    """Three clusters, one across the angle pi for one of the turns, and weak neurons that belong to none."""
    draw, centres, sizes = np.random.default_rng(0), np.array([0.0, 1.0, -1.5]), (50, 30, 20)
    theta = np.concatenate([centre + draw.uniform(-0.01, 0.01, size) for centre, size in zip(centres, sizes, strict=True)])
    theta = np.append(theta, [0.5, -0.7, 2.5]) + turn
    a = np.concatenate([np.full(50, 1.0), np.full(30, -2.0), np.full(20, 1.5), np.full(3, 0.01)])
    order = draw.permutation(len(a))
    a, w = a[order], 3.0 * np.column_stack([np.cos(theta), np.sin(theta)])[order]
    found = find_clusters(a, w, np.abs(a) / np.sum(np.abs(a)))
    assert [len(cluster.members) for cluster in found] == [30, 50, 20]
    assert [cluster.sign for cluster in found] == pytest.approx([-1.0, 1.0, 1.0], abs=1e-14)
    wanted = [np.angle(np.mean(np.exp(1j * part))) for part in (theta[50:80], theta[:50], theta[80:100])]
    np.testing.assert_allclose([cluster.angle for cluster in found], wanted, atol=1e-12)
    np.testing.assert_allclose([cluster.share for cluster in found], np.array([60.0, 50.0, 30.0]) / 140.03, rtol=1e-12)
    assert all(0.004 < cluster.spread < 0.007 for cluster in found)


def test_clusters_and_pairs_in_more_dimensions():
    draw = np.random.default_rng(1)
    x = draw.standard_normal((4, 5))
    flow = still(PhasePoint(gamma=1.0, gamma_prime=0.0, x=x, y=np.ones(4), antisymmetric=False), 60)
    centres = np.linalg.qr(draw.standard_normal((6, 3)))[0].T
    w = np.repeat(centres, 20, axis=0) * draw.uniform(0.5, 2.0, (60, 1)) + 1e-3 * draw.standard_normal((60, 6))
    a = np.repeat([1.0, -1.0, 2.0], 20)
    y = flow.pack(da=a - flow.a0, dw=w - flow.w0, sup=np.zeros(3))
    found = condensation.condensation(flow, y)
    assert [len(cluster.members) for cluster in found.clusters] == [20, 20, 20]
    assert found.clusters[0].direction @ centres[2] == pytest.approx(1.0, abs=1e-5)
    assert found.clusters[0].sign == pytest.approx(1.0)
    p = np.abs(a) * np.linalg.norm(w, axis=1)
    p /= p.sum()
    assert found.n_eff == pytest.approx(1.0 / np.sum(p.reshape(3, 20).sum(axis=1) ** 2), rel=1e-12)
    assert found.top_share(3) == pytest.approx(1.0, rel=1e-12)
    assert 2.5 < found.effective_rank < 3.01
    assert math.isnan(found.pinned_share)
    cosines = condensation.cosine_matrix(flow, y)
    np.testing.assert_allclose(cosines, np.kron(np.eye(3), np.ones((20, 20))), atol=0.02)


def test_condensed_orientations():
    """At gamma = 1.75 nearly all amplitude ends on the kinks at x = -1/6 and 1/6; n_eff falls from 2 pi/.02-like values to about 2."""
    flow = PhasePoint(gamma=1.75, gamma_prime=0.0).network(m=1000, dynamics="flow")
    run = mf.solve(flow)
    found = condensation.condensation(flow, run.final_state)
    assert found.clusters[0].angle == pytest.approx(-math.atan(1.0 / 6.0), abs=2e-3)
    assert found.clusters[1].angle == pytest.approx(math.atan(1.0 / 6.0) - math.pi, abs=2e-3)
    assert [cluster.sign for cluster in found.clusters[:2]] == pytest.approx([1.0, 1.0])
    assert found.top_share(2) > 0.8
    over_time = condensation.directions_over_time(flow, run)
    time = condensation.condensation_time(flow, run)
    j = int(np.argmax(over_time <= 0.5 * over_time[0]))
    assert run.t[j - 1] < time <= run.t[j]
    assert condensation.early_alignment(flow, flow.state0) == pytest.approx(0.0, abs=0.1)
    assert condensation.early_alignment(flow, run.states[j]) > 0.5


def test_a_lazy_network_never_condenses():
    flow = PhasePoint(gamma=0.3, gamma_prime=0.0).network(m=1000, dynamics="flow")
    assert condensation.condensation_time(flow, mf.solve(flow)) is None


def test_impossible_choices_are_refused():
    flow = still(PhasePoint(gamma=1.0, gamma_prime=0.0, antisymmetric=False), 10)
    with pytest.raises(ValueError, match="copy = 'third': give one of first, second, both"):
        condensation.condensation(flow, flow.state0, copy="third")
    with pytest.raises(ValueError, match="copy = 'second': this flow has the first copy only"):
        condensation.condensation(flow, flow.state0, copy="second")
    with pytest.raises(ValueError, match="delta = 4: give an angle below pi"):
        condensation.condensation(flow, flow.state0, delta=4)
