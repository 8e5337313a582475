"""What an observable tends to as the width grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.finite.rates import many_excluded, poor_fit
from mfpde.finite.resampling import FEWEST_RESAMPLES, NoFitError, checked, goodness, interval, resampled, same_replicas
from mfpde.flow import Array

_EXPONENTS = (0.05, 5.0)
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


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
        With fewer than three widths (four if the exponent is fitted) or one given twice, fewer than two complete replicas at a width,
        values without variance or of an infinite one, or an impossible argument.
    """
    fixed = None if exponent is None else number("exponent", exponent, positive=True)
    m, table, excluded = checked(widths, values, "an extrapolation", 4 if fixed is None else 3, level)
    resamples, paired = whole("resamples", resamples, FEWEST_RESAMPLES), joint and same_replicas(values)
    n = min(row.size for row in table)
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.array([np.mean(row) for row in table])
        samples = resampled(lambda rows: np.mean(rows, axis=-1), table, paired, resamples, rng)
        covariance = np.atleast_2d(np.cov(samples.T)) * n / (n - 1)
    if not np.isfinite(covariance).all():
        largest = max(np.max(np.abs(row)) for row in table)
        raise NoFitError(f"the values reach {largest:.3g}: their variance is infinite; take an earlier time")
    sigma = np.sqrt(np.diag(covariance))
    value, constant, a = (float(found[0]) for found in _fit(m, means[None], sigma, fixed))
    low, high = interval(value, _fit(m, samples, sigma, fixed)[0], n, level)
    columns = [np.ones_like(m), m**-a, -constant * m**-a * np.log(m)]
    directions = np.stack(columns if fixed is None else columns[:2], axis=1)
    p_value = goodness(means - value - constant * m**-a, directions, covariance, n)
    runs = excluded + sum(row.size for row in table)
    return Extrapolation(value, low, high, constant, a, level, m, means, sigma, p_value, excluded, runs)


def _fit(m: Array, means: Array, sigma: Array, exponent: float | None) -> tuple[Array, Array, Array]:
    """Value, constant and exponent, each (k,), of means (k, n_w); the first two are linear, so that only the exponent is searched."""
    a = _best_exponents(m, means, sigma) if exponent is None else np.full(len(means), exponent)
    value, constant, _ = _linear(m, means, sigma, a)
    return value, constant, a


def _best_exponents(m: Array, means: Array, sigma: Array) -> Array:
    """The least sum of squares on a grid, then by golden section."""
    grid = np.geomspace(*_EXPONENTS, 33)
    best = np.argmin([_linear(m, means, sigma, np.full(len(means), a))[2] for a in grid], axis=0)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, grid.size - 1)]
    for _ in range(40):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        inside = _linear(m, means, sigma, left)[2] < _linear(m, means, sigma, right)[2]
        low, high = np.where(inside, low, left), np.where(inside, right, high)
    middle: Array = 0.5 * (low + high)
    return middle


def _linear(m: Array, means: Array, sigma: Array, exponents: Array) -> tuple[Array, Array, Array]:
    """Value, constant and the sum of the squares that remain."""
    power = m ** -exponents[:, None]
    weights = 1.0 / sigma**2
    shares = weights / np.sum(weights)
    centre, mean = (np.sum(shares * rows, axis=1) for rows in (power, means))
    centred = power - centre[:, None]
    constant = np.sum(shares * centred * means, axis=1) / np.sum(shares * centred**2, axis=1)
    value = mean - constant * centre
    return value, constant, np.sum(weights * (means - value[:, None] - constant[:, None] * power) ** 2, axis=1)
