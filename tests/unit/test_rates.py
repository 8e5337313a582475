"""Rates: exact laws are found, intervals cover as often as they say, and what cannot be fitted is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import least_squares

from mfpde.finite import rates
from mfpde.finite.extrapolation import extrapolate
from mfpde.finite.rates import fit_rate
from mfpde.finite.resampling import NoFitError, same_replicas

WIDTHS = np.array([128.0, 256.0, 512.0, 1024.0])


def _noise(seed: int, replicas: int = 30, rows: int = 4) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).standard_normal((rows, replicas))


def test_a_power_law_is_found_exactly() -> None:
    gaps = 3.0 * WIDTHS[:, None] ** -0.7 * _noise(0, rows=1)
    rate = fit_rate(WIDTHS, gaps, joint=True)
    rms = np.sqrt(np.mean(_noise(0, rows=1) ** 2))
    assert rate.exponent == pytest.approx(0.7, abs=1e-12)
    assert rate.prefactor == pytest.approx(3.0 * rms, rel=1e-12)
    assert rate.slopes == pytest.approx([0.7] * 3, abs=1e-12)
    assert (rate.floor, rate.excluded) == (0.0, 0)


def test_order_of_the_widths_does_not_matter() -> None:
    gaps = WIDTHS[:, None] ** -0.5 * _noise(1)
    a, b = fit_rate(WIDTHS, gaps, joint=True), fit_rate(WIDTHS[::-1], gaps[::-1], joint=True)
    assert (a.exponent, a.low, a.high) == (b.exponent, b.low, b.high)


def test_a_floor_is_found() -> None:
    m = np.array([16.0, 64.0, 256.0, 1024.0, 4096.0])
    gaps = (2.0 / m[:, None] + 0.01) * (1.0 + 1e-4 * _noise(2, rows=5))
    rate = fit_rate(m, gaps, statistic="mean", floor=True, resamples=100)
    assert rate.exponent == pytest.approx(1.0, abs=1e-3)
    assert rate.prefactor == pytest.approx(2.0, rel=1e-2)
    assert rate.floor == pytest.approx(0.01, rel=1e-3)
    assert rate.warning == ""


def test_statistics() -> None:
    gaps = np.array([[3.0, -1.0]] * 3) / np.array([[1.0], [2.0], [4.0]])
    values = {name: fit_rate([1, 2, 4], gaps, statistic=name, joint=True).values[0] for name in ("rms", "mean", "bias")}
    assert values == pytest.approx({"rms": np.sqrt(5.0), "mean": 2.0, "bias": 1.0})


def _covers(kind: str, seed: int, replicas: int) -> tuple[bool, float]:
    noise = _noise(seed, replicas)
    if kind == "rms":
        rate = fit_rate(WIDTHS, WIDTHS[:, None] ** -0.5 * noise, resamples=200, rng=seed)
        return rate.covers(0.5), rate.p_value
    if kind == "bias":
        rate = fit_rate(WIDTHS, (3.0 + 0.3 * noise) / WIDTHS[:, None], statistic="bias", resamples=200, rng=seed)
        return rate.covers(1.0), rate.p_value
    common = _noise(seed + 10**6, replicas, rows=1)
    rate = fit_rate(WIDTHS, WIDTHS[:, None] ** -0.5 * (common + 0.2 * noise), joint=True, resamples=200, rng=seed)
    return rate.covers(0.5), rate.p_value


@pytest.mark.parametrize(("kind", "replicas"), [("rms", 30), ("bias", 30), ("nested", 30), ("rms", 8)])
def test_intervals_cover_as_often_as_they_say(kind: str, replicas: int) -> None:
    """With 8 replicas the percentiles alone, not stretched, would cover .86."""
    outcomes = [_covers(kind, seed, replicas) for seed in range(400)]
    assert 0.90 <= np.mean([covered for covered, _ in outcomes]) <= 0.99
    # The test of the fit is one too: it warns at its own level when the law is right.
    assert 0.01 <= np.mean([p < 0.05 for _, p in outcomes]) <= 0.10


def test_interval_narrows_with_replicas_and_widens_with_confidence() -> None:
    def width(replicas: int, level: float = 0.95) -> float:
        rate = fit_rate(WIDTHS, WIDTHS[:, None] ** -0.5 * _noise(3, replicas), level=level)
        return rate.high - rate.low

    assert width(40) / width(640) == pytest.approx(4.0, rel=0.25)
    assert width(100, 0.99) > 1.2 * width(100, 0.95)


def test_a_law_that_is_none_is_noticed() -> None:
    gaps = (1.0 / WIDTHS[:, None] + 0.005) * (1.0 + 0.01 * _noise(4))
    assert "poor fit" in fit_rate(WIDTHS, gaps, statistic="mean").warning
    assert fit_rate(np.append(WIDTHS, 4096.0), np.vstack([gaps, 0.0052441 * (1 + 0.01 * _noise(5, rows=1))]), floor=True).warning == ""


def test_runs_that_did_not_complete_are_left_out_and_counted() -> None:
    gaps = WIDTHS[:, None] ** -0.5 * _noise(6)
    gaps[1, 3] = gaps[2, 0] = np.nan
    rate = fit_rate(WIDTHS, gaps, joint=True)
    assert rate.excluded == 2
    assert rate.values[1] == pytest.approx(np.sqrt(np.nanmean(gaps[1] ** 2)))


def test_pairs_are_kept_together_only_where_every_width_has_lost_the_same_replicas() -> None:
    """As many lost at every width, but others: what is left are no pairs. The same ones lost are as good as never run."""
    gaps = WIDTHS[:, None] ** -0.5 * _noise(8)
    same, others = gaps.copy(), gaps.copy()
    same[:, 2] = np.nan
    others[np.arange(len(WIDTHS)), np.arange(len(WIDTHS))] = np.nan
    without = fit_rate(WIDTHS, np.delete(gaps, 2, axis=1), joint=True)
    assert (fit_rate(WIDTHS, same, joint=True).low, same_replicas(same)) == (without.low, True)
    apart, together = (fit_rate(WIDTHS, others, joint=joint) for joint in (False, True))
    assert (together.low, together.high) == (apart.low, apart.high)
    assert extrapolate(WIDTHS, others, joint=True).low == extrapolate(WIDTHS, others).low


def test_what_cannot_be_fitted_is_refused() -> None:
    good = WIDTHS[:, None] ** -0.5 * _noise(7)
    cases = [
        ("at least 3 different widths", (WIDTHS[:2], good[:2]), {}),
        ("at least 3 different widths", ([1, 1, 2], good[:3]), {}),
        ("at least 4 different widths", (WIDTHS[:3], good[:3]), {"floor": True}),
        ("are all 1: without variance there is no interval; no network enters this observable", (WIDTHS, np.ones((4, 5))), {}),
        ("are all 0: without variance .*; nothing separates network and limit there", (WIDTHS, np.zeros((4, 5))), {}),
        ("1 complete replicas", (WIDTHS, good[:, :1]), {}),
        ("statistic = 'max'", (WIDTHS, good), {"statistic": "max"}),
        ("level = 95", (WIDTHS, good), {"level": 95}),
        ("level = '95'", (WIDTHS, good), {"level": "95"}),
        ("resamples = 10: give an integer >= 40", (WIDTHS, good), {"resamples": 10}),
        ("rng = -1: give an integer seed", (WIDTHS, good), {"rng": -1}),
        (r"widths = \[128.0, 128.0, .*: give each width once", ([128, *WIDTHS], np.vstack([good[:1], good])), {"joint": True}),
        ("at least 3 different widths", ([1, 2, 4, np.nan], good), {}),
        ("do not fall with the width: there is no power law beside a floor", (WIDTHS, good * WIDTHS[:, None]), {"floor": True}),
        ("shape", (WIDTHS, good[:2]), {}),
    ]
    for words, arguments, options in cases:
        with pytest.raises(ValueError, match=words):
            fit_rate(*arguments, **options)


def test_all_resamples_at_once_are_each_of_them_alone() -> None:
    """A weighted line by polyfit, row by row."""
    generator, m = np.random.default_rng(11), np.geomspace(16.0, 1024.0, 5)
    values = (2.0 / m**0.7 + 0.01) * np.exp(0.1 * generator.standard_normal((12, 5)))
    sigma = generator.uniform(0.02, 0.3, 5)
    for row, found in zip(values, rates._power_law(m, values, sigma), strict=True):
        slope, constant = np.polyfit(np.log(m), np.log(row), 1, w=1.0 / sigma)
        assert found == pytest.approx([-slope, constant, 0.0], rel=1e-9)


@pytest.mark.parametrize(
    ("exponent", "floor", "noise"), [(1.0, 0.01, 0.03), (0.5, 0.3, 0.2), (1.0, 0.0, 0.1), (-0.5, 0.0, 0.2), (2.0, 0.5, 0.05)]
)
def test_floors_beside_a_search_row_by_row(exponent: float, floor: float, noise: float) -> None:
    """The squares that are left are those of SciPy's search from the power law, or fewer: it stops in the nearer of two minima."""
    generator, m = np.random.default_rng(11), np.geomspace(16.0, 1024.0, 5)
    values = (2.0 / m**exponent + floor) * np.exp(noise * generator.standard_normal((20, 5)))
    sigma = noise * generator.uniform(0.5, 1.5, 5)
    middle = np.mean(np.log(m))

    def off(p: Any, row: Any) -> Any:
        return (np.log(np.exp(p[1] - p[0] * (np.log(m) - middle)) + np.exp(p[2])) - np.log(row)) / sigma

    better = 0
    for row, start, (a, scale, constant) in zip(
        values, rates._power_law(m, values, sigma), rates._with_floor(m, values, sigma), strict=True
    ):
        least = np.log(row).min()
        bounds = ([0.0, -np.inf, least - 30.0], [10.0, np.inf, least + 1.0])
        near = [max(start[0], 0.1), start[1] - start[0] * middle, least - 1.0]
        found = least_squares(off, near, bounds=bounds, x_scale="jac", args=(row,))
        ours = np.sum(off([a, scale - a * middle, np.log(constant)], row) ** 2)
        assert ours <= 2.0 * found.cost * 1.001 + 1e-8
        better += ours < 2.0 * found.cost * 0.999
        if floor == 0.01:
            assert a == pytest.approx(found.x[0], rel=1e-4)
    assert better <= 5


