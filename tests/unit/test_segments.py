"""The compiled loops of the depth-separation system against plain NumPy: radial integrals by quadrature of the density."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.kernels.first_layer import arc_cosine_sum, assemble, gate_projected, weighted_relu
from mfpde.kernels.profile import particle_sums, profile
from mfpde.kernels.segments import sample_errors, spherical_velocity, sweep_rays
from mfpde.kernels.two_fields import compare, compare_rays
from mfpde.systems.depth_separation.gradient import first_layer_gradient

SYSTEMS = {d: mf.DepthSeparation(d=d, homogeneity=p) for d, p in ((3, 1), (10, 2), (100, 2))}


def random_particles(seed, m=14):
    """Weights and particles of all signs, among them w = 0, b = 0, exact duplicates, and kinks at F = 1/2, 1e3 and 1e-3."""
    rng = np.random.default_rng(seed)
    w, b = rng.standard_normal(m), rng.standard_normal(m)
    w[:3], b[:3] = 0.0, [0.7, -0.4, 0.0]
    w[3:5], b[3:5] = [0.8, -0.6], 0.0
    w[5:7], b[5:7] = -1.1, 0.3
    w[7:10], b[7:10] = [-2.0, 1e-3, -1.0], [1.0, -1.0, 1e-3]
    q = rng.random(m)
    q[10] = 0.0
    return w, b, q / q.sum()


def field(w, b, q, feature):
    """f, G and the indicators (m, n) at the features (n,), straight from their definitions."""
    before = np.outer(w, feature) + b[:, None]
    on = (before > 0.0).astype(float)
    return q @ np.maximum(before, 0.0), (q * w) @ on, on


def quadrature(system, kinks, panels=20_000, order=10):
    """Nodes and weights (n,) that integrate against the density of |x|: Gauss-Legendre on panels that end at the kinks."""
    edges = np.unique(np.clip(np.concatenate([np.linspace(0.0, system.cap, panels), kinks]), 0.0, system.cap))
    x, weight = np.polynomial.legendre.leggauss(order)
    half = 0.5 * np.diff(edges)[:, None]
    r = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * x).ravel()
    return r, (half * weight).ravel() * system.law.radial_pdf(r)


def kinks_of(w, b, g):
    moving = (w != 0.0) & (g > 0.0)
    return -b[moving] / (w[moving] * g)


def on_one_ray(system, p, g, weight, error, error_f):
    """The loss and its derivative on a ray, without the weight, which error and error_f see."""
    derivative = np.empty(1)
    loss = sweep_rays(system.moments, p, np.array([g]), weight, error, error_f, derivative)
    return loss / weight, derivative[0] / weight


@pytest.mark.parametrize("seed", range(4))
def test_profile_is_the_sum_of_its_particles(seed):
    w, b, q = random_particles(seed)
    p = profile(w, b, q)
    assert np.all(np.diff(p.kinks) >= 0.0)
    assert np.all(p.kinks > 0.0)
    feature = np.concatenate([np.geomspace(1e-6, 1e6, 4001), 0.5 * (p.kinks[1:] + p.kinks[:-1])])
    feature = feature[np.min(np.abs(feature[:, None] - p.kinks), axis=1) > 1e-9]
    segment = np.searchsorted(p.kinks, feature)
    f, slope, on = field(w, b, q, feature)
    np.testing.assert_allclose(p.slope[segment] * feature + p.intercept[segment], f, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(p.slope[segment], slope, rtol=0, atol=1e-14)
    active = (p.start[:, None] <= segment) & (segment < p.stop[:, None])
    np.testing.assert_array_equal(active, on > 0.0)


def test_kinks_that_cancel_leave_no_rounding():
    """f = relu(1 - F) far to the right of its kink is 0, not the difference of large sums."""
    w = np.array([-1.0, -1e8, -1e8])
    b = np.array([1.0, 1e7, 1e7])
    p = profile(w, b, np.full(3, 1 / 3))
    assert p.slope[-1] == 0.0
    assert p.intercept[-1] == 0.0
    assert p.slope[2] == -1.0 / 3.0


def test_particle_sums():
    w, b, q = random_particles(7)
    p = profile(w, b, q)
    sums = np.random.default_rng(1).standard_normal(len(p.slope))
    out = np.empty(len(w))
    particle_sums(p, sums, out)
    np.testing.assert_allclose(out, [sums[i:j].sum() for i, j in zip(p.start, p.stop, strict=True)], rtol=0, atol=1e-13)


@pytest.mark.parametrize("d", SYSTEMS)
@pytest.mark.parametrize("g", [1e-3, 0.3, 0.5, 2.0, 40.0])
def test_sweep_is_the_integral_against_the_density(d, g):
    system = SYSTEMS[d]
    w, b, q = random_particles(d)
    p = profile(w, b, q)
    error, error_f = np.full((2, len(p.slope)), 0.25)
    loss, derivative = on_one_ray(system, p, g, 3.0, error, error_f)
    r, weight = quadrature(system, np.append(kinks_of(w, b, g), 1.0))
    f, slope, on = field(w, b, q, g * r)
    deviation = f - np.maximum(0.0, 1.0 - r)
    sums = np.empty((2, len(w)))
    particle_sums(p, (error - 0.25) / 3.0, sums[0])
    particle_sums(p, (error_f - 0.25) / 3.0, sums[1])
    accuracy = {"rtol": 1e-11, "atol": 1e-12 * max(1.0, g) ** 2}
    np.testing.assert_allclose(loss, 0.5 * weight @ deviation**2, **accuracy)
    np.testing.assert_allclose(derivative, weight @ (deviation * slope * r), **accuracy)
    np.testing.assert_allclose(sums[0], on @ (weight * deviation), **accuracy)
    np.testing.assert_allclose(sums[1], on @ (weight * deviation * g * r), **accuracy)


def test_a_ray_without_features_sees_a_constant():
    system = SYSTEMS[10]
    w, b, q = random_particles(2)
    p = profile(w, b, q)
    error, error_f = np.zeros((2, len(p.slope)))
    loss, derivative = on_one_ray(system, p, 0.0, 1.0, error, error_f)
    r, weight = quadrature(system, np.ones(1))
    deviation = q @ np.maximum(b, 0.0) - np.maximum(0.0, 1.0 - r)
    assert loss == pytest.approx(0.5 * weight @ deviation**2, rel=1e-11)
    assert derivative == pytest.approx(p.slope[0] * (weight @ (deviation * r)), rel=1e-11)
    assert error[0] == pytest.approx(weight @ deviation, rel=1e-11)
    assert not error[1:].any()
    assert not error_f.any()


def test_rays_add_up():
    system = SYSTEMS[10]
    p = profile(*random_particles(3))
    g = np.random.default_rng(0).random(50)
    error, error_f = np.zeros((2, len(p.slope)))
    derivative = np.empty(50)
    total = sweep_rays(system.moments, p, g, 0.02, error, error_f, derivative)
    single = np.zeros((2, len(p.slope)))
    values = np.array([on_one_ray(system, p, x, 0.02, *single) for x in g])
    assert total == pytest.approx(0.02 * values[:, 0].sum(), rel=1e-14)
    np.testing.assert_allclose(derivative, 0.02 * values[:, 1], rtol=1e-14)
    np.testing.assert_allclose([error, error_f], single, rtol=1e-14)


@pytest.mark.parametrize("d", SYSTEMS)
@pytest.mark.parametrize(("g", "a"), [(0.3, 0.5), (0.5, 0.5), (5.0, 0.2), (0.0, 0.7)])
def test_compare_is_the_integral_against_the_density(d, g, a):
    system = SYSTEMS[d]
    left, right = random_particles(d), random_particles(d + 1, m=11)
    r, weight = quadrature(system, np.concatenate([kinks_of(*left[:2], g), kinks_of(*right[:2], a), [1.0]]))
    f, h, target = field(*left, g * r)[0], field(*right, a * r)[0], np.maximum(0.0, 1.0 - r)
    squares = [0.5 * weight @ gap**2 for gap in (f - target, h - target, f - h)]
    expected = [*squares, weight @ ((f - h) * (h - target))]
    parts = compare(system.moments, profile(*left), g, profile(*right), a)
    np.testing.assert_allclose(parts, expected, rtol=1e-11, atol=1e-12 * max(1.0, g) ** 2)
    out = np.empty((2, 4))
    compare_rays(system.moments, profile(*left), np.array([1.0, g]), profile(*right), a, out)
    np.testing.assert_array_equal(out[1], parts)


@pytest.mark.parametrize("d", SYSTEMS)
def test_spherical_velocity_is_made_of_the_same_integrals(d):
    system = SYSTEMS[d]
    w, b, q = random_particles(d + 2)
    rho, rates, p = 1.7, (0.7, 1.3, 2.0), system.homogeneity
    a = system.kappa * rho**p
    r, weight = quadrature(system, np.append(kinks_of(w, b, a), 1.0))
    f, slope, on = field(w, b, q, a * r)
    deviation = weight * (f - np.maximum(0.0, 1.0 - r))
    radius = -rates[0] * p * system.kappa * rho ** (p - 1) * (deviation @ (slope * r))
    expected = np.concatenate([[radius], -rates[1] * (on @ (deviation * a * r)), -rates[2] * (on @ deviation)])
    velocity = spherical_velocity(system.moments, system.kappa, p, rates, q, np.concatenate([[rho], w, b]))
    np.testing.assert_allclose(velocity, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("limits", [(np.inf, np.inf), (0.05, 0.2)])
def test_sample_errors(limits):
    w, b, q = random_particles(4)
    p = profile(w, b, q)
    rng = np.random.default_rng(2)
    feature, radii = rng.random(500), 2.0 * rng.random(500)
    error, error_f = np.zeros((2, len(p.slope)))
    coefficient = np.empty(500)
    cut = sample_errors(p, feature, radii, 0.01, limits, error, error_f, coefficient)
    f, slope, on = field(w, b, q, feature)
    deviation = f - np.maximum(0.0, 1.0 - radii)
    moved = np.empty((2, len(w)))
    particle_sums(p, error_f, moved[0])
    particle_sums(p, error, moved[1])
    for sums, gradient, limit, count in zip(moved, (deviation * feature, deviation), limits, cut, strict=True):
        np.testing.assert_allclose(sums, 0.01 * (on @ np.clip(gradient, -limit, limit)), rtol=0, atol=1e-13)
        assert count == np.count_nonzero(np.abs(gradient) > limit)
    assert (sum(cut) > 100) == np.isfinite(limits[0])
    np.testing.assert_allclose(coefficient, 0.01 * deviation * slope, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float64, 1e-13), (np.float32, 2e-5)])
def test_weighted_relu(dtype, accuracy):
    rng = np.random.default_rng(0)
    h, scale = rng.standard_normal((7, 1300)).astype(dtype), rng.random(1300).astype(dtype)
    h[:, ::10] = 0.0
    out = np.ones(7)
    weighted_relu(h, scale, out)
    np.testing.assert_allclose(out, 1.0 + np.maximum(h, 0.0).astype(float) @ scale.astype(float), rtol=accuracy)


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float64, 1e-12), (np.float32, 1e-4)])
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 2), (700, 37, 9), (5000, 30, 3)])
def test_first_layer_gradient(dtype, accuracy, n, m, d):
    """Features and V = sum_x c(x) 1{w.x > 0} x, with neurons at 0 and samples on a neuron's equator, where relu' is 0."""
    rng = np.random.default_rng(n)
    x, w1, scale = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.random(m)
    x[::5, 0], w1[::4, 1:], w1[3::7] = 0.0, 0.0, 0.0
    x, w1, scale = (a.astype(dtype) for a in (x, w1, scale))
    seen = np.full(n, np.nan)

    def head(rows, block, feature, slot):
        seen[rows] = feature
        return np.sin(feature) * block[:, -1]

    out = np.full((m, d), np.nan, dtype)
    first_layer_gradient(lambda rows, block: x[rows], n, w1, scale, head, out)
    exact, neurons = x.astype(float), w1.astype(float)
    h = exact @ neurons.T
    feature = np.maximum(h, 0.0) @ scale.astype(float)
    expected = ((np.sin(feature) * exact[:, -1])[:, None] * (h > 0.0)).T @ exact
    np.testing.assert_allclose(seen, feature, rtol=accuracy, atol=accuracy)
    np.testing.assert_allclose(out, expected, rtol=0, atol=accuracy * max(1.0, np.abs(expected).max()))
    np.testing.assert_array_equal(out[3::7], 0.0)


@pytest.mark.parametrize("power", [1, 2])
def test_projected_gates_cut_the_gradient_of_every_sample_and_neuron(power):
    rng = np.random.default_rng(power)
    x, w1 = rng.standard_normal((40, 6)), rng.standard_normal((9, 6))
    coefficient, limit, weight = rng.standard_normal(40) / 40, 3.0, 1 / 40
    h = x @ w1.T
    norms, units = np.linalg.norm(w1, axis=1), w1 / np.linalg.norm(w1, axis=1)[:, None]
    on = (h > 0.0)[:, :, None]
    gradient = on * (x[:, None] if power == 1 else norms[:, None] * x[:, None] + np.maximum(h, 0.0)[:, :, None] * units)
    gradient = gradient * coefficient[:, None, None] / weight
    sizes = np.linalg.norm(gradient, axis=2)
    expected = weight * (gradient * np.minimum(1.0, limit / np.where(sizes > 0.0, sizes, 1.0))[:, :, None]).sum(axis=0)
    cut = gate_projected(h, coefficient, norms, np.linalg.norm(x, axis=1), power, weight, limit)
    moved = h.T @ x
    assemble(w1, moved, power, 1.0)
    np.testing.assert_allclose(moved, -expected, rtol=0, atol=1e-14)
    assert cut == np.count_nonzero(sizes > limit)
    assert 20 < cut < 150


@pytest.mark.parametrize("power", [1, 2])
def test_assemble(power):
    rng = np.random.default_rng(5)
    w1, v = rng.standard_normal((4, 6)), rng.standard_normal((4, 6))
    w1[2] = 0.0
    norms = np.linalg.norm(w1, axis=1)[:, None]
    along = np.sum(w1 * v, axis=1)[:, None]
    expected = v.copy() if power == 1 else norms * v + along * w1 / np.where(norms > 0.0, norms, 1.0)
    assemble(w1, v, power, 0.3)
    np.testing.assert_allclose(v, -0.3 * expected, rtol=0, atol=1e-15)


def test_arc_cosine_sum_is_a_gaussian_expectation():
    """The closed form at 0, a right angle and pi, and in between by quadrature over the plane's angle."""
    angles = np.array([[0.0, np.pi / 2, np.pi, 1.0], [0.3, 2.0, 3.0, 0.01]])
    left, right = np.array([0.3, 0.7]), np.array([1.0, -2.0, 0.5, 0.25])
    phi = 2.0 * np.pi * (np.arange(200_000) + 0.5) / 200_000
    pairs = np.array([[np.mean(np.maximum(np.cos(phi), 0.0) * np.maximum(np.cos(phi - t), 0.0)) for t in row] for row in angles])
    # E |g|^2 over the plane is 2, and the angle is uniform.
    assert arc_cosine_sum(np.cos(angles), left, right) == pytest.approx(left @ (2.0 * pairs) @ right, rel=1e-8)
    assert arc_cosine_sum(np.array([[1.0 + 1e-15]]), np.ones(1), np.ones(1)) == pytest.approx(0.5, rel=1e-15)


