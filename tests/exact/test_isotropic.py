"""Two isotropic Gaussian classes against reference digits, identities and independent quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma

import mfpde as mf
from mfpde.kernels.radial_pde import lookup_all, radial_fields, radial_force
from mfpde.systems.two_layer.isotropic.landscape import Landscape
from mfpde.systems.two_layer.isotropic.limit import AtomLimit
from mfpde.systems.two_layer.isotropic.mean_activation import MeanActivation, chi_rule
from mfpde.systems.two_layer.isotropic.panels import PanelRule, RadialStart
from mfpde.systems.two_layer.isotropic.system import RAMP

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
TWO_BASINS = mf.activations.piecewise_linear(knots=[0.0, 0.5, 1.5], values=[-2.5, -4.0, 7.5])
SKEWED = mf.activations.piecewise_linear(knots=[-0.7, 0.4, 1.1], values=[0.3, -1.0, 2.0])


# The mean activation.


@pytest.mark.parametrize("activation", [RAMP, TWO_BASINS, SKEWED])
@pytest.mark.parametrize("d", [3, 5, 40])
def test_mean_activation_is_the_mean_over_directions(d, activation):
    q, c = MeanActivation(d, activation), gamma(d / 2) / (math.sqrt(math.pi) * gamma((d - 1) / 2))
    knots = np.array(activation.parameters[: len(activation.parameters) // 2])
    for t in (0.3, 1.0, 4.0, 30.0):
        kinks = sorted({*(float(k) for k in knots / t if abs(k) < t), 0.0})
        weighted = lambda z, t=t: c * (1 - z * z) ** ((d - 3) / 2) * float(activation(t * z))  # noqa: E731
        pieces = zip([-1.0, *kinks], [*kinks, 1.0], strict=True)
        parts = [quad(weighted, a, b, epsabs=1e-13, epsrel=1e-13, limit=200)[0] for a, b in pieces]
        assert float(q.value(t)) == pytest.approx(sum(parts), abs=3e-12)


@pytest.mark.parametrize("d", [5, 40, math.inf])
def test_slope_and_curvature_are_derivatives(d):
    q, t, h = MeanActivation(d, SKEWED), np.array([0.9, 2.0, 7.0, 40.0]), 1e-4
    np.testing.assert_allclose(q.slope(t), (q.value(t + h) - q.value(t - h)) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(q.curvature(t), (q.slope(t + h) - q.slope(t - h)) / (2 * h), atol=1e-6)


def test_mean_activation_reference():
    q = MeanActivation(40, RAMP)
    assert float(q.value(12.0)) == pytest.approx(0.541695405391443, abs=1e-13)
    assert float(q.slope(12.0)) == pytest.approx(0.146688978126764, abs=1e-13)
    assert np.array_equal(q.value([0.0, 0.5]), [-2.5, -2.5])
    assert np.array_equal(q.slope([0.0, 0.3]), [0.0, 0.0])
    assert float(q.value(np.inf)) == 2.5


@pytest.mark.parametrize("d", [40, 320, 1000])
def test_mean_over_norms_gives_the_gaussian_mean(d):
    """E_chi q_d(r tau chi) = q(tau r) for every d: the Gauss rule of chi, the closed forms and d = infinity at once."""
    chi, weights = chi_rule(d, 64)
    scales = np.array([0.05, 0.3, 1.0, 3.0, 20.0])
    for activation in (RAMP, TWO_BASINS, SKEWED):
        means = MeanActivation(d, activation).value(scales[:, None] * chi) @ weights
        np.testing.assert_allclose(means, MeanActivation(math.inf, activation).value(scales), atol=2e-12)


def test_chi_rule_has_the_moments_of_chi():
    for d in (3, 40, 640):
        chi, weights = chi_rule(d, 100)
        assert weights @ chi**2 == pytest.approx(d, rel=1e-13)
        assert weights @ chi**4 == pytest.approx(d * (d + 2), rel=1e-13)


@pytest.mark.parametrize("activation", [RAMP, TWO_BASINS, SKEWED])
@pytest.mark.parametrize("d", [10, 40, 320])
def test_table_reproduces_the_closed_forms(d, activation):
    q = MeanActivation(d, activation)
    assert q.table_error < 1e-12
    t = np.concatenate([[0.0, 1e-3, 0.3], np.geomspace(0.4, 1e5, 3001)])
    value, slope = np.empty_like(t), np.empty_like(t)
    lookup_all(q.table, t, value, slope)
    np.testing.assert_allclose(value, q.value(t), atol=1e-12, rtol=0)
    np.testing.assert_allclose(slope, q.slope(t), atol=1e-12, rtol=0)
    if q.flat > 0.0:
        below = np.array([0.0, 0.5 * q.flat, q.flat])
        value, slope = np.empty(3), np.empty(3)
        lookup_all(q.table, below, value, slope)
        assert np.array_equal(value, np.full(3, float(activation(0.0))))
        assert np.array_equal(slope, np.zeros(3))


def test_compiled_velocity_against_numpy():
    rng = np.random.default_rng(0)
    landscape = Landscape(MeanActivation(40, RAMP), 0.5)
    r, p = rng.uniform(0.01, 4.0, 37), rng.dirichlet(np.ones(37))
    fields, slopes, force = np.empty(len(landscape.stretch)), np.empty((37, len(landscape.stretch))), np.empty(37)
    radial_fields(landscape.mean.table, r, p, landscape.stretch, fields, slopes)
    radial_force(slopes, landscape.probabilities * (fields - landscape.labels), force)
    exact = p @ landscape.responses(r)
    np.testing.assert_allclose(fields, exact, atol=1e-12)
    np.testing.assert_allclose(force, -landscape.potential_slope(r, exact), atol=1e-11)


@pytest.mark.parametrize("d", [40, math.inf])
def test_linear_potential(d):
    """V(w) = (1/2) [q(tau_- r) - q(tau_+ r)] for every d, q of d = infinity."""
    landscape, r = Landscape(MeanActivation(d, RAMP), 0.3), np.array([0.0, 0.5, 1.0, 5.0])
    q = MeanActivation(math.inf, RAMP)
    expected = 0.5 * (q.value(0.7 * r) - q.value(1.3 * r))
    np.testing.assert_allclose(landscape.potential(r, np.zeros(len(landscape.stretch))), expected, atol=1e-12)


# Minimisers.


@pytest.mark.parametrize(("d", "expected", "tolerance"), [
    (math.inf, 0.4742189515136238146669, 1e-14),
    (40, 0.431012738844, 1e-10),
    (320, 0.469148284773, 1e-10),
])  # fmt: skip
def test_threshold(d, expected, tolerance):
    thresholds = [mf.IsotropicGaussians(d=d, delta=delta).threshold() for delta in (0.3, 0.7)[: 1 if d == 320 else 2]]
    assert max(thresholds) == min(thresholds) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(("d", "delta", "radius", "risk"), [
    (math.inf, 0.2, 1.4616471410549319287, 0.34114949686854609489),
    (math.inf, 0.4, 1.6258639436580789829, 0.025567679766403965882),
    (40, 0.2, 1.4677982688325, 0.3951353810071),
    (40, 0.4, 1.6289546322481, 0.0728817857423),
    (320, 0.2, 1.4624136955955, 0.3477033352608),
    (320, 0.4, 1.6262623801887, 0.0313289698785),
])  # fmt: skip
def test_best_single_atom(d, delta, radius, risk):
    atom = mf.IsotropicGaussians(d=d, delta=delta).best_single_atom()
    assert atom.radius == pytest.approx(radius, abs=1e-12)
    assert atom.risk == pytest.approx(risk, abs=1e-12)


@pytest.mark.parametrize("d", [40, math.inf])
def test_minimal_risk_is_the_single_atom_below_the_threshold_and_less_above(d):
    below, above = (mf.IsotropicGaussians(d=d, delta=delta) for delta in (0.4, 0.6))
    assert below.minimal_risk().risk == pytest.approx(below.best_single_atom().risk, abs=1e-11)
    found = above.minimal_risk()
    assert found.risk < 0.2 * above.best_single_atom().risk
    assert 0.0 <= found.certificate < 1e-12
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-14)
    if d == math.inf:
        assert found.risk < 1e-20
    else:
        assert np.inf in found.radii
        fields = found.weights @ above.landscape().responses(found.radii)
        assert np.min(above.landscape().potential(np.linspace(0.0, 60.0, 4001), fields)) > found.weights @ above.landscape().potential(
            found.radii, fields
        ) - 1e-12


def test_at_finite_dimension_mass_at_infinity_also_helps_tiny_separations():
    """Below about 1.2/d a single radius, whose prediction depends on |x|, is not the best law either."""
    for delta, better in ((0.025, True), (0.035, False)):
        system = mf.IsotropicGaussians(d=40, delta=delta)
        gap = system.best_single_atom().risk - system.minimal_risk().risk
        assert (gap > 1e-4) == better
        assert gap > -1e-11


# The radial PDE.

RADIAL = [
    (40, 0.2, [0.1, 1.0, 10.0], [0.657997627266, 0.395327684890, 0.395140943506]),
    (40, 0.5, [0.1, 1.0, 5.0, 20.0], [0.699629893193, 0.051061854806, 0.045329253180, 0.043513578339]),
    (320, 0.5, [0.1, 1.0, 5.0], [0.661648480786, 0.013771092096, 0.008286752802]),
]


@pytest.mark.parametrize(("d", "delta", "times", "risks"), RADIAL)
def test_radial_references(d, delta, times, risks):
    run = mf.solve(mf.IsotropicGaussians(d=d, delta=delta).limit(), times, **TIGHT)
    np.testing.assert_allclose(run.observables["risk"], risks, atol=1e-10, rtol=0)
    assert np.array_equal(run.observables["loss"], run.observables["risk"])


def test_small_separation_to_ten_digits_under_every_refinement():
    system, times = mf.IsotropicGaussians(d=40, delta=0.2), [0.1, 1.0, 10.0, 20.0]
    run = mf.solve(system.limit(), times, **TIGHT).observables
    loose = mf.solve(system.limit(), times, rtol=1e-11, atol=1e-13).observables
    for other in (loose, *(mf.solve(system.limit(**change), times, **TIGHT).observables for change in ({"nodes": 24}, {"chi_nodes": 128}))):
        for name in ("risk", "radius_mean", "radius_std"):
            np.testing.assert_allclose(other[name], run[name], rtol=1e-10)


def test_mass_that_splits_is_followed_by_refined_panels():
    """Delta = .8: to 1e-10 up to t = 5 and 1e-9 after, where plain Gauss nodes fail silently."""
    times = [0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
    risks = [1.704481707914, 1.338979564453, 1.127389273954, 1.070607064040, 1.011429249910, 0.949632145602, 0.859027581409,
             0.699686767677, 0.521801693433, 0.285267336804, 0.17532410576]  # fmt: skip
    limit = mf.IsotropicGaussians(d=40, delta=0.8).limit()
    run = mf.solve(limit, times, **TIGHT)
    assert run.complete
    found = run.observables["risk"]
    np.testing.assert_allclose(found[:8], risks[:8], atol=1e-10, rtol=0)
    np.testing.assert_allclose(found[8:], risks[8:], atol=1e-9, rtol=0)
    assert run.observables["radius_mean"][-1] == pytest.approx(3.45364624, abs=1e-8)
    assert run.observables["radius_std"][-1] == pytest.approx(1.53733783, abs=1e-8)
    panels = [len(limit.panels(y)[1]) for y in run.states]
    assert panels[0] == 6
    assert panels[-1] > 40
    assert run.stats["event panels are bisected"] > 20
    # What the panels say at the end: the density integrates to 1, and the certificate bounds the distance from the least risk.
    r, density = limit.density(run.final_state, points=32)
    assert np.all(np.diff(r) > 0.0)
    assert np.trapezoid(density, r) == pytest.approx(1.0, abs=2e-2)
    least = mf.IsotropicGaussians(d=40, delta=0.8).minimal_risk()
    assert limit.certificate(run.final_state) >= found[-1] - least.risk > 0.1


def test_plain_gauss_nodes_fail_after_the_split():
    plain = mf.IsotropicGaussians(d=40, delta=0.8).limit(nodes=48, panels=1, panel_tol=None)
    risk = mf.solve(plain, [3.0, 10.0], rtol=1e-9, atol=1e-12).observables["risk"]
    assert risk[0] == pytest.approx(0.949632145602, abs=1e-4)
    assert abs(risk[1] - 0.17532410576) > 5e-3


def test_refinement_states_the_error():
    """The estimate covers the error of a run with loose panels and tolerances, and is not far above it."""
    limit = mf.IsotropicGaussians(d=40, delta=0.8).limit(nodes=6, panels=3, panel_tol=1e-6)
    times, exact = [3.0, 5.0], [0.949632145602, 0.699686767677]
    estimate = mf.refinement(limit, times, rtol=1e-6, atol=1e-9)["risk"]
    error = np.abs(mf.solve(limit, times, rtol=1e-6, atol=1e-9).observables["risk"] - exact)
    assert np.all(error > 1e-13)
    assert np.all(error < 3.0 * estimate)
    assert np.all(estimate < 30.0 * error)


def test_small_dimensions_are_resolved_as_far_as_the_rule_for_the_norm_and_say_so():
    limits = {d: mf.IsotropicGaussians(d=d, delta=0.5).limit() for d in (5, 10, 20)}
    assert [limit.panel_tol == pytest.approx(limit.landscape.chi_error) for limit in limits.values()] == [True, True, False]
    assert limits[20].panel_tol == 1e-11
    estimate = mf.refinement(limits[10], [0.5], rtol=1e-8, atol=1e-11)["risk"][0]
    finest = mf.IsotropicGaussians(d=10, delta=0.5).limit(chi_nodes=400)
    error = abs(mf.solve(limits[10], [0.5], rtol=1e-9, atol=1e-12).observables["risk"][0] - _risk(finest, 0.5))
    assert 1e-12 < error < 3.0 * estimate < 1e-6


def _risk(limit, t):
    return mf.solve(limit, [t], rtol=1e-9, atol=1e-12).observables["risk"][0]


def test_bisection_keeps_the_polynomials_and_the_mass():
    rule, start = PanelRule(8), RadialStart(40, 0.8)
    edges = np.linspace(*start.reach, 5)
    shape = lambda r: 1.0 + r - 0.3 * r**5  # noqa: E731
    radii = shape(rule.place(edges))
    new_edges, new_radii = rule.bisect(edges, radii, np.array([True, False, True, False]))
    assert len(new_radii) == 6
    np.testing.assert_allclose(new_radii, shape(rule.place(new_edges)), rtol=1e-13)
    fine = PanelRule(16)
    assert fine.mass(start, edges).sum() == pytest.approx(1.0, abs=1e-12)
    assert np.sum(fine.mass(start, edges) * fine.place(edges) ** 2) == pytest.approx(0.64, abs=1e-12)


def test_energy_identity():
    """dR/dt = -4 xi int psi'^2 drho, by differences of the risk along the velocity."""
    limit = mf.IsotropicGaussians(d=40, delta=0.5).limit()
    y = mf.solve(limit, [0.3], **TIGHT).final_state
    velocity, h = limit.velocity(0.3, y), 1e-5
    ahead, behind = (limit.observe(0.0, y + step * velocity)["risk"] for step in (h, -h))
    _, weights = limit.law(y)
    _, radii = limit.panels(y)
    speeds = limit.unpack(velocity)["radius"][: len(radii)].ravel()
    assert (ahead - behind) / (2 * h) == pytest.approx(-np.sum(weights * speeds**2), rel=1e-7)


