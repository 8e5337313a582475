"""A target of |x_H|: the reduced kernel, the flow of the angle and the networks against reference digits, closed forms and quadrature."""

from __future__ import annotations

import json

import mpmath as mp
import numpy as np
import pytest

import mfpde as mf
from mfpde.kernels.jacobi import jacobi_kernel, jacobi_modes, jacobi_series, mode_fields, mode_residuals
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget, exact
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, angle_rule, modes_for
from mfpde.systems.symmetric.low_dimensional.target import chi_rule

TIGHT = {"rtol": 1e-11, "atol": 1e-11}
PAPER = LowDimensionalTarget(d=30, d_h=5)
HALF_PI = 0.5 * np.pi

# t; tau^+, tau^-, F, mean of cos^2 under tau^-, mean of sin^2 under tau^+.
REFERENCE = np.array([
    [0.5, 1.10650789586, 0.226385838667, 1.80030543138, 0.144787878176, 0.808921257863],
    [1.0, 2.09575848339, 0.120231152886, 1.10117297981, 0.125541971563, 0.782239012728],
    [2.0, 4.27871805263, 0.0602055098684, 0.260385296009, 0.0948674862704, 0.724363136850],
    [3.5, 5.35359336022, 0.0506560211718, 0.116852843788, 0.0647017072068, 0.635062037158],
    [5.0, 5.47110745540, 0.0528694516500, 0.0868835872945, 0.0462701081746, 0.550052768375],
    [10.0, 5.50471258464, 0.0662813069370, 0.0327162178703, 0.0203158593637, 0.340796720506],
    [25.0, 5.49065082229, 0.105045940363, 0.00417846752357, 0.00666600917439, 0.133200973864],
    [50.0, 5.49851553435, 0.144730999497, 6.07290562157e-4, 0.00349028218858, 0.0665384144669],
    [100.0, 5.51603781184, 0.177705669829, 7.09698888212e-5, 0.00241053578245, 0.0405090892308],
])  # fmt: skip
COLUMNS = ("mass_plus", "mass_minus", "loss", "cos2_minus", "sin2_plus")


# The kernel.


def mean_kernel(d, d_h, t, u):
    """E_rs kappa(A r + B s) by antiderivatives of kappa, in dimensions 1 and 3, where r and s are signs or uniform."""

    def kappa(p):
        return (mp.sqrt(1 - p * p) + p * mp.asin(p)) / (2 * mp.pi)

    def first(p):
        return ((p * p / 2 + mp.mpf(1) / 4) * mp.asin(p) + 3 * p * mp.sqrt(1 - p * p) / 4) / (2 * mp.pi)

    def second(p):
        s = mp.sqrt(1 - p * p)
        return ((p**3 / 6 + p / 4) * mp.asin(p) + s * (2 + p * p) / 18 + s / 4 - s**3 / 4) / (2 * mp.pi)

    a, b = mp.cos(t) * mp.cos(u), mp.sin(t) * mp.sin(u)
    total, gap = min(a + b, mp.mpf(1)), a - b
    if (d_h, d - d_h) == (1, 1):
        return (kappa(total) + kappa(gap)) / 2
    if (d_h, d - d_h) == (1, 3):
        return (first(total) - first(gap)) / (2 * b)
    if (d_h, d - d_h) == (3, 1):
        return (first(total) + first(gap)) / (2 * a)
    return (second(total) - second(gap)) / (2 * a * b)


@pytest.mark.parametrize(("d", "d_h"), [(2, 1), (4, 1), (4, 3), (6, 3)])
def test_kernel_is_the_mean_of_the_arc_cosine_kernel(d, d_h):
    """Anywhere in the square, the diagonal and the neighbourhood of its corners included."""
    rng = np.random.default_rng(0)
    near = [1e-3, 3e-3, 0.4, HALF_PI - 1e-3, HALF_PI - 4e-3]
    t, u = np.concatenate([rng.uniform(0.0, HALF_PI, (2, 30)), [near, near], [near, near[::-1]]], axis=1)
    with mp.workdps(40):
        expected = [float(mean_kernel(d, d_h, mp.mpf(float(a)), mp.mpf(float(b)))) for a, b in zip(t, u, strict=True)]
    np.testing.assert_allclose(LowDimensionalTarget(d=d, d_h=d_h).kernel(t, u), expected, atol=1e-13, rtol=0)


