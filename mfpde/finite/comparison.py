"""Bias and fluctuation of an ensemble of networks beside those that the limit predicts to leading order in 1/N."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.finite.constants import FiniteWidth

if TYPE_CHECKING:
    from mfpde.finite.result import Drift

_FLOATS = ("t", "bias", "bias_error", "predicted_bias", "bias_z", "variance", "variance_error", "predicted_variance", "variance_z")


def compare(
    drift: Drift, correction: FiniteWidth, *, width: str | None = None, at: Mapping[str, int] | None = None
) -> npt.NDArray[Any]:
    """N (E X_N - X) and N Var X_N of the networks of `drift` beside `correction`, and how many standard errors they are apart.

    Parameters
    ----------
    correction
        Of the same system's limit (:func:`mfpde.finite_width`); its observables and times that the drift has too are compared.
    width, at
        The width N that varies, if several do, and the others, which the correction takes to be infinite.

    Returns
    -------
    structured array
        One row for every observable, entry of it (0 for a number), width and time: ``observable``, ``entry``, ``width``, ``replicas``
        (that reached the time), ``t``, ``bias`` N (mean gap) with its standard error ``bias_error``, ``predicted_bias``, ``bias_z``;
        ``variance`` N Var X_N with ``variance_error`` from the sample's fourth moment, ``predicted_variance``, ``variance_z``. The
        predictions leave out a relative O(1/N). Of mirrored pairs, whose mean fluctuates otherwise, only the bias is compared; the
        variances are NaN.

    Raises
    ------
    ValueError
        If the drift and the correction share no observable or no time, or a width has fewer than four replicas.
    """
    names = [name for name in correction.drift if name in drift.gaps]
    if not names:
        raise ValueError(f"the correction has {', '.join(correction.drift)}, the drift {', '.join(drift.gaps)}: no observable in common")
    times = [(i, int(np.flatnonzero(correction.t == t)[0])) for i, t in enumerate(drift.t) if t in correction.t]
    if not times:
        raise ValueError(f"the correction is for t = {correction.t.tolist()}, the drift for {drift.t.tolist()}: no time in common")
    _, rows, sizes = drift.along(width, at)
    paired = drift.coupling == "mirrored"
    found = []
    for name in names:
        gaps = drift.gaps[name].reshape(*drift.gaps[name].shape[:3], -1)
        biases, variances = (values[name].reshape(len(correction.t), -1) for values in (correction.drift, correction.variance))
        for entry in range(gaps.shape[-1]):
            for row, m in zip(rows, sizes, strict=True):
                for i, k in times:
                    measured = _measured(gaps[row, :, i, entry], m, biases[k, entry], np.nan if paired else variances[k, entry])
                    found.append((name, entry, m, *measured[:1], drift.t[i], *measured[1:]))
    columns = [("observable", f"U{max(map(len, names))}"), ("entry", int), ("width", int), ("replicas", int)]
    return np.array(found, [*columns, *((column, float) for column in _FLOATS)])


def _measured(gaps: npt.NDArray[Any], m: int, bias: float, variance: float) -> tuple[float, ...]:
    kept = gaps[np.isfinite(gaps)]
    n = kept.size
    if n < 4:
        raise ValueError(f"width {m} has {n} replicas at a time: a variance and its error need at least 4")
    mean, spread = float(np.mean(kept)), float(np.var(kept, ddof=1))
    fourth = float(np.mean((kept - mean) ** 4))
    errors = np.sqrt(spread / n), np.sqrt(max(fourth - spread**2, 0.0) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = [float(np.float64(value - predicted / m) / error) for value, predicted, error in zip(
            (mean, spread), (bias, variance), errors, strict=True
        )]
    spreads = (np.nan, np.nan) if np.isnan(variance) else (m * spread, m * errors[1])
    return n, m * mean, m * errors[0], bias, scores[0], *spreads, variance, scores[1]
