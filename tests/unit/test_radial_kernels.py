"""The compiled kernels of radial moments against plain NumPy twins, and their use by threads and other kernels."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mfpde.kernels.jit import jit
from mfpde.kernels.quantile import place_on_spheres, sample_radii
from mfpde.kernels.radial import MomentTable, radial_density, radial_moments
from mfpde.laws import Bessel, Gaussian, Sphere, moment_table


def moments_twin(table: MomentTable, r: float) -> tuple[float, ...]:
    if r >= table.cap:
        return table.full
    if r < table.boundary:
        x = r * table.per_length
        panel = table.panels[int(x)]
        return tuple(np.polynomial.polynomial.polyval(2 * (x - int(x)) - 1, panel[:, k]) for k in range(3))
    v = table.boundary / r
    series = np.polynomial.polynomial.polyval(v * v, table.tail)
    phase = table.tail_wavenumber * r - table.tail_shift + v * series[0]
    swing = v ** np.array([2, 1, 0]) * (v * math.cos(phase) * series[4:7] + math.sin(phase) * series[7:10])
    start, gap, log_rate = table.tail_start
    return tuple(np.array([start - v * series[1], gap + log_rate * math.log(1 / v) + series[2], series[3] / v]) + swing)


@pytest.mark.parametrize(("law", "cap"), [(Bessel(3), math.inf), (Bessel(50), 20.0), (Bessel(50), 1.5), (Gaussian(20, 0.3), 2.6)])
def test_kernels_against_plain_twins(law: Bessel | Gaussian, cap: float) -> None:
    table = moment_table(law, cap)
    for r in np.append(np.geomspace(0.05, 50.0, 40), cap).tolist():
        np.testing.assert_allclose(radial_moments(table, r), moments_twin(table, r), rtol=1e-12, atol=1e-15)
        if 0.05 < r < cap:
            h = 1e-5 * min(1.0, r)
            if r - h < table.boundary < r + h or r + h > cap:
                continue
            slope = (moments_twin(table, r + h)[0] - moments_twin(table, r - h)[0]) / (2 * h)
            assert radial_density(table, r) == pytest.approx(slope, abs=3e-6)


def test_directions_against_a_plain_twin() -> None:
    rng = np.random.default_rng(2)
    normals, radii, out = rng.standard_normal((9, 6)), rng.random(9), np.empty((9, 5))
    place_on_spheres(normals, radii, out)
    np.testing.assert_allclose(out, radii[:, None] * normals[:, 1:] / np.linalg.norm(normals[:, 1:], axis=1, keepdims=True), rtol=1e-14)


@jit
def summed(table: MomentTable, r: float, count: int) -> float:
    total = 0.0
    for i in range(count):
        m0, m1, m2 = radial_moments(table, r * i)
        total += m0 + m1 + m2
    return total


def test_other_kernels_can_call_it() -> None:
    table = moment_table(Bessel(10), 10.0)
    assert summed(table, 0.37, 40) == pytest.approx(sum(sum(radial_moments(table, 0.37 * i)) for i in range(40)), rel=1e-14)


def test_same_radii_on_any_number_of_threads() -> None:
    table = moment_table(Bessel(100), 100.0)
    u = np.random.default_rng(0).random(4000)
    whole, parts = np.empty(u.size), np.empty(u.size)
    sample_radii(table, u, whole)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda i: sample_radii(table, u[i : i + 500], parts[i : i + 500]), range(0, u.size, 500)))
    np.testing.assert_array_equal(whole, parts)


def test_tables_are_shared_and_read_only() -> None:
    table = moment_table(Bessel(5), 5.0)
    assert moment_table(Bessel(5, alpha=1.0), 5.0) is table
    assert moment_table(Bessel(5).capped(5.0), 9.0) is moment_table(Bessel(5).capped(5.0), 5.0)
    assert table.cap == 5.0
    with pytest.raises(ValueError, match="read-only"):
        table.panels[0, 0, 0] = 1.0


def test_tables_of_a_gaussian_match_its_closed_forms() -> None:
    law = Gaussian(7, 2.0)
    r = np.linspace(0.1, 12.0, 60)
    for cap in (math.inf, 3.0):
        table = moment_table(law, cap)
        values = np.array([radial_moments(table, x) for x in r.tolist()])
        mass = float(law.radial_cdf(cap))
        for k in range(3):
            np.testing.assert_allclose(values[:, k], law.partial_moment(k, np.minimum(r, cap)) / mass, rtol=1e-12, atol=1e-14)
        density = [radial_density(table, x) for x in r.tolist()]
        np.testing.assert_allclose(density, np.where(r <= cap, law.radial_pdf(r), 0.0) / mass, rtol=1e-10, atol=1e-13)


def test_tables_refuse_what_they_cannot_hold() -> None:
    with pytest.raises(ValueError, match=r"cap = -1.0: give a radius > 0"):
        moment_table(Bessel(3), -1.0)
    with pytest.raises(ValueError, match=r"cap = nan: give a radius > 0"):
        moment_table(Bessel(3), math.nan)
    with pytest.raises(ValueError, match=r"cap = 0.1: the ball holds a mass .* raise the cap"):
        moment_table(Bessel(1000), 0.1)
    for law in (Sphere(3), Gaussian(2, [1.0, 2.0])):
        with pytest.raises(ValueError, match="has no table of radial moments"):
            moment_table(law, 1.0)