@pytest.mark.parametrize(("d", "d_h"), [(30, 5), (10, 2), (12, 10), (7, 1), (40, 35)])
def test_kernel_is_an_appell_series(d, d_h):
    """Away from the diagonal, where the double series converges."""
    with mp.workdps(25):
        half, quarter = mp.mpf(1) / 2, mp.mpf(d - d_h) / 2

        def appell(t, u):
            x, y = (mp.cos(t) * mp.cos(u)) ** 2, (mp.sin(t) * mp.sin(u)) ** 2
            total, j, term = mp.mpf(0), 0, mp.mpf(1)
            while j < 3 or term > mp.mpf(10) ** -18:
                series = mp.hyp2f1(j - half, j - half, mp.mpf(d_h) / 2, x)
                term = mp.rf(-half, j) ** 2 / (mp.rf(quarter, j) * mp.factorial(j)) * y**j * series
                total, j = total + term, j + 1
            return float(total / (2 * mp.pi))

        pairs = [(0.3, 1.0), (1.4, 0.2), (0.9, 1.3), (0.1, 1.55)]
        expected = [appell(mp.mpf(a), mp.mpf(b)) for a, b in pairs]
    t, u = np.array(pairs).T
    np.testing.assert_allclose(LowDimensionalTarget(d=d, d_h=d_h).kernel(t, u), expected, atol=1e-13, rtol=0)


def test_kernel_reference():
    t = [0.3, 1.2, 0.7, 0.5, 1.0, 1.5, 0.0]
    u = [1.0, 0.9, 0.4, 0.0, 0.0, 0.0, 0.0]
    expected = [
        0.1636403749422868, 0.1616784026913870, 0.1674195553232542, 0.1718065472077463, 0.1638521166736247, 0.1592345945170790, 45 / 256,
    ]  # fmt: skip
    np.testing.assert_allclose(PAPER.kernel(t, u), expected, atol=1e-14, rtol=0)


@pytest.mark.parametrize(("d", "d_h", "tolerance"), [
    (30, 5, 1e-14), (4, 2, 1e-14), (6, 3, 1e-14), (12, 10, 1e-14), (11, 10, 1e-13), (2, 1, 1e-13), (10, 1, 1e-13), (800, 10, 1e-13),
    (100, 1, 1e-12),
])  # fmt: skip
def test_kernel_at_the_corners(d, d_h, tolerance):
    """The stated range: 1e-13, but where d_h or d_perp is 1 and d is large."""
    system, d_perp = LowDimensionalTarget(d=d, d_h=d_h), d - d_h
    expected = [exact.corner(d_h), exact.corner(d_perp), 0.5 / np.pi]
    np.testing.assert_allclose(system.kernel([0.0, HALF_PI, 0.0], [0.0, HALF_PI, HALF_PI]), expected, atol=tolerance, rtol=0)
    theta = np.linspace(0.05, 1.5, 9)
    np.testing.assert_allclose(system.kernel(theta, 0.0), exact.kernel_with_end(d_h, np.cos(theta) ** 2), atol=1e-13)
    np.testing.assert_allclose(system.kernel(HALF_PI, theta), exact.kernel_with_end(d_perp, np.sin(theta) ** 2), atol=1e-13)


