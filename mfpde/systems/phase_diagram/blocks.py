"""Initial neurons in the blocks that the compiled sweeps work on, and back.

The dynamics is homogeneous of degree one in a neuron (a, w) and every output is a sum of second moments, so a neuron of weight c is
the same as sqrt(c) (a, w) with weight 1: weights do not enter the sweeps at all. Tracers, of weight 0, lie in the last blocks, which
no output counts.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.relu_line import BLOCK, FOUR
from mfpde.kernels.relu_training import FOUR_POINTS, INPUTS, LINE, LINE_CHANGES, Problem, Room
from mfpde.systems.phase_diagram.initial import Initial

LARGEST_PREFACTOR = 1e6
"""Where kappa_forward sum c is larger, outputs are summed as changes: the rounding of sums of values would reach 1e-10."""


class Blocks:
    """The neurons of `initial` in blocks.

    Attributes
    ----------
    problem : Problem
    squares : (float, float)
        sum c a^2 and sum c |w|^2 of the first copy at the start.
    """

    def __init__(
        self,
        initial: Initial,
        inputs: Array,
        labels: Array,
        *,
        kappa: float,
        kappa_prime: float,
        kappa_forward: float,
        f0: Array,
        dtype: str = "float64",
    ) -> None:
        n, p = inputs.shape
        self.dtype = np.dtype(dtype)
        counted = len(initial.a) - initial.tracers
        ends = (0, initial.first, counted, len(initial.a))
        self._groups = [slice(i, j) for i, j in pairwise(ends) if j > i]
        self._columns = 1 + p
        self._count = sum(-(-(group.stop - group.start) // BLOCK) for group in self._groups)
        self._scale = None if np.all(initial.c == 1.0) else np.where(initial.c > 0.0, np.sqrt(initial.c), 1.0)
        code = _sweep_code(inputs, kappa_forward * float(np.sum(initial.c)))
        line = np.zeros(-(-n // FOUR) * FOUR, self.dtype)
        if code != INPUTS:
            line[:n] = inputs[:, 0]
        self.problem = Problem(
            code,
            line,
            np.array(inputs, self.dtype, order="C"),
            np.argsort(inputs[:, 0], kind="stable"),
            np.array(labels, np.float64),
            np.array(f0, np.float64) if code == LINE_CHANGES else np.zeros(n),
            float(kappa_forward),
            float(kappa) / n,
            np.array([1.0 / kappa_prime, kappa_prime], self.dtype),
            self.gather(initial.a, initial.w),
            -(-initial.first // BLOCK),
            -(-initial.first // BLOCK) + -(-(counted - initial.first) // BLOCK),
        )
        c, a, w = (rows[: initial.first] for rows in (initial.c, initial.a, initial.w))
        self.squares = (float(c @ a**2), float(c @ np.einsum("kj,kj->k", w, w)))

    def room(self, da: Array | None = None, dw: Array | None = None, order: int = 1) -> Room:
        """Room for steps of `order` 1 or 4 from the displacements (M,), (M, p), or from the start."""
        problem, blocks = self.problem, self._count
        d = np.zeros(self.problem.z.shape, self.dtype) if da is None or dw is None else self.gather(da, dw)
        # An Euler step on four points is made in place.
        stages = d.size if order > 1 or problem.code != FOUR_POINTS else 0
        products = len(problem.labels) * BLOCK * blocks if problem.code == INPUTS else 0
        outputs = len(problem.labels) if problem.code == INPUTS else len(problem.line)
        grams = np.zeros((blocks if order > 1 else 0, outputs, outputs))
        s, total, h = np.empty(stages, self.dtype), np.empty(stages, self.dtype), np.empty(products, self.dtype)
        return Room(d, s, total, h, np.zeros((blocks, outputs + 2)), grams)

    def gather(self, a: Array, w: Array) -> Array:
        """Rows (a_k, w_k) as blocks, each group padded with neurons that are 0 and never move."""
        blocks = np.zeros((self._count, self._columns, BLOCK), self.dtype)
        start = 0
        for group in self._groups:
            size = group.stop - group.start
            full, rest = divmod(size, BLOCK)
            for column in range(self._columns):
                values = a[group] if column == 0 else w[group, column - 1]
                if self._scale is not None:
                    values = values * self._scale[group]
                blocks[start : start + full, column] = values[: full * BLOCK].reshape(full, BLOCK)
                if rest:
                    blocks[start + full, column, :rest] = values[full * BLOCK :]
            start += -(-size // BLOCK)
        return blocks.reshape(-1)

    def scatter(self, d: Array) -> tuple[Array, Array]:
        """The rows (a (M,), w (M, p)) of blocks."""
        blocks = d.reshape(-1, self._columns, BLOCK)
        parts, start = [], 0
        for group in self._groups:
            size = group.stop - group.start
            count = -(-size // BLOCK)
            parts.append(blocks[start : start + count].transpose(0, 2, 1).reshape(count * BLOCK, self._columns)[:size])
            start += count
        rows = np.concatenate(parts)
        if self._scale is not None:
            rows = rows / self._scale[:, None]
        return rows[:, 0], rows[:, 1:]


def _sweep_code(inputs: Array, prefactor: float) -> int:
    n, p = inputs.shape
    if p != 2 or np.any(inputs[:, 1] != 1.0):
        return INPUTS
    if prefactor > LARGEST_PREFACTOR:
        return LINE_CHANGES
    return FOUR_POINTS if n <= FOUR else LINE
