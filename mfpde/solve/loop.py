"""The time loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mfpde.flow import Flow, Trajectory
from mfpde.solve.ending import Ending, finished, last_row
from mfpde.solve.interrupt import deferred_interrupt
from mfpde.solve.limits import Limits
from mfpde.solve.progress import progress_bar
from mfpde.solve.request import Request
from mfpde.solve.saver import Saver
from mfpde.solve.steppers import StepError, Stepper
from mfpde.threads import single_threaded_blas


def solve(
    flow: Flow,
    t_eval: npt.ArrayLike | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    method: str | None = None,
    y0: npt.ArrayLike | None = None,
    store: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
    max_seconds: float | None = None,
    steady_state: float | None = None,
    max_steps: int | None = None,
) -> Trajectory:
    """Run `flow` from t = 0 and save its state and observables at the times `t_eval`.

    Parameters
    ----------
    flow
        A :class:`mfpde.flow.VelocityFlow`, a :class:`mfpde.flow.StepFlow` or a :class:`mfpde.flow.PacedFlow`.
    t_eval : array_like (n_t,), optional
        Increasing times >= 0 on the flow's clock; for a flow in steps multiples of its `dt`. The run starts at 0 in any case.
        The steps of an adaptive method do not depend on them, except that the last time ends the run; a PacedFlow also ends a
        step at each. A PacedFlow does without: its own `times` are the rows until it has finished, and that moment is the last row.
    rtol, atol, method
        Relative and absolute tolerance of a step and the method: "RK45", "DOP853", "Radau", "BDF" or "LSODA". None means
        1e-6, 1e-9 and the flow's `default_method`, DOP853 but for velocities that jump. RK45 and DOP853 measure the error of a
        neuron's weights on the input against the length of that vector, the others by its entries. For a flow with steps of its own they
        are refused.
    y0 : array_like (n,), optional
        Initial state instead of ``flow.state0``.
    store : path, optional
        Trajectory file that the rows are written to every second or so. It must be new, unless `checkpoint` continues it.
    checkpoint : path, optional
        File from which the run continues, to the same bits as if it had never stopped, if the file exists; and to which all that is
        needed for that is written every second or so. A complete run is returned at once.
    progress
        Show a bar.
    max_seconds, max_steps
        Stop after this long in this call, or after this many steps of the whole run.
    steady_state
        Stop when no component of the velocity exceeds this.

    Returns
    -------
    Trajectory
        One row a time. A run that ends early (blow-up, failure, limit, steady state) has ``complete=False``, its
        `message` says why, and the last good state is its last row, at a time of its own. `stats` counts steps, evaluations of
        the velocity, rejected trials (RK45, DOP853), events, and seconds over all calls.

    Raises
    ------
    ValueError
        If an argument is impossible.
    mfpde.store.StoreError
        If a file exists already, cannot be read or written, or is from another run.
    KeyboardInterrupt
        On Ctrl-C, after rows and checkpoint are written.
    """
    request = Request.checked(flow, t_eval, rtol, atol, method, y0)
    limits = Limits.checked(max_seconds, max_steps, steady_state, flow)
    saver = Saver(request, store, checkpoint)
    whole = saver.finished()
    if whole is not None:
        return whole
    # A run that leaves the finite numbers says so itself; one BLAS thread, because the rounding of sums depends on their number.
    with np.errstate(all="ignore"), single_threaded_blas(), deferred_interrupt() as interrupted:
        stepper = request.stepper(limits.steps)
        saver.begin(stepper)
        try:
            with progress_bar(progress, float(request.t[-1])) as show:
                ending = _steps(request, stepper, saver, limits, interrupted, show)
        except BaseException as error:
            saver.abandon(stepper, error)
            raise
        trajectory = saver.finish(stepper, ending)
        if interrupted():
            raise KeyboardInterrupt(trajectory.message)
        return trajectory


def _steps(
    request: Request, stepper: Stepper, saver: Saver, limits: Limits, interrupted: Callable[[], bool], show: Callable[[float], None]
) -> Ending:
    """Step until every row is recorded, the flow has finished, or something stops the run."""
    recorder, reached = saver.recorder, request.reached
    while True:
        while recorder.count < reached.size and reached[recorder.count] <= stepper.t:
            t = float(reached[recorder.count])
            y = stepper.at(t)
            recorder.add(float(request.t[recorder.count]), y, request.flow.observe(t, y))
        show(stepper.t)
        if recorder.count == reached.size:
            return last_row(request, stepper)
        done = finished(request, stepper)
        if done is not None:
            return done
        reason = f"interrupted at t = {stepper.t:.6g}" if interrupted() else limits.reason(stepper)
        if reason is not None:
            return Ending(reason)
        saver.save_if_due(stepper)
        try:
            stepper.advance()
        except StepError as stop:
            return Ending(str(stop), usable=False)
