"""The pieces of the exact recursion against independent quadrature: sectors, orthants, first-pass covariances."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

import mfpde as mf
from mfpde.systems.integrable.first_pass import next_row, power_pairs, semidefinite_factor, smooth_pairs
from mfpde.systems.integrable.orthants import negative_orthant
from mfpde.systems.integrable.sectors import Sectors


@pytest.fixture
def cut():
    """Sectors cut three times, and random fields F (sectors, 2), G (3, sectors, 2) on them."""
    rng, sectors = np.random.default_rng(0), Sectors.quadrants()
    for _ in range(3):
        sectors, _ = sectors.split(np.tile(rng.standard_normal(2), (len(sectors.start), 1)))
    return sectors, rng.standard_normal((len(sectors.start), 2)), rng.standard_normal((3, len(sectors.start), 2))


def along(field, psi):
    return field[0] * math.cos(psi) + field[1] * math.sin(psi)


def positive_part(a, spread):
    """E over r of r relu(r a + spread Z), r the radius of two normals: (1/2) int_0^b relu-moments in polar coordinates."""
    b = math.atan2(spread, -a)
    return 1.5 * (a * (2.0 / 3.0 - math.cos(b) + math.cos(b) ** 3 / 3.0) + spread * math.sin(b) ** 3 / 3.0)


def test_sectors_stay_a_partition_cut_at_the_zeros(cut):
    sectors, _, _ = cut
    assert len(sectors.start) == 10
    assert np.array_equal(sectors.start[1:], sectors.stop[:-1])
    assert sectors.stop[-1] - sectors.start[0] == 2.0 * math.pi
    field = np.tile([0.3, -0.7], (10, 1))
    finer, origin = sectors.split(field)
    assert len(finer.start) == 12
    assert np.bincount(origin).tolist().count(2) == 2
    edges = finer.start[[1 + i for i in range(11) if origin[i] == origin[i + 1]]]
    np.testing.assert_allclose([along([0.3, -0.7], psi) for psi in edges], 0.0, atol=1e-15)
    again, _ = finer.split(field[:1].repeat(12, axis=0))
    assert np.max(finer.stop - finer.start) == pytest.approx(np.max(again.stop - again.start), abs=1e-14)
    assert finer.positive(np.tile([0.3, -0.7], (12, 1))).sum() == 6


def test_an_absent_field_cuts_nothing_and_is_nowhere_positive():
    sectors, origin = Sectors.quadrants().split(np.zeros((4, 2)))
    assert origin.tolist() == [0, 1, 2, 3]
    assert not sectors.positive(np.zeros((4, 2))).any()
    assert np.array_equal(sectors.weighted_relu(np.zeros((1, 4, 2))), np.zeros((1, 4, 2)))


def test_means_of_products(cut):
    sectors, f, g = cut
    expected = sum(
        quad(lambda psi, s=s: along(f[s], psi) * along(g[0, s], psi), a, b, epsabs=1e-14)[0]
        for s, (a, b) in enumerate(zip(sectors.start, sectors.stop, strict=True))
    )
    assert np.sum(f * sectors.weighted(g[0])) == pytest.approx(expected / math.pi, abs=1e-14)


@pytest.mark.parametrize("spread", [0.0, 1e-6, 0.3, 2.0])
def test_means_with_a_positive_part(cut, spread):
    sectors, f, g = cut
    weighted = sectors.weighted_relu(g, np.full(3, spread))
    for i in range(3):
        total = 0.0
        for s, (a, b) in enumerate(zip(sectors.start, sectors.stop, strict=True)):
            zero = math.atan2(-g[i, s, 0], g[i, s, 1])
            near = [zero + turn + width * spread for turn in (-math.pi, 0.0, math.pi) for width in (-30.0, -3.0, 0.0, 3.0, 30.0)]
            kink = sorted({z for z in near if a < z < b}) or None
            integrand = lambda psi, i=i, s=s: along(f[s], psi) * positive_part(along(g[i, s], psi), spread)  # noqa: E731
            total += quad(integrand, a, b, points=kink, epsabs=1e-14, limit=200)[0]
        assert np.sum(f * weighted[i]) == pytest.approx(total / (2.0 * math.pi), abs=2e-14)


def test_what_is_negative_has_no_positive_part_at_all():
    sectors = Sectors.quadrants()
    field = np.zeros((1, 4, 2))
    field[0, :2, 1], field[0, 2:, 1] = 1.0, -1.0
    assert np.array_equal(sectors.weighted_relu(field), np.zeros((1, 4, 2)))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["equal", "mixed", "close"])
def test_orthants_of_one_factor(n, kind):
    """Correlations l_i l_j: given the common factor z the variables are independent."""
    rng = np.random.default_rng(n)
    loads = {"equal": np.full(n, math.sqrt(0.5)), "mixed": rng.uniform(-0.9, 0.9, n), "close": 1.0 - 10.0 ** rng.uniform(-5, -2, n)}[kind]
    correlation = np.outer(loads, loads)
    np.fill_diagonal(correlation, 1.0)
    slopes = loads / np.sqrt(1.0 - loads**2)
    chance = lambda z: float(np.prod(ndtr(-slopes * z))) * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)  # noqa: E731
    edges = [-12.0, -1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0, 12.0]
    expected = sum(quad(chance, a, b, epsabs=1e-14, epsrel=1e-13)[0] for a, b in pairwise(edges))
    scale = rng.uniform(0.1, 10.0, n)
    assert negative_orthant(scale[:, None] * correlation * scale) == pytest.approx(expected, abs=1e-12)
    if kind == "equal":
        assert expected == pytest.approx(1.0 / (n + 1), abs=1e-13)


def test_orthants_of_equal_and_absent_variables():
    assert negative_orthant(np.ones((5, 5))) == 0.5
    assert negative_orthant(np.zeros((3, 3))) == 1.0
    assert negative_orthant(np.diag([1.0, 0.0, 3.0])) == 0.25
    with pytest.raises(ValueError, match=r"n = 6: orthant probabilities"):
        negative_orthant(np.eye(6))


def test_factors_of_dependent_variables():
    rows = np.array([[1.0, 0.0], [2.0, 0.0], [0.5, 1.0], [1.0, 1.0]])
    factor = semidefinite_factor(rows @ rows.T)
    np.testing.assert_allclose(factor @ factor.T, rows @ rows.T, atol=1e-14)
    assert np.array_equal(np.flatnonzero(np.diag(factor)), [0, 2])
    np.testing.assert_allclose(next_row(factor[:3, :3], rows[:3] @ rows[3], rows[3] @ rows[3]), factor[3], atol=1e-14)


COVARIANCE = np.array([[1.3, 0.5, -0.8], [0.5, 0.7, 0.1], [-0.8, 0.1, 2.0]])


@pytest.mark.parametrize(("values", "p", "activation"), [
    ((1.0, -1.0), 1, "identity"), ((1.0, 1.0), 2, "quadratic"), ((1.0, -0.01), 1, "leaky_relu"), ((1.0, 0.0), 1, "relu"),
])  # fmt: skip
def test_homogeneous_second_moments(values, p, activation):
    moments = power_pairs(values, p, COVARIANCE)
    d = np.diag(COVARIANCE)
    if activation == "identity":
        expected = COVARIANCE
    elif activation == "quadratic":
        expected = np.outer(d, d) + 2.0 * COVARIANCE**2
    else:
        phi = np.arccos(np.clip(COVARIANCE / np.sqrt(np.outer(d, d)), -1.0, 1.0))
        relu = np.sqrt(np.outer(d, d)) * (np.sin(phi) + (math.pi - phi) * np.cos(phi)) / (2.0 * math.pi)
        # relu(-u) relu(v) = relu(u) relu(v) - u relu(v), and E u relu(v) = E u v / 2.
        expected = relu * (1.0 + values[1] ** 2) + 2.0 * values[1] * (relu - 0.5 * COVARIANCE)
    np.testing.assert_allclose(moments, expected, atol=1e-14)


def test_second_moments_of_the_step_and_of_a_smooth_function():
    size = np.sqrt(np.diag(COVARIANCE))
    phi = np.arccos(np.clip(COVARIANCE / np.outer(size, size), -1.0, 1.0))
    np.testing.assert_allclose(power_pairs((1.0, 0.0), 0, COVARIANCE), (math.pi - phi) / (2.0 * math.pi), atol=1e-14)
    d = np.diag(COVARIANCE)
    expected = 2.0 / math.pi * np.arcsin(2.0 * COVARIANCE / np.sqrt(np.outer(1.0 + 2.0 * d, 1.0 + 2.0 * d)))
    np.testing.assert_allclose(smooth_pairs(mf.activations.erf, COVARIANCE), expected, atol=1e-14)
