"""Closed-form potentials of two-layer networks against printed digits, quadrature, high precision and differences."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

from mfpde import activations
from mfpde.kernels import dual, dual_piecewise
from mfpde.laws import Bessel, Empirical, Gaussian, Mixture, Sphere
from mfpde.measures import Ensemble
from mfpde.systems.two_layer import QuadraturePotential, Teacher, potential_for
from mfpde.targets import ClassLabels, Linear, Norm, OddCubic, Polynomial

W1, W2 = np.array([1.0, 0.5, 0.0]), np.array([-0.3, 0.8, 1.1])
COV = ((1.3, 0.4), (0.4, 0.7))
RAMP = activations.piecewise_linear(knots=[0.5, 1.5], values=[-2.5, 7.5])
BASIN = activations.piecewise_linear(knots=[0.0, 0.5, 1.5], values=[-2.5, -4.0, 7.5])
ZERO = Polynomial()
LABEL = Polynomial(0.3, [0.7, -0.4], [[0.2, 0.1], [0.1, -0.5]])

# activation, phase, centred: smooth families first
SMOOTH = [("erf", False, False), ("cosine", False, False), ("cosine", True, False), ("identity", False, False)]
SMOOTH += [("quadratic", False, False), ("quadratic", False, True)]
KINKED = [("relu", False, False), (RAMP, False, False), (BASIN, False, False)]
FAMILIES = SMOOTH + KINKED


def row(w, *phase, a=1.0):
    """One neuron (a, w) or (a, w, b)."""
    return np.array([[a, *w, *phase]])


def pair(potential, theta, other):
    """U(theta, theta') of a problem without labels."""
    return potential.psi(theta, other, np.ones(1))[0]


def neurons(m, seed, phase=False, d=2):
    return np.random.default_rng(seed).standard_normal((m, 1 + d + phase))


def grid(cov=COV):
    """The trapezoidal rule on the plane: exact to rounding for analytic functions of a Gaussian."""
    t = np.linspace(-9.0, 9.0, 101)
    g = np.stack(np.meshgrid(t, t, indexing="ij"), -1).reshape(-1, 2)
    w = np.exp(-0.5 * np.sum(g * g, 1))
    return g @ np.linalg.cholesky(np.array(cov)).T, w / w.sum()


def differences(function, theta, h=2e-4):
    """Central differences of the sixth order, shape of theta."""
    out = np.empty_like(theta)
    for k in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, k] = h
        d1, d2, d3 = ((function(theta + j * step) - function(theta - j * step)) / (2 * j * h) for j in (1, 2, 3))
        out[:, k] = 1.5 * d1 - 0.6 * d2 + 0.1 * d3
    return out


# ---- printed digits


@pytest.mark.parametrize(
    ("activation", "phases", "scale", "value", "tolerance"),
    [
        ("relu", ((), ()), 1.0, 0.2733538181962337, 1e-14),
        ("erf_sqrt2", ((), ()), 1.0, 0.0247585200524817, 1e-14),
        ("normal_cdf", ((), ()), 1.0, 0.25 + 0.0247585200524817 / 4, 1e-14),
        ("cosine", ((0.4,), (-1.1,)), 1.0, 0.0781435773449152, 1e-14),
        (RAMP, ((), ()), 1.3**2, 0.687011257746288, 1e-12),
    ],
)
def test_printed_pairs(activation, phases, scale, value, tolerance):
    potential = potential_for(Gaussian(3, scale), ZERO, activation, phase=bool(phases[0]))
    assert abs(pair(potential, row(W1, *phases[0]), row(W2, *phases[1])) - value) < tolerance


def test_printed_ramp_gradient():
    gradient = potential_for(Gaussian(3, 1.69), ZERO, RAMP).psi_gradient(row(W1), row(W2), np.ones(1))
    np.testing.assert_allclose(gradient, [[0.0, -1.68162909, 5.76612942, 7.65014564]], rtol=0, atol=1e-8)


# ---- the kernels in high precision


def angles():
    small = [10.0**-k for k in range(1, 16)]
    return np.array([0.0, *small, 0.3, 0.9, math.pi / 2, 1.8, 2.7, *(math.pi - np.array(small)), math.pi])