def test_a_bias_lost_in_the_noise_is_said_to_be() -> None:
    """1/m under fluctuations of m^-1/2 reads as 1/2; the interval alone misses 1 in a third of such studies whose runs are joint."""
    noise = _noise(12, 32, rows=1) + 0.3 * _noise(13, 32)
    rate = fit_rate(WIDTHS, 1.0 / WIDTHS[:, None] + WIDTHS[:, None] ** -0.5 * noise, statistic="bias", joint=True)
    assert rate.unresolved == tuple(WIDTHS)
    assert "within two standard errors of 0 at 128, 256, 512, 1024" in rate.warning
    clear = fit_rate(WIDTHS, 1.0 / WIDTHS[:, None] + 0.001 * noise, statistic="bias")
    means, errors = np.mean(1.0 / WIDTHS[:, None] + 0.001 * noise, axis=1), np.std(0.001 * noise, axis=1, ddof=1) / np.sqrt(32)
    assert clear.unresolved == tuple(WIDTHS[np.abs(means) < 2.0 * errors])
    assert len(clear.unresolved) < 4
    assert fit_rate(WIDTHS, WIDTHS[:, None] ** -0.5 * noise).unresolved == ()


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_gaps_whose_squares_have_no_number(size: float) -> None:
    """Networks on their way to infinity."""
    gaps = WIDTHS[:, None] ** -0.5 * _noise(14)
    near, far = fit_rate(WIDTHS, gaps), fit_rate(WIDTHS, size * gaps)
    assert (far.exponent, far.low, far.p_value) == pytest.approx((near.exponent, near.low, near.p_value), rel=1e-9)
    assert far.prefactor == pytest.approx(size * near.prefactor, rel=1e-9)
    if size > 1.0:
        with pytest.raises(ValueError, match=r"the values reach .*e\+.*: their variance is infinite"):
            extrapolate(WIDTHS, size * gaps)


