"""Ensembles, initial laws, directions and distances: exact answers, prefixes, bad input."""

from __future__ import annotations

import json
from math import sqrt

import numpy as np
import pytest

from mfpde.measures import (
    Ensemble,
    GaussianInit,
    ProductInit,
    SphereInit,
    orthogonal_directions,
    sliced_wasserstein,
    wasserstein,
    wasserstein_1d,
)

COV = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
LAWS = [
    SphereInit(3, 0.5),
    GaussianInit([1.0, -2.0], 0.25),
    GaussianInit([1.0, -2.0, 3.0], [0.25, 0.0, 4.0]),
    GaussianInit([1.0, 0.0, 5.0], COV),
    ProductInit([GaussianInit(1.0, 0.0), SphereInit(4, 2.0), GaussianInit([0.0, 0.0], 1.0)]),
]


def rng(seed=0):
    return np.random.default_rng(seed)


def test_an_ensemble_is_frozen_and_counts_its_particles():
    given = np.arange(6.0).reshape(3, 2)
    e = Ensemble(given)
    given[:] = 0.0
    assert (e.m, e.p) == (3, 2)
    np.testing.assert_allclose(e.mean(), [2.0, 3.0], rtol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        e.points[0, 0] = 7.0
    with pytest.raises(AttributeError):
        e.weights = e.weights


def test_prefix_duplicate_and_weighted_mean():
    e = Ensemble([[1.0], [2.0], [4.0]], [0.5, 0.5, 0.0])
    assert e.mean() == pytest.approx(1.5, abs=1e-15)
    assert e.prefix(1).weights.tolist() == [1.0]
    twice = e.duplicate(2)
    assert twice.points.ravel().tolist() == [1.0, 1.0, 2.0, 2.0, 4.0, 4.0]
    assert twice.weights.tolist() == [0.25, 0.25, 0.25, 0.25, 0.0, 0.0]


def test_the_digest_tells_content_apart():
    e = Ensemble([[1.0, 2.0]])
    assert e.digest() == Ensemble(np.array([[1, 2]])).digest()
    others = [Ensemble([[1.0], [2.0]]), Ensemble([[1.0, 2.0 + 1e-15]]), Ensemble([[2.0, 1.0]])]
    assert len({e.digest(), *(o.digest() for o in others)}) == 4
    assert Ensemble([[1.0], [2.0]], [0.25, 0.75]).digest() != others[0].digest()
    assert json.loads(json.dumps(e.config())) == e.config()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_the_first_rows_of_a_sample_do_not_depend_on_its_size(law):
    large = law.sample(1000, rng())
    assert large.shape == (1000, law.dim)
    for m in (1, 7, 999):
        np.testing.assert_array_equal(law.sample(m, rng()), large[:m])
    assert json.loads(json.dumps(law.config())) == law.config()
    again = rng()
    assert not np.array_equal(law.sample(5, again), law.sample(5, again))


def test_samples_have_the_stated_moments():
    n = 200_000
    sphere = LAWS[0].sample(n, rng(1))
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 0.5, rtol=1e-14)
    np.testing.assert_allclose(sphere.T @ sphere / n, np.eye(3) / 12, atol=4 * 0.25 / sqrt(n))
    for law in (LAWS[1], LAWS[2], LAWS[3]):
        x = law.sample(n, rng(2))
        c = np.array(law.cov)
        full = c if c.ndim == 2 else np.diag(np.broadcast_to(c, law.dim))
        np.testing.assert_allclose(x.mean(axis=0), law.mean, atol=4 * 2 / sqrt(n))
        np.testing.assert_allclose(np.cov(x.T), full, atol=5 * 4 * sqrt(2 / n))
        np.testing.assert_array_equal(np.ptp(x, axis=0)[np.diag(full) == 0.0], 0.0)
    parts = LAWS[4].sample(n, rng(3))
    np.testing.assert_array_equal(parts[:, 0], 1.0)
    np.testing.assert_allclose(np.linalg.norm(parts[:, 1:5], axis=1), 2.0, rtol=1e-14)
    np.testing.assert_allclose(np.corrcoef(parts[:, 1:].T), np.eye(6), atol=5 / sqrt(n))