def _sgd(p, projection, **arguments):
    system = mf.DepthSeparation(d=6, homogeneity=p, sigma_1=0.8, sigma_2=0.7, sigma_r=0.4, projection=projection)
    return system.network(**({"m1": 5, "m2": 4, "dynamics": "sgd", "batch": 700, "directions": 16, "rng": 2} | arguments))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("p", [1, 2])
def test_huge_projection_radii_change_no_bit(p, dtype):
    free, projected = _sgd(p, None, dtype=dtype), _sgd(p, (1e30, 1e30, 1e30), dtype=dtype)
    a, b = (mf.solve(network, [0.0, 10.0]) for network in (free, projected))
    for name, values in a.unpack().items():
        np.testing.assert_array_equal(values, b.unpack()[name])
    assert all(b.observables[f"projected_{name}"][-1] == 0.0 for name in ("w1", "w2", "b2"))


@pytest.mark.parametrize("p", [1, 2])
def test_tiny_projection_radii_bound_every_gradient(p):
    radii = (1e-4, 2e-4, 3e-4)
    network = _sgd(p, radii)
    moved = network.unpack(network.step(0, network.state0) - network.state0)
    for name, radius in zip(("w1", "w2", "b2"), radii, strict=True):
        sizes = np.linalg.norm(moved[name], axis=-1) if name == "w1" else np.abs(moved[name])
        assert np.max(sizes) <= 0.5 * radius * (1.0 + 1e-12)
        assert np.max(sizes) > 0.01 * radius


