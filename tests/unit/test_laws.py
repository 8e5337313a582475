"""Gaussian, sphere, data sets and mixtures: exact moments, samples, prefixes, configs and bad input."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mfpde.laws import Bessel, CappedBessel, Empirical, Gaussian, Law, Mixture, Sphere
from mfpde.streams import step_stream, stream

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.7]])
POINTS = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]])
LAWS = [
    Bessel(3).capped(2.0),
    Gaussian(4, 0.5),
    Gaussian(3, [1.0, 2.0, 3.0]),
    Gaussian(3, MATRIX),
    Sphere(5, 2.0),
    Empirical(POINTS, weights=[0.2, 0.5, 0.3]),
    Mixture([Gaussian(2, 0.25), Sphere(2)], [1, 3]),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_samples_have_the_second_moment(law: Law) -> None:
    n = 40_000
    x = law.sample(n, stream(4, "x"))
    assert x.shape == (n, law.d)
    products = np.einsum("ni,nj->nij", x, x)
    error = products.std(axis=0) / math.sqrt(n)
    assert (np.abs(products.mean(axis=0) - law.second_moment()) <= 4.5 * error + 1e-12).all()


@pytest.mark.parametrize("law", [*LAWS, Bessel(2), Gaussian(130, np.eye(130) + 0.1)], ids=lambda law: type(law).__name__)
def test_first_rows_do_not_depend_on_how_many_follow(law: Law) -> None:
    for make in (lambda: stream(4, "x"), lambda: step_stream(4, "x", 7, 1)):
        many = law.sample(200, make())
        for m in (0, 1, 3, 64, 65):
            np.testing.assert_array_equal(law.sample(m, make()), many[:m])
    generator = stream(4, "x")
    assert not np.array_equal(law.sample(64, generator), law.sample(64, generator))


@pytest.mark.parametrize("law", [*LAWS, Bessel(2, alpha=2.0)], ids=lambda law: type(law).__name__)
def test_configs_are_json_and_laws_are_frozen(law: Law) -> None:
    config = law.config()
    assert json.loads(json.dumps(config)) == config
    assert config["law"] == type(law).__name__
    with pytest.raises(AttributeError):
        law.d = 3


def test_equal_laws_are_equal() -> None:
    assert Bessel(5) == Bessel(d=5, alpha=1)
    assert Bessel(5).capped(2) == CappedBessel(Bessel(5), 2.0)
    assert hash(Gaussian(3, MATRIX)) == hash(Gaussian(3, MATRIX.copy()))
    assert Gaussian(3, MATRIX) == Gaussian(3, MATRIX.copy())
    assert Gaussian(3, 2.0 * np.eye(3)) == Gaussian(3, [2.0] * 3) == Gaussian(3, 2)
    assert Gaussian(3, 2.0) != Gaussian(3, 2.1)


def test_isotropic_gaussian_is_a_scaled_chi() -> None:
    law = Gaussian(6, 0.5)
    exact = stats.chi(6, scale=math.sqrt(0.5))
    r = np.linspace(0.0, 6.0, 50).reshape(5, 10)
    np.testing.assert_allclose(law.radial_pdf(r), exact.pdf(r), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(law.radial_cdf(r), exact.cdf(r), rtol=1e-12)
    np.testing.assert_allclose(law.quantile([0.0, 0.1, 0.9, 1.0]), exact.ppf([0.0, 0.1, 0.9, 1.0]), rtol=1e-10)
    for k in (1, 2):
        assert law.partial_moment(k, math.inf) == pytest.approx(exact.moment(k), rel=1e-12)
        assert law.partial_moment(k, 1.7) == pytest.approx(exact.expect(lambda s, k=k: s**k, lb=0, ub=1.7), rel=1e-9)
    assert stats.kstest(law.sample_radius(5000, stream(1, "r")), exact.cdf).pvalue > 1e-3
    assert stats.kstest(np.linalg.norm(law.sample(5000, stream(1, "x")), axis=1), exact.cdf).pvalue > 1e-3
    assert law.radial_pdf([-1.0, 0.0, math.inf]).tolist() == [0.0, 0.0, 0.0]


def test_sphere_has_one_radius() -> None:
    law = Sphere(4, 1.5)
    np.testing.assert_allclose(np.linalg.norm(law.sample(100, stream(0, "x")), axis=1), 1.5, rtol=1e-14)
    assert law.partial_moment(2, [1.0, 1.5, 2.0]).tolist() == [0.0, 2.25, 2.25]
    assert law.quantile([0.1, 0.9]).tolist() == [1.5, 1.5]
    np.testing.assert_allclose(law.second_moment(), np.eye(4) * 2.25 / 4)


def test_empirical_draws_rows_with_their_labels() -> None:
    law = Empirical(POINTS, y=[1.0, 2.0, 3.0], weights=[0.0, 2.0, 6.0])
    rows = law.sample_rows(8000, stream(2, "x"))
    assert set(rows.tolist()) == {1, 2}
    assert abs(np.mean(rows == 2) - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 8000)
    np.testing.assert_array_equal(law.sample(8000, stream(2, "x")), POINTS[rows])
    np.testing.assert_allclose(law.second_moment(), sum(w * np.outer(p, p) for w, p in zip((0.25, 0.75), POINTS[1:], strict=True)))
    assert law.config() == Empirical(POINTS.copy(), [1.0, 2.0, 3.0], [0.0, 0.25, 0.75]).config()
    assert law.config() != Empirical(POINTS, y=[1.0, 2.0, 4.0], weights=[0.0, 2.0, 6.0]).config()


def test_empirical_keeps_its_own_copy() -> None:
    data = POINTS.copy()
    law = Empirical(data)
    data[0] = 100.0
    np.testing.assert_array_equal(law.x, POINTS)
    with pytest.raises(ValueError, match="read-only"):
        law.x[0, 0] = 1.0


def test_mixture_reports_the_component() -> None:
    law = Mixture([Sphere(3, 1.0), Sphere(3, 2.0)], [1, 3])
    x, component = law.sample_components(4000, stream(3, "x"))
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), component + 1.0, rtol=1e-14)
    assert abs(component.mean() - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 4000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bessel(1), "d = 1: give an integer >= 2"),
        (lambda: Bessel(2.5), "d = 2.5: give an integer >= 2"),
        (lambda: Bessel(True), "d = True: give an integer >= 2"),
        (lambda: Bessel(3, alpha=0.0), "alpha = 0.0: give a finite number > 0"),
        (lambda: Bessel(3, alpha=-1), "alpha = -1: give"),
        (lambda: Bessel(3, alpha=math.nan), "alpha = nan: give"),
        (lambda: Bessel(3, alpha="1"), "alpha = '1': give"),
        (lambda: Bessel(3).capped(0.0), "cap = 0.0: give"),
        (lambda: Bessel(3).capped(math.inf), "cap = inf: give"),
        (lambda: Bessel(1000).capped(0.1), "raise the cap"),
        (lambda: Bessel(3).second_moment(), "infinite under Bessel"),
        (lambda: Bessel(3).quantile(1.5), r"must lie in \[0, 1\]"),
        (lambda: Bessel(3).quantile(math.nan), r"must lie in \[0, 1\]"),
        (lambda: Bessel(3).partial_moment(3, 1.0), "k = 3: the partial moments"),
        (lambda: Gaussian(1), "d = 1: give an integer >= 2"),
        (lambda: Gaussian(3, -1.0), "not positive definite"),
        (lambda: Gaussian(3, math.nan), "NaN or an infinity"),
        (lambda: Gaussian(3, [1.0, 2.0]), r"cov has shape \(2,\)"),
        (lambda: Gaussian(2, [1.0, 0.0]), "not positive definite"),
        (lambda: Gaussian(2, [[1.0, 0.5], [0.2, 1.0]]), "not symmetric"),
        (lambda: Gaussian(2, [[1.0, 2.0], [2.0, 1.0]]), "not positive definite"),
        (lambda: Gaussian(2, [1.0, 2.0]).radial_cdf(1.0), "not isotropic"),
        (lambda: Gaussian(2).partial_moment(-1, 1.0), "k = -1: the partial moments"),
        (lambda: Sphere(0), "d = 0: give an integer >= 2"),
        (lambda: Sphere(3, 0.0), "radius = 0.0: give"),
        (lambda: Sphere(3).radial_pdf(1.0), "has no density"),
        (lambda: Empirical(np.zeros((0, 2))), r"x has shape \(0, 2\)"),
        (lambda: Empirical([1.0, 2.0]), r"x has shape \(2,\)"),
        (lambda: Empirical([[1.0, math.nan]]), "x holds a NaN"),
        (lambda: Empirical(POINTS, y=[1.0]), r"y has shape \(1,\)"),
        (lambda: Empirical(POINTS, y=[1.0, math.inf, 0.0]), "y holds a NaN or an infinity"),
        (lambda: Empirical(POINTS, weights=[1.0]), r"weights have shape \(1,\)"),
        (lambda: Empirical(POINTS, weights=[1.0, -1.0, 2.0]), "finite and >= 0"),
        (lambda: Empirical(POINTS, weights=[0.0, 0.0, 0.0]), "one of them > 0"),
        (lambda: Mixture([], []), "at least one law"),
        (lambda: Mixture([Sphere(2), Sphere(3)], [1, 1]), r"dimensions \[2, 3\]"),
        (lambda: Mixture([Sphere(2)], [math.nan]), "finite and >= 0"),
        (lambda: Mixture([Sphere(2), Bessel(2)], [1, 1]).second_moment(), "infinite under Bessel"),
    ],
)
def test_bad_input_is_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