def test_relu_pairs_and_gradients_at_every_angle():
    table, c = np.ones((3, 1)), np.ones(1)
    for p in angles():
        r = math.cos(p)
        t = mp.acos(mp.mpf(r))
        q, out, along = np.array([[r]]), np.zeros((2, 1)), np.zeros((2, 1))
        dual.relu_values(q, table, table, c, 3 * c, *out)
        dual.relu_gradients(q, table, table, c, 3 * c, *along)
        u, u_12, sine = ((mp.sin(t) + (mp.pi - t) * mp.cos(t)), mp.pi - t, mp.sin(t))
        np.testing.assert_allclose(out[:, 0], [3 * float(u / (2 * mp.pi)), float(u / (2 * mp.pi))], rtol=0, atol=8e-16)
        np.testing.assert_allclose(along[:, 0], [3 * float(sine / (2 * mp.pi)), float(sine / (2 * mp.pi))], rtol=0, atol=8e-16)
        assert abs(q[0, 0] - float(u_12 / (2 * mp.pi))) < 2e-16


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-10, 1e-8, 1e-5, 1e-2])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_relu_gradient_of_close_and_opposite_neurons(gap, sign):
    w, v = 3.0 * W1, sign * 2.0 * (W1 + gap * W2)
    gradient = potential_for(Gaussian(3), ZERO, "relu").psi_gradient(row(w), row(v), np.ones(1))[0, 1:]
    with mp.workdps(50):
        a, b = mp.matrix(w.tolist()), mp.matrix(v.tolist())
        na, nb = mp.norm(a), mp.norm(b)
        t = mp.acos(max(-1, min(1, (a.T * b)[0] / (na * nb))))
        exact = (nb * mp.sin(t) / na * a + (mp.pi - t) * b) / (2 * mp.pi)
    np.testing.assert_allclose(gradient, np.array(exact.tolist(), float)[:, 0], rtol=0, atol=2e-15)


def exact_tail(h, g, r):
    """P(X > h, Y > g) in 20 digits, from int_h^inf phi(x) Phi((r x - g) / s) dx in panels around the step of Phi."""
    with mp.workdps(20):
        h, g, r, far = mp.mpf(h), mp.mpf(g), mp.mpf(r), mp.mpf(11)
        if abs(r) == 1:
            return float(mp.ncdf(-max(h, g)) if r > 0 else max(mp.mpf(0), mp.ncdf(-h) - mp.ncdf(g)))
        s = mp.sqrt((1 - r) * (1 + r))
        steps = [(g + k * s) / r for k in (-10, -4, 0, 4, 10)] if abs(r) > 0.1 else []
        breaks = sorted({h, far, *(min(max(x, h), far) for x in (*steps, -2, 2, 6))})
        return float(mp.quad(lambda x: mp.npdf(x) * mp.ncdf((r * x - g) / s), breaks, maxdegree=5))


@pytest.mark.parametrize("r", [-1.0, -1 + 1e-13, -1 + 1e-6, -0.95, 0.0, 1e-9, 0.3, 0.9, 1 - 1e-4, 1 - 1e-9, 1 - 1e-15, 1.0])
def test_normal_tail_of_every_correlation(r):
    s = math.sqrt((1 - r) * (1 + r))
    for h in (-1.2, 0.0, 1.2):
        for g in (-6.0, -1.2, 1e-300, 1.2 + 1e-7, 4.5):
            assert abs(dual_piecewise.upper_tail(h, g, r, s) - exact_tail(h, g, r)) < 5e-16, (h, g)


def exact_product(h, g, r):
    """E (X - h)_+ (Y - g)_+ in 20 digits."""
    with mp.workdps(20):
        h, g, r, far = mp.mpf(h), mp.mpf(g), mp.mpf(r), mp.mpf(11)
        s = mp.sqrt((1 - r) * (1 + r))

        def inner(x):
            t = (r * x - g) / s
            return mp.npdf(x) * (x - h) * (s * mp.npdf(t) + (r * x - g) * mp.ncdf(t))

        breaks = sorted({h, far, *(min(max(x, h), far) for x in (-2, 0, 2, 6))})
        return mp.quad(inner, breaks, maxdegree=5)