@pytest.mark.parametrize("p", [1, 2])
def test_projected_gradient_step_sample_by_sample(p):
    """Velocity and shares of one step against a loop over samples in plain NumPy, with radii that bind for some."""
    radii = (0.1, 0.1, 0.2)
    n = 4500
    network = _sgd(p, radii, batch=n)
    x = np.vstack([network.sample(0, slice(first, min(n, first + 256)), first // 256) for first in range(0, n, 256)])
    velocity = network.unpack(network.gradient_step(network.state0, lambda rows, block: x[rows]))
    state = network.unpack(network.state0)
    w1, w2, b2 = state["w1"], state["w2"], state["b2"]
    norms = np.linalg.norm(w1, axis=1)
    sums = {name: np.zeros_like(state[name]) for name in ("w1", "w2", "b2")}
    shares = np.zeros(3)
    for sample in x:
        h = w1 @ sample
        feature = np.mean(norms ** (p - 1) * np.maximum(h, 0.0))
        before = w2 * feature + b2
        deviation = np.mean(np.maximum(before, 0.0)) - max(0.0, 1.0 - np.linalg.norm(sample))
        back = deviation * np.mean(w2 * (before > 0.0))
        inner = sample[None] if p == 1 else norms[:, None] * sample + np.maximum(h, 0.0)[:, None] * w1 / norms[:, None]
        gradients = {"w1": back * (h > 0.0)[:, None] * inner, "w2": deviation * (before > 0.0) * feature, "b2": deviation * (before > 0.0)}
        for i, (name, radius) in enumerate(zip(gradients, radii, strict=True)):
            g = gradients[name]
            size = np.linalg.norm(g, axis=-1, keepdims=True) if name == "w1" else np.abs(g)
            sums[name] += g * np.minimum(1.0, radius / np.where(size > 0.0, size, 1.0)) / n
            cut = [np.mean(size > radius), abs(deviation * feature) > radius, abs(deviation) > radius]
            shares[i] += cut[i] / n
    for name in sums:
        np.testing.assert_allclose(velocity[name], -sums[name], rtol=0, atol=1e-13)
    np.testing.assert_allclose(velocity["projected"] * network.dt, shares, rtol=1e-12)
    assert np.all((shares > 0.01) & (shares < 0.99))
    y = network.step(0, network.state0)
    observed = network.observe(0.5, y)
    np.testing.assert_allclose([observed[f"projected_{name}"] for name in ("w1", "w2", "b2")], shares, rtol=1e-12)
