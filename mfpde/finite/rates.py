"""How fast a gap closes with width: a power law fitted over widths, its interval from replicas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import is_real, whole
from mfpde.finite.floor_fit import fit_with_floor
from mfpde.finite.prediction import STATISTICS, PredictedRate
from mfpde.flow import Array
from mfpde.streams import resolve_seed, stream

_POOR_FIT = 0.01
_MANY_EXCLUDED = 0.1
_ROUNDING = 1e-13
_NO_POWER = 1e-6
FEWEST_RESAMPLES = 40
"""Those of which 95 % leave one out at either end."""


class NoFitError(ValueError):
    """Gaps that no rate can be fitted to.

    Attributes
    ----------
    note : str
        Why, in words that are the same for all gaps of a table that cannot be fitted for this reason.
    """

    def __init__(self, message: str, note: str | None = None) -> None:
        super().__init__(message)
        self.note = message if note is None else note


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


def checked(
    widths: npt.ArrayLike, gaps: npt.ArrayLike, what: str, needed: int, level: float
) -> tuple[Array, list[Array], int]:
    """Widths in increasing order, the finite values at each, and how many were left out; ValueError if there is too little for `what`."""
    m, values = np.asarray(widths, float), np.asarray(gaps, float)
    if m.ndim != 1 or values.ndim != 2 or values.shape[0] != m.size:
        raise ValueError(f"widths have shape {m.shape}, gaps {values.shape}: give (n_w,) and (n_w, replicas)")
    if np.unique(m).size < needed or not np.all((m > 0) & np.isfinite(m)):
        raise ValueError(f"widths = {m.tolist()}: {what} needs at least {needed} different widths > 0")
    if np.unique(m).size < m.size:
        raise ValueError(f"widths = {m.tolist()}: give each width once; more networks of one are more replicas")
    if not is_real(level) or not 0.0 < level < 1.0:
        raise ValueError(f"level = {level!r}: give a confidence between 0 and 1")
    order = np.argsort(m)
    table = [row[np.isfinite(row)] for row in values[order]]
    for width, row in zip(m[order], table, strict=True):
        if row.size < 2:
            raise NoFitError(f"width {width:g} has {row.size} complete replicas: an interval needs at least 2 at every width")
        if np.ptp(row) == 0.0:
            agree, alike = "nothing separates network and limit there", "no network enters this observable, or the seeds are equal"
            shared, why = ("are all 0", agree) if row[0] == 0.0 else ("are all the same", alike)
            end = f"without variance there is no interval; {why}"
            raise NoFitError(f"the gaps at width {width:g} are all {row[0]:g}: {end}", f"the gaps at a width {shared}: {end}")
    return m[order], table, int(values.size - sum(row.size for row in table))


def without_rounding(gaps: Array, sizes: npt.ArrayLike) -> Array:
    """`gaps` with 0 where they are below 1e-13 of the `sizes` of what was compared: the same numbers, computed in two ways."""
    kept: Array = np.where(np.isfinite(gaps) & (np.abs(gaps) <= _ROUNDING * np.asarray(sizes, float)), 0.0, gaps)
    return kept


def same_replicas(gaps: npt.ArrayLike) -> bool:
    """Whether every width of the gaps (n_w, replicas) has lost the same replicas, so that what is left of them are still pairs."""
    kept = np.isfinite(np.asarray(gaps, float))
    return bool((kept == kept[0]).all())


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


def resampled(reduce: Callable[[Array], Any], table: list[Array], joint: bool, resamples: int, rng: int) -> Array:
    """``reduce`` (over the last axis) at every width (resamples, n_w) of replicas drawn with replacement.

    If `joint` the same replicas are drawn at every width, which must then have equally many.
    """
    generator = stream(resolve_seed(rng), "resamples")
    columns = []
    chosen = generator.integers(table[0].size, size=(resamples, table[0].size))
    for row in table:
        if not joint:
            chosen = generator.integers(row.size, size=(resamples, row.size))
        columns.append(reduce(row[chosen]))
    samples: Array = np.stack(columns, axis=1)
    return samples


def _power_law(m: Array, values: Array, sigma: Array) -> Array:
    """Exponent, logarithm of the prefactor and floor 0 (n, 3) of the law through each row of the values (n, n_w)."""
    design = np.stack([-np.log(m), np.ones_like(m)], axis=1) / sigma[:, None]
    exponents, prefactors = np.linalg.lstsq(design, (np.log(values) / sigma).T, rcond=None)[0]
    return np.stack([exponents, prefactors, np.zeros(len(values))], axis=1)


def _with_floor(m: Array, values: Array, sigma: Array) -> Array:
    """Exponent, logarithm of the prefactor and floor (n, 3) of the law through each row of the values (n, n_w)."""
    exponents, log_prefactors, _ = _power_law(m, values, sigma).T
    return fit_with_floor(m, values, sigma, exponents, log_prefactors)


def interval(estimate: float, samples: Array, n: int, level: float) -> tuple[float, float]:
    """The percentiles of the resamples, stretched about the estimate for `n` replicas."""
    from scipy.special import ndtri, stdtrit

    tail = 0.5 * (1.0 - level)
    stretch = stdtrit(n - 1, 1.0 - tail) / ndtri(1.0 - tail) * np.sqrt(n / (n - 1))
    below, above = np.quantile(samples, [tail, 1.0 - tail])
    return float(estimate - stretch * (estimate - below)), float(estimate + stretch * (above - estimate))


def _directions(m: Array, exponent: float, prefactor: float, constant: float, floor: bool) -> Array:
    """The derivatives (n_w, parameters) of the logarithm of the law by its parameters."""
    power = prefactor * m**-exponent
    share = power / (power + constant)
    columns = np.stack([-np.log(m) * share, share, 1.0 - share], axis=1)
    return columns if floor else columns[:, :2]


def goodness(residuals: Array, directions: Array, covariance: Array, n: int) -> float:
    """The p-value of Hotelling's T^2 of the residuals off the fitted directions."""
    from scipy.special import fdtrc

    k = residuals.size - directions.shape[1]
    if k < 1 or n <= k:
        return float("nan")
    rest = np.linalg.svd(directions, full_matrices=True)[0][:, directions.shape[1] :]
    off = rest.T @ residuals
    # Gaps that are all multiples of one scatter off the law by rounding alone, which this calls no scatter.
    spread = rest.T @ covariance @ rest + np.eye(k) * (_ROUNDING * np.max(np.abs(covariance)))
    statistic = float(off @ np.linalg.solve(spread, off))
    return float(fdtrc(k, n - k, statistic * (n - k) / (k * (n - 1))))
