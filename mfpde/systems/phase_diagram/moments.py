"""When gradient descent goes by the moments of the patterns, and when by plain steps."""

from __future__ import annotations

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.relu_line import BLOCK
from mfpde.kernels.relu_moments import PLAIN_FIRST, descend_by_moments
from mfpde.kernels.relu_training import FOUR_POINTS, LINE, Room, descend
from mfpde.systems.phase_diagram.blocks import Blocks

LEAST_NEURONS = 6000
"""Plain steps of fewer neurons are cheaper than the steps of all cells."""


def make_steps(blocks: Blocks, room: Room, dt: float, tolerance: float, most: int, watched: bool, record: Array) -> tuple[int, int, float]:
    """:func:`mfpde.kernels.relu_training.descend`, by the moments of the patterns where they are exact and may be worth it.

    They are exact for data on a line, whatever the weights. A run starts with plain steps, and every try of moments that turns out
    dearer than they are goes back to them, for twice as long each time: neurons in the linear regime keep their patterns, and steps
    cost next to nothing; condensing ones crowd where patterns change. The choice rests on counts, so it is the same on every machine.
    """
    if pays(blocks):
        made, status, loss = descend_by_moments(blocks.problem, room, dt, tolerance, most, watched, record, PLAIN_FIRST)
    else:
        made, status, loss = descend(blocks.problem, room, dt, tolerance, most, watched, record)
    return int(made), int(status), float(loss)


def pays(blocks: Blocks) -> bool:
    """Whether moments may be worth it for these neurons."""
    problem = blocks.problem
    slots = problem.z.size // 3
    on_a_line = problem.code in (FOUR_POINTS, LINE) and problem.counted * BLOCK == slots
    return on_a_line and blocks.dtype == np.float64 and slots >= LEAST_NEURONS