def test_gauss_hermite_nodes_are_exact_for_polynomials():
    line = GaussianInit([0.0, 0.5], [0.04, 0.0]).gauss_hermite(4)
    assert line.m == 4
    for k, moment in ((1, 0.0), (2, 0.04), (4, 3 * 0.04**2), (6, 15 * 0.04**3)):
        assert line.weights @ line.points[:, 0] ** k == pytest.approx(moment, rel=1e-13, abs=1e-17)
    np.testing.assert_array_equal(line.points[:, 1], 0.5)
    plane = GaussianInit([1.0, 0.0, 5.0], COV).gauss_hermite(5)
    assert plane.m == 25
    centred = plane.points - plane.mean()
    np.testing.assert_allclose(plane.mean(), [1.0, 0.0, 5.0], atol=1e-14)
    np.testing.assert_allclose(centred.T @ (plane.weights[:, None] * centred), COV, atol=1e-13)
    # E x^2 y^2 = C_xx C_yy + 2 C_xy^2 (Isserlis)
    assert plane.weights @ (centred[:, 0] ** 2 * centred[:, 1] ** 2) == pytest.approx(2 * 2 + 2 * 1, rel=1e-13)
    product = ProductInit([GaussianInit(1.0, 0.0), GaussianInit([0.0, 0.0], [1.0, 4.0])]).gauss_hermite(3)
    assert (product.m, product.p) == (9, 3)
    assert product.weights @ (product.points[:, 1] ** 2 * product.points[:, 2] ** 4) == pytest.approx(3 * 16, rel=1e-13)
    assert GaussianInit([1.0, 2.0], 0.0).gauss_hermite(9).points.tolist() == [[1.0, 2.0]]


def test_quantile_particles_sit_at_the_quantiles():
    from scipy.stats import norm

    e = GaussianInit([2.0, 0.1], [0.0, 9.0]).quantiles(5)
    np.testing.assert_allclose(e.points[:, 1], norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9], loc=0.1, scale=3.0), rtol=1e-13)
    np.testing.assert_array_equal(e.points[:, 0], 2.0)
    np.testing.assert_allclose(e.weights, 0.2, rtol=1e-15)


@pytest.mark.parametrize(("n", "d"), [(24, 3), (16, 4), (40, 1), (400, 50)])
def test_directions_come_in_orthonormal_frames_with_partners(n, d):
    u = orthogonal_directions(n, d, rng())
    np.testing.assert_array_equal(u[1::2], -u[::2])
    for first in range(0, n - 2 * d + 1, 2 * d):
        frame = u[first : first + 2 * d : 2]
        np.testing.assert_allclose(frame @ frame.T, np.eye(d), atol=1e-14)
    for m in (1, 2 * d - 1, 2 * d + 1, n - 1):
        np.testing.assert_array_equal(orthogonal_directions(m, d, rng()), u[:m])


def test_directions_cross_batches():
    # 1e6 // 300^2 = 11 frames a batch: the last frame here is the first of a second batch
    u = orthogonal_directions(12 * 600, 300, rng())
    np.testing.assert_allclose(u[-600::2] @ u[-600::2].T, np.eye(300), atol=1e-13)
    assert np.max(np.abs(u[-600::2] @ u[:600:2].T)) < 0.5
    np.testing.assert_array_equal(orthogonal_directions(11 * 600 + 5, 300, rng()), u[: 11 * 600 + 5])


def test_directions_are_haar():
    u = orthogonal_directions(4000, 20, rng())
    frames = orthogonal_directions(2 * 2 * 20_000, 2, rng())[::2].reshape(-1, 2, 2)
    # The Haar frame of a Gaussian matrix: Q^T A is upper triangular with a positive diagonal.
    r = orthogonal_directions(6, 3, rng())[::2] @ rng().standard_normal((3, 3))
    np.testing.assert_allclose(np.tril(r, -1), 0.0, atol=1e-15)
    assert np.all(np.diag(r) > 0.0)
    # Without the sign fix, QR by Householder reflections has determinants of one sign and first entries of one sign.
    assert abs(np.linalg.det(frames).mean()) < 4 / sqrt(20_000)
    assert abs(frames[:, 0, 0].mean()) < 4 * sqrt(0.5 / 20_000)
    # On the circle E u_x^4 = 3/8, variance 35/128 - 9/64; averages of degree 2 are exact.
    assert abs((frames[:, 0, 0] ** 4).mean() - 3 / 8) < 4 * sqrt((35 / 128 - 9 / 64) / 20_000)
    np.testing.assert_allclose((u**2).mean(axis=0), 1 / 20, rtol=1e-13)