def test_clock():
    """xi = 1/2 is the flow clock: s = 2 t."""
    slow, fast = mf.IsotropicGaussians(d=40, delta=0.5, clock=0.5).limit(), mf.IsotropicGaussians(d=40, delta=0.5).limit()
    assert (slow.clock, fast.clock) == ("flow clock s", "time")
    risks = [mf.solve(flow, [t], **TIGHT).observables["risk"][0] for flow, t in ((slow, 1.0), (fast, 0.5))]
    assert risks[0] == pytest.approx(risks[1], rel=1e-11)


def test_a_resumed_run_is_the_same_run(tmp_path):
    """Also across bisections: the state knows the panels."""
    limit = mf.IsotropicGaussians(d=40, delta=0.5).limit(nodes=8)
    settings = {"rtol": 1e-8, "atol": 1e-10}
    whole = mf.solve(limit, [1.0, 3.0], **settings)
    path = tmp_path / "checkpoint"
    half = mf.solve(limit, [1.0, 3.0], checkpoint=path, max_steps=whole.stats["steps"] // 2, **settings)
    assert not half.complete
    again = mf.solve(mf.IsotropicGaussians(d=40, delta=0.5).limit(nodes=8), [1.0, 3.0], checkpoint=path, **settings)
    assert whole.stats["event panels are bisected"] > 1
    assert again.states.tobytes() == whole.states.tobytes()


@pytest.mark.parametrize("system", [
    mf.IsotropicGaussians(d=40, delta=0.5, activation=TWO_BASINS),
    mf.IsotropicGaussians(d=math.inf, delta=0.5),
    mf.AnisotropicGaussians(delta=0.5, gamma=0.5, activation="relu"),
])  # fmt: skip
def test_files_give_every_limit_back(system, tmp_path):
    run = mf.solve(system.limit(), [0.01], rtol=1e-6, atol=1e-9)
    again = mf.Trajectory.load(run.save(tmp_path / "run.h5"))
    assert again.states.tobytes() == run.states.tobytes()
    assert again.config == run.config


def test_too_few_panels_stop_the_run_with_the_remedy():
    run = mf.solve(mf.IsotropicGaussians(d=40, delta=0.8).limit(max_panels=10), [10.0], rtol=1e-8, atol=1e-10)
    assert not run.complete
    assert "max_panels = 10" in run.message
    assert run.t[-1] < 10.0


# Infinite dimension.


def test_one_atom():
    run = mf.solve(mf.IsotropicGaussians(d=math.inf, delta=0.8).limit(), [1.0, 10.0], **TIGHT).observables
    np.testing.assert_allclose(run["radius_mean"], [1.408959609779, 3.558628327750], atol=1e-11)
    np.testing.assert_allclose(run["risk"], [1.061857398107, 0.529276307619], atol=1e-11)
    assert np.array_equal(run["radius_std"], [0.0, 0.0])
    run = mf.solve(mf.IsotropicGaussians(d=math.inf, delta=0.2).limit(), [1.0], **TIGHT).observables
    assert run["risk"][0] == pytest.approx(0.341199396670, abs=1e-11)


def test_two_basins():
    """From .1 the radius reaches 0 in finite time and stays; from .4 it finds the good basin."""
    flows = [mf.IsotropicGaussians(d=math.inf, delta=0.5, sigma_0=s, activation=TWO_BASINS).limit() for s in (0.1, 0.4)]
    bad, good = (mf.solve(flow, [100.0], **TIGHT) for flow in flows)
    assert bad.observables["radius_mean"][0] == 0.0
    assert bad.observables["risk"][0] == 7.25
    assert bad.stats["event a radius reaches 0"] == 1
    assert good.observables["radius_mean"][0] == pytest.approx(2.087672529118, abs=1e-11)
    assert good.observables["risk"][0] == pytest.approx(0.008296896328674, abs=1e-11)


def test_unstable_radius_of_the_two_basins():
    starts = (0.196282620864 - 1e-11, 0.196282620864 + 1e-11)
    below, above = (mf.IsotropicGaussians(d=math.inf, delta=0.5, sigma_0=r, activation=TWO_BASINS).limit() for r in starts)
    assert isinstance(below, AtomLimit)
    assert below.velocity(0.0, below.state0)[0] < 0.0 < above.velocity(0.0, above.state0)[0]


def test_radii_that_reach_zero_at_finite_dimension():
    run = mf.solve(mf.IsotropicGaussians(d=320, delta=0.5, sigma_0=0.1, activation=TWO_BASINS).limit(), [10.0], rtol=1e-8, atol=1e-10)
    assert run.complete
    assert run.observables["risk"][0] == pytest.approx(7.25, abs=1e-12)
    assert run.observables["radius_mean"][0] < 1e-13


def test_large_dimension_approaches_infinite_dimension():
    times = [0.5, 2.0]
    limits = [mf.IsotropicGaussians(d=d, delta=0.5).limit() for d in (500, 1000, math.inf)]
    risks = [mf.solve(flow, times, rtol=1e-10, atol=1e-12).observables["risk"] for flow in limits]
    gaps = [np.abs(r - risks[2]) for r in risks[:2]]
    np.testing.assert_allclose(gaps[0] / gaps[1], 2.0, rtol=0.1)


# Anisotropic classes.


def test_anisotropic_reference():
    run = mf.solve(mf.AnisotropicGaussians(delta=0.5, gamma=0.1875).limit(), [0.5, 2.0, 10.0], **TIGHT).observables
    np.testing.assert_allclose(run["r1_mean"][:2], [1.025924291823, 1.432613475311], atol=1e-11)
    np.testing.assert_allclose(run["r2_mean"][:2], [0.939075591568, 0.640847782205], atol=1e-11)
    np.testing.assert_allclose(run["risk"], [0.224819321537, 0.026439290468, 0.000250591411], atol=1e-11)


@pytest.mark.parametrize("activation", ["relu", RAMP])
def test_anisotropic_energy_identity(activation):
    """dR/dt = -|velocity|^2 averaged over neurons, in a clock of xi = 1: the velocity is minus the gradient, twice."""
    limit = mf.AnisotropicGaussians(delta=0.5, gamma=0.3, activation=activation).limit()
    y = mf.solve(limit, [1.0], **TIGHT).final_state
    velocity, h = limit.velocity(1.0, y), 1e-5
    ahead, behind = (limit.observe(0.0, y + step * velocity)["risk"] for step in (h, -h))
    share = 0.5 if activation == "relu" else 1.0
    assert (ahead - behind) / (2 * h) == pytest.approx(-share * np.sum(velocity**2), rel=1e-7)


# Networks.


def test_networks_report_what_the_limit_reports():
    system = mf.IsotropicGaussians(d=10, delta=0.5)
    expected = list(system.limit().observe(0.0, system.limit().state0))
    for dynamics, eps in (("nonlinear", None), ("particles", None), ("gd", 0.01), ("sgd", 0.01)):
        flow = system.network(m=8, dynamics=dynamics, eps=eps)
        assert list(flow.observe(0.0, flow.state0)) == expected


def test_tracers_move_like_the_nodes_of_the_limit():
    """A neuron in the limit's field keeps its direction, and its norm is the panel polynomial of its initial norm."""
    system = mf.IsotropicGaussians(d=40, delta=0.5)
    flow, limit = system.network(m=6, dynamics="nonlinear"), system.limit()
    end = mf.solve(flow, [0.5], **TIGHT).final_state
    before, after = (flow.particles(y)["neurons"][:, 1:] for y in (flow.state0, end))
    norms, moved = np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)
    np.testing.assert_allclose(after / moved[:, None], before / norms[:, None], atol=1e-12)
    y = mf.solve(limit, [0.5], **TIGHT).final_state
    edges, radii = limit.panels(y)
    panel = np.searchsorted(edges, norms) - 1
    place = 2.0 * (norms - edges[panel]) / np.diff(edges)[panel] - 1.0
    values, _ = limit.rule.evaluate(radii, place)
    np.testing.assert_allclose(moved, values[panel, np.arange(6)], atol=1e-10)


