"""The kernel limit against closed forms and reference values, and the approach to it as the scale grows. Clock: rescaled time."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.two_layer.kernel.residuals import KernelLimit, NodeKernel
from mfpde.systems.two_layer.kernel.sphere import eigenvalues, multiplicities, relu_kernel

SKEWED = ((2.0, -1.0), (1.0 / 3.0, 2.0 / 3.0))
SYMMETRIC = ((np.sqrt(2.0), -np.sqrt(2.0)), (0.5, 0.5))


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def tanh_problem(second_layer, start):
    """tanh(w_1 x + w_2) on five points, 16 x 16 nodes of w, a independent of w."""
    x = np.linspace(-1.0, 1.0, 5)
    w = mf.measures.GaussianInit([0.7, 0.5], 1.0).gauss_hermite(16)
    points = np.vstack([np.column_stack([np.full(w.m, a), w.points]) for a in start[0]])
    weights = np.concatenate([q * w.weights for q in start[1]])
    kernel = NodeKernel(mf.Ensemble(points, weights), "tanh", second_layer)
    return KernelLimit(np.column_stack([x, np.ones(5)]), np.sin(2.0 * x) + 0.5, kernel)


@pytest.mark.parametrize(
    ("d", "reference"),
    [
        (2, [0.3039635509270133, 0.25, 0.0788053650551516, 0.008556011063130745]),
        (3, [0.25, 1.0 / 6.0, 0.0390625, 0.002604166666666667]),
        (10, [0.184031332837054, 0.05, 0.00428622938989382, 4.827019164033887e-5]),
    ],
)
def test_sphere_spectrum(d, reference):
    values = eigenvalues(d, 8)
    np.testing.assert_allclose(values[[0, 1, 2, 4]], reference, rtol=0.0, atol=1e-13)
    np.testing.assert_array_equal(values[[3, 5, 7]], 0.0)


def test_circle_spectrum_in_closed_form():
    k = np.arange(40)
    even = (k**2 + 3.0) / (np.pi**2 * (k**2 - 1.0) ** 2 + (k == 1))
    np.testing.assert_allclose(eigenvalues(2, 40)[::2], even[::2], rtol=0.0, atol=1e-14)


def test_trace_is_the_kernel_on_the_diagonal():
    """sum of multiplicity times eigenvalue is (1 + A)/2: on the circle the tail of the sum is known, for A = 1."""
    k = np.arange(40, 400_000, 2)
    tail = 2.0 * np.sum((k**2 + 3.0) / (np.pi**2 * (k**2 - 1.0) ** 2)) + 1.0 / (np.pi**2 * (k[-1] + 1.0))
    assert np.sum(multiplicities(2, 40) * eigenvalues(2, 40)) + tail == pytest.approx(1.0, abs=1e-11)


@pytest.mark.parametrize("second_layer", ["fixed", "trained"])
@pytest.mark.parametrize(("d", "count"), [(3, 61), (10, 61), (40, 21)])
def test_spectrum_sums_to_the_kernel_and_its_square(d, count, second_layer):
    """Parseval: sum of multiplicity times eigenvalue squared is E H^2; partial traces grow towards H(x, x)."""
    values, number = eigenvalues(d, count, 2.0, second_layer), multiplicities(d, count)
    p, weights = np.polynomial.legendre.leggauss(200)
    p, weights = 0.5 * np.pi * (p + 1.0), weights * np.sin(0.5 * np.pi * (p + 1.0)) ** (d - 2)
    along = np.stack([np.cos(p), np.sin(p)], axis=1)
    h = relu_kernel(np.array([[1.0, 0.0]]), along, 2.0, second_layer)[0]
    assert np.sum(number * values**2) == pytest.approx(np.sum(weights * h**2) / np.sum(weights), rel=1e-7)
    trace = 1.0 if second_layer == "fixed" else 1.5
    partial = np.cumsum(number * values)[::2] / trace
    assert np.all(np.diff(partial) > 0.0)
    assert 0.8 < partial[-1] < 1.0


def test_circle_decay():
    """u_0 = 1 + cos + cos 2 + cos 3: the mode of degree 3 never decays."""
    rates = eigenvalues(2, 4)
    risk = np.exp(-2.0 * np.multiply.outer([0.0, 1.0, 10.0, 1e4], rates)) @ [1.0, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(risk, [2.5, 1.77483479045081094, 0.609048048724210122, 0.5], rtol=0.0, atol=1e-13)


def test_circle_decay_on_equispaced_data():
    """On an odd number of points a mode's rate is the sum of its aliases' rates, here brought in with the spectrum's tail."""
    n, t = 301, np.array([0.0, 1.0, 10.0])
    angles = 2.0 * np.pi * np.arange(n) / n
    limit = KernelLimit(circle(angles), 1.0 + np.cos(angles) + np.cos(2.0 * angles) + np.cos(3.0 * angles), relu_kernel)
    np.testing.assert_allclose(limit.risk(t), [2.5, 1.77483479045081094, 0.609048048724210122], rtol=0.0, atol=1e-4)
    np.testing.assert_allclose(limit.risk(t), np.mean(limit.residual(t) ** 2, axis=1), rtol=1e-12)