def test_kernel_by_tensor_quadrature():
    t, u = np.array([0.2, 0.7, 1.1]), np.array([0.9, 0.7, 1.4])
    (r_angle, r_weights), (s_angle, s_weights) = (JacobiBasis(d, 1, 2).gauss(40) for d in (5, 25))
    r, s, values = np.cos(r_angle), np.cos(s_angle), 0.0
    for sign in (1.0, -1.0):
        p = np.multiply.outer(np.cos(t) * np.cos(u), r)[:, :, None] + sign * np.multiply.outer(np.sin(t) * np.sin(u), s)[:, None, :]
        kappa = (np.sqrt((1 - p) * (1 + p)) + p * np.arcsin(p)) / (2 * np.pi)
        values += 0.5 * np.einsum("krs,r,s->k", kappa, r_weights, s_weights)
    np.testing.assert_allclose(PAPER.kernel(t, u), values, atol=1e-8)


def test_eigenvalues():
    first = [0.16182925483805854, 1.6839672719881215e-4, 1.5463427658293133e-7, 1.136088562650108e-9, 2.0746686680973472e-11]
    np.testing.assert_allclose(JacobiBasis(30, 5, 6).eigenvalues, [*first, 6.683679469873111e-13], rtol=1e-13)
    in_four = [0.180126548697489, 0.00720506194789957, 1.47042080569379e-4, 1.63380089521532e-5]
    np.testing.assert_allclose(JacobiBasis(4, 2, 4).eigenvalues, in_four, rtol=2e-14)
    with mp.workdps(30):
        d, n = mp.mpf(7), 9
        below = mp.sqrt(mp.pi) * 4**n * mp.factorial(n - 1) * mp.gamma(n + (d + 1) / 2)
        expected = float(d * (mp.gamma(d / 2) * mp.factorial(2 * n - 2) / below) ** 2)
    assert JacobiBasis(7, 3, 10).eigenvalues[9] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("d", "d_h"), [(30, 5), (2, 1), (4, 2), (9, 1)])
def test_compiled_modes_against_numpy(d, d_h):
    basis, theta, modes = JacobiBasis(d, d_h, 24), np.linspace(0.0, HALF_PI, 13), 24
    p, slope = basis.orthonormal(theta, modes)
    scale = np.sqrt(basis.eigenvalues)[:, None]
    values, slopes = basis.values(theta)
    np.testing.assert_allclose(values, scale * p, atol=1e-14)
    np.testing.assert_allclose(slopes, scale * slope, atol=1e-13)
    raw, raw_slopes = np.empty((2, modes, 13))
    jacobi_modes(basis.table, basis.first, np.cos(2 * theta), raw, raw_slopes)
    charges, target = np.sin(np.arange(13.0)), np.cos(np.arange(24.0))
    residuals, (field, field_slope) = np.empty(modes), np.empty((2, 13))
    mode_residuals(raw, charges, target, residuals)
    np.testing.assert_allclose(residuals, target - raw @ charges, atol=1e-14)
    mode_fields(raw, raw_slopes, residuals, field, field_slope)
    np.testing.assert_allclose(field, residuals @ raw, atol=1e-14)
    np.testing.assert_allclose(field_slope, residuals @ raw_slopes, atol=1e-13)
    jacobi_series(basis.table, basis.first, residuals, np.cos(2 * theta), field, field_slope)
    np.testing.assert_allclose(field, residuals @ raw, atol=1e-14)
    np.testing.assert_allclose(field_slope, residuals @ raw_slopes, atol=1e-13)
    pairs = np.empty(13)
    jacobi_kernel(basis.table, basis.first, modes, np.cos(2 * theta), np.cos(2 * theta[::-1]), pairs)
    np.testing.assert_allclose(pairs, np.sum(raw * raw[:, ::-1], axis=0), atol=1e-15)


def test_polynomials_are_orthonormal_and_rules_are_exact():
    for d, d_h in ((30, 5), (2, 1), (4, 2), (9, 8)):
        basis = JacobiBasis(d, d_h, 2)
        theta, weights = basis.gauss(12)
        p = basis.orthonormal(theta, 12)[0]
        np.testing.assert_allclose((p * weights) @ p.T, np.eye(12), atol=1e-12)
        fine, mass = angle_rule(d, d_h, 200)
        np.testing.assert_allclose((basis.orthonormal(fine, 12)[0] * mass) @ basis.orthonormal(fine, 12)[0].T, np.eye(12), atol=1e-12)
        assert mass @ np.cos(fine) ** 2 == pytest.approx(d_h / d, rel=1e-13)


