"""Finite-width constants by differences in the weights of a limit's nodes, against closed forms and simulation. Flow clock s."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.two_layer import finite_exact
from mfpde.systems.two_layer.circle import exact as circle
from mfpde.targets import Polynomial

TIGHT = {"rtol": 1e-12, "atol": 1e-14}


def bilinear(q=1.0, **settings):
    """f = m x_1 on inputs of the plane whose second coordinate plays no part: a and w_1 independent N(0, q)."""
    return mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear([1.0, 0.0]),
        activation="identity",
        second_layer="trained",
        initial=mf.measures.GaussianInit([0.0, 0.0, 0.0], [q, q, 0.0]),
        clock=0.5,
        **settings,
    )


def quadratic():
    return mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=Polynomial(quadratic=[[1.0, 0.0], [0.0, 0.0]], constant=-1.0),
        activation="quadratic",
        centred=True,
        initial=mf.measures.GaussianInit([0.0, 0.0], [0.2, 0.0]),
        clock=0.5,
    )


def test_circle():
    """Reference values of z's equations of fluctuation, from 48 nodes."""
    limit = mf.CosineCircle(b=0.8).limit(method="nodes", nodes=48)
    x = [[0.0], [0.5 * math.pi]]
    found = mf.finite_width(limit, [0.5, 1.0, 2.0], ("risk", "z", "z_imaginary"), x=x, **TIGHT)
    real = [0.29808546883322, 0.18276285423898, 0.08539035193094]
    imaginary = [0.29486711370921, 0.17058229008780, 0.06085137947274]
    for value, reference in (
        (found.drift["risk"], [0.57948427398931, 0.33837956546444, 0.15099532944491]),
        (found.variance["z"], real),
        (found.variance["z_imaginary"], imaginary),
        (found.drift["z"], [0.01077893593214, 0.01514665574576, -0.00731745968114]),
        (found.drift["z_imaginary"], [0.0, 0.0, 0.0]),
        (0.5 * found.prediction_variance, np.stack([real, imaginary], axis=1)),
        (found.prediction_drift[:, 0], math.sqrt(2.0) * found.drift["z"]),
    ):
        np.testing.assert_allclose(value, reference, rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found.observables["z"], [circle.order_parameter(s, 0.8) for s in found.t], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found.predictions[:, 0], math.sqrt(2.0) * found.observables["z"], rtol=1e-14)


def test_circle_by_its_fluctuation_equations():
    found = circle.fluctuation([2.0, 0.0, 0.5], 0.8)
    np.testing.assert_allclose(found.drift, [0.15099532944491, 1.0, 0.57948427398931], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found.mean, [-0.00731745968114, 0.0, 0.01077893593214], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found.variance_real, [0.08539035193094, 0.5, 0.29808546883322], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found.variance_imaginary, [0.06085137947274, 0.5, 0.29486711370921], rtol=0.0, atol=1e-12)


def test_bilinear():
    found = mf.finite_width(bilinear().limit(method="nodes", nodes=6), [0.5, 1.0], x=[[1.0, 0.0], [0.0, 1.0]], **TIGHT)
    np.testing.assert_allclose(found.drift["risk"], [0.5335751679935582, 0.1064857453705516], rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found.prediction_variance[:, 0], [0.2857507755007709, 0.0500354996264955], rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found.prediction_variance[:, 1], 0.0, rtol=0.0, atol=1e-12)


def test_bilinear_closed_form():
    drifts = [finite_exact.bilinear_drift(s, 1.0, 1.0) for s in (0.5, 1.0)]
    np.testing.assert_allclose(drifts, [0.5335751679935582, 0.1064857453705516], rtol=0.0, atol=1e-14)
    variances = [finite_exact.bilinear_variance(s, 1.0, 1.0) for s in (0.5, 1.0)]
    np.testing.assert_allclose(variances, [0.2857507755007709, 0.0500354996264955], rtol=0.0, atol=1e-14)
    assert finite_exact.bilinear_risk(0.5, 1.0, 1.0, 20) == pytest.approx(0.141075533887464, abs=1e-13)
    wide = 4000
    excess = wide * (finite_exact.bilinear_risk(0.5, 1.0, 1.0, wide) - np.real(1.0 - finite_exact.bilinear_slope(0.5, 1.0, 1.0, 1.0)) ** 2)
    assert excess == pytest.approx(drifts[0], rel=1e-3)


def test_quadratic():
    found = mf.finite_width(quadratic().limit(method="nodes", nodes=5), [0.1], **TIGHT)
    assert found.observables["risk"][0] == pytest.approx(0.8256496345963624066, abs=1e-12)
    assert found.drift["risk"][0] == pytest.approx(0.6202526123252133, abs=1e-11)