def test_sgd_follows_the_limit():
    """N = 800, eps = 1e-4: within the sampling error and bias that three runs of an independent program showed."""
    system = mf.IsotropicGaussians(d=40, delta=0.8)
    network = mf.solve(system.network(m=800, dynamics="sgd", eps=1e-4, rng=0), [0.5, 1.0]).observables["risk"]
    np.testing.assert_allclose(network, [1.127389273954, 1.070607064040], atol=0.008)


def test_anisotropic_networks_follow_the_limit():
    """At d = 128, N = 400, eps = 1e-4 what remains is of order 1/N, 1/d and eps d times the squared slope of sigma, 100 for the ramp."""
    for activation, tolerance in ((RAMP, 0.08), ("relu", 0.03)):
        limit = mf.AnisotropicGaussians(delta=0.5, gamma=0.25, activation=activation).limit()
        network = mf.AnisotropicGaussians(delta=0.5, gamma=0.25, d=128, activation=activation).network(m=400, eps=1e-4)
        exact, run = (mf.solve(flow, [0.1, 0.5]).observables for flow in (limit, network))
        np.testing.assert_allclose(run["risk"], exact["risk"], atol=tolerance)
        np.testing.assert_allclose(run["r1_mean"], exact["r1_mean"], rtol=0.1)


