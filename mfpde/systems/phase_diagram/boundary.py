"""Where a row of slopes changes its sign: by interpolation between neighbours, and by the straight line that the paper fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Zero:
    """The zero of one row.

    Attributes
    ----------
    gamma : float
        By linear interpolation between the two neighbours of opposite sign, the first of them if there are several pairs; NaN if none.
    low, high : float
        The 95 per cent interval over seeds: gamma -+ t s.e. / slope of the row there; NaN from one seed.
    left, right : float
        The two neighbours.
    crossings : int
        How many pairs of neighbours there are.
    line : float
        The zero of one least-squares straight line through the whole row, as in Luo et al. 2021.
    """

    gamma: float
    low: float
    high: float
    left: float
    right: float
    crossings: int
    line: float


def row_zero(gammas: npt.ArrayLike, slopes: npt.ArrayLike) -> Zero:
    """The zero of the mean over seeds of `slopes` (n_gamma, n_seeds) at increasing `gammas` (n_gamma,).

    Cells without a slope (NaN for every seed) are passed over.
    """
    x, s = np.asarray(gammas, np.float64), np.asarray(slopes, np.float64)
    kept = ~np.isnan(s).all(axis=1)
    x, s = x[kept], s[kept]
    mean = np.nanmean(s, axis=1) if len(x) else np.empty(0)
    if len(x) < 2:
        return Zero(np.nan, np.nan, np.nan, np.nan, np.nan, 0, np.nan)
    steepness, level = np.polyfit(x, mean, 1)
    line = float(-level / steepness) if steepness != 0.0 else np.nan
    changes = np.flatnonzero((mean[:-1] < 0.0) != (mean[1:] < 0.0))
    if changes.size == 0:
        return Zero(np.nan, np.nan, np.nan, np.nan, np.nan, 0, line)
    i = int(changes[0])
    share = mean[i] / (mean[i] - mean[i + 1])
    zero = float(x[i] + share * (x[i + 1] - x[i]))
    there = (1.0 - share) * s[i] + share * s[i + 1]
    half = _half_width(there[~np.isnan(there)]) * (x[i + 1] - x[i]) / abs(mean[i + 1] - mean[i])
    return Zero(zero, float(zero - half), float(zero + half), float(x[i]), float(x[i + 1]), int(changes.size), line)


def _half_width(values: Array) -> float:
    """Half of Student's interval for the mean."""
    if len(values) < 2:
        return float("nan")
    from scipy.special import stdtrit

    return float(stdtrit(len(values) - 1, 0.5 + 0.5 * CONFIDENCE) * float(np.std(values, ddof=1)) / np.sqrt(len(values)))