def test_modes_are_as_many_as_the_tolerance_needs():
    n = modes_for(30, 5, 1e-10)
    gaps = [exact.corner(5) - JacobiBasis(30, 5, k).kernel(np.zeros(1), np.zeros(1))[0] for k in (n, n - 4)]
    assert gaps[0] < 1e-10 * exact.corner(5) < gaps[1]
    few = modes_for(4, 2, 1e-8)
    assert abs(modes_for(4, 2, 1e-8, most=few + 5) - few) <= 1


# The mean of a neuron over its orbit.


@pytest.mark.parametrize(("m", "n"), [(5, 25), (2, 2), (1, 3), (3, 1), (10, 790), (1, 799), (200, 200)])
def test_mean_over_the_orbit(m, n):
    ratio = np.array([0.0, 0.2, 0.7, 0.95, 0.9999, 1.0])
    values = exact.relu_mean(m, n, np.ones(6), ratio), exact.relu_mean(n, m, ratio, np.ones(6))
    with mp.workdps(30):
        series = [mp.hyp2f1(mp.mpf(-1) / 2, mp.mpf(1 - m) / 2, mp.mpf(n) / 2, mp.mpf(float(q)) ** 2) for q in ratio]
        expected = [float(mp.gamma(mp.mpf(m) / 2) / (2 * mp.sqrt(mp.pi) * mp.gamma(mp.mpf(m + 1) / 2)) * s) for s in series]
    np.testing.assert_allclose(values[0], expected, atol=1e-14)
    np.testing.assert_allclose(values[1], expected, atol=1e-14)


def test_mean_over_the_orbit_by_sampling():
    rng = np.random.default_rng(1)
    r, s = (z[:, 0] / np.linalg.norm(z, axis=1) for z in (rng.standard_normal((400_000, 3)), rng.standard_normal((400_000, 6))))
    for a, b in ((1.0, 0.4), (0.5, 1.3)):
        drawn = np.maximum(a * r + b * s, 0.0)
        assert float(exact.relu_mean(3, 6, np.array([a]), np.array([b]))[0]) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 600)


def radial_mean(d, values):
    """E of the square of a function that is |x| times `values` (n,), given at the angles of angle_rule."""
    return d * float(angle_rule(d, 5, 800)[1] @ values**2)


def test_loss_is_that_of_the_predictor():
    """(1/2) E (f* - f)^2 by quadrature of the closed-form predictor over the angle of x: no kernel in it."""
    limit = PAPER.limit(nodes=24)
    y = mf.solve(limit, [2.0], **TIGHT).final_state
    theta = angle_rule(30, 5, 800)[0]
    x = np.zeros((theta.size, 30))
    x[:, 2], x[:, 11] = np.cos(theta), np.sin(theta)
    loss = 0.5 * radial_mean(30, np.cos(theta) - limit.predict(y, x))
    assert limit.observe(2.0, y)["loss"] == pytest.approx(loss, rel=1e-10)


def test_target_is_its_final_measure():
    """|x_H| = alpha phi(0; x): one particle at 0 of mass alpha has loss 0."""
    limit = PAPER.limit(nodes=8)
    theta = np.full(8, 1e-9)
    y = limit.pack(log_c_plus=np.full(8, np.log(2 * PAPER.alpha)), theta_plus=theta, log_c_minus=np.full(8, -80.0), theta_minus=theta)
    assert limit.observe(0.0, y)["mass_plus"] == pytest.approx(PAPER.alpha, rel=1e-14)
    assert limit.observe(0.0, y)["loss"] < 1e-20


# The reduced flow.