def test_forces_on_relu_neurons_are_those_of_the_limit():
    """Neurons spread over the directions of the limit's two atoms feel its forces on a and b, up to 1/d and the population sample."""
    limit = mf.AnisotropicGaussians(delta=0.5, gamma=0.25, activation="relu").limit()
    y = mf.solve(limit, [5.0], rtol=1e-9, atol=1e-12).final_state
    system, rng, n = mf.AnisotropicGaussians(delta=0.5, gamma=0.25, d=200, activation="relu"), np.random.default_rng(0), 500
    theta = []
    for a, b, r1, r2 in limit.unpack(y)["theta"]:
        blocks = [rng.standard_normal((n, size)) for size in (50, 150)]
        w = np.hstack([r * z / np.linalg.norm(z, axis=1)[:, None] for r, z in zip((r1, r2), blocks, strict=True)])
        theta.append(np.column_stack([np.full(n, a), w, np.full(n, b)]))
    neurons = np.vstack(theta)
    force = system.field.force(neurons, neurons, np.full(2 * n, 0.5 / n))[:, [0, -1]].reshape(2, n, 2).mean(axis=1)
    exact = 0.5 * limit.unpack(limit.velocity(5.0, y))["theta"][:, :2]
    assert np.min(np.abs(exact)) > 0.03
    np.testing.assert_allclose(force, exact, atol=0.02)


