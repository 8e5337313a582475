"""Networks of the depth separation with one layer infinitely wide: rates, their constants, and which layer limits a network."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from scipy.special import eval_gegenbauer

import mfpde as mf
from mfpde.papers.ren2023.wide_layers import WideFirstLayer, WideSecondLayer
from mfpde.papers.ren2023.width_constants import harmonics, second_layer_constant, width_constants
from mfpde.streams import stream

FIGURE = importlib.import_module("mfpde.papers.ren2023.width_rates")
SYSTEM = mf.DepthSeparation(d=10)


def degree_one(system, w):
    """The square of the part of degree 1 of G_u / a - 1: G has (1/2m) sum |w_i| w_i . u, and E (v.u)^2 = |v|^2 / d."""
    norms = np.linalg.norm(w, axis=1)
    vector = np.mean(norms[:, None] * w, axis=0) / (2.0 * system.kappa * np.mean(norms**2))
    return vector @ vector / system.d


@pytest.mark.parametrize("d", [3, 10, 100])
def test_harmonics_against_quadrature(d):
    """lambda_l = E relu(t) P_l(t) by quadrature; N_l from the dimensions of polynomials; the shares add up to (1/2d)/kappa^2 - 1."""
    shares, rates = harmonics(d)
    x, weights = np.polynomial.legendre.leggauss(80)
    t, weights = 0.5 * (x + 1.0), weights * (1.0 - (0.5 * (x + 1.0)) ** 2) ** (0.5 * (d - 3))
    kappa, order = mf.DepthSeparation(d=d).kappa, 0.5 * d - 1.0
    counts = {1: d, 2: math.comb(d + 1, 2) - 1, 4: math.comb(d + 3, 4) - math.comb(d + 1, 2)}
    for place, degree in enumerate((1, 2, 4)):
        polynomial = eval_gegenbauer(degree, order, t) / eval_gegenbauer(degree, order, 1.0)
        factor = weights @ (t * polynomial) / (2.0 * weights.sum())
        assert shares[place] == pytest.approx(counts[degree] * factor**2 / kappa**2, rel=1e-6)
        assert rates[place] == pytest.approx(factor**2 * (4.0 + degree * (degree + d - 2)), rel=1e-6)
    total = 1.0 / (2.0 * d * kappa**2) - 1.0
    assert 0.999 * total < shares.sum() < total


def test_harmonics_of_the_first_layer_decay_as_predicted():
    """The part of degree 1 like exp(-Lambda_1 tau), to .4 of its size; the tolerances leave room for finitely many directions."""
    times = [0.0, 50.0, 100.0]
    network = WideSecondLayer(SYSTEM).network(m1=256, directions=640, rng=1)
    run = mf.solve(network, times)
    expected = width_constants(SYSTEM, times, dt=1.0)
    shares, rates = harmonics(SYSTEM.d)
    first = np.array([degree_one(SYSTEM, network.unpack(y)["w1"]) for y in run.states])
    decay = np.exp(-2.0 * rates[0] * expected.tau)
    assert 0.1 < decay[-1] < 0.25
    np.testing.assert_allclose(np.sqrt(first / first[0] / decay), 1.0, atol=0.06)
    square = run.observables["non_sphericity"] ** 2
    rest = expected.square - shares[0] * decay
    np.testing.assert_allclose((square - first) / (square - first)[0], rest / rest[0], rtol=0.1)
    ratio = run.observables["loss_discretisation"] / square
    np.testing.assert_allclose(ratio[1:], (expected.floor / expected.square)[1:], rtol=0.08)


def test_rates_in_m1():
    """Non-sphericity m1^-1/2 with the exact constant at the start, loss floor 1/m1 with the predicted one."""
    times = [0.0, 50.0]
    study = mf.drift(
        WideSecondLayer(SYSTEM), widths={"m1": [16, 32, 64, 128]}, replicas=24, t_eval=times, network={"directions": 160}, tracers=False
    )
    expected = width_constants(SYSTEM, times, dt=1.0)
    widths = np.array([16, 32, 64, 128])[:, None]
    for row, t in enumerate(times):
        rate = study.rate("non_sphericity", t=t)
        assert rate.covered
        assert rate.high - rate.low < 0.25
        square = widths * study.gaps["non_sphericity"][:, :, row] ** 2 / expected.square[row]
        assert np.all(np.abs(square.mean(axis=1) - 1.0) < 4.0 * square.std(axis=1, ddof=1) / np.sqrt(24.0))
    rate = study.rate("loss_discretisation", t=50.0)
    assert rate.predicted.exponent == 1.0
    assert rate.covered
    assert rate.high - rate.low < 0.4
    floor = widths[-1] * study.gaps["loss_discretisation"][-1, :, 1].mean()
    assert floor == pytest.approx(expected.floor[1], rel=0.15)


def test_gap_in_m2_is_the_mean_of_the_initial_weights():
    """Gap of the loss over the mean of w2(0): sigma_2^-1 times the predicted constant, in every network."""
    times = [0.0, 20.0, 100.0]
    study = mf.drift(WideFirstLayer(SYSTEM), widths={"m2": [16, 64, 256]}, replicas=4, t_eval=times)
    mean = study.gaps["w2_mean"][:, :, 0]
    constant = second_layer_constant(SYSTEM, times)
    size = np.sqrt(np.mean(study.gaps["loss"] ** 2, axis=1) / np.mean(mean**2, axis=1)[:, None]) * SYSTEM.sigma_2
    np.testing.assert_allclose(size[1:], np.broadcast_to(constant, (2, 3)), rtol=0.02)
    assert np.all(study.gaps["second_layer_rms"][:, :, 0] == 0.0)
    assert np.all(study.gaps["second_layer_rms"][:, :, 1] > 0.0)


def test_pairs_have_no_gap_to_first_order():
    """Second-layer neurons drawn in pairs +-w2, whose mean is 0: a hundredth of the gap of independent ones, and less."""
    times = [0.0, 20.0, 60.0]
    half = SYSTEM.second_layer.sample(32, stream(0, "second layer"))
    pairs = mf.Ensemble(np.vstack([half, half * [-1.0, 1.0]]))
    exact, paired = (mf.solve(limit, times).observables["loss"] for limit in (SYSTEM.limit(), SYSTEM.limit(second_layer=pairs)))
    gap = np.abs(paired - exact)
    assert np.all(gap[1:] < 0.01 * second_layer_constant(SYSTEM, times)[1:] / 8.0)
    assert np.all(gap[1:] > 0.0)


def test_one_wide_layer_starts_like_the_network():
    """The neurons are those of ``system.network``; characteristics have weight 0 and leave the limit's loss as it is."""
    made = SYSTEM.network(m1=6, m2=5, rng=3)
    start = made.unpack(made.state0)
    wide = WideSecondLayer(SYSTEM).network(m1=6, rng=3)
    np.testing.assert_array_equal(wide.unpack(wide.state0)["w1"], start["w1"])
    assert not np.isclose(wide.flow.directions, wide.observed.directions).all(axis=1).any()
    system = WideFirstLayer(SYSTEM)
    network = system.network(m2=5, rng=3)
    np.testing.assert_array_equal(network.particles(network.state0)["second_layer"], made.particles(made.state0)["second_layer"])
    coupled, plain = system.coupled_limit(network), SYSTEM.limit()
    np.testing.assert_array_equal(coupled.particles(coupled.state0)["second_layer"], network.particles(network.state0)["second_layer"])
    assert coupled.observe(0.0, coupled.state0)["loss"] == pytest.approx(plain.observe(0.0, plain.state0)["loss"], rel=1e-12)


