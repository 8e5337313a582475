"""Many training steps in one call: gradient descent with a watch on its loss, and Runge-Kutta steps of the gradient flow."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_inline
from mfpde.kernels.relu_inputs import gram_inputs, stage_inputs
from mfpde.kernels.relu_line import euler4, gram, stage, stage4

Array = npt.NDArray[np.floating[Any]]
Double = npt.NDArray[np.float64]

FOUR_POINTS, LINE, LINE_CHANGES, INPUTS = 0, 1, 2, 3
"""Which sweep: at most four points on a line; any number, by the values of the neurons or by their changes; any inputs."""

WENT_ON, REACHED, ROSE = 0, 1, 2
"""Why a call came back: its steps were made, the loss is below the tolerance, the loss rose (or is not a number)."""

PREVIOUS, SUP_A, SUP_W, SUP_ALL = 0, 1, 2, 3
"""Entries of a record: the loss before the last step, and the largest sums of da^2, of dw^2 and of both over the measured blocks."""

PACE, STEPS, DONE = 0, 1, 2
"""Entries of a pace: the length of a Runge-Kutta step, the steps made, whether the tolerance is reached."""

REFRESH = 5


class Problem(NamedTuple):
    """Data, constants and initial neurons of a training run, in blocks.

    Attributes
    ----------
    code : int
        The sweep.
    line : array (N,)
        Points x, N a multiple of four, for the sweeps on a line.
    inputs : array (n, p)
    order : array (n,)
        The points of the line in increasing order.
    labels, start : arrays (n,)
        y, and what is added to the summed outputs: f at the start for sums of changes, else 0.
    forward, backward : float
        kappa_forward, and kappa / n of the velocities.
    rates : array (2,)
        1 / kappa' and kappa'.
    z : array ((1 + p) BLOCK K,)
        Initial neurons.
    measured, counted : int
        Displacements are summed over the first `measured` blocks, outputs over the first `counted`; the rest are tracers.
    """

    code: int
    line: Array
    inputs: Array
    order: npt.NDArray[np.int64]
    labels: Double
    start: Double
    forward: float
    backward: float
    rates: Array
    z: Array
    measured: int
    counted: int


class Room(NamedTuple):
    """What steps write to: displacements `d`, those of the stage `s`, summed velocities, products w.X, and the sums of the blocks."""

    d: Array
    s: Array
    total: Array
    h: Array
    sums: Double
    grams: Double


@jit
def descend(problem: Problem, room: Room, dt: float, tolerance: float, most: int, watched: bool, record: Array) -> tuple[int, int, float]:
    """At most `most` steps of gradient descent of length `dt`: (steps made, why it ended, loss of the state reached).

    The loss is looked at before every step: below the tolerance no step is made; if `watched`, neither where it is above the
    loss before. The displacements are those of ``room.d`` on entry and on return; ``room.s`` is overwritten.
    """
    n = problem.labels.shape[0]
    blocks = room.sums.shape[0]
    residual = np.zeros(max(n, problem.line.shape[0]), room.d.dtype)
    errors, method = np.zeros(n), np.zeros(4, room.d.dtype)
    method[1] = method[3] = 1.0
    if problem.code != FOUR_POINTS:
        _clear(room)
    made = 0
    while True:
        # The first time without residuals: an evaluation.
        if problem.code == FOUR_POINTS:
            euler4(problem.line, residual, problem.rates, problem.z, room.d, 0, blocks, room.sums)
        else:
            _sweep(problem, room, residual, method)
            _copy(room.s, room.d)
        loss = _look(problem, room, blocks, errors, record)
        if loss < tolerance:
            return made, REACHED, loss
        if watched and not loss <= record[PREVIOUS]:
            return made, ROSE, loss
        if made == most:
            return made, WENT_ON, loss
        record[PREVIOUS] = loss
        for i in range(n):
            residual[i] = dt * problem.backward * errors[i]
        made += 1


@jit
def flow_steps(
    problem: Problem, room: Room, t: float, t_stop: float, rho: float, tolerance: float, most: int, record: Array, pace: Array
) -> tuple[float, float]:
    """At most `most` Runge-Kutta steps (order 4) of the gradient flow from t to at most `t_stop`: (time, loss) reached.

    The steps have length rho / max(largest eigenvalue of G, kappa max_s |g_s|), found anew every REFRESH steps; the last one is
    cut to end at `t_stop`, or where the loss, taken as exponential in time over the step, equals the tolerance. Further arguments and
    results as for :func:`descend`.
    """
    n = problem.labels.shape[0]
    blocks = room.sums.shape[0]
    errors = np.zeros(n)
    _evaluate(problem, room, errors)
    loss = _look(problem, room, blocks, errors, record)
    if loss < tolerance:
        pace[DONE] = 1.0
    for _ in range(most):
        if t >= t_stop or pace[DONE] > 0.0:
            break
        if pace[STEPS] % REFRESH == 0:
            pace[PACE] = rho / max(_stiffness(problem, room), _pull(problem, errors))
        length = min(pace[PACE], t_stop - t)
        _runge_kutta(problem, room, length, errors)
        after = np.sum(errors * errors) / n
        if after < tolerance:
            length *= math.log(loss / tolerance) / math.log(loss / after)
            _evaluate(problem, room, errors)
            _runge_kutta(problem, room, length, errors)
            after = np.sum(errors * errors) / n
            pace[DONE] = 1.0
        _copy(room.s, room.d)
        _look(problem, room, blocks, errors, record)
        t = t + length if length < t_stop - t else t_stop
        loss = after
        pace[STEPS] += 1.0
        if not math.isfinite(loss):
            break
    return t, loss


@jit_inline
def _runge_kutta(problem: Problem, room: Room, length: float, errors: Double) -> None:
    """The four stages of one step from room.d = room.s; the new state in room.s, its errors in `errors`."""
    residual = np.zeros(max(problem.labels.shape[0], problem.line.shape[0]), room.d.dtype)
    method = np.zeros(4, room.d.dtype)
    for i in range(4):
        method[0] = 0.0 if i == 0 else 1.0
        method[1] = length / (6.0 if i == 0 or i == 3 else 3.0)
        method[2] = 0.0 if i == 3 else length if i == 2 else 0.5 * length
        method[3] = 1.0 if i == 3 else 0.0
        for j in range(errors.shape[0]):
            residual[j] = problem.backward * errors[j]
        _sweep(problem, room, residual, method)
        _errors(problem, room, errors)


@jit_inline
def _evaluate(problem: Problem, room: Room, errors: Double) -> None:
    """Sums and errors of the state room.d."""
    residual = np.zeros(max(problem.labels.shape[0], problem.line.shape[0]), room.d.dtype)
    _clear(room)
    _sweep(problem, room, residual, np.zeros(4, room.d.dtype))
    _errors(problem, room, errors)


@jit_inline
def _sweep(problem: Problem, room: Room, residual: Array, method: Array) -> None:
    """One stage of all blocks."""
    blocks = room.sums.shape[0]
    d, s, total, sums = room.d, room.s, room.total, room.sums
    if problem.code == FOUR_POINTS:
        stage4(problem.line, residual, problem.rates, method, problem.z, d, s, total, 0, blocks, sums)
    elif problem.code == INPUTS:
        stage_inputs(problem.inputs, residual, problem.rates, method, problem.z, d, s, total, room.h, 0, blocks, sums)
    else:
        changes = problem.code == LINE_CHANGES
        stage(problem.line, residual, problem.rates, method, changes, problem.z, d, s, total, 0, blocks, sums)


@jit_inline
def _clear(room: Room) -> None:
    """The stage is the state; nothing is left of earlier steps."""
    _copy(room.d, room.s)
    for i in range(room.total.shape[0]):
        room.total[i] = 0.0
    for i in range(room.h.shape[0]):
        room.h[i] = 0.0


@jit_inline
def _copy(source: Array, target: Array) -> None:
    """target <- source, without the compiled code of a general assignment."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@jit_inline