def test_the_distance_on_the_line_is_exact():
    a, b = [0.0, 3.0, 1.0], [5.0, 6.0, 8.0]
    assert wasserstein_1d(a, b) == pytest.approx(5.0, rel=1e-15)
    assert wasserstein_1d(a, b, p=2) == pytest.approx(5.0, rel=1e-15)
    assert wasserstein_1d([0.0, 1.0], [0.0], weights_a=[0.75, 0.25]) == pytest.approx(0.25, rel=1e-15)
    assert wasserstein_1d([0.0, 1.0], [0.0], p=2, weights_a=[0.75, 0.25]) == pytest.approx(0.5, rel=1e-15)
    # halves against thirds: the quantile functions differ by 1 on (1/3, 1/2) and by 1 on (1/2, 2/3)
    assert wasserstein_1d([0.0, 2.0], [0.0, 1.0, 2.0]) == pytest.approx(1 / 3, rel=1e-14)
    split = wasserstein_1d([0.0, 0.0, 1.0], [2.0, 1.0], p=2, weights_a=[0.2, 0.3, 0.5])
    assert split == pytest.approx(1.0, rel=1e-15)


def test_the_assignment_finds_the_matching():
    x = rng(4).standard_normal((40, 3))
    order = rng(5).permutation(40)
    assert wasserstein(x, x[order]) == pytest.approx(0.0, abs=1e-12)
    shift = np.array([3.0, 4.0, 0.0])
    assert wasserstein(x, Ensemble(x[order] + shift)) == pytest.approx(5.0, rel=1e-12)
    line = rng(6).standard_normal((2, 30))
    for p in (1, 2):
        assert wasserstein(line[0][:, None], line[1][:, None], p) == pytest.approx(wasserstein_1d(*line, p=p), rel=1e-12)


def test_the_sliced_distance_of_a_shift_is_exact_over_whole_frames():
    x = rng(7).standard_normal((50, 4))
    # mean over a frame of (u.s)^2 = |s|^2/d
    sliced = sliced_wasserstein(x, x + np.array([1.0, 2.0, 3.0, 4.0]), 8, rng(8))
    assert sliced == pytest.approx(sqrt(30 / 4), rel=1e-12)
    assert sliced_wasserstein(Ensemble(x).duplicate(3), x, 5, rng(9), p=1) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Ensemble([1.0, 2.0]), r"points has shape \(2,\)"),
        (lambda: Ensemble([[np.nan]]), "give finite particles"),
        (lambda: Ensemble([[1.0], [2.0]], [0.5]), "one weight for each of the 2 particles"),
        (lambda: Ensemble([[1.0], [2.0]], [1.5, -0.5]), "must be >= 0 and sum to 1"),
        (lambda: Ensemble([[1.0], [2.0]], [0.5, 0.6]), "must be >= 0 and sum to 1"),
        (lambda: Ensemble([[1.0], [2.0]]).prefix(3), "prefixes of 1 to 2"),
        (lambda: Ensemble([[1.0], [2.0]], [0.0, 1.0]).prefix(1), "have weight 0"),
        (lambda: Ensemble([[1.0]]).duplicate(0), "k = 0"),
        (lambda: SphereInit(0, 1.0), "d = 0"),
        (lambda: SphereInit(3, 0.0), "radius = 0"),
        (lambda: SphereInit(3, 1.0).gauss_hermite(3), "SphereInit has no Gauss-Hermite nodes"),
        (lambda: GaussianInit([0.0, 0.0], [1.0, -1.0]), "variance -1.0: variances must be >= 0"),
        (lambda: GaussianInit([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), "variances must be >= 0"),
        (lambda: GaussianInit([0.0, 0.0], [[1.0, 2.0], [0.0, 1.0]]), "not symmetric"),
        (lambda: GaussianInit([0.0, 0.0], [1.0, 1.0, 1.0]), r"cov of shape \(3,\) for 2 axes"),
        (lambda: GaussianInit([0.0] * 9, 1.0).gauss_hermite(8), "on each of 9 axes"),
        (lambda: GaussianInit([0.0, 0.0], 1.0).quantiles(4), "this law has 2"),
        (lambda: ProductInit([]), "parts is empty"),
        (lambda: orthogonal_directions(0, 3, rng()), "n = 0, d = 3"),
        (lambda: wasserstein_1d([0.0], [1.0], p=3), "p = 3"),
        (lambda: wasserstein([[0.0]], [[1.0], [2.0]]), "needs equal shapes"),
        (lambda: wasserstein(Ensemble([[0.0], [1.0]], [0.1, 0.9]), [[1.0], [2.0]]), "weights are not equal"),
        (lambda: sliced_wasserstein([[0.0]], [[1.0, 2.0]], 3, rng()), "1 and 2 coordinates"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