@pytest.mark.parametrize("r", [-0.75, -0.6, -0.4, -0.2, 0.0, 0.1, 0.2, 0.4, 0.6, 0.75])
def test_small_correlations_by_the_bridge(r):
    for h, g in ((-1.2, 1.2), (0.0, 0.0), (1.2, 0.4), (0.7, 0.7), (-3.0, -2.5), (4.5, 1.0)):
        mixed, lifted = dual_piecewise.bridge(np.ones(1), np.array([h]), np.array([g]), r)
        with mp.workdps(20):
            tails = [mp.ncdf(-c) for c in (h, g)]
            means = [mp.npdf(c) - c * tail for c, tail in zip((h, g), tails, strict=True)]
            added = float(exact_product(h, g, r) - means[0] * means[1] - r * tails[0] * tails[1])
        assert abs(mixed - (exact_tail(h, g, r) - float(tails[0] * tails[1]))) < 5e-16, (h, g)
        assert abs(lifted - added) < 1e-16, (h, g)


def test_both_routes_of_piecewise_pairs_meet():
    """Pairs on both sides of the correlation where the route changes, and neurons near w = 0."""
    knots, jumps = np.array([0.5, 1.5]), np.array([10.0, -10.0])
    for one, two in ((0.8, 1.3), (5.0, 0.2), (1e-3, 2.0), (0.0, 1.0), (30.0, 40.0)):
        potential = potential_for(Gaussian(3), ZERO, RAMP)
        for r in (-0.9, -0.75, -0.7499999, 0.0, 0.3, 0.75, 0.7500001, 0.99):
            w = np.array([[1.0, one, 0.0, 0.0]])
            v = np.array([[1.0, two * r, two * math.sqrt(1.0 - r * r), 0.0]])
            expected = dual_piecewise.product(knots, jumps, -2.5, one, two, one * two * r)
            assert abs(pair(potential, w, v) - expected) < 3e-14 * (1.0 + one) * (1.0 + two), (one, two, r)


@pytest.mark.parametrize("activation", [RAMP, BASIN])
@pytest.mark.parametrize("v", [W2, 2.0 * W1, W1, -W1, -0.3 * W1, W1 * (1 + 1e-15), W1 + 1e-8 * W2, -W1 + 1e-10 * W2, 0.05 * W2, 30.0 * W2])
def test_piecewise_pairs_and_gradients_in_high_precision(activation, v):
    """u = int phi(x) sigma(s1 x) E(sigma(Y) | x) dx, and Price's rule for its gradient, both by quadrature in 25 digits."""
    n = len(activation.parameters) // 2
    knots, values = activation.parameters[:n], activation.parameters[n:]
    potential = potential_for(Gaussian(3), ZERO, activation)
    with mp.workdps(25):
        slopes = [mp.mpf(0), *((mp.mpf(values[i + 1]) - values[i]) / (mp.mpf(knots[i + 1]) - knots[i]) for i in range(n - 1)), mp.mpf(0)]
        jumps = [slopes[i + 1] - slopes[i] for i in range(n)]
        a, b = mp.matrix(W1.tolist()), mp.matrix(v.tolist())
        q11, q12, q22 = (a.T * a)[0], (a.T * b)[0], (b.T * b)[0]
        one = mp.sqrt(q11)
        sd = mp.sqrt(max(mp.mpf(0), q22 - q12**2 / q11))
        if sd < mp.mpf(10) ** -20:
            sd = mp.mpf(0)

        def positive_part(m, c):
            if sd == 0:
                return max(m - c, mp.mpf(0))
            return sd * mp.npdf((c - m) / sd) + (m - c) * mp.ncdf((m - c) / sd)

        def mean(m):
            return values[0] + sum(j * positive_part(m, c) for j, c in zip(jumps, knots, strict=True))

        def above(m, c):
            return mp.mpf(m > c) if sd == 0 else mp.ncdf((m - c) / sd)

        def sigma(z):
            return values[0] + sum(j * max(z - c, 0) for j, c in zip(jumps, knots, strict=True))

        def mean_slope(m):
            return sum(j * above(m, c) for j, c in zip(jumps, knots, strict=True))

        def slope(z):
            return sum(j for j, c in zip(jumps, knots, strict=True) if z > c)

        ends = {mp.mpf(-12), mp.mpf(0), mp.mpf(12), *(c / one for c in knots)}
        if q12 != 0:
            ends |= {(c + k * sd) * one / q12 for c in knots for k in (-8, -2, 0, 2, 8)}
        ends = sorted(e for e in ends if -12 <= e <= 12)
        u = mp.quad(lambda x: mp.npdf(x) * sigma(one * x) * mean(q12 / one * x), ends)
        u12 = mp.quad(lambda x: mp.npdf(x) * slope(one * x) * mean_slope(q12 / one * x), ends)
        along = sum(j * mp.npdf(c / one) / one * mean(q12 * c / q11) for j, c in zip(jumps, knots, strict=True))
        gradient = np.array((along * a + u12 * b).tolist(), float)[:, 0]
    size = 1.0 + np.linalg.norm(v)
    assert abs(pair(potential, row(W1), row(v)) - float(u)) < 2e-13 * size
    np.testing.assert_allclose(potential.psi_gradient(row(W1), row(v), np.ones(1))[0, 1:], gradient, rtol=0, atol=1e-12 * size)