def test_prediction_between_five_points_of_the_circle():
    limit = KernelLimit(circle(2.0 * np.pi * np.arange(5) / 5), [1.0, 0.0, -1.0, 2.0, 0.5], relu_kernel)
    z = circle(np.array([0.7]))
    assert limit.predict(10.0, z)[0] == pytest.approx(0.658915020901551, abs=1e-12)
    assert limit.predict(np.inf, z)[0] == pytest.approx(1.108109849281973, abs=1e-12)
    np.testing.assert_allclose(limit.predict(3.0, limit.x), limit.y - limit.residual(3.0), rtol=0.0, atol=1e-13)


def test_what_the_kernel_does_not_see_stays():
    """An even number of equispaced points holds a mode of odd degree: its residual never moves and nothing is predicted for it."""
    angles = 2.0 * np.pi * np.arange(6) / 6
    limit = KernelLimit(circle(angles), np.cos(3.0 * angles), relu_kernel)
    assert np.count_nonzero(limit.rates == 0.0) == 1
    np.testing.assert_allclose(limit.residual(1e6), limit.y, rtol=0.0, atol=1e-12)
    assert np.max(np.abs(limit.predict(np.inf, circle(np.array([0.3, 0.7]))))) < 1e-12


@pytest.mark.parametrize("second_layer", ["fixed", "trained"])
def test_closed_form_is_the_mean_over_neurons(second_layer):
    rng = np.random.default_rng(0)
    m = 400_000
    neurons = mf.Ensemble(np.column_stack([np.sqrt(2.0) * np.where(np.arange(m) % 2 == 0, 1.0, -1.0), rng.standard_normal((m, 3))]))
    x = rng.standard_normal((4, 3))
    x /= np.linalg.norm(x, axis=1)[:, None]
    np.testing.assert_allclose(NodeKernel(neurons, "relu", second_layer)(x, x), relu_kernel(x, x, 2.0, second_layer), rtol=0.0, atol=0.012)


REFERENCE = [
    ("fixed", SKEWED, [4.945831130233e-2, 8.476353584992e-3, 1.839604322215e-3, 4.474170980419e-4], -1.0),
    ("fixed", SYMMETRIC, [2.461492070986e-2, 1.010820832232e-3, 5.383441757440e-5, 3.329490233156e-6], -2.0),
    ("trained", SKEWED, [3.448496287109e-2, 5.952349788438e-3, 1.305082907908e-3, 3.166434361893e-4], -1.0),
    ("trained", SYMMETRIC, [1.596820626082e-2, 7.409010645850e-4, 4.293258209312e-5, 2.669443293649e-6], -2.0),
]


