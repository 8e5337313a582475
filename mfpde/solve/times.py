"""Times at which to save: evenly spaced, or 0 and then evenly spaced in the logarithm."""

from __future__ import annotations

import numpy as np

from mfpde.flow import Array


def linear(start: float, stop: float, n: int, *, step: float | None = None) -> Array:
    """`n` evenly spaced times from `start` to `stop`, both included.

    Parameters
    ----------
    step
        Round each time to a multiple of this step (the `dt` of a flow in steps); times that meet are kept once.

    Raises
    ------
    ValueError
        Unless 0 <= start < stop and n >= 2.
    """
    if not (0 <= start < stop < np.inf) or n < 2:
        raise ValueError(f"linear({start!r}, {stop!r}, {n!r}): give 0 <= start < stop and n >= 2")
    return _rounded(np.linspace(start, stop, n), step)


def log(first: float, stop: float, n: int, *, step: float | None = None) -> Array:
    """`n` times: 0, then n - 1 evenly spaced in the logarithm from `first` to `stop`, both included.

    Parameters
    ----------
    step
        Round each time to a multiple of this step (the `dt` of a flow in steps); times that meet are kept once.

    Raises
    ------
    ValueError
        Unless 0 < first < stop and n >= 3.
    """
    if not (0 < first < stop < np.inf) or n < 3:
        raise ValueError(f"log({first!r}, {stop!r}, {n!r}): give 0 < first < stop and n >= 3")
    return _rounded(np.concatenate([[0.0], np.geomspace(first, stop, n - 1)]), step)


def checked_times(t_eval: object) -> Array:
    """`t_eval` as an array (n,) of finite, increasing times >= 0; ValueError names the first that is not."""
    if np.asarray(t_eval).dtype.kind in "cOSUmM":
        raise ValueError(f"t_eval = {t_eval!r}: give a sequence of real numbers")
    t = np.array(t_eval, float)
    if t.ndim != 1 or t.size == 0:
        raise ValueError(f"t_eval has shape {t.shape}: give a non-empty sequence of times")
    wrong = np.flatnonzero(~np.isfinite(t) | (t < 0))
    if wrong.size:
        raise ValueError(f"t_eval[{wrong[0]}] = {float(t[wrong[0]])!r}: times must be finite and >= 0")
    wrong = np.flatnonzero(np.diff(t) <= 0)
    if wrong.size:
        i = wrong[0]
        raise ValueError(f"t_eval[{i + 1}] = {float(t[i + 1])!r} does not exceed t_eval[{i}] = {float(t[i])!r}: times must increase")
    return t


def step_counts(t: Array, dt: float) -> Array:
    """The whole number of steps `dt` that leads to each time; ValueError names a time that is no multiple (to 1e-9 relative)."""
    counts: Array = np.rint(t / dt)
    wrong = np.flatnonzero(np.abs(t - counts * dt) > 1e-9 * t)
    if wrong.size:
        bad, nearest = float(t[wrong[0]]), float(counts[wrong[0]] * dt)
        raise ValueError(f"t_eval has {bad!r}, no multiple of dt = {dt!r}: the nearest is {nearest!r}; times.log takes step=dt")
    return counts


def _rounded(t: Array, step: float | None) -> Array:
    if step is None:
        return t
    if not 0 < step < np.inf:
        raise ValueError(f"step = {step!r}: give a step > 0, or None")
    rounded: Array = np.unique(np.rint(t / step)) * step
    return rounded