def test_reduced_flow_reference():
    """9 digits to t = 10, 8 to t = 100, at rtol = atol = 1e-11."""
    run = mf.solve(PAPER.limit(nodes=40), REFERENCE[:, 0], **TIGHT).observables
    error = np.abs(np.column_stack([run[name] for name in COLUMNS]) / REFERENCE[:, 1:] - 1.0)
    assert error[:6].max() < 1e-9
    assert error[6:].max() < 1e-8


def test_error_estimate():
    """The change under refinement bounds the error, and all observables have 8 digits at t = 100."""
    limit = PAPER.limit(nodes=40)
    values = mf.solve(limit, [100.0], **TIGHT).observables
    for name, change in mf.refinement(limit, [100.0], **TIGHT).items():
        assert np.all(change < 1e-8 * values[name]), name
    coarse = PAPER.limit()
    estimate, run = mf.refinement(coarse, [25.0], **TIGHT), mf.solve(coarse, [25.0], **TIGHT).observables
    for name, exact_value in zip(COLUMNS, REFERENCE[6, 1:], strict=True):
        assert abs(run[name][0] - exact_value) < 1.1 * estimate[name][0] + 1e-11 * exact_value


def test_wasserstein_distances():
    """W_2 over the nodes would converge like a power of their number; over the interpolated flow map it does not."""
    run, fine = (mf.solve(PAPER.limit(nodes=n), [1.0, 10.0, 100.0], **TIGHT).observables for n in (32, 64))
    np.testing.assert_allclose(run["w2_minus"], [0.365507, 0.143259, 0.049127], atol=5.1e-7)
    np.testing.assert_allclose(run["w2_plus"], [1.108222, 0.639757, 0.204526], atol=1e-5)
    for name in ("w2_minus", "w2_plus"):
        np.testing.assert_allclose(run[name], fine[name], rtol=1e-9)


def test_overshoot_time():
    assert PAPER.overshoot_time() == pytest.approx(3.402849984, abs=1.5e-9)
    with pytest.raises(ValueError, match=r"mass_plus stays below alpha = 5.33333 until t = 1"):
        PAPER.overshoot_time(give_up=1.0)


def test_late_times():
    """The excursion of tau^- and its slow decay, by BDF at two resolutions, to the digits that both share."""
    t = [500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0]
    runs = [mf.solve(PAPER.limit(nodes=n), t, rtol=1e-9, atol=1e-11, method="BDF").observables for n in (48, 96)]
    plus, minus, loss = (np.stack([run[name] for run in runs]) for name in ("mass_plus", "mass_minus", "loss"))
    known_plus = [5.504502, 5.481524, 5.452400, 5.41970, 5.4097, 5.4083]
    known_minus = [0.171835, 0.148746, 0.119454, 0.08649, 0.0764, 0.0750]
    tolerance = np.array([6e-7, 6e-7, 6e-7, 2e-5, 6e-5, 5e-4])
    assert np.all(np.abs(plus - known_plus) < tolerance)
    assert np.all(np.abs(minus - known_minus) < tolerance)
    np.testing.assert_allclose(loss[1, :3], [2.2523e-5, 1.6147e-5, 8.994e-6], rtol=5e-5)
    np.testing.assert_allclose(loss[1, 3:], [2.19e-6, 4.05e-7, 5.2e-8], rtol=1e-2)
    assert np.all(np.abs(minus[0] - minus[1]) < tolerance)


def test_energy_identity():
    limit, h = PAPER.limit(), 1e-3
    times = np.array([1.0 - 2 * h, 1.0 - h, 1.0, 1.0 + h, 1.0 + 2 * h])
    run = mf.solve(limit, times, rtol=1e-13, atol=1e-14)
    f = run.observables["loss"]
    assert (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * h) == pytest.approx(-limit.dissipation(run.states[2]), rel=1e-9)
    losses = mf.solve(limit, np.linspace(0.0, 60.0, 61)).observables["loss"]
    assert np.all(np.diff(losses) < 0.0)
    assert limit.observe(0.0, limit.state0)["loss"] == pytest.approx(2.5, abs=1e-12)
    assert PAPER.initial_loss() == 2.5


