"""High order between pattern switches: Runge-Kutta steps with dense output, the earliest switch located on it, sliding along kinks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mfpde.kernels.jit import jit
from mfpde.kernels.pattern_field import OFF, ON, PINNED, Array, Neurons, frozen_velocity, normal_speeds, residuals

SUB_POINTS = 4
MOST_AT_ONCE = 10_000
# A neuron counts as past a line when |w . X| exceeds the rounding of that sum.
_ROUNDING = 1e-14
# |w| / |w0| below which a neuron that meets a line has run into the origin.
_ORIGIN = 1e-12


class Tableau(NamedTuple):
    """The explicit pair 8(5, 3) with its dense output of order 7 (Hairer, Norsett, Wanner, Solving ODE I, II.5 and II.10).

    Attributes
    ----------
    a, b
        Stage and step weights (12, 12), (12,).
    e3, e5
        Weights (13,) of the two error estimates.
    d, extra
        Weights (4, 16) of the dense output and (3, 16) of its extra stages.
    """

    a: Array
    b: Array
    e3: Array
    e5: Array
    d: Array
    extra: Array


class Tally(NamedTuple):
    """What the entries of `counts` count.

    Attributes
    ----------
    steps, rejected
        Steps made, and trials whose error was too large.
    crossings, pinnings, releases
        Neurons that went through a line, were caught by one, were let go by one.
    ambiguous
        Releases to a side chosen among two.
    absorbed
        Neurons that ran into w = 0.
    """

    steps: int = 0
    rejected: int = 1
    crossings: int = 2
    pinnings: int = 3
    releases: int = 4
    ambiguous: int = 5
    absorbed: int = 6


TALLY = Tally()


@jit
def advance(
    neurons: Neurons, pattern: Array, z: Array, h: float, tableau: Tableau, tolerance: float, target: float, t: float, t_stop: float,
    steps: int, counts: Array, first: int, squares: tuple[float, float], sup: Array,
) -> tuple[float, float]:  # fmt: skip
    """Make `steps` steps in place, each to its end or to the first switch in it; returns the time and the next step's length.

    They pause at `t_stop` and where the loss comes down to `target`, and go on while the time has not moved.

    Parameters
    ----------
    neurons, pattern, z
        As in :mod:`mfpde.kernels.pattern_field`; `pattern` (m, n) and `z` (m (1 + p),) are overwritten.
    h
        Length of the next step; a step cut short by `t_stop` or by a switch leaves it as the error asks.
    tolerance
        Largest error of a step, relative to the displacement of its layer (root mean square over neurons).
    target
        The mean of e^2 at which the steps end.
    counts
        Array (7,) added to, columns as in :class:`Tally`.
    squares
        Sums of c a0^2 and c |w0|^2 over the first `first` neurons.
    sup
        The largest relative displacements of w, a and both over these neurons at the ends of steps, raised (3,).
    """
    stages, dense = np.empty((16, len(z))), np.empty((7, len(z)))
    e, trial = np.empty(pattern.shape[1]), np.empty_like(z)
    begin = t
    for made in range(steps + MOST_AT_ONCE):
        # Switches at one and the same time do not move the clock.
        if t >= t_stop or (made >= steps and t > begin):
            break
        reached = residuals(neurons, pattern, z, e) <= target
        while True:
            length = min(h, t_stop - t)
            error = _step(neurons, pattern, z, length, tableau, tolerance, stages, trial, e)
            factor = 6.0 if error == 0.0 else min(6.0, max(0.2, 0.9 * error ** (-0.125)))
            if error <= 1.0:
                break
            counts[TALLY.rejected] += 1
            h = length * min(factor, 1.0)
        counts[TALLY.steps] += 1
        if length == h or factor < 1.0:
            h = length * factor
        _dense_output(neurons, pattern, z, trial, length, tableau, stages, dense, e)
        x = _first_change(neurons, pattern, z, dense, 0.0 if reached else target, e)
        if x > 1.0:
            z[:] = trial
            t = t_stop if length == t_stop - t else t + length
        else:
            interpolate(z, dense, x, trial)
            z[:] = trial
            t = t + x * length
            _switch(neurons, pattern, z, e, counts)
        _raise_sup(neurons, z, first, squares, sup)
        if not reached and residuals(neurons, pattern, z, e) <= target:
            break
    return t, h


@jit
def _step(
    neurons: Neurons, pattern: Array, z: Array, h: float, tableau: Tableau, tolerance: float, stages: Array, trial: Array, e: Array
) -> float:
    """One step of length h into `trial`; the first 13 rows of `stages` receive the slopes; returns error / tolerance."""
    m, size = len(neurons.a0), len(z)
    frozen_velocity(neurons, pattern, z, e, stages[0])
    for s in range(1, 12):
        _combine(z, stages, tableau.a[s], s, h, trial)
        frozen_velocity(neurons, pattern, trial, e, stages[s])
    _combine(z, stages, tableau.b, 12, h, trial)
    frozen_velocity(neurons, pattern, trial, e, stages[12])
    worst = 0.0
    for block in range(2):
        first, last = (0, m) if block == 0 else (m, size)
        sum3, sum5, before, after = 0.0, 0.0, 0.0, 0.0
        for k in range(first, last):
            c = neurons.c[k] if block == 0 else neurons.c[(k - m) // neurons.x.shape[1]]
            e3, e5 = 0.0, 0.0
            for s in range(13):
                e3 += tableau.e3[s] * stages[s, k]
                e5 += tableau.e5[s] * stages[s, k]
            sum3 += c * e3 * e3
            sum5 += c * e5 * e5
            before += c * z[k] * z[k]
            after += c * trial[k] * trial[k]
        scale = tolerance * np.sqrt(max(before, after))
        # The two estimates are blended as in the reference: |e5|^2 / sqrt(|e5|^2 + |e3|^2 / 100).
        if sum5 > 0.0 and scale > 0.0:
            worst = max(worst, h * sum5 / np.sqrt(sum5 + 0.01 * sum3) / scale)
    return worst if np.isfinite(worst) else 1e8


@jit
def _combine(z: Array, stages: Array, weights: Array, count: int, h: float, out: Array) -> None:
    out[:] = z
    for s in range(count):
        factor = h * weights[s]
        if factor != 0.0:
            for k in range(len(z)):
                out[k] += factor * stages[s, k]


@jit
def _dense_output(
    neurons: Neurons, pattern: Array, z: Array, end: Array, h: float, tableau: Tableau, stages: Array, dense: Array, e: Array
) -> None:
    """The coefficients (7, .) of the interpolant of the step from `z` to `end`."""
    stage = np.empty_like(z)
    for s in range(3):
        _combine(z, stages, tableau.extra[s], 13 + s, h, stage)
        frozen_velocity(neurons, pattern, stage, e, stages[13 + s])
    dense[3:] = 0.0
    for q in range(4):
        for s in range(16):
            factor = h * tableau.d[q, s]
            if factor != 0.0:
                for k in range(len(z)):
                    dense[3 + q, k] += factor * stages[s, k]
    for k in range(len(z)):
        change = end[k] - z[k]
        dense[0, k] = change
        dense[1, k] = h * stages[0, k] - change
        dense[2, k] = 2.0 * change - h * (stages[12, k] + stages[0, k])


@jit
def interpolate(z: Array, dense: Array, x: float, out: Array) -> None:
    """The state at the share x of a step that began at `z`."""
    rest = 1.0 - x
    for k in range(len(z)):
        value = dense[6, k] * x
        value = (value + dense[5, k]) * rest
        value = (value + dense[4, k]) * x
        value = (value + dense[3, k]) * rest
        value = (value + dense[2, k]) * x
        value = (value + dense[1, k]) * rest
        out[k] = z[k] + (value + dense[0, k]) * x


@jit
def _first_change(neurons: Neurons, pattern: Array, z: Array, dense: Array, target: float, e: Array) -> float:
    """The share of the step at which a pattern first turns wrong or the loss reaches `target`, located to rounding; 2 if there is none."""
    m = len(neurons.a0)
    p = neurons.x.shape[1]
    at, crossing = np.empty_like(z), np.empty(m, np.int64)
    for q in range(1, SUB_POINTS + 1):
        high = q / SUB_POINTS
        interpolate(z, dense, high, at)
        found = 0
        for k in range(m):
            if _has_crossed(neurons, pattern, at, k):
                crossing[found] = k
                found += 1
        shared = _loss_or_release(neurons, pattern, at, target, e)
        if found == 0 and not shared:
            continue
        low = (q - 1) / SUB_POINTS
        for _ in range(60):
            middle = 0.5 * (low + high)
            if middle <= low or middle >= high:
                break
            changed = False
            for c in range(found):
                k = crossing[c]
                start = m + k * p
                interpolate(z[start : start + p], dense[:, start : start + p], middle, at[start : start + p])
                if _has_crossed(neurons, pattern, at, k):
                    changed = True
                    break
            if not changed and shared:
                interpolate(z, dense, middle, at)
                changed = _loss_or_release(neurons, pattern, at, target, e)
            if changed:
                high = middle
            else:
                low = middle
        return high
    return 2.0


@jit
def _has_crossed(neurons: Neurons, pattern: Array, z: Array, k: int) -> bool:
    m, n = pattern.shape
    wrong = False
    for i in range(n):
        wrong = wrong or (pattern[k, i] != PINNED and _wrong_side(neurons, pattern[k, i], z, m, k, i) != 0.0)
    return wrong


@jit
def _wrong_side(neurons: Neurons, flag: float, z: Array, m: int, k: int, i: int) -> float:
    """w . X_i if it contradicts `flag`, else 0."""
    p = neurons.x.shape[1]
    value, size = neurons.lines[k, i], 0.0
    for j in range(p):
        step = z[m + k * p + j]
        value += neurons.x[i, j] * step
        size += abs(neurons.x[i, j]) * abs(neurons.w0[k, j] + step)
    if (flag == ON and value < -_ROUNDING * size) or (flag == OFF and value > _ROUNDING * size):
        return float(value)
    return 0.0


@jit
def _loss_or_release(neurons: Neurons, pattern: Array, z: Array, target: float, e: Array) -> bool:
    """Whether the loss is at most `target` or a pinned neuron may leave its line."""
    if residuals(neurons, pattern, z, e) <= target:
        return True
    m, n = pattern.shape
    p = neurons.x.shape[1]
    g, basis = np.empty(p), np.empty((p, p))
    for k in range(m):
        for i in range(n):
            if pattern[k, i] == PINNED:
                off, on = normal_speeds(neurons.x, e, pattern[k], i, neurons.a0[k] + z[k], g, basis)
                if off < 0.0 or on > 0.0:
                    return True
    return False


@jit
def _switch(neurons: Neurons, pattern: Array, z: Array, e: Array, counts: Array) -> None:
    """Give every neuron whose pattern is wrong its next one (Filippov's rule), and put those on a line exactly there.

    A neuron that slides into w = 0, where all lines meet, stays: with relu'(0) = 0 nothing moves it any more.
    """
    m, n = pattern.shape
    p = neurons.x.shape[1]
    g, basis = np.empty(p), np.empty((p, p))
    residuals(neurons, pattern, z, e)
    for k in range(m):
        held, crossed = False, _has_crossed(neurons, pattern, z, k)
        for i in range(n):
            held = held or pattern[k, i] == PINNED
        if not held and not crossed:
            continue
        a, row = neurons.a0[k] + z[k], pattern[k]
        for i in range(n):
            if row[i] == PINNED:
                continue
            depth = _wrong_side(neurons, row[i], z, m, k, i)
            if depth == 0.0:
                continue
            square = 0.0
            for j in range(p):
                square += neurons.x[i, j] ** 2
            for j in range(p):
                z[m + k * p + j] -= depth / square * neurons.x[i, j]
            off, on = normal_speeds(neurons.x, e, row, i, a, g, basis)
            if (row[i] == OFF and off <= 0.0) or (row[i] == ON and on >= 0.0):
                continue
            if off > 0.0 > on:
                row[i] = PINNED
                counts[TALLY.pinnings] += 1
            else:
                row[i] = ON if row[i] == OFF else OFF
                counts[TALLY.crossings] += 1
        if crossed and _at_origin(neurons, z, k):
            row[:] = PINNED
            z[m + k * p : m + (k + 1) * p] = -neurons.w0[k]
            counts[TALLY.absorbed] += 1
            continue
        # A neuron on several lines: each release can free the next.
        for _ in range(n):
            if not _release(neurons, row, a, e, g, basis, counts):
                break


@jit
def _at_origin(neurons: Neurons, z: Array, k: int) -> bool:
    m, p = neurons.w0.shape
    before, now = 0.0, 0.0
    for j in range(p):
        before += neurons.w0[k, j] ** 2
        now += (neurons.w0[k, j] + z[m + k * p + j]) ** 2
    return bool(now < _ORIGIN**2 * before)


@jit
def _release(neurons: Neurons, row: Array, a: float, e: Array, g: Array, basis: Array, counts: Array) -> bool:
    """Free the neuron from the first line that no longer holds it; whether there was one.

    Where both sides lead away from the line (a has changed sign while pinned) the continuation is not unique: it is counted, and
    the neuron goes to the side on which chatter about the line spends more time.
    """
    for i in range(len(row)):
        if row[i] == PINNED:
            off, on = normal_speeds(neurons.x, e, row, i, a, g, basis)
            if off < 0.0 or on > 0.0:
                if off < 0.0 < on:
                    counts[TALLY.ambiguous] += 1
                    row[i] = ON if -off > on else OFF
                else:
                    row[i] = OFF if off < 0.0 else ON
                counts[TALLY.releases] += 1
                return True
    return False


@jit
def _raise_sup(neurons: Neurons, z: Array, first: int, squares: tuple[float, float], sup: Array) -> None:
    m, p = neurons.w0.shape
    moved_a, moved_w = 0.0, 0.0
    for k in range(first):
        moved_a += neurons.c[k] * z[k] ** 2
        for j in range(p):
            moved_w += neurons.c[k] * z[m + k * p + j] ** 2
    sup[0] = max(sup[0], np.sqrt(moved_w / squares[1]))
    sup[1] = max(sup[1], np.sqrt(moved_a / squares[0]))
    sup[2] = max(sup[2], np.sqrt((moved_a + moved_w) / (squares[0] + squares[1])))
