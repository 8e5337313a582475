"""The paper's training recipe: full-batch gradient descent near its stability limit, with the step found by halving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.relu_training import PREVIOUS, REACHED, ROSE, SUP_A, SUP_ALL, SUP_W, descend
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.moments import make_steps
from mfpde.systems.phase_diagram.particles import ROW_NUMBERS, ParticleFlow

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

FIRST_RATE = 10.0
"""lr0 of the first try; ours, the paper's is unknown. Halvings of 10 are what the printed points were reproduced with."""

MOST_STEPS = 800_000
MOST_TRIES = 44
TOLERANCE = 1e-6
_CHUNK = 4e6


@dataclass(frozen=True)
class Run:
    """What the search for a step found: the accepted step and the run it made.

    Attributes
    ----------
    lr0 : float
        The accepted rate, the first / 2^j.
    dt : float
        The step on the clock "time".
    tries : int
        Rates tried, the accepted one included.
    tried_steps : int
        Steps of all tries together.
    steps : int
        Steps of the accepted try, until the loss was below the tolerance or `most` were made.
    loss : float
    converged : bool
        Whether the tolerance was reached.
    suprema : array (3,)
        sup over all steps of RD of w, a and theta.
    da, dw : arrays (M,), (M, p)
        The displacements at the end.
    initial : Initial
        The neurons of the accepted try.
    """

    lr0: float
    dt: float
    tries: int
    tried_steps: int
    steps: int
    loss: float
    converged: bool
    suprema: Array
    da: Array
    dw: Array
    initial: Initial

    @property
    def found(self) -> dict[str, Any]:
        """The entry "found" of a configuration: what its arguments led to."""
        return {"found": {"lr0": self.lr0, "dt": self.dt, "tries": self.tries}}


def search(
    draw: Callable[[int], Initial],
    make_blocks: Callable[[Initial], Blocks],
    dt_per_rate: float,
    *,
    redraw: bool = False,
    most: int = MOST_STEPS,
    first_rate: float = FIRST_RATE,
    tolerance: float = TOLERANCE,
) -> Run:
    """Train with lr0 = `first_rate`; halve lr0 and start again whenever the loss rises in any single step.

    That is the recipe of the public code of Luo et al. 2021.

    Parameters
    ----------
    draw
        ``draw(j)``: the neurons of try j; only ``draw(0)`` is used unless `redraw`.
    make_blocks
        The blocks of such neurons.
    dt_per_rate : float
        The step on the clock for lr0 = 1, 2 sqrt(beta_1 beta_2) / kappa: the loss of the recipe has no 1/2.
    redraw : bool
        Draw new neurons for every try, as the paper does.

    Raises
    ------
    ValueError
        If the loss rises at every rate down to 1e-13 of the first.
    """
    initial = draw(0)
    blocks = make_blocks(initial)
    room = blocks.room()
    rate, total = first_rate, 0
    for attempt in range(MOST_TRIES):
        if attempt > 0:
            rate *= 0.5
            if redraw:
                initial = draw(attempt)
                blocks = make_blocks(initial)
        room.d[:] = 0.0
        record = fresh_record()
        steps, status, loss = make_steps(blocks, room, rate * dt_per_rate, tolerance, most, True, record)
        total += steps
        if status != ROSE:
            da, dw = blocks.scatter(room.d)
            suprema = relative(record, blocks)
            return Run(rate, rate * dt_per_rate, attempt + 1, total, steps, loss, status == REACHED, suprema, da, dw, initial)
    raise ValueError(f"the loss rises at every learning rate from {first_rate:g} down to {rate:g}: look at the data and the coordinates")


class RecipeFlow(ParticleFlow):
    """Gradient descent with steps of length `dt`; step k is at t = k dt, and a row between two steps holds the nearest one.

    Attributes
    ----------
    dt : float
    lr0 : float
        The learning rate of the recipe, dt in units of 2 sqrt(beta_1 beta_2) / kappa.
    run : Run
        The search that found the step.
    """

    def __init__(self, point: PhasePoint, run: Run, *, dtype: str = "float64", **constants: Any) -> None:
        super().__init__(point, run.initial, dtype=dtype, tolerance=TOLERANCE, **constants)
        self.run, self.dt, self.lr0 = run, run.dt, run.lr0
        self._blocks = make_blocks(self, run.initial)
        rows = min(25 * 8, max(2, ROW_NUMBERS // self.packing.size))
        steps = np.unique(np.round(np.geomspace(1, MOST_STEPS, rows)).astype(np.int64))
        self.times = np.concatenate([[0.0], steps * self.dt])

    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        """A few milliseconds of steps, the loss looked at before each."""
        first, last = round(t / self.dt), round(t_stop / self.dt)
        if last == first:
            return t_stop, y.copy()
        state = self.unpack(y)
        room = self._blocks.room(state["da"], state["dw"])
        record = record_of(state["sup"], self._blocks)
        most = min(last - first, max(1, int(_CHUNK / room.d.size)))
        made, status, _ = descend(self._blocks.problem, room, self.dt, self.tolerance, most, False, record)
        if status == REACHED and made == 0:
            # Past the tolerance the caller wants further steps all the same.
            made, status, _ = descend(self._blocks.problem, room, self.dt, 0.0, most, False, record)
        da, dw = self._blocks.scatter(room.d)
        k = first + made
        return t_stop if k == last else k * self.dt, self.pack(da=da, dw=dw, sup=relative(record, self._blocks))

    def finished(self, t: float, y: Array) -> str | None:
        """The loss is below the tolerance, by the very sums that end the steps."""
        state = self.unpack(y)
        room = self._blocks.room(state["da"], state["dw"])
        _, status, _ = descend(self._blocks.problem, room, self.dt, self.tolerance, 0, False, fresh_record())
        return f"loss {self.tolerance:g} reached" if status == REACHED else None


def make_blocks(flow: ParticleFlow, initial: Initial) -> Blocks:
    """The blocks of a flow's neurons, in the precision of its state."""
    return Blocks(
        initial,
        flow.X,
        flow.y,
        kappa=flow.kappa,
        kappa_prime=flow.kappa_prime,
        kappa_forward=flow.kappa_forward,
        f0=flow.f0,
        dtype=flow.packing.dtype,
    )


def fresh_record() -> Array:
    """The record of a run before its first step."""
    record = np.zeros(4)
    record[PREVIOUS] = np.inf
    return record


def record_of(suprema: Array, blocks: Blocks) -> Array:
    """The record of a run whose largest RD of w, a and theta so far are `suprema`."""
    a, w = blocks.squares
    record = fresh_record()
    record[SUP_W], record[SUP_A], record[SUP_ALL] = np.asarray(suprema, np.float64) ** 2 * (w, a, a + w)
    return record


def relative(record: Array, blocks: Blocks) -> Array:
    """The largest RD of w, a and theta (3,) of a record."""
    a, w = blocks.squares
    return np.sqrt([record[SUP_W] / w, record[SUP_A] / a, record[SUP_ALL] / (a + w)])