def test_gaps_that_are_mostly_zero() -> None:
    """A resample of zeros has no logarithm: few of them count as small, many leave nothing to fit."""
    gaps = WIDTHS[:, None] ** -0.5 * _noise(15, 8)
    rate = fit_rate(WIDTHS, np.where(np.arange(8) < 4, gaps, 0.0))
    # To first order, from the fluctuation of half the squares.
    squares = np.where(np.arange(8) < 4, gaps, 0.0) ** 2
    assert np.all(rate.errors / rate.values < 2.0 * np.std(squares, axis=1, ddof=1) / np.sqrt(8) / (2.0 * np.mean(squares, axis=1)))
    with pytest.raises(NoFitError, match=r"the statistic at width .* is 0 in .*% of the resamples"):
        fit_rate(WIDTHS, np.where(np.arange(8) < 1, gaps, 0.0))
    with pytest.raises(NoFitError, match="is 0 in 100% of the resamples"):
        fit_rate(WIDTHS, WIDTHS[:, None] ** -0.5 * np.array([1.0, -1.0, 1.0, -1.0]), statistic="bias")


def test_multiples_of_one_gap_are_no_poor_fit() -> None:
    """Their scatter about the law and its covariance are both rounding."""
    for seed in range(200):
        gaps = 3.0 * WIDTHS[:, None] ** -0.7 * _noise(seed, 8, rows=1)
        assert fit_rate(WIDTHS, gaps, joint=True, resamples=40, rng=seed).p_value > 0.99


def test_what_is_infinite_is_no_rounding() -> None:
    assert rates.without_rounding(np.array([np.inf, np.nan, 1.0, 1e-14]), [np.inf, 1.0, 1.0, 1.0]).tolist()[::2] == [np.inf, 1.0]
    assert rates.without_rounding(np.array([1e-14]), 1.0).tolist() == [0.0]