def _errors(problem: Problem, room: Room, errors: Double) -> None:
    """e_i = f(X_i) - y_i, the blocks added in their order."""
    for i in range(errors.shape[0]):
        f = 0.0
        for k in range(problem.counted):
            f += room.sums[k, i]
        errors[i] = problem.start[i] + problem.forward * f - problem.labels[i]


@jit_inline
def _look(problem: Problem, room: Room, blocks: int, errors: Double, record: Array) -> float:
    """The loss; the errors of the state, and its displacements into the record."""
    _errors(problem, room, errors)
    last = room.sums.shape[1]
    a = w = 0.0
    for k in range(problem.measured):
        a += room.sums[k, last - 2]
        w += room.sums[k, last - 1]
    record[SUP_A], record[SUP_W], record[SUP_ALL] = max(record[SUP_A], a), max(record[SUP_W], w), max(record[SUP_ALL], a + w)
    return float(np.sum(errors * errors) / errors.shape[0])


@jit_inline
def _stiffness(problem: Problem, room: Room) -> float:
    """The largest eigenvalue of G at the stage room.s."""
    n, blocks = problem.labels.shape[0], room.sums.shape[0]
    if problem.code == INPUTS:
        gram_inputs(problem.inputs, problem.rates, problem.z, room.s, room.h, 0, blocks, room.grams)
    else:
        gram(problem.line, problem.rates, problem.z, room.s, 0, blocks, room.grams)
    g = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            for k in range(problem.counted):
                g[i, j] += room.grams[k, i, j]
            g[j, i] = g[i, j]
    return float(problem.backward * problem.forward * np.linalg.eigvalsh(g)[-1])


@jit_inline
def _pull(problem: Problem, errors: Double) -> float:
    """kappa max_s |g_s| over the active sets of a line, each a beginning or an end of it; for other inputs kappa mean |e| |X|, a bound."""
    n = errors.shape[0]
    largest = 0.0
    if problem.code == INPUTS:
        for i in range(n):
            largest += abs(errors[i]) * math.sqrt(np.sum(problem.inputs[i] * problem.inputs[i]))
        return float(problem.backward * largest)
    for direction in (1, -1):
        along = level = 0.0
        for i in problem.order[::direction]:
            along += errors[i] * problem.line[i]
            level += errors[i]
            largest = max(largest, math.hypot(along, level))
    return float(problem.backward * largest)