# ---- against other routes


@pytest.mark.parametrize("second_layer", ["fixed", "trained"])
@pytest.mark.parametrize(("activation", "phase", "centred"), FAMILIES)
def test_gradients_are_the_differences_of_psi(activation, phase, centred, second_layer):
    theta, points, weights = neurons(3, 1, phase), neurons(5, 2, phase), np.linspace(0.1, 0.5, 5)
    potential = potential_for(Gaussian(2, COV), LABEL, activation, second_layer, phase=phase, centred=centred)
    gradient = potential.psi_gradient(theta, points, weights)
    wanted = differences(lambda t: potential.psi(t, points, weights), theta)
    if second_layer == "fixed":
        wanted[:, 0] = 0.0
    np.testing.assert_allclose(gradient, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("activation", "phase", "centred"), SMOOTH)
@pytest.mark.parametrize("label", ["polynomial", "teacher"])
def test_smooth_activations_against_a_grid(activation, phase, centred, label):
    teacher = neurons(3, 5, phase)
    target = LABEL if label == "polynomial" else Teacher(Ensemble(teacher), activation, phase=phase)
    x, w = grid()
    if centred and label == "teacher":
        return
    law = Gaussian(2, COV)
    closed = potential_for(law, target, activation, "trained", phase=phase, centred=centred)
    rule = QuadraturePotential(x, target(x), w, activation, "trained", phase=phase, centred=centred)
    theta, points, weights = 0.5 * neurons(4, 3, phase), 0.5 * neurons(6, 4, phase), np.linspace(0.1, 0.3, 6)
    _agree(closed, rule, theta, points, weights, 2e-12)


def circle(w, radius_rule):
    """Points of the plane in polar panels that end where one of the neurons w (n, 2) has its kink, and their weights."""
    kinks = np.unique(np.mod(np.concatenate([np.arctan2(w[:, 1], w[:, 0]) + s * np.pi / 2 for s in (1, -1)]), 2 * np.pi))
    ends = np.concatenate([kinks, [kinks[0] + 2 * np.pi]])
    t, g = np.polynomial.legendre.leggauss(24)
    angle = (0.5 * (ends[:-1] + ends[1:])[:, None] + 0.5 * np.diff(ends)[:, None] * t).ravel()
    weight = (0.5 * np.diff(ends)[:, None] * g).ravel() / (2 * np.pi)
    r, p = radius_rule
    x = np.stack([np.multiply.outer(r, np.cos(angle)).ravel(), np.multiply.outer(r, np.sin(angle)).ravel()], 1)
    return x, np.multiply.outer(p, weight).ravel()


def radial_gauss(variance):
    """Gauss-Legendre panels of the radius of N(0, variance I) in the plane."""
    t, g = np.polynomial.legendre.leggauss(40)
    ends = np.linspace(0.0, 12.0, 5)
    r = (0.5 * (ends[:-1] + ends[1:])[:, None] + 0.5 * np.diff(ends)[:, None] * t).ravel()
    p = (0.5 * np.diff(ends)[:, None] * g).ravel() * r * np.exp(-0.5 * r * r)
    return math.sqrt(variance) * r, p / p.sum()


@pytest.mark.parametrize("law", [Gaussian(2, 1.7), Sphere(2, 1.3)])
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("label", [LABEL, Norm(0.6), Linear((0.5, 0.2)), "teacher"])
def test_homogeneous_activations_against_polar_panels(law, activation, label):
    if activation == "identity" and isinstance(label, Norm):
        return
    theta, points, teacher, weights = neurons(4, 3), neurons(6, 4), neurons(3, 5), np.linspace(0.1, 0.3, 6)
    target = Teacher(Ensemble(teacher), activation) if label == "teacher" else label
    rule = radial_gauss(law.scale) if isinstance(law, Gaussian) else (np.array([law.radius]), np.ones(1))
    x, w = circle(np.concatenate([theta, points, teacher])[:, 1:], rule)
    closed = potential_for(law, target, activation, "trained")
    _agree(closed, QuadraturePotential(x, target(x), w, activation, "trained"), theta, points, weights, 2e-13)


