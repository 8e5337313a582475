"""When gradient descent goes by the moments of the patterns, and when by plain steps."""

from __future__ import annotations

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.relu_line import BLOCK
from mfpde.kernels.relu_moments import descend_by_moments
from mfpde.kernels.relu_training import FOUR_POINTS, LINE, WENT_ON, Room, descend
from mfpde.systems.phase_diagram.blocks import Blocks

LEAST_NEURONS = 6000
"""Plain steps of fewer neurons are cheaper than the steps of all cells."""

PLAIN_FIRST = 32
"""Plain steps before the first try, so that learning rates that fail at once cost no look at all neurons."""

FIRST_SHARE = 1.0 / 32.0
"""Explicit neurons at the first try."""


def make_steps(blocks: Blocks, room: Room, dt: float, tolerance: float, most: int, watched: bool, record: Array) -> tuple[int, int, float]:
    """:func:`mfpde.kernels.relu_training.descend`, by the moments of the patterns where they are exact and may be worth it.

    They are exact for data on a line, whatever the weights. A run starts with plain steps, and every try of moments that turns out
    dearer than they are goes back to them, for twice as long each time: neurons in the linear regime keep their patterns, and steps
    cost next to nothing; condensing ones crowd where patterns change. The choice rests on counts, so it is the same on every machine.
    """
    made, plain = 0, PLAIN_FIRST if pays(blocks) else most
    share = np.full(2 * len(blocks.problem.labels), FIRST_SHARE)
    while True:
        steps, status, loss = descend(blocks.problem, room, dt, tolerance, min(plain, most - made), watched, record)
        made += steps
        if status == WENT_ON and made < most:
            steps, status, loss = descend_by_moments(blocks.problem, room, dt, tolerance, most - made, watched, record, share)
            made += steps
        if status != WENT_ON or made == most:
            return made, status, loss
        plain *= 2


def pays(blocks: Blocks) -> bool:
    """Whether moments may be worth it for these neurons."""
    problem = blocks.problem
    slots = problem.z.size // 3
    on_a_line = problem.code in (FOUR_POINTS, LINE) and problem.counted * BLOCK == slots
    return on_a_line and blocks.dtype == np.float64 and slots >= LEAST_NEURONS