# Bad input.


@pytest.mark.parametrize(("change", "message"), [
    ({"d": 2}, "d = 2: give an integer >= 3"),
    ({"delta": 1.0}, "delta = 1.0: give a separation"),
    ({"sigma_0": 0.0}, "sigma_0 = 0.0: give a finite number > 0"),
    ({"clock": -1.0}, "clock = -1.0"),
    ({"activation": mf.activations.relu}, "activation = 'relu': the radial reduction"),
])  # fmt: skip
def test_bad_parameters(change, message):
    with pytest.raises(ValueError, match=message):
        mf.IsotropicGaussians(**{"d": 40, "delta": 0.5, **change})


@pytest.mark.parametrize(("arguments", "message"), [
    ({"nodes": 3}, "nodes = 3: give an integer >= 4"),
    ({"panels": 200}, "panels = 200 exceed max_panels = 128"),
    ({"panel_tol": 0.0}, "panel_tol = 0.0"),
    ({"chi_nodes": 2.5}, "chi_nodes = 2.5"),
])  # fmt: skip
def test_bad_resolution(arguments, message):
    with pytest.raises(ValueError, match=message):
        mf.IsotropicGaussians(d=40, delta=0.5).limit(**arguments)


def test_infinite_dimension_has_no_network_and_no_resolution():
    system = mf.IsotropicGaussians(d=math.inf, delta=0.5)
    with pytest.raises(ValueError, match=r"^d = inf has no network: give a finite d"):
        system.network(m=10)
    with pytest.raises(ValueError, match=r"^nodes = 8: for d = inf"):
        system.limit(nodes=8)
    with pytest.raises(ValueError, match=r"give d=math.inf, or use a network"):
        mf.AnisotropicGaussians(d=40, gamma=0.25, delta=0.5).limit()
    with pytest.raises(ValueError, match="is not a whole number"):
        mf.AnisotropicGaussians(d=41, gamma=0.25, delta=0.5)


def test_a_singular_clock_is_refused_in_continuous_time():
    with pytest.raises(ValueError, match="clock"):
        mf.IsotropicGaussians(d=40, delta=0.5, clock=lambda t: t**-0.25).limit()


def test_a_flow_is_rebuilt_from_its_configuration():
    from mfpde.systems import registry

    isotropic = [mf.IsotropicGaussians(d=d, delta=0.5) for d in (math.inf, 40)]
    for system in (*isotropic, mf.AnisotropicGaussians(delta=0.5, gamma=0.5)):
        flow = system.limit()
        assert registry.build(flow.config).state0.tobytes() == flow.state0.tobytes()