def _agree(closed, rule, theta, points, weights, tolerance):
    assert closed.label_square == pytest.approx(rule.label_square, rel=tolerance)
    np.testing.assert_allclose(closed.psi(theta, points, weights), rule.psi(theta, points, weights), rtol=0, atol=tolerance)
    gradient = rule.psi_gradient(theta, points, weights)
    np.testing.assert_allclose(closed.psi_gradient(theta, points, weights), gradient, rtol=0, atol=tolerance)
    np.testing.assert_allclose(closed.self_interaction(theta), rule.self_interaction(theta), rtol=tolerance, atol=tolerance)
    assert closed.risk(points, weights) == pytest.approx(rule.risk(points, weights), rel=0, abs=5 * tolerance)


def ramp_mean(s):
    """q(s) = E sigma(s G) of the ramp, G standard normal."""
    total = -2.5
    for jump, c in ((10.0, 0.5), (-10.0, 1.5)):
        total += jump * (s * math.exp(-0.5 * (c / s) ** 2) / math.sqrt(2 * math.pi) - c * 0.5 * math.erfc(c / s / math.sqrt(2)))
    return total


def test_two_classes_of_the_ramp():
    """V = (q(tau_- r) - q(tau_+ r)) / 2, E y^2 = 1, and U the average of both classes' pairs."""
    law = Mixture([Gaussian(3, 1.8**2), Gaussian(3, 0.2**2)], [1, 1])
    potential = potential_for(law, ClassLabels([1, -1]), RAMP)
    r = float(np.linalg.norm(W1))
    assert potential.label_square == 1.0
    assert abs(potential.linear(row(W1))[0] - 0.5 * (ramp_mean(0.2 * r) - ramp_mean(1.8 * r))) < 1e-14
    pairs = [pair(potential_for(part, ZERO, RAMP), row(W1), row(W2)) for part in law.components]
    assert abs(potential.psi(row(W1), row(W2), np.ones(1))[0] - potential.linear(row(W1))[0] - 0.5 * sum(pairs)) < 1e-14
    wanted = differences(lambda t: potential.psi(t, row(W2), np.ones(1)), row(W1))
    np.testing.assert_allclose(potential.psi_gradient(row(W1), row(W2), np.ones(1))[:, 1:], wanted[:, 1:], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("activation", "phase", "centred"), FAMILIES)
