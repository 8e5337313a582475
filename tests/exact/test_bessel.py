"""The Bessel law against mpmath, the printed check values, its closed forms and its weak limit."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import jv

from mfpde.kernels.bessel import squared_bessel
from mfpde.laws import Bessel, moment_table

REFERENCE = Path(__file__).with_name("bessel_moments.csv")


def reference() -> list[dict[str, float]]:
    with REFERENCE.open() as lines:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(line for line in lines if line[0] != "#")]


@pytest.mark.parametrize("d", sorted({int(row["d"]) for row in reference()}))
def test_density_and_moments_at_scattered_radii(d: int) -> None:
    law = Bessel(d)
    rows = [row for row in reference() if row["d"] == d]
    assert len(rows) >= 8
    for row in rows:
        for k in range(3):
            exact = row[f"M_{k}"]
            assert abs(law.partial_moment(k, row["r"]) - exact) <= 1e-13 * (1 + exact), (row["r"], k)
        # p varies on the scale 1 / K, so that the rounding of r alone moves it by K r eps.
        assert abs(law.radial_pdf(row["r"]) - row["p"]) <= 1e-12 * (1 + row["p"]), row["r"]


def test_small_moments_keep_their_relative_accuracy() -> None:
    row = next(row for row in reference() if (row["d"], row["r"]) == (1000, 0.3))
    assert row["M_0"] < 1e-12
    for k in range(3):
        assert float(Bessel(1000).partial_moment(k, 0.3)) == pytest.approx(row[f"M_{k}"], rel=1e-11)


@pytest.mark.parametrize(
    ("d", "wavenumber", "moments"),
    [
        (3, 6.7511, ("0.86693988", "0.31670186", "0.1486186984")),
        (100, 156.4717, ("0.7934353955", "0.36818122", "0.19326506184")),
    ],
)
def test_printed_check_values(d: int, wavenumber: float, moments: tuple[str, ...]) -> None:
    law = Bessel(d)
    assert round(law.wavenumber, 4) == wavenumber
    for k, digits in enumerate(moments):
        assert f"{law.partial_moment(k, 1.0):.{len(digits) - 2}f}" == digits


@pytest.mark.parametrize(
    ("d", "mass", "mean", "best_constant_loss"),
    [
        (3, "0.9531403541", "0.57728961", "0.0338398072"),
        (10, "0.9823686785", "0.48581781", "0.0356716215"),
        (100, "0.9979657294", "0.42612102", "0.0346345924"),
        (1000, "0.9997914746", "0.41619653", "0.0342593158"),
    ],
)
def test_printed_check_values_of_the_conditioned_law(d: int, mass: str, mean: str, best_constant_loss: str) -> None:
    law = Bessel(d).capped(d)
    m0, m1, m2 = (float(law.partial_moment(k, 1.0)) for k in range(3))
    assert f"{moment_table(law).mass:.10f}" == mass
    assert f"{m0 - m1:.8f}" == mean
    assert f"{0.5 * (m0 - 2 * m1 + m2 - (m0 - m1) ** 2):.10f}" == best_constant_loss


@pytest.mark.parametrize("d", [2, 3, 10, 25, 100, 999])
def test_panels_meet_the_tail_and_the_closed_forms(d: int) -> None:
    """Beyond the boundary M_0 comes from its limit 1 and M_2 has no free constant, so their jump there is a real error."""
    law = Bessel(d)
    boundary = moment_table(law).boundary
    below = np.nextafter(boundary, 0.0)
    for k in range(3):
        assert abs(law.partial_moment(k, boundary) - law.partial_moment(k, below)) <= 1e-13
    assert law.radial_pdf(boundary) == pytest.approx(float(law.radial_pdf(below)), abs=1e-12)
    # The constant of M_1 is matched at the boundary: here its change over the tail is compared with a quadrature of p.
    span = np.linspace(boundary, boundary + 5 * math.pi / law.wavenumber, 21)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    r = 0.5 * (span[1:, None] + span[:-1, None] + (span[1:, None] - span[:-1, None]) * nodes)
    squares = np.empty(r.size)
    squared_bessel(d, law.wavenumber * r.ravel(), squares)
    for k in range(3):
        p_sk = d * squares.reshape(r.shape) * r ** (k - 1)
        change = np.sum(0.5 * np.diff(span)[:, None] * weights * p_sk)
        assert law.partial_moment(k, span[-1]) - law.partial_moment(k, span[0]) == pytest.approx(change, abs=1e-13)


@pytest.mark.parametrize("d", [2, 7, 30])
def test_density_is_the_squared_bessel_function(d: int) -> None:
    law = Bessel(d, alpha=0.5)
    r = np.geomspace(0.2, 200.0, 400)
    np.testing.assert_allclose(law.radial_pdf(r), d * jv(d / 2, law.wavenumber * r) ** 2 / r, rtol=0, atol=1e-12)


def test_any_radius_is_answered() -> None:
    law = Bessel(3)
    assert [float(law.partial_moment(k, math.inf)) for k in range(3)] == [1.0, math.inf, math.inf]
    assert [float(law.partial_moment(k, -1.0)) for k in range(3)] == [0.0, 0.0, 0.0]
    assert all(math.isnan(law.partial_moment(k, math.nan)) for k in range(3))
    assert math.isnan(law.radial_pdf(math.nan))
    assert law.radial_pdf([-1.0, 0.0, math.inf]).tolist() == [0.0, 0.0, 0.0]
    # M_2 grows like d r / (pi K) and M_1 like its logarithm, far beyond where the phase has digits.
    rate = 3 / (math.pi * law.wavenumber)
    assert float(law.partial_moment(2, 1e200)) == pytest.approx(1e200 * rate)
    assert float(law.partial_moment(1, 1e200) - law.partial_moment(1, 1e100)) == pytest.approx(rate * 100 * math.log(10))
    assert float(law.radial_cdf(1e200)) == 1.0


def test_alpha_is_a_scale() -> None:
    one, three = Bessel(11), Bessel(11, alpha=3.0)
    r = np.array([0.3, 1.0, 40.0])
    for k in range(3):
        np.testing.assert_allclose(three.partial_moment(k, r / 3), one.partial_moment(k, r) / 3**k, rtol=1e-13)


def test_weak_limit_of_high_dimension() -> None:
    """r0 / cos(theta), theta uniform on (0, pi / 2), r0 = d / (2 K): P(||x|| <= r) tends to 2 / pi arccos(r0 / r)."""
    gaps = []
    for d in (10, 100, 1000):
        law = Bessel(d)
        r0 = d / (2 * law.wavenumber)
        r = np.linspace(1.2, 8.0, 200) * r0
        gaps.append(np.abs(law.radial_cdf(r) - 2 / math.pi * np.arccos(r0 / r)).max())
    assert gaps[2] < 1.5e-3
    assert gaps[0] / gaps[1] > 5
    assert gaps[1] / gaps[2] > 5


@pytest.mark.parametrize("d", [2, 3, 100, 1000])
@pytest.mark.parametrize("capped", [True, False])
def test_inverse_distribution_function(d: int, capped: bool) -> None:
    law = Bessel(d).capped(d) if capped else Bessel(d)
    edges = moment_table(law).edges
    random = np.random.default_rng(1).random(2000)
    u = np.concatenate([random, edges[(edges > 0) & (edges < 1)], [1e-300, 1e-14, 1e-9, 1 - 1e-6, 1 - 1e-12, 1 - 2**-53]])
    r = law.quantile(u)
    assert np.abs(law.radial_cdf(r) - u).max() <= 1e-12
    assert law.quantile([0.0, 1.0]).tolist() == [0.0, d if capped else math.inf]


@pytest.mark.parametrize("d", [3, 100])
def test_radii_and_directions_of_samples(d: int) -> None:
    n = 20_000
    law = Bessel(d).capped(4.0)
    x = law.sample(n, np.random.default_rng(5))
    r = np.linalg.norm(x, axis=1)
    for radii in (r, law.sample_radius(n, np.random.default_rng(6))):
        levels = law.radial_cdf(np.sort(radii))
        distance = np.abs(levels - (np.arange(n) + 0.5) / n).max() + 0.5 / n
        assert distance < 1.95 / math.sqrt(n)  # Kolmogorov-Smirnov, passed with probability 0.999
    assert r.max() <= 4.0
    # Uniform directions independent of the radius: E u = 0 and E (u_1^2 - 1/d) r = 0, within 4 standard errors.
    u = x / r[:, None]
    assert np.abs(u.mean(axis=0)).max() < 4.5 / math.sqrt(n * d)
    product = (u[:, 0] ** 2 - 1 / d) * r
    assert abs(product.mean()) < 4 * product.std() / math.sqrt(n)
    moment = np.einsum("ni,nj->ij", x, x) / n
    np.testing.assert_allclose(moment, law.second_moment(), atol=5 * math.sqrt(3 * np.mean(r**4) / n) / d)


def test_first_rows_do_not_depend_on_how_many_follow() -> None:
    for law in (Bessel(7), Bessel(7).capped(2.0)):
        few, many = (law.sample(n, np.random.default_rng(3)) for n in (5, 300))
        np.testing.assert_array_equal(few, many[:5])
        few, many = (law.sample_radius(n, np.random.default_rng(3)) for n in (5, 300))
        np.testing.assert_array_equal(few, many[:5])


@pytest.mark.parametrize("cap", [0.7, 1.0, 30.0])
def test_conditioning_divides_by_the_mass(cap: float) -> None:
    law = Bessel(100)
    capped = law.capped(cap)
    r = np.array([0.35, 0.69, cap, 2 * cap, math.inf])
    mass = float(law.radial_cdf(cap))
    for k in range(3):
        np.testing.assert_allclose(capped.partial_moment(k, r), law.partial_moment(k, np.minimum(r, cap)) / mass, rtol=1e-13)
    assert capped.radial_cdf(cap) == 1.0
    assert capped.radial_pdf(1.001 * cap) == 0.0
    assert capped.radial_pdf(0.69) == pytest.approx(float(law.radial_pdf(0.69)) / mass)
    np.testing.assert_allclose(capped.second_moment(), np.eye(100) * float(capped.partial_moment(2, cap)) / 100)


def test_squared_bessel_against_mpmath() -> None:
    mpmath = pytest.importorskip("mpmath")
    for d in (2, 3, 41, 200):
        z = d / 2 * np.array([0.5, 0.9, 1.0, 1.3, 4.0]) + 0.1
        out = np.empty(z.size)
        squared_bessel(d, z, out)
        exact = [float(mpmath.besselj(mpmath.mpf(d) / 2, mpmath.mpf(x)) ** 2) for x in z.tolist()]
        np.testing.assert_allclose(out, exact, rtol=1e-12, atol=1e-15)
