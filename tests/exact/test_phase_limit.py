"""The infinite-width law of two-layer ReLU networks: its nodes, its ends, its slopes, and networks beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.phase_diagram import PhasePoint, limit
from mfpde.systems.phase_diagram.condensation import condensation
from mfpde.systems.phase_diagram.directions import angles, rays
from mfpde.systems.phase_diagram.exact import kernels, linear_end
from mfpde.systems.phase_diagram.gradient_flow import GradientFlow
from mfpde.systems.phase_diagram.law import line_law, sphere_law
from mfpde.systems.phase_diagram.scrambling import scrambled_limit
from mfpde.systems.phase_diagram.training import train

MEAN_FIELD = PhasePoint(gamma=1.0, gamma_prime=0.0)


def ends(flow):
    run = mf.solve(flow)
    assert run.complete
    return {name: float(v[-1]) for name, v in run.observables.items()}


# Nodes.


def test_nodes_have_the_moments_of_the_gaussian_law():
    X = MEAN_FIELD.inputs
    law = line_law(X, 8)
    assert law.c.sum() == pytest.approx(1.0, rel=1e-14)
    z = np.column_stack([law.a, law.w])
    np.testing.assert_allclose(z.T @ (law.c[:, None] * z), np.eye(3), atol=1e-13)
    h = law.w @ X.T
    of_a, of_w = kernels(X)
    features, active = np.maximum(h, 0.0), (h > 0.0) * law.a[:, None]
    np.testing.assert_allclose(features.T @ (law.c[:, None] * features), of_a, atol=1e-13)
    np.testing.assert_allclose((active.T @ (law.c[:, None] * active)) * (X @ X.T), of_w, atol=1e-13)


def test_every_cell_has_its_share_and_nodes_come_in_pairs():
    X = PhasePoint(gamma=1.0, gamma_prime=0.0, x=[-2.0, 0.1, 5.0]).inputs
    law, cuts = line_law(X, 4), angles(rays(X))
    shares = np.zeros(len(cuts))
    np.add.at(shares, np.searchsorted(cuts, angles(law.w)) % len(cuts), law.c)
    lengths = np.roll(np.diff(np.append(cuts, cuts[0] + 2 * math.pi)), 1)
    np.testing.assert_allclose(shares, lengths / (2 * math.pi), rtol=1e-13)
    half = len(law.a) // 2
    assert np.array_equal(law.a[:half], -law.a[half:])
    assert np.array_equal(law.w[:half], law.w[half:])
    assert law.first == len(law.a)
    assert len(law.a) == 6 * 4 * 8


def test_inputs_that_share_a_line_make_no_empty_cells():
    """Without a bias x and -2 x have the same line w.x = 0: two rays from it, two from the third input."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=[[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]], y=[1.0, 0.5, 0.2], bias=False)
    law = line_law(point.inputs, 4)
    assert len(law.a) == 4 * 4 * 8
    assert law.c.min() > 0.0
    assert law.c.sum() == pytest.approx(1.0, rel=1e-14)


# The mean-field point, kappa m = kappa' = 1.


def test_recipe_at_the_mean_field_point():
    flow = MEAN_FIELD.limit(dynamics="paper")
    assert flow.dt == 0.625
    assert flow.lr0 == 0.3125
    values = ends(flow)
    assert values["rd_w"] == pytest.approx(0.26713, abs=3e-5)
    assert values["rd_a"] == pytest.approx(0.46112, abs=2e-5)


def test_gradient_flow_at_the_mean_field_point_and_its_refinement():
    flow = MEAN_FIELD.limit()
    values = ends(flow)
    assert values["rd_w"] == pytest.approx(0.2668, abs=2e-4)
    small = MEAN_FIELD.limit(nodes=8)
    fine = small.refined()
    assert len(fine.a0) == 4 * len(small.a0) == len(flow.a0)
    assert fine.rho == 0.5 * small.rho
    assert ends(fine)["rd_w"] == pytest.approx(values["rd_w"], abs=2e-4)


def test_copies_double_the_prefactor():
    """The law is symmetric in a: antisymmetric copies at kappa m are a single copy at 2 kappa m."""
    single = PhasePoint(gamma=0.5, gamma_prime=0.0, antisymmetric=False)
    double = PhasePoint(gamma=0.5, gamma_prime=0.0)
    a, b = single.limit(m=16.0, nodes=4), double.limit(m=4.0, nodes=4)
    assert a.kappa_forward == b.kappa_forward == 4.0
    assert not a.f0.any()
    assert ends(a) == ends(b)