def test_initial_velocity_points_to_h():
    theta = np.linspace(0.0, HALF_PI, 41)
    velocity = PAPER.initial_velocity(theta)
    limit = PAPER.limit()
    np.testing.assert_allclose(velocity, limit.fields(limit.state0, theta)[1], atol=1e-11)
    assert np.all(velocity[1:-1] < 0.0)
    assert velocity[0] == 0.0
    assert abs(velocity[-1]) < 1e-15


def test_angles_stay_in_their_interval():
    run = mf.solve(PAPER.limit(), [0.0, 20.0, 200.0], **TIGHT)
    for row in range(3):
        for name in ("theta_plus", "theta_minus"):
            theta = run.unpack(row)[name]
            assert np.all((theta > 0.0) & (theta < HALF_PI) & (np.diff(theta, prepend=0.0) > 0.0))


def test_density_integrates_to_the_mass():
    limit = PAPER.limit(nodes=32)
    y = mf.solve(limit, [5.0], **TIGHT).final_state
    values = limit.observe(5.0, y)
    for sign, name in ((1, "plus"), (-1, "minus")):
        theta, density = limit.density(y, sign)
        assert np.all(np.diff(theta) > 0.0)
        assert np.trapezoid(density, theta) == pytest.approx(values[f"mass_{name}"], rel=2e-3)
    with pytest.raises(ValueError, match="sign = 0: give 1 or -1"):
        limit.density(y, 0)


@pytest.mark.parametrize(("d", "d_h", "rtol"), [(2, 1, 3e-5), (4, 1, 1e-6), (4, 2, 1e-6), (10, 1, 1e-10), (10, 9, 1e-11), (800, 10, 1e-11)])
def test_every_dimension_runs_and_is_resolved(d, d_h, rtol):
    """The kernel is the smoother the larger d is: in d = 2 it is |theta - theta'|^3 at the diagonal, and nodes gain slowly."""
    system = LowDimensionalTarget(d=d, d_h=d_h)
    runs = [mf.solve(flow, [0.0, 1.0, 4.0], **TIGHT).observables for flow in (system.limit(nodes=24), system.limit(nodes=48))]
    for name in COLUMNS:
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=rtol)
    assert runs[0]["loss"][0] == pytest.approx(0.5 * d_h, rel=1e-10)


# Other functions of |x_H|.


def quadratic(r):
    return r**2


def wave(r):
    return np.cos(r) + 0.3 * r


@pytest.mark.parametrize("g", [quadratic, wave])
def test_radial_target_in_the_basis(g):
    """T(theta) = E[g(|x_H|) phi(theta; x)] by quadrature over |x| and the angle of x, the closed form of phi in it."""
    system = LowDimensionalTarget(d=9, d_h=3, target=g)
    basis = JacobiBasis(9, 3, 200)
    theta = np.array([0.1, 0.6, 1.2, 1.5])
    value, _ = basis.series(system.radial.coefficients(basis), np.cos(2 * theta))
    angle, weights = angle_rule(9, 3, 1200)
    r, density = chi_rule(9)
    means = g(np.multiply.outer(np.cos(angle), r)) @ (density * r)
    phi = exact.relu_mean(3, 6, np.multiply.outer(np.cos(theta), np.cos(angle)), np.multiply.outer(np.sin(theta), np.sin(angle)))
    np.testing.assert_allclose(value, phi @ (weights * means), atol=1e-9)


