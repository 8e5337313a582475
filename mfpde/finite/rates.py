"""How fast a gap closes with width: a power law fitted over widths, its interval from replicas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.finite.floor_fit import fit_with_floor
from mfpde.finite.prediction import STATISTICS, PredictedRate
from mfpde.finite.resampling import FEWEST_RESAMPLES, ROUNDING, NoFitError, checked, goodness, interval, resampled, same_replicas
from mfpde.flow import Array

_POOR_FIT = 0.01
_MANY_EXCLUDED = 0.1
_NO_POWER = 1e-6


@dataclass(frozen=True)
class Rate:
    """value(m) = prefactor m^-exponent + floor.

    Attributes
    ----------
    exponent, low, high : float
        The fitted exponent and its confidence interval.
    prefactor, floor : float
        The other parameters; floor is 0 unless it was fitted.
    level : float
        Confidence of the interval.
    widths : array (n_w,)
        The widths used.
    values, errors : array (n_w,)
        The statistic at each width and its standard error over replicas.
    slopes, slope_errors : array (n_w - 1,)
        -d log value / d log m between neighbouring widths, and standard errors.
    p_value : float
        Probability of a worse fit if the law is right; NaN where no degree of freedom or too few replicas are left to tell.
    excluded, runs : int
        Runs left out because they did not complete, of how many.
    predicted : PredictedRate or None
        The rate that the system states.
    unresolved : tuple of float
        Of a bias, the widths at which it is within two standard errors of 0: its size there is the size of the noise.
    """

    exponent: float
    low: float
    high: float
    prefactor: float
    floor: float
    level: float
    widths: Array
    values: Array
    errors: Array
    slopes: Array
    slope_errors: Array
    p_value: float
    excluded: int = 0
    runs: int = 0
    predicted: PredictedRate | None = None
    unresolved: tuple[float, ...] = ()

    @property
    def warning(self) -> str:
        """Why not to trust the fit; empty if nothing speaks against it."""
        reasons = poor_fit(self.p_value), _lost_in_noise(self.unresolved), many_excluded(self.excluded, self.runs)
        return "; ".join(filter(None, reasons))

    @property
    def covered(self) -> bool | None:
        """Whether the interval contains the predicted exponent; None if there is none."""
        return None if self.predicted is None else self.covers(self.predicted.exponent)

    def covers(self, exponent: float) -> bool:
        """Whether the interval contains `exponent`."""
        return self.low <= exponent <= self.high


def fit_rate(
    widths: npt.ArrayLike,
    gaps: npt.ArrayLike,
    *,
    statistic: str = "rms",
    floor: bool = False,
    joint: bool = False,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
    predicted: PredictedRate | None = None,
) -> Rate:
    """Fit C m^-a, or C m^-a + floor, to a statistic of the gaps over replicas.

    Least squares in the logarithm of the statistic, each width weighted by its standard error. The interval comes from resampling
    replicas, never times: the fit of every resample, its percentiles stretched about the estimate by t_(n-1)/z and
    sqrt(n/(n-1)) for n replicas. The fit is tested by Hotelling's statistic of its residuals.

    Parameters
    ----------
    widths : array (n_w,)
    gaps : array (n_w, replicas)
        A gap of each run; a run with a NaN is left out and counted.
    statistic : {"rms", "mean", "bias"}
        sqrt(mean gap^2), mean |gap| or |mean gap| over the replicas.
    floor
        Fit a constant beside the power law.
    joint
        Resample the replicas of all widths together (runs of one replica share their neurons), not width by width. Where widths have
        lost different replicas they are resampled width by width, which makes the interval no narrower.
    level, resamples, rng
        Confidence, number of resamples and seed of their choice.
    predicted
        A stated rate, kept beside the fitted one.

    Raises
    ------
    ValueError
        With fewer than three widths (four with a floor) or one given twice, fewer than two complete replicas at a width, gaps without
        variance, too few that are not 0, gaps that do not fall beside a floor, or an impossible argument.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"statistic = {statistic!r}: give one of {STATISTICS}")
    m, table, excluded = checked(widths, gaps, "a rate with a floor" if floor else "a rate", 4 if floor else 3, level)
    resamples, reduce = whole("resamples", resamples, FEWEST_RESAMPLES), _REDUCTIONS[statistic]
    values = np.array([reduce(row) for row in table])
    samples = _without_zeros(m, values, resampled(reduce, table, joint and same_replicas(gaps), resamples, rng), level)
    n = min(row.size for row in table)
    logs = np.log(samples)
    covariance = np.atleast_2d(np.cov(logs.T)) * n / (n - 1)
    sigma = np.sqrt(np.diag(covariance))
    fit = _with_floor if floor else _power_law
    exponent, log_prefactor, constant = fit(m, values[None], sigma)[0].tolist()
    if floor and exponent < _NO_POWER:
        words = "do not fall with the width: there is no power law beside a floor; fit without one"
        raise NoFitError(f"gaps of {values[0]:.3g} at width {m[0]:g} and {values[-1]:.3g} at {m[-1]:g} {words}", f"the gaps {words}")
    prefactor = float(np.exp(log_prefactor))
    low, high = interval(exponent, fit(m, samples, sigma)[:, 0], n, level)
    slopes = -np.diff(np.log(values)) / np.diff(np.log(m))
    slope_errors = np.std(-np.diff(logs, axis=1) / np.diff(np.log(m)), axis=0) * np.sqrt(n / (n - 1))
    residuals = np.log(values) - np.log(prefactor * m**-exponent + constant)
    p_value = goodness(residuals, _directions(m, exponent, prefactor, constant, floor), covariance, n)
    counts = (excluded, excluded + sum(row.size for row in table))
    fitted = (exponent, low, high, prefactor, constant, level, m, values, values * sigma, slopes, slope_errors, p_value)
    return Rate(*fitted, *counts, predicted, _unresolved(m, table) if statistic == "bias" else ())


