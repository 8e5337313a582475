"""High order between pattern switches: Runge-Kutta steps with dense output, the earliest switch located on it, sliding along kinks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mfpde.kernels.jit import jit, jit_fast
from mfpde.kernels.pattern_field import OFF, ON, PINNED, Array, Neurons, frozen_velocity, line_change, normal_speeds, residuals

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
        As in :mod:`mfpde.kernels.pattern_field`; `pattern` (n, m) and `z` (1 + p, m) are overwritten.
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
    stages, dense = np.empty((16, *z.shape)), np.empty((7, *z.shape))
    e, trial = np.empty(len(pattern)), np.empty_like(z)
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
            interpolate(z, dense, x, 0, z.shape[1], trial)
            z[:] = trial
            t = t + x * length
            _switch(neurons, pattern, z, e, counts)
        _raise_sup(neurons, z, first, squares, sup)
        if not reached and residuals(neurons, pattern, z, e) <= target:
            break
    return t, h


@jit_fast
def _step(
    neurons: Neurons, pattern: Array, z: Array, h: float, tableau: Tableau, tolerance: float, stages: Array, trial: Array, e: Array
) -> float:
    """One step of length h into `trial`; the first 13 rows of `stages` receive the slopes; returns error / tolerance."""
    frozen_velocity(neurons, pattern, z, e, stages[0])
    for s in range(1, 12):
        _combine(z, stages, tableau.a[s], s, h, trial)
        frozen_velocity(neurons, pattern, trial, e, stages[s])
    _combine(z, stages, tableau.b, 12, h, trial)
    frozen_velocity(neurons, pattern, trial, e, stages[12])
    nothing = np.zeros_like(z)
    e3, e5 = np.empty_like(z), np.empty_like(z)
    _combine(nothing, stages, tableau.e3, 13, 1.0, e3)
    _combine(nothing, stages, tableau.e5, 13, 1.0, e5)
    worst = 0.0
    for layer in range(2):
        sum3, sum5, before, after = 0.0, 0.0, 0.0, 0.0
        for j in range(layer, 1 if layer == 0 else len(z)):
            for k in range(z.shape[1]):
                c = neurons.c[k]
                sum3 += c * e3[j, k] ** 2
                sum5 += c * e5[j, k] ** 2
                before += c * z[j, k] ** 2
                after += c * trial[j, k] ** 2
        scale = tolerance * np.sqrt(max(before, after))
        # The two estimates are blended as in the reference: |e5|^2 / sqrt(|e5|^2 + |e3|^2 / 100).
        if sum5 > 0.0 and scale > 0.0:
            worst = max(worst, h * sum5 / np.sqrt(sum5 + 0.01 * sum3) / scale)
    return worst if np.isfinite(worst) else 1e8


@jit_fast
def _combine(z: Array, stages: Array, weights: Array, count: int, h: float, out: Array) -> None:
    """out = z + h sum_s weights_s stages_s over the first `count` stages."""
    out[:] = z
    for s in range(count):
        factor = h * weights[s]
        if factor != 0.0:
            for j in range(len(z)):
                total, slope = out[j], stages[s, j]
                for k in range(len(total)):
                    total[k] += factor * slope[k]


@jit_fast
def _dense_output(
    neurons: Neurons, pattern: Array, z: Array, end: Array, h: float, tableau: Tableau, stages: Array, dense: Array, e: Array
) -> None:
    """The coefficients (7, 1 + p, m) of the interpolant of the step from `z` to `end`."""
    stage = np.empty_like(z)
    for s in range(3):
        _combine(z, stages, tableau.extra[s], 13 + s, h, stage)
        frozen_velocity(neurons, pattern, stage, e, stages[13 + s])
    stage[:] = 0.0
    for q in range(4):
        _combine(stage, stages, tableau.d[q], 16, h, dense[3 + q])
    for j in range(len(z)):
        for k in range(z.shape[1]):
            change = end[j, k] - z[j, k]
            dense[0, j, k] = change
            dense[1, j, k] = h * stages[0, j, k] - change
            dense[2, j, k] = 2.0 * change - h * (stages[12, j, k] + stages[0, j, k])


@jit_fast
def interpolate(z: Array, dense: Array, x: float, first: int, last: int, out: Array) -> None:
    """The neurons first <= k < last at the share x of a step that began at `z`."""
    rest = 1.0 - x
    for j in range(len(z)):
        for k in range(first, last):
            value = dense[6, j, k] * x
            value = (value + dense[5, j, k]) * rest
            value = (value + dense[4, j, k]) * x
            value = (value + dense[3, j, k]) * rest
            value = (value + dense[2, j, k]) * x
            value = (value + dense[1, j, k]) * rest
            out[j, k] = z[j, k] + (value + dense[0, j, k]) * x


@jit
def _first_change(neurons: Neurons, pattern: Array, z: Array, dense: Array, target: float, e: Array) -> float:
    """The share of the step at which a pattern first turns wrong or the loss reaches `target`, located to rounding; 2 if there is none."""
    m = z.shape[1]
    at, crossing, suspect = np.empty_like(z), np.empty(m, np.int64), np.empty(m)
    for q in range(1, SUB_POINTS + 1):
        high = q / SUB_POINTS
        interpolate(z, dense, high, 0, m, at)
        _mark_suspects(neurons, pattern, at, suspect)
        found = 0
        for k in range(m):
            if suspect[k] > 0.0 and _has_crossed(neurons, pattern, at, k):
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
            earlier = 0
            for c in range(found):
                k = crossing[c]
                interpolate(z, dense, middle, k, k + 1, at)
                if _has_crossed(neurons, pattern, at, k):
                    # Those that cross later need not be looked at again.
                    crossing[c], crossing[earlier] = crossing[earlier], k
                    earlier += 1
            changed = earlier > 0
            if changed:
                found = earlier
            elif shared:
                interpolate(z, dense, middle, 0, m, at)
                changed = _loss_or_release(neurons, pattern, at, target, e)
            if changed:
                high = middle
            else:
                low = middle
        return high
    return 2.0


@jit_fast
def _mark_suspects(neurons: Neurons, pattern: Array, z: Array, suspect: Array) -> None:
    """Mark the neurons (m,) that are beyond a line, by rounding perhaps, or pinned to one."""
    n, m = pattern.shape
    dh = np.empty(m)
    suspect[:] = 0.0
    for i in range(n):
        line_change(neurons.x[i], z, dh)
        flags, lines = pattern[i], neurons.lines[i]
        for k in range(m):
            value = lines[k] + dh[k]
            beyond = flags[k] < 0.0 or (value > 0.0 if flags[k] == OFF else value < 0.0)
            suspect[k] = max(suspect[k], 1.0 if beyond else 0.0)


@jit
def _has_crossed(neurons: Neurons, pattern: Array, z: Array, k: int) -> bool:
    wrong = False
    for i in range(len(pattern)):
        wrong = wrong or (pattern[i, k] != PINNED and _wrong_side(neurons, pattern[i, k], z, k, i) != 0.0)
    return wrong


@jit
def _wrong_side(neurons: Neurons, flag: float, z: Array, k: int, i: int) -> float:
    """w . X_i if it contradicts `flag`, else 0."""
    value, size = neurons.lines[i, k], 0.0
    for j in range(neurons.x.shape[1]):
        step = z[1 + j, k]
        value += neurons.x[i, j] * step
        size += abs(neurons.x[i, j]) * abs(neurons.w0[j, k] + step)
    if (flag == ON and value < -_ROUNDING * size) or (flag == OFF and value > _ROUNDING * size):
        return float(value)
    return 0.0


@jit
def _loss_or_release(neurons: Neurons, pattern: Array, z: Array, target: float, e: Array) -> bool:
    """Whether the loss is at most `target` or a pinned neuron may leave its line."""
    if residuals(neurons, pattern, z, e) <= target:
        return True
    n, m = pattern.shape
    p = neurons.x.shape[1]
    g, basis = np.empty(p), np.empty((p, p))
    for i in range(n):
        for k in range(m):
            if pattern[i, k] == PINNED:
                off, on = normal_speeds(neurons.x, e, pattern[:, k], i, neurons.a0[k] + z[0, k], g, basis)
                if off < 0.0 or on > 0.0:
                    return True
    return False


@jit
def _switch(neurons: Neurons, pattern: Array, z: Array, e: Array, counts: Array) -> None:
    """Give every neuron whose pattern is wrong its next one (Filippov's rule), and put those on a line exactly there.

    A neuron that slides into w = 0, where all lines meet, stays: with relu'(0) = 0 nothing moves it any more.
    """
    n, m = pattern.shape
    p = neurons.x.shape[1]
    g, basis, suspect = np.empty(p), np.empty((p, p)), np.empty(m)
    residuals(neurons, pattern, z, e)
    _mark_suspects(neurons, pattern, z, suspect)
    for k in range(m):
        if suspect[k] == 0.0:
            continue
        a, row, crossed = neurons.a0[k] + z[0, k], pattern[:, k], _has_crossed(neurons, pattern, z, k)
        for i in range(n):
            depth = 0.0 if row[i] == PINNED else _wrong_side(neurons, row[i], z, k, i)
            if depth == 0.0:
                continue
            square = 0.0
            for j in range(p):
                square += neurons.x[i, j] ** 2
            for j in range(p):
                z[1 + j, k] -= depth / square * neurons.x[i, j]
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
            z[1:, k] = -neurons.w0[:, k]
            counts[TALLY.absorbed] += 1
            continue
        # A neuron on several lines: each release can free the next.
        for _ in range(n):
            if not _release(neurons, row, a, e, g, basis, counts):
                break


@jit
def _at_origin(neurons: Neurons, z: Array, k: int) -> bool:
    before, now = 0.0, 0.0
    for j in range(len(neurons.w0)):
        before += neurons.w0[j, k] ** 2
        now += (neurons.w0[j, k] + z[1 + j, k]) ** 2
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


@jit_fast
def _raise_sup(neurons: Neurons, z: Array, first: int, squares: tuple[float, float], sup: Array) -> None:
    moved_a, moved_w = 0.0, 0.0
    for k in range(first):
        moved_a += neurons.c[k] * z[0, k] ** 2
    for j in range(1, len(z)):
        for k in range(first):
            moved_w += neurons.c[k] * z[j, k] ** 2
    sup[0] = max(sup[0], np.sqrt(moved_w / squares[1]))
    sup[1] = max(sup[1], np.sqrt(moved_a / squares[0]))
    sup[2] = max(sup[2], np.sqrt((moved_a + moved_w) / (squares[0] + squares[1])))