def test_radial_target_loss():
    """The loss, unreachable part included, is (1/2) E (g - f)^2 by quadrature."""
    system = LowDimensionalTarget(d=9, d_h=3, target=wave)
    limit = system.limit(modes=200)
    y = mf.solve(limit, [1.5], **TIGHT).final_state
    angle, weights = angle_rule(9, 3, 1200)
    r, density = chi_rule(9)
    x = np.zeros((angle.size, 9))
    x[:, 0], x[:, 5] = np.cos(angle), np.sin(angle)
    error = wave(np.multiply.outer(np.cos(angle), r)) - np.multiply.outer(limit.predict(y, x), r)
    assert limit.observe(1.5, y)["loss"] == pytest.approx(0.5 * float(weights @ error**2 @ density), rel=1e-8)
    assert 0.0 < system.least_loss() < limit.observe(1.5, y)["loss"] < system.initial_loss()


def test_the_norm_is_a_radial_target():
    given = LowDimensionalTarget(d=30, d_h=5, target=lambda r: r)
    same = LowDimensionalTarget(d=30, d_h=5, target=mf.targets.ProjectedNorm(5))
    assert given.least_loss() == pytest.approx(0.0, abs=1e-13)
    runs = [mf.solve(s.limit(), [3.0], **TIGHT).observables for s in (PAPER, given, same)]
    for name, value in runs[0].items():
        np.testing.assert_allclose(runs[1][name], value, rtol=1e-10)
        assert runs[2][name] == value


# Networks.


SMALL = LowDimensionalTarget(d=6, d_h=2)


def test_population_gradient():
    """Minus m times the gradient of the loss, by central differences; and the loss itself by sampling."""
    flow = SMALL.network(m=7, rng=3)
    y = 1.3 * flow.state0

    def loss(z):
        return flow.observe(0.0, z)["loss"]

    differences = np.array([(loss(y + 1e-5 * e) - loss(y - 1e-5 * e)) / 2e-5 for e in np.eye(y.size)])
    np.testing.assert_allclose(flow.velocity(0.0, y), -7.0 * differences, atol=2e-9)
    x = np.random.default_rng(0).standard_normal((200_000, 6))
    squares = 0.5 * (np.linalg.norm(x[:, :2], axis=1) - flow.predict(y, x)) ** 2
    assert loss(y) == pytest.approx(squares.mean(), abs=4 * squares.std() / np.sqrt(len(x)))


def test_population_flow_keeps_what_it_must():
    """|a_j| = |b_j|; the loss falls at the rate |velocity|^2 / m; a rotation of H changes nothing; nor does doubling the neurons."""
    flow = SMALL.network(m=20, rng=1)
    run = mf.solve(flow, [1.0], rtol=1e-10, atol=1e-12)
    state = run.unpack()
    np.testing.assert_allclose(np.abs(state["a"]), np.linalg.norm(state["b"], axis=1), atol=1e-9)
    y, h = run.final_state, 1e-5
    velocity = flow.velocity(0.0, y)
    ahead, behind = (flow.observe(0.0, y + s * velocity)["loss"] for s in (h, -h))
    assert (ahead - behind) / (2 * h) == pytest.approx(-float(velocity @ velocity) / 20, rel=1e-7)
    rotation = np.eye(6)
    rotation[:2, :2] = [[0.6, -0.8], [0.8, 0.6]]
    turned = flow.unpack(flow.velocity(0.0, flow.pack(a=state["a"], b=state["b"] @ rotation.T)))
    np.testing.assert_allclose(turned["b"], flow.unpack(velocity)["b"] @ rotation.T, atol=1e-12)
    double = SMALL.network(m=40)
    twice = double.unpack(double.velocity(0.0, double.pack(a=np.tile(state["a"], 2), b=np.tile(state["b"], (2, 1)))))
    np.testing.assert_allclose(twice["b"], np.tile(flow.unpack(velocity)["b"], (2, 1)), atol=1e-12)


def test_network_follows_the_limit():
    """d = 30, d_h = 5, t = 5: at 500 neurons an independent program was off by .009 and .0006; our draws are other ones."""
    network = mf.solve(PAPER.network(m=500), [5.0]).observables
    limit = mf.solve(PAPER.limit(), [5.0]).observables
    assert network["mass_plus"][0] == pytest.approx(limit["mass_plus"][0], abs=0.03)
    assert network["mass_minus"][0] == pytest.approx(limit["mass_minus"][0], abs=0.003)
    assert network.keys() == limit.keys()