def _without_zeros(m: Array, values: Array, samples: Array, level: float) -> Array:
    """The samples (n, n_w), which have a logarithm, with the few that are 0 at the smallest of the others; NoFitError if they are many."""
    shares = np.where(values == 0.0, 1.0, np.mean(samples == 0.0, axis=0))
    worst = int(np.argmax(shares))
    if shares[worst] > 0.5 * (1.0 - level):
        words = "is 0 in {} of the resamples: a 0 has no logarithm, and too few gaps differ from it; take more replicas"
        message = f"the statistic at width {m[worst]:g} {words.format(f'{shares[worst]:.0%}')}"
        raise NoFitError(message, f"the statistic at a width {words.format('many')}")
    kept: Array = np.maximum(samples, np.min(np.where(samples > 0.0, samples, values), axis=0))
    return kept


def poor_fit(p_value: float) -> str:
    """The warning that a p-value gives rise to, or ""."""
    if p_value < _POOR_FIT:
        return f"poor fit (p = {p_value:.2g}): these widths follow no single power law; drop the smallest, or fit a floor"
    return ""


def _unresolved(m: Array, table: list[Array]) -> tuple[float, ...]:
    """The widths at which the mean gap is within two standard errors of 0."""
    errors = [np.std(row, ddof=1) / np.sqrt(row.size) for row in table]
    return tuple(float(width) for width, row, error in zip(m, table, errors, strict=True) if abs(np.mean(row)) < 2.0 * error)


def _lost_in_noise(unresolved: tuple[float, ...]) -> str:
    if unresolved:
        widths = ", ".join(f"{width:g}" for width in unresolved)
        return f"the mean gap is within two standard errors of 0 at {widths}, where its size is that of the noise; take more replicas"
    return ""


def many_excluded(excluded: int, runs: int) -> str:
    """The warning that runs left out give rise to, or ""."""
    if excluded > _MANY_EXCLUDED * runs:
        return f"{excluded} of {runs} runs did not complete: the others are a selection; shorten the time or the steps"
    return ""


def without_rounding(gaps: Array, sizes: npt.ArrayLike) -> Array:
    """`gaps` with 0 where they are below 1e-13 of the `sizes` of what was compared: the same numbers, computed in two ways."""
    kept: Array = np.where(np.isfinite(gaps) & (np.abs(gaps) <= ROUNDING * np.asarray(sizes, float)), 0.0, gaps)
    return kept


def _rms(gaps: Array) -> Any:
    """The root mean square over the last axis, in units of a power of 2, so that no square over- or underflows."""
    _, exponents = np.frexp(np.max(np.abs(gaps), axis=-1))
    scaled = np.ldexp(gaps, -exponents[..., None])
    return np.ldexp(np.sqrt(np.mean(scaled**2, axis=-1)), exponents)


_REDUCTIONS: dict[str, Callable[[Array], Any]] = {
    "rms": _rms,
    "mean": lambda gaps: np.mean(np.abs(gaps), axis=-1),
    "bias": lambda gaps: np.abs(np.mean(gaps, axis=-1)),
}


def _power_law(m: Array, values: Array, sigma: Array) -> Array:
    """Exponent, logarithm of the prefactor and floor 0 (n, 3) of the law through each row of the values (n, n_w)."""
    design = np.stack([-np.log(m), np.ones_like(m)], axis=1) / sigma[:, None]
    exponents, prefactors = np.linalg.lstsq(design, (np.log(values) / sigma).T, rcond=None)[0]
    return np.stack([exponents, prefactors, np.zeros(len(values))], axis=1)


def _with_floor(m: Array, values: Array, sigma: Array) -> Array:
    """Exponent, logarithm of the prefactor and floor (n, 3) of the law through each row of the values (n, n_w)."""
    exponents, log_prefactors, _ = _power_law(m, values, sigma).T
    return fit_with_floor(m, values, sigma, exponents, log_prefactors)


def _directions(m: Array, exponent: float, prefactor: float, constant: float, floor: bool) -> Array:
    """The derivatives (n_w, parameters) of the logarithm of the law by its parameters."""
    power = prefactor * m**-exponent
    share = power / (power + constant)
    columns = np.stack([-np.log(m) * share, share, 1.0 - share], axis=1)
    return columns if floor else columns[:, :2]