def test_second_layer_limits_an_early_network():
    """The budget's term of m2 is the largest, and its fluctuation the predicted one."""
    t, m2 = 5.0, 8
    network = {"m1": 64, "m2": m2, "dynamics": "gd", "dt": 0.25, "directions": 320}
    refined = {"m1": 2, "m2": 2, "directions": 2}
    budget = mf.error_budget(SYSTEM, network=network, t=t, refine=refined, replicas=16)
    assert budget.largest.name == "m2"
    predicted = second_layer_constant(SYSTEM, [t])[0] / np.sqrt(m2)
    assert 0.6 < budget.largest.fluctuation / predicted < 1.5
    assert set(budget.halving()) == {"m2"}
    assert 3.0 * m2 < budget.halving()["m2"] < 6.0 * m2


def test_figure(tmp_path):
    """Small: its tables name every gap, its rates cover what is predicted, and it can be drawn."""
    first = [{"widths": [8, 16, 32, 64], "t_eval": [0.0, 10.0], "directions": 80, "replicas": 8}]
    second = {"widths": [4, 16, 64], "t_eval": [0.0, 10.0], "replicas": 8}
    tables = FIGURE.compute(d=5, first=first, second=second, progress=False, store=tmp_path)
    data = {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}
    rates = data["first_rates"]
    assert np.all((rates["non_sphericity_low"] < 0.5) & (rates["non_sphericity_high"] > 0.5))
    assert np.all(rates["excluded"] == 0.0)
    first, constants = data["first"], data["first_constants"]
    expected = np.sqrt(constants["square"][np.searchsorted(constants["t"], first["t"])] / first["m1"])
    assert np.all(np.abs(first["non_sphericity"] - expected) < 4.0 * first["non_sphericity_error"])
    late = first["t"] == 10.0
    np.testing.assert_allclose(first["loss_discretisation"][late] * first["m1"][late], constants["floor"][1], rtol=0.35)
    assert len(data["first"]["m1"]) == 8
    assert len(data["second"]["m2"]) == 6
    assert len(FIGURE.draw(data).axes) == 3


def test_bad_input():
    with pytest.raises(ValueError, match="homogeneity = 1"):
        width_constants(mf.DepthSeparation(d=5, homogeneity=1), [0.0])
    with pytest.raises(ValueError, match=r"sigma_2 = 0\.0"):
        second_layer_constant(mf.DepthSeparation(d=5, sigma_2=0.0), [0.0])
    with pytest.raises(ValueError, match="dt = -1"):
        WideSecondLayer(SYSTEM).network(m1=4, dt=-1.0)
    with pytest.raises(ValueError, match="m2 = 0"):
        WideFirstLayer(SYSTEM).network(m2=0)