def test_descent_step_is_the_gradient_of_the_sample_loss():
    flow = SMALL.network(m=5, dynamics="gd", lr=0.1, samples=30, rng=2)
    y, x = 1.2 * flow.state0, flow.inputs(0)
    target = np.linalg.norm(x[:, :2], axis=1)

    def loss(z):
        return 0.5 * np.mean((target - flow.predict(z, x)) ** 2)

    differences = np.array([(loss(y + 1e-6 * e) - loss(y - 1e-6 * e)) / 2e-6 for e in np.eye(y.size)])
    np.testing.assert_allclose((flow.step(3, y) - y) / 0.1, -5.0 * differences, atol=1e-8)
    assert np.array_equal(flow.inputs(0), flow.inputs(7))


def test_sgd_draws_by_the_step():
    flow = SMALL.network(m=5, dynamics="sgd", lr=0.1, batch=8, rng=2)
    again = SMALL.network(m=9, dynamics="sgd", lr=0.1, batch=8, rng=2)
    assert np.array_equal(flow.inputs(4), again.inputs(4))
    assert not np.array_equal(flow.inputs(4), flow.inputs(5))
    assert np.array_equal(flow.unpack(flow.state0)["b"], again.unpack(again.state0)["b"][:5])
    assert np.array_equal(flow.unpack(flow.state0)["a"], again.unpack(again.state0)["a"][:5])
    run = mf.solve(flow, [0.0, 0.2, 0.5])
    assert run.stats["steps"] == 5


def test_tracers_move_like_the_particles():
    """A neuron at a node's angle moves as the node does, in the plane of its own two directions, and moves nobody."""
    network = SMALL.network(m=12, rng=0)
    limit = SMALL.coupled_limit(network, nodes=16)
    np.testing.assert_allclose(limit.particles(limit.state0)["neurons"], network.particles(network.state0)["neurons"], atol=1e-14)
    state = limit.unpack(limit.state0.copy())
    state["theta_tracer"][:] = state["theta_plus"][3]
    state["log_c_tracer"][:] = 0.0
    end = limit.unpack(mf.solve(limit, [2.0], y0=limit.pack(**state), **TIGHT).final_state)
    signs = np.sign(network.unpack(network.state0)["a"])
    for sign, name in ((1.0, "plus"), (-1.0, "minus")):
        np.testing.assert_allclose(end["theta_tracer"][signs == sign], end[f"theta_{name}"][3], rtol=1e-12)
        np.testing.assert_allclose(end["log_c_tracer"][signs == sign], end[f"log_c_{name}"][3], atol=1e-12)
    plain = mf.solve(SMALL.limit(nodes=16), [2.0], **TIGHT).unpack()
    np.testing.assert_allclose(end["theta_plus"], plain["theta_plus"], atol=1e-10)


def test_drift_of_a_network():
    found = mf.drift(SMALL, widths={"m": [16, 64]}, t_eval=[0.0, 0.5], replicas=2, dynamics="particles", rng=0)
    assert found.complete.all()
    assert set(PAPER.limit().observe(0.0, PAPER.limit().state0)) < set(found.gaps)
    assert np.all(found.gaps["neurons_max"][:, :, 0] < 1e-14)
    assert np.all(found.gaps["neurons_rms"][:, :, 1] > 1e-3)


def test_flows_are_rebuilt_from_their_configuration():
    flows = [SMALL.limit(nodes=8), SMALL.network(m=4, rng=5), SMALL.network(m=4, dynamics="sgd"), SMALL.network(m=4, dynamics="gd")]
    for flow in flows:
        config = json.loads(json.dumps(flow.config))
        system = LowDimensionalTarget(**config["parameters"])
        assert np.array_equal(getattr(system, config["role"])(**config["arguments"]).state0, flow.state0)