def test_self_interaction_is_the_pair_of_a_neuron_with_itself(activation, phase, centred):
    theta = np.concatenate([neurons(5, 8, phase), [[1.5, *[0.0] * (2 + phase)]]])
    potential = potential_for(Gaussian(2, COV), ZERO, activation, phase=phase, centred=centred)
    wanted = [pair(potential, theta[i : i + 1], theta[i : i + 1]) for i in range(len(theta))]
    np.testing.assert_allclose(potential.self_interaction(theta), wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("activation", ["erf", "relu", "quadratic", "identity", RAMP, "cosine"])
def test_no_risk_at_the_teacher(activation):
    points = neurons(7, 9)
    potential = potential_for(Gaussian(2, COV), Teacher(Ensemble(points), activation), activation, "trained")
    assert abs(potential.risk(points, np.full(7, 1 / 7))) < 1e-14 * potential.label_square
    assert np.abs(potential.psi_gradient(points, points, np.full(7, 1 / 7))).max() < 2e-14 * potential.label_square


@pytest.mark.parametrize(("activation", "phase", "centred"), FAMILIES)
def test_neurons_at_zero(activation, phase, centred):
    """Nothing is NaN at w = 0; relu and the activation with a knot at 0 feel no force there, as sigma'(0) is the one from the left."""
    potential = potential_for(Gaussian(2, COV), LABEL, activation, "trained", phase=phase, centred=centred)
    theta = np.concatenate([row([0.0, 0.0], *[0.4] * phase), neurons(2, 4, phase)])
    gradient = potential.psi_gradient(theta, theta, np.full(3, 1 / 3))
    assert np.isfinite(gradient).all()
    assert np.isfinite(potential.risk(theta, np.full(3, 1 / 3)))
    if activation in ("relu", BASIN):
        assert (gradient[0, 1:] == 0).all()
    if activation in ("erf", RAMP):
        wanted = differences(lambda t: potential.psi(t, theta, np.full(3, 1 / 3)), theta)
        np.testing.assert_allclose(gradient[0], wanted[0], rtol=0, atol=1e-9)


def test_empirical_law_takes_its_labels():
    """Four points by hand: Psi = sum_n p_n (f(x_n) - y_n) a sigma(<w, x_n>)."""
    x, y, p = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0], [-1.0, 0.5]]), np.array([1.0, 2.0, -1.0, 0.0]), np.array([0.1, 0.2, 0.3, 0.4])
    potential = potential_for(Empirical(x, y, p), None, "tanh")
    theta, points = neurons(2, 1), neurons(3, 2)
    weights = np.array([0.2, 0.3, 0.5])
    f = np.tanh(x @ points[:, 1:].T) @ (weights * points[:, 0])
    wanted = theta[:, 0] * ((p * (f - y)) @ np.tanh(x @ theta[:, 1:].T))
    np.testing.assert_allclose(potential.psi(theta, points, weights), wanted, rtol=0, atol=1e-15)
    assert potential.risk(points, weights) == pytest.approx(float(p @ (f - y) ** 2), rel=1e-14)


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Gaussian(2), ZERO, "tanh"), {}, "tanh has no closed-form .* QuadraturePotential"),
        ((Gaussian(2), OddCubic((1.0, 1.0)), "relu"), {}, "OddCubic has no closed form .* QuadraturePotential"),
        ((Gaussian(2), None, "relu"), {}, "target = None .* give a target"),
        ((Gaussian(2), Norm(), "erf"), {}, "relu only, not for erf"),
        ((Gaussian(2, COV), Norm(), "relu"), {}, "not isotropic"),
        ((Gaussian(3), LABEL, "relu"), {}, "does not fit inputs of dimension 3"),
        ((Gaussian(2), ClassLabels([1, -1]), "relu"), {}, "give a law mf.laws.Mixture"),
        ((Mixture([Gaussian(2)], [1]), ClassLabels([1, -1]), "relu"), {}, "2 values for 1 components"),
        ((Sphere(2), ZERO, "erf"), {}, "Sphere with erf has no closed form"),
        ((Bessel(3, 1.0), ZERO, "relu"), {}, "Bessel with relu has no closed form"),
        ((Gaussian(2), ZERO, "relu"), {"phase": True}, "phase has a closed form for cosine only"),
        ((Gaussian(2), ZERO, "relu"), {"centred": True}, "centred = True for relu"),
        ((Gaussian(2), Teacher(Ensemble(neurons(2, 1)), "erf"), "relu"), {}, "a teacher of erf and a network of relu"),
        ((Gaussian(2), Teacher(Ensemble(neurons(2, 1, d=3)), "relu"), "relu"), {}, "teacher's neurons have 4 columns"),
        ((Gaussian(2), ZERO, "relu", "frozen"), {}, "second_layer = 'frozen'"),
        ((Empirical([[1.0, 2.0]]), None, "relu"), {}, "no labels"),
        ((Gaussian(2), ZERO, "sine"), {}, "activation = 'sine'"),
    ],
)
def test_what_has_no_closed_form_says_why(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        potential_for(*arguments, **options)


def test_shapes_are_checked():
    potential = potential_for(Gaussian(2), ZERO, "relu")
    with pytest.raises(ValueError, match=r"theta has shape \(2, 4\): give neurons of 3 columns"):
        potential.psi(neurons(2, 1, d=3), neurons(2, 1), np.ones(2))
    with pytest.raises(ValueError, match="weights have shape"):
        potential.psi_gradient(neurons(2, 1), neurons(2, 1), np.ones(3))
    with pytest.raises(ValueError, match="give one number for each of the 2 points"):
        QuadraturePotential(np.ones((2, 2)), np.ones((2, 2)), None, "relu")
    with pytest.raises(ValueError, match="quadratic without a phase"):
        QuadraturePotential(np.ones((2, 2)), np.ones(2), None, "relu", centred=True)