def test_quadratic_closed_form():
    assert np.real(finite_exact.quadratic_size(0.1, 1.0, 0.2)) == pytest.approx(0.3574855509031869225, abs=1e-15)
    assert finite_exact.quadratic_drift(0.1, 1.0, 0.2) == pytest.approx(0.6202526123252133, abs=1e-14)
    assert finite_exact.quadratic_risk(0.1, 1.0, 0.2, 20) == pytest.approx(0.855581887630454, abs=1e-13)


def test_chi_square_rule():
    for n in (10, 400):
        x, w = finite_exact.chi_square_rule(n)
        moments = [n, n * (n + 2.0), n * (n + 2.0) * (n + 4.0)]
        np.testing.assert_allclose([w @ x**k for k in (1, 2, 3)], moments, rtol=1e-13)


def test_linear_with_ridge():
    """N (E R_N - R) = sum_i S_i C_i e^{-2 (S_i + lam) s}, exactly and for every N."""
    S, C, ridge, s = np.array([1.0, 4.0]), np.array([1.0, 0.5]), 0.1, 0.5
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2, np.diag(S)),
        target=mf.targets.Linear([1.0, -1.0]),
        activation="identity",
        initial=mf.measures.GaussianInit([0.0, 0.0], C),
        ridge=ridge,
        clock=0.5,
    )
    found = mf.finite_width(system.limit(method="nodes", nodes=3), [s], **TIGHT)
    assert found.drift["risk"][0] == pytest.approx(finite_exact.linear_drift(s, S, C, ridge), abs=1e-11)


def test_linear_closed_form():
    """With noise; without it the trace of S e^{-2 S s}."""
    values = [finite_exact.linear_drift(s, [1.0, 4.0], [1.0, 1.0], 0.1, 10.0) for s in (0.5, math.inf)]
    np.testing.assert_allclose(values, [0.55575399783439559318, 0.18847006651884700665], rtol=0.0, atol=1e-14)
    assert finite_exact.linear_drift(0.5, [1.0, 4.0], [1.0, 1.0]) == pytest.approx(0.44114199672637904277, abs=1e-14)


def test_nodes_that_are_enough_stay_enough():
    found = [mf.finite_width(bilinear().limit(method="nodes", nodes=n), [0.7]).drift["risk"][0] for n in (4, 8)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_networks_agree():
    """40 networks of 50 neurons, each with the exact risk of its own P and Q: then E R_N is a Gauss-Laguerre sum."""
    n = 50
    for seed in range(40):
        network = bilinear().network(m=n, dynamics="particles", rng=seed)
        theta = network.unpack(network.state0)["theta"]
        plus, minus = (np.mean(0.5 * (theta[:, 0] + sign * theta[:, 1]) ** 2) for sign in (1.0, -1.0))
        run = mf.solve(network, [0.5], rtol=1e-10, atol=1e-12)
        expected = float(np.real(1.0 - finite_exact.bilinear_slope(0.5, 1.0, plus, minus)) ** 2)
        assert run.observables["risk"][0] == pytest.approx(expected, abs=1e-9)


def test_an_ensemble_measures_the_constant():
    """N times what halving a network costs: the linear fluctuation is common to the halves and the whole.

    The rest is mostly quadratic in the difference of the halves' first four Fourier means at the start, products of known mean.
    """
    n, replicas, system = 100, 300, mf.CosineCircle(b=0.8)
    whole, half = system.network(m=n), system.network(m=n // 2)
    k = np.arange(1, 5)
    costs, controls = np.empty(replicas), np.empty((replicas, 20))
    for seed in range(replicas):
        theta = whole.unpack(system.network(m=n, rng=seed).state0)["theta"]
        halves = np.split(theta, 2)
        starts = ((whole, theta), (half, halves[0]), (half, halves[1]))
        risks = [mf.solve(flow, [0.5], y0=flow.pack(theta=part)).observables["risk"][0] for flow, part in starts]
        costs[seed] = n * (0.5 * (risks[1] + risks[2]) - risks[0])
        means = [np.exp(1j * np.multiply.outer(part[:, 1], k)).mean(axis=0) for part in halves]
        apart = means[0] - means[1]
        products = [np.outer(d, d) - 2.0 / n * np.eye(4) for d in (apart.real, apart.imag)]
        controls[seed] = np.concatenate([product[np.triu_indices(4)] for product in products])
    design = np.column_stack([np.ones(replicas), controls])
    fit = np.linalg.lstsq(design, costs, rcond=None)[0]
    variance = np.sum((costs - design @ fit) ** 2) / (replicas - 21)
    error = math.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
    c = 0.57948427398931
    assert error < 0.03 * c
    assert abs(fit[0] - c) < 4.0 * error


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="weighted nodes"):
        mf.finite_width(mf.CosineCircle(b=0.8).limit(), [1.0])
    nodes = mf.CosineCircle(b=0.8).limit(method="nodes", nodes=4)
    with pytest.raises(ValueError, match="observables has 'loss_gap'"):
        mf.finite_width(nodes, [1.0], ("loss_gap",))