def test_explicit_copies_move_as_the_folded_ones():
    """Both copies (a, w), (-a, w) carried, each with its weights: what the prefactor 2 replaces."""
    folded = MEAN_FIELD.limit(nodes=4, rho=0.5)
    law = folded.initial
    both = type(law).of(law.a, law.w, law.c, antisymmetric=True)
    flow = GradientFlow(MEAN_FIELD, both, rho=0.5, kappa=1.0, kappa_prime=1.0, kappa_forward=1.0, config=folded.config)
    one, two = ends(folded), ends(flow)
    for name in ("rd_w", "rd_a", "loss"):
        assert one[name] == pytest.approx(two[name], rel=1e-10)


@pytest.mark.parametrize("dynamics", ["paper", "flow"])
def test_networks_of_width_1000_lie_about_the_law(dynamics):
    law = ends(MEAN_FIELD.limit(dynamics=dynamics))
    runs = [train(MEAN_FIELD, 1000, seed, dynamics) for seed in range(16)]
    for name in ("rd_w", "rd_a"):
        values = np.array([getattr(run, name) for run in runs])
        assert abs(values.mean() - law[name]) < 3.0 * values.std(ddof=1) / 4.0


# The annealed law.


@pytest.mark.parametrize(("gamma", "gamma_prime", "tolerance", "error"), [
    (0.5, 0.0, 1e-16, 1e-6),
    (0.5, 0.3, 1e-16, 1e-6),
    (0.6, -0.3, 1e-16, 1e-6),
    (0.5, 0.0, 1e-6, 1e-2),
])  # fmt: skip
def test_linear_end_to_its_closed_form(gamma, gamma_prime, tolerance, error):
    """Kernel regression: displacements down to 1e-13 keep their digits; what is left of the loss is missing from RD, as its root."""
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
    flow = point.limit(m=1e12)
    flow.tolerance = tolerance
    values = ends(flow)
    exact_w, exact_a = linear_end(point.inputs, point.labels, 1e12 ** (1.0 - gamma), 1e12**-gamma_prime, 2)
    assert values["rd_w"] == pytest.approx(exact_w, rel=error)
    assert values["rd_a"] == pytest.approx(exact_a, rel=error)


def test_printed_constants_of_the_linear_end():
    flow = PhasePoint(gamma=0.0, gamma_prime=0.0).limit(m=1e8)
    flow.tolerance = 1e-16
    values = ends(flow)
    assert values["rd_w"] * 1e8 == pytest.approx(0.273856, abs=1e-6)
    assert values["rd_a"] * 1e8 == pytest.approx(0.168379, abs=1e-6)


@pytest.mark.parametrize(("m", "amplitude", "error"), [(1e3, 1.376, 0.06), (1e8, 1.369, 5e-4)])
def test_condensed_end(m, amplitude, error):
    """RD_w -> sqrt(kappa' L / (s p kappa m)), RD_a -> sqrt(L / (s kappa kappa' m)); L falls towards 1.3690 with kappa m, above L_min."""
    flow = PhasePoint(gamma=1.75, gamma_prime=0.0).limit(m=m)
    run = mf.solve(flow)
    order = condensation(flow, run.final_state)
    assert order.amplitude == pytest.approx(amplitude, abs=1e-3)
    assert order.amplitude > 1.3437
    assert order.pinned_share > 0.9
    expected = math.sqrt(order.amplitude / (2.0 * m**-0.75))
    assert run.observables["rd_w"][-1] == pytest.approx(expected / math.sqrt(2.0), rel=error)
    assert run.observables["rd_a"][-1] == pytest.approx(expected, rel=error)


@pytest.mark.parametrize(("gamma", "gamma_prime", "s_w", "s_a"), [
    (0.6, -0.3, -0.4, -1.0),
    (0.5, 0.3, -1.1, -0.5),
    (1.3, 0.6, -0.6, 0.3),
    (1.6, 0.9, -0.6, 0.6),
    (1.5, 0.0, 0.25, 0.25),
    (1.75, 0.2, 0.275, 0.475),
])  # fmt: skip
def test_local_slopes_at_1e12(gamma, gamma_prime, s_w, s_a):
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
    low, high = (ends(point.limit(m=m)) for m in (1e12, 2e12))
    assert math.log2(high["rd_w"] / low["rd_w"]) == pytest.approx(s_w, abs=0.02)
    assert math.log2(high["rd_a"] / low["rd_a"]) == pytest.approx(s_a, abs=0.02)
    assert (s_w, s_a) == pytest.approx(point.exponents[:2])


def test_widths_beyond_all_networks():
    assert PhasePoint(gamma=0.5, gamma_prime=0.0).limit(m=1e300, nodes=2).kappa_forward == pytest.approx(2e150, rel=1e-12)
    with pytest.raises(ValueError, match="positive finite"):
        PhasePoint(gamma=3.0, gamma_prime=0.0).limit(m=1e300)


