"""Replicas drawn again with replacement: what a fit over widths needs of them, its interval and the test of its law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import is_real
from mfpde.flow import Array
from mfpde.streams import resolve_seed, stream

ROUNDING = 1e-13
"""What a gap may be of the numbers whose difference it is, and still be nothing."""
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


def same_replicas(gaps: npt.ArrayLike) -> bool:
    """Whether every width of the gaps (n_w, replicas) has lost the same replicas, so that what is left of them are still pairs."""
    kept = np.isfinite(np.asarray(gaps, float))
    return bool((kept == kept[0]).all())


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


def interval(estimate: float, samples: Array, n: int, level: float) -> tuple[float, float]:
    """The percentiles of the resamples, stretched about the estimate for `n` replicas."""
    from scipy.special import ndtri, stdtrit

    tail = 0.5 * (1.0 - level)
    stretch = stdtrit(n - 1, 1.0 - tail) / ndtri(1.0 - tail) * np.sqrt(n / (n - 1))
    below, above = np.quantile(samples, [tail, 1.0 - tail])
    return float(estimate - stretch * (estimate - below)), float(estimate + stretch * (above - estimate))


def goodness(residuals: Array, directions: Array, covariance: Array, n: int) -> float:
    """The p-value of Hotelling's T^2 of the residuals off the fitted directions."""
    from scipy.special import fdtrc

    k = residuals.size - directions.shape[1]
    if k < 1 or n <= k:
        return float("nan")
    rest = np.linalg.svd(directions, full_matrices=True)[0][:, directions.shape[1] :]
    off = rest.T @ residuals
    # Gaps that are all multiples of one scatter off the law by rounding alone, which this calls no scatter.
    spread = rest.T @ covariance @ rest + np.eye(k) * (ROUNDING * np.max(np.abs(covariance)))
    statistic = float(off @ np.linalg.solve(spread, off))
    return float(fdtrc(k, n - k, statistic * (n - k) / (k * (n - 1))))
