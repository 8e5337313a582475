"""Gradient descent by the second moments of the neurons that share a pattern, exact between two changes of a pattern.

Outputs and displacements are sums of second moments, and the neurons of a cell (:mod:`mfpde.kernels.relu_patterns`) move by a common
linear map, so a step of all neurons far from a change costs a few 3 x 3 products. The neurons near one, those of small margin, are
*explicit*: they make plain steps, in blocks of their own. Once a cell has turned by its least margin, all neurons are looked at anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_inline
from mfpde.kernels.relu_line import BLOCK, euler4, stage
from mfpde.kernels.relu_patterns import BINS, Cells, add_outputs, classify, displacement, move_cell, transport, turned
from mfpde.kernels.relu_training import FOUR_POINTS, PREVIOUS, REACHED, ROSE, SUP_A, SUP_ALL, SUP_W, WENT_ON, Problem, Room

Array = npt.NDArray[np.floating[Any]]

LOOK = 25.0
"""What looking at all neurons costs, in plain steps."""

WORTH = 0.7
"""Steps must cost less than this share of plain ones."""

FEW = 20
"""Cells with fewer members are explicit."""


@jit
def descend_by_moments(
    problem: Problem, room: Room, dt: float, tolerance: float, most: int, watched: bool, record: Array, share: Array
) -> tuple[int, int, float]:
    """The same as :func:`mfpde.kernels.relu_training.descend` up to rounding, in double precision, for data on a line without tracers.

    It comes back early, with WENT_ON, where steps by moments have become dearer than plain ones. That rests on counts alone, never on
    measured time.

    Parameters
    ----------
    share : array (2 n,)
        Share of explicit neurons in every cell to begin with, at most one half; adapted to how often cells turn.
    """
    n = problem.labels.shape[0]
    neurons = room.d.shape[0] // 3
    x = np.empty(n)
    for i in range(n):
        x[i] = problem.line[problem.order[i]]
    cells, margins = np.empty(neurons, np.int16), np.empty(neurons, np.int16)
    psi, edge = np.zeros((2 * n, 3, 3)), np.zeros(2 * n)
    made, losing = 0, 0
    while True:
        classify(x, problem.z, room.d, cells, margins)
        split(n, share, cells, margins, edge)
        psi[:] = 0.0
        left = most - made
        steps, status, loss, part, trigger = _until_turned(problem, room, x, psi, edge, cells, dt, tolerance, left, watched, record)
        made += steps
        transport(psi, cells, problem.z, room.d)
        if trigger < 0:
            return made, status, loss
        looking = LOOK / max(steps, 1)
        if looking > part:
            share[trigger] = min(2.0 * share[trigger], 1.0)
        elif looking < 0.25 * part:
            share *= 0.5
        losing = losing + 1 if looking + part > WORTH else 0
        if losing == 3:
            return made, WENT_ON, loss


@jit_inline
def split(n: int, share: Array, cells: Cells, margins: Cells, edge: Array) -> None:
    """Mark the explicit neurons by -1 - cell; edge[s] is the least margin of the others, 0 where there are none."""
    counts = np.zeros((2 * n, BINS + 1), np.int64)
    for k in range(cells.shape[0]):
        counts[cells[k], margins[k]] += 1
    bounds = np.zeros(2 * n, np.int16)
    for s in range(2 * n):
        members, below, bound = np.sum(counts[s]), 0, 0
        while bound < BINS and (bound == 0 or below < share[s] * members):
            below += counts[s, bound]
            bound += 1
        if members < FEW or share[s] >= 0.5:
            bound = BINS + 1
        bounds[s] = bound
        # Rounding of a margin is far below this.
        edge[s] = (bound / BINS) ** 2 * (1.0 - 1e-9) if bound <= BINS else 0.0
    for k in range(cells.shape[0]):
        if margins[k] < bounds[cells[k]]:
            cells[k] = -1 - cells[k]


@jit_inline
def _until_turned(
    problem: Problem,
    room: Room,
    x: Array,
    psi: Array,
    edge: Array,
    cells: Cells,
    dt: float,
    tolerance: float,
    most: int,
    watched: bool,
    record: Array,
) -> tuple[int, int, float, float, int]:
    """Steps until a cell has turned by its edge: (steps, why, loss, share of explicit neurons, that cell, or -1 where the run is over).

    `psi` and the explicit neurons in ``room.d`` move. Whoever has turned may have changed a pattern, so nothing is read off that state.
    """
    n = x.shape[0]
    of_all, of_first, mixed, squares = _moments(problem, room.d, cells, n)
    slots, halves = _explicit(problem, cells)
    z, d = np.zeros(3 * slots.shape[0]), np.zeros(3 * slots.shape[0])
    _copy(slots, problem.z, z, False)
    _copy(slots, room.d, d, False)
    s, total = d.copy(), np.zeros_like(d)
    blocks, measured = slots.shape[0] // BLOCK, halves // BLOCK
    part = slots.shape[0] / cells.shape[0]
    points = problem.line.shape[0]
    sums, residual, method = np.zeros((blocks, points + 2)), np.zeros(points), np.zeros(4)
    prefix, suffix = np.zeros((n + 1, 2)), np.zeros((n + 1, 2))
    f, errors = np.zeros(n), np.zeros(n)
    made, status, trigger, loss = 0, WENT_ON, -1, 0.0
    used = [c for c in range(2 * n) if edge[c] > 0.0]
    method[1] = method[3] = 1.0
    while True:
        # The first time without residuals: an evaluation.
        if problem.code == FOUR_POINTS:
            euler4(problem.line, residual, problem.rates, z, d, 0, blocks, sums)
        else:
            stage(problem.line, residual, problem.rates, method, False, z, d, s, total, 0, blocks, sums)
            d[:] = s
        for c in used:
            if turned(x, psi[c]) >= edge[c]:
                trigger = c
        if trigger >= 0:
            break
        f[:] = 0.0
        moved_a = moved_w = 0.0
        for c in used:
            add_outputs(x, c, psi[c], of_all[c], f)
            moved_a += displacement(0, psi[c], of_first[c], mixed[c], squares[c])
            for j in (1, 2):
                moved_w += displacement(j, psi[c], of_first[c], mixed[c], squares[c])
        for k in range(blocks):
            if k < measured:
                moved_a += sums[k, points]
                moved_w += sums[k, points + 1]
            for i in range(n):
                f[i] += sums[k, problem.order[i]]
        record[SUP_A], record[SUP_W] = max(record[SUP_A], moved_a), max(record[SUP_W], moved_w)
        record[SUP_ALL] = max(record[SUP_ALL], moved_a + moved_w)
        for i in range(n):
            j = problem.order[i]
            errors[i] = problem.start[j] + problem.forward * f[i] - problem.labels[j]
        loss = float(np.sum(errors * errors) / n)
        if loss < tolerance:
            status = REACHED
        elif watched and not loss <= record[PREVIOUS]:
            status = ROSE
        if status != WENT_ON or made == most:
            break
        record[PREVIOUS] = loss
        for i in range(n):
            r = dt * problem.backward * errors[i]
            residual[problem.order[i]] = r
            prefix[i + 1, 0], prefix[i + 1, 1] = prefix[i, 0] + r * x[i], prefix[i, 1] + r
        for c in range(1, n + 1):
            suffix[c, 0], suffix[c, 1] = prefix[n, 0] - prefix[n - c, 0], prefix[n, 1] - prefix[n - c, 1]
        for c in used:
            g, h = (prefix[c, 0], prefix[c, 1]) if c <= n else (suffix[c - n, 0], suffix[c - n, 1])
            move_cell(psi[c], g, h, problem.rates[0], problem.rates[1])
        made += 1
    _copy(slots, room.d, d, True)
    return made, status, loss, part, trigger


@jit_inline
def _moments(problem: Problem, d: Array, cells: Cells, n: int) -> tuple[Array, Array, Array, Array]:
    """Per cell, without the explicit neurons: sum z z^T of all, and sum z z^T, sum d z^T, sum d^2 of the first copy, z = z_0 + d."""
    second, mixed, squares = np.zeros((2, 2 * n, 3, 3)), np.zeros((2 * n, 3, 3)), np.zeros((2 * n, 3))
    for k in range(cells.shape[0] // BLOCK):
        start, moved = problem.z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], d[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        copy = 0 if k < problem.measured else 1
        for j in range(BLOCK):
            c = cells[BLOCK * k + j]
            if c >= 0:
                da, dw, db = moved[j], moved[j + BLOCK], moved[j + 2 * BLOCK]
                a, w, b = start[j] + da, start[j + BLOCK] + dw, start[j + 2 * BLOCK] + db
                q = second[copy, c]
                q[0, 0] += a * a
                q[0, 1] += a * w
                q[0, 2] += a * b
                q[1, 1] += w * w
                q[1, 2] += w * b
                q[2, 2] += b * b
                if copy == 0:
                    q = mixed[c]
                    q[0, 0] += da * a
                    q[0, 1] += da * w
                    q[0, 2] += da * b
                    q[1, 0] += dw * a
                    q[1, 1] += dw * w
                    q[1, 2] += dw * b
                    q[2, 0] += db * a
                    q[2, 1] += db * w
                    q[2, 2] += db * b
                    squares[c, 0] += da * da
                    squares[c, 1] += dw * dw
                    squares[c, 2] += db * db
    for copy in range(2):
        for c in range(2 * n):
            for i in range(3):
                for j in range(i):
                    second[copy, c, i, j] = second[copy, c, j, i]
    return second[0] + second[1], second[0], mixed, squares


@jit_inline
def _explicit(problem: Problem, cells: Cells) -> tuple[npt.NDArray[np.int64], int]:
    """Slots of the explicit neurons, those of the first copy padded to whole blocks by -1, then the others; and where these begin."""
    slots = np.full(cells.shape[0] + 2 * BLOCK, -1)
    count = 0
    for k in range(problem.measured * BLOCK):
        if cells[k] < 0:
            slots[count] = k
            count += 1
    halves = -(-count // BLOCK) * BLOCK
    count = halves
    for k in range(problem.measured * BLOCK, cells.shape[0]):
        if cells[k] < 0:
            slots[count] = k
            count += 1
    return slots[: -(-count // BLOCK) * BLOCK].copy(), halves


@jit_inline
def _copy(slots: npt.NDArray[np.int64], everyone: Array, some: Array, back: bool) -> None:
    """Gather the neurons in `slots` from the blocks `everyone` into the blocks `some`, or bring them back."""
    for k in range(slots.shape[0]):
        if slots[k] >= 0:
            here, there = 3 * (k // BLOCK) * BLOCK + k % BLOCK, 3 * (slots[k] // BLOCK) * BLOCK + slots[k] % BLOCK
            for j in range(0, 3 * BLOCK, BLOCK):
                if back:
                    everyone[there + j] = some[here + j]
                else:
                    some[here + j] = everyone[there + j]