# Tracers.


def test_tracers_move_with_the_nodes_and_weigh_nothing():
    point = PhasePoint(gamma=0.8, gamma_prime=0.0)
    network = point.network(m=50, dynamics="flow")
    flow = limit.make_coupled_limit(point, network, nodes=4)
    assert flow.kappa == network.kappa
    assert flow.kappa_forward == pytest.approx(2.0 * 50**0.2, rel=1e-13)
    t_end = 20.0 / network.kappa
    run = mf.solve(flow, t_eval=[0.0, t_end])
    assert flow.particles(run.final_state)["neurons"].shape == (100, 3)
    law = limit.LimitFlow(
        point, line_law(point.inputs, 4), kappa=network.kappa, kappa_prime=1.0, kappa_forward=flow.kappa_forward, config=flow.config
    )
    alone = mf.solve(law, t_eval=[0.0, t_end])
    assert run.observables["rd_w"][-1] == pytest.approx(alone.observables["rd_w"][-1], rel=1e-12)
    nodes = law.neurons(law.state0)
    traced = limit.LimitFlow(
        point, law.initial.with_tracers(*nodes), kappa=network.kappa, kappa_prime=1.0, kappa_forward=flow.kappa_forward, config=flow.config
    )
    state = mf.solve(traced, t_eval=[0.0, t_end]).final_state
    moved = np.column_stack(traced.neurons(state))
    np.testing.assert_allclose(moved[: len(nodes[0])], moved[len(nodes[0]) :], rtol=1e-12, atol=1e-14)


# Inputs off the line.


def test_sphere_points_agree_with_the_nodes_of_gauss():
    """On the line both rules are at hand: eight scramblings scatter about the exact moments and about the flow's end."""
    results = []
    for seed in range(8):
        law = sphere_law(2, 1024, seed)
        z = np.column_stack([law.a, law.w])
        np.testing.assert_allclose(z.T @ (law.c[:, None] * z), np.eye(3), atol=5e-3)
        config = MEAN_FIELD.limit(nodes=2).config
        results.append(ends(GradientFlow(MEAN_FIELD, law, kappa=1.0, kappa_prime=1.0, kappa_forward=2.0, config=config))["rd_w"])
    exact = ends(MEAN_FIELD.limit())["rd_w"]
    assert abs(np.mean(results) - exact) < 4.0 * np.std(results, ddof=1) / math.sqrt(8) + 1e-4
    assert np.std(results, ddof=1) < 3e-3


def test_scrambled_limit_in_the_plane_beside_a_wide_network():
    x = np.array([[0.5, 0.0], [-0.3, 0.4], [0.1, -0.6], [0.4, 0.5]])
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=x, y=[0.3, 0.1, 0.4, 0.2])
    law = scrambled_limit(point, nodes=256, replicas=4)
    runs = np.array([train(point, 2000, seed, "flow").rd_w for seed in range(6)])
    error = math.hypot(law["rd_w"].stderr, runs.std(ddof=1) / math.sqrt(6))
    assert law["rd_w"].stderr > 0.0
    assert abs(runs.mean() - law["rd_w"].mean) < 4.0 * error
    again = scrambled_limit(point, nodes=256, replicas=4)
    assert again == law


# Bad input, and runs that do not end.


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="dynamics = 'event'"):
        MEAN_FIELD.limit(dynamics="event")
    with pytest.raises(ValueError, match=r"rho = 0\.1: dynamics='paper'"):
        MEAN_FIELD.limit(dynamics="paper", rho=0.1)
    with pytest.raises(ValueError, match="nodes = 0"):
        MEAN_FIELD.limit(nodes=0)
    with pytest.raises(ValueError, match=r"m = 0\.5"):
        MEAN_FIELD.limit(m=0.5)
    with pytest.raises(ValueError, match="on the line"):
        scrambled_limit(MEAN_FIELD)
    with pytest.raises(ValueError, match="replicas = 1"):
        scrambled_limit(PhasePoint(gamma=1.0, gamma_prime=0.0, x=[[1.0, 2.0], [0.0, 1.0]], y=[1.0, 2.0]), replicas=1)


def test_a_law_that_stalls_says_so(monkeypatch):
    monkeypatch.setattr(limit, "MOST_STEPS", 50)
    run = mf.solve(PhasePoint(gamma=1.5, gamma_prime=0.0).limit(m=1e14, nodes=2))
    assert not run.complete
    assert "stalled at loss" in run.message
    assert "prefactor 2e-07" in run.message
    assert len(run.t) > 1