@pytest.mark.parametrize(("second_layer", "start", "reference", "order"), REFERENCE)
def test_approach_to_the_kernel_limit(second_layer, start, reference, order):
    """Order 1/alpha for a skewed law of a; alpha^-2 for a symmetric one, whose error is even in alpha."""
    limit = tanh_problem(second_layer, start)
    scales = [1.0, 4.0, 16.0, 64.0]
    gaps = [mf.solve(limit.flow(alpha), [1.0], rtol=1e-12, atol=1e-14).observables["kernel_gap"][0] for alpha in scales]
    np.testing.assert_allclose(gaps, reference, rtol=0.0, atol=1e-10)
    assert np.log(gaps[3] / gaps[2]) / np.log(4.0) == pytest.approx(order, abs=0.03)


def test_flow_starts_as_the_linearisation():
    """At the start u' = -H Q u at any scale, and the frozen kernel is the flow's own."""
    limit = tanh_problem("trained", SKEWED)
    flow = limit.flow(3.0)
    h = 1e-5
    change = (flow.residual(flow.state0 + h * flow.velocity(0.0, flow.state0)) - flow.residual(flow.state0)) / h
    np.testing.assert_allclose(change, -limit.matrix @ (limit.weights * limit.y), rtol=0.0, atol=1e-5)
    start = flow.observe(0.0, flow.state0)
    assert start["kernel_change"] < 1e-15
    assert start["movement"] == 0.0
    assert start["risk"] == start["loss"] == pytest.approx(float(np.mean(limit.y**2)))


@pytest.mark.parametrize("second_layer", ["fixed", "trained"])
def test_flow_is_that_of_the_two_layer_system(second_layer):
    """mf.TwoLayer at that scale, with the same neurons on the same data, in the same rescaled time."""
    limit = tanh_problem(second_layer, SKEWED)
    start = limit.kernel.initial
    law = mf.laws.Empirical(limit.x, limit.y)
    system = mf.TwoLayer(law=law, activation="tanh", second_layer=second_layer, initial=start, scale=4.0)
    run = mf.solve(system.limit(method="nodes", nodes=start), [1.0], rtol=1e-12, atol=1e-14)
    own = mf.solve(limit.flow(4.0), [1.0], rtol=1e-12, atol=1e-14)
    for name in ("risk", "movement"):
        assert run.observables[name][0] == pytest.approx(own.observables[name][0], rel=1e-11)
    np.testing.assert_allclose(run.unpack()["theta"], own.unpack()["theta"], rtol=0.0, atol=1e-11)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KernelLimit(np.eye(2), [1.0], relu_kernel), "x has shape"),
        (lambda: KernelLimit(np.eye(2), [1.0, np.nan], relu_kernel), "NaN"),
        (lambda: KernelLimit(np.eye(2), [1.0, 0.0], lambda x, z: x + 2.0 * z * x[:, ::-1] + np.triu(x + 1.0)), "not symmetric"),
        (lambda: KernelLimit(2.0 * np.eye(2), [1.0, 0.0], relu_kernel), "no unit vector"),
        (lambda: relu_kernel(np.eye(2), np.eye(2), -1.0), "second_moment"),
        (lambda: relu_kernel(np.eye(2), np.eye(2), 1.0, "frozen"), "second_layer"),
        (lambda: eigenvalues(1, 3), "d = 1"),
        (lambda: KernelLimit(np.eye(2), [1.0, 0.0], relu_kernel).flow(2.0), "no neurons"),
        (lambda: tanh_problem("fixed", SKEWED).flow(0.0), "scale"),
        (lambda: tanh_problem("fixed", ((1.0, -1.0), (0.9, 0.1))).flow(2.0), "mean output"),
        (lambda: NodeKernel(mf.Ensemble([[1.0, 2.0]]), "tanh", "frozen"), "second_layer"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
