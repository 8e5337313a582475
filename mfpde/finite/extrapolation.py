"""What an observable tends to as the width grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.finite.rates import checked, goodness, interval, many_excluded, poor_fit, resampled
from mfpde.flow import Array

_EXPONENTS = (0.05, 5.0)


@dataclass(frozen=True)
class Extrapolation:
    """mean(m) = value + constant m^-exponent.

    Attributes
    ----------
    value, low, high : float
        The limit m = infinity and its confidence interval.
    constant, exponent : float
        The other parameters.
    level : float
        Confidence of the interval.
    widths, values, errors : array (n_w,)
        The mean over replicas at each width and its standard error.
    p_value : float
        Probability of a worse fit if the law is right; NaN where no degree of freedom or too few replicas are left to tell.
    excluded, runs : int
        Runs left out because they did not complete, of how many.
    """

    value: float
    low: float
    high: float
    constant: float
    exponent: float
    level: float
    widths: Array
    values: Array
    errors: Array
    p_value: float
    excluded: int
    runs: int

    @property
    def warning(self) -> str:
        """Why not to trust the fit; empty if nothing speaks against it."""
        return "; ".join(filter(None, (poor_fit(self.p_value), many_excluded(self.excluded, self.runs))))

    def covers(self, value: float) -> bool:
        """Whether the interval contains `value`."""
        return self.low <= value <= self.high


def extrapolate(
    widths: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    exponent: float | None = 1.0,
    joint: bool = False,
    level: float = 0.95,
    resamples: int = 1000,
    rng: int = 0,
) -> Extrapolation:
    """Fit value + C m^-a to the means of `values` over replicas; least squares, each width weighted by its standard error.

    Parameters
    ----------
    widths : array (n_w,)
    values : array (n_w, replicas)
        An observable of each run; a run with a NaN is left out and counted.
    exponent
        a; None fits it between .05 and 5, which needs a width more.
    joint, level, resamples, rng
        As in :func:`mfpde.finite.rates.fit_rate`.

    Raises
    ------
    ValueError
        With fewer than three widths (four if the exponent is fitted), fewer than two complete replicas at a width, values without
        variance, or an impossible argument.
    """
    fixed = None if exponent is None else number("exponent", exponent, positive=True)
    m, table, excluded = checked(widths, values, "an extrapolation", 4 if fixed is None else 3, level)
    means = np.array([np.mean(row) for row in table])
    samples = resampled(lambda rows: np.mean(rows, axis=-1), table, joint, whole("resamples", resamples), rng)
    n = min(row.size for row in table)
    covariance = np.atleast_2d(np.cov(samples.T)) * n / (n - 1)
    sigma = np.sqrt(np.diag(covariance))
    value, constant, a = _fit(m, means, sigma, fixed)
    low, high = interval(value, np.array([_fit(m, sample, sigma, fixed)[0] for sample in samples]), n, level)
    columns = [np.ones_like(m), m**-a, -constant * m**-a * np.log(m)]
    directions = np.stack(columns if fixed is None else columns[:2], axis=1)
    p_value = goodness(means - value - constant * m**-a, directions, covariance, n)
    runs = excluded + sum(row.size for row in table)
    return Extrapolation(value, low, high, constant, a, level, m, means, sigma, p_value, excluded, runs)


def _fit(m: Array, means: Array, sigma: Array, exponent: float | None) -> tuple[float, float, float]:
    """(value, constant, exponent); the first two are linear, so that only the exponent is searched."""
    if exponent is None:
        from scipy.optimize import minimize_scalar

        found = minimize_scalar(lambda a: _linear(m, means, sigma, a)[2], bounds=_EXPONENTS, method="bounded")
        exponent = float(found.x)
    value, constant, _ = _linear(m, means, sigma, exponent)
    return value, constant, exponent


def _linear(m: Array, means: Array, sigma: Array, exponent: float) -> tuple[float, float, float]:
    """Value, constant and the sum of the squares that remain."""
    power = m**-exponent
    weights = 1.0 / sigma**2
    total = np.sum(weights)
    centre: Any = np.sum(weights * power) / total
    mean: Any = np.sum(weights * means) / total
    constant = float(np.sum(weights * (power - centre) * (means - mean)) / np.sum(weights * (power - centre) ** 2))
    value = float(mean - constant * centre)
    return value, constant, float(np.sum(weights * (means - value - constant * power) ** 2))
