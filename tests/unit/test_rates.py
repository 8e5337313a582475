"""Rates: exact laws are found, intervals cover as often as they say, and what cannot be fitted is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mfpde.finite.extrapolation import extrapolate
from mfpde.finite.rates import fit_rate, same_replicas

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
        ("shape", (WIDTHS, good[:2]), {}),
    ]
    for words, arguments, options in cases:
        with pytest.raises(ValueError, match=words):
            fit_rate(*arguments, **options)
