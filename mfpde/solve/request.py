"""What was asked of a run: every argument checked and resolved before anything is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Flow, PacedFlow, StepFlow, VelocityFlow
from mfpde.solve.inside import METHODS
from mfpde.solve.steppers import FixedStepper, PacedStepper, Stepper, VelocityStepper
from mfpde.solve.times import checked_times, step_counts


@dataclass(frozen=True)
class Request:
    """A run's flow, initial state and settings.

    Attributes
    ----------
    t : array (n_t,)
        The times asked for.
    reached : array (n_t,)
        The same times on the stepper's own clock: equal, or the nearest k dt of a flow in steps.
    settings : mapping
        The entry "solve" of the trajectory's configuration.
    until_finished : bool
        Whether the run ends when its flow has finished, not at the last of the times.
    """

    flow: Flow
    y0: Array
    t: Array
    reached: Array
    settings: Mapping[str, Any]
    until_finished: bool = False

    @classmethod
    def checked(
        cls,
        flow: Flow,
        t_eval: npt.ArrayLike | None,
        rtol: float | None,
        atol: float | None,
        method: str | None,
        y0: npt.ArrayLike | None,
    ) -> Request:
        """The request made of :func:`mfpde.solve.solve`'s arguments; ValueError names one that is impossible."""
        if not isinstance(flow, (VelocityFlow, StepFlow, PacedFlow)):
            raise ValueError(f"flow = {flow!r}: give a flow, such as system.limit() or system.network()")
        if t_eval is None and not isinstance(flow, PacedFlow):
            raise ValueError("t_eval is missing: give the times to save; only a flow that knows when it is done goes without")
        t = checked_times(flow.times if isinstance(flow, PacedFlow) and t_eval is None else t_eval)
        start = _initial_state(flow, y0)
        given = None if y0 is None else f"sha256:{hashlib.sha256(start.tobytes()).hexdigest()}"
        if isinstance(flow, (StepFlow, PacedFlow)):
            for name, value in (("rtol", rtol), ("atol", atol), ("method", method)):
                if value is not None:
                    raise ValueError(f"{name} = {value!r}: a flow in steps of its own takes none; leave it out")
            chosen: dict[str, Any] = {"method": None, "rtol": None, "atol": None}
            reached = t
            if isinstance(flow, StepFlow):
                counts = step_counts(t, flow.dt)
                if flow.count is not None and counts[-1] > flow.count:
                    raise ValueError(f"t_eval ends at {t[-1]:g}: this flow has {flow.count} steps of {flow.dt:g}; end there")
                reached = counts * flow.dt
        else:
            chosen = {
                "method": flow.default_method if method is None else method,
                "rtol": 1e-6 if rtol is None else float(rtol),
                "atol": 1e-9 if atol is None else float(atol),
            }
            _check_tolerances(**chosen)
            reached = t
        settings = {**chosen, "y0": given, "t_eval": None if t_eval is None else t.tolist()}
        return cls(flow, start, t, reached, settings, until_finished=t_eval is None)

    @property
    def config(self) -> dict[str, Any]:
        """The flow's configuration and this run's settings: equal for runs with equal results."""
        return {**self.flow.config, "solve": dict(self.settings)}

    def stepper(self, max_steps: int | None) -> Stepper:
        """The stepper at t = 0; a flow with steps of its own pauses at every row, one in fixed steps also after `max_steps`."""
        if isinstance(self.flow, PacedFlow):
            return PacedStepper(self.flow, self.y0, self.t)
        if isinstance(self.flow, StepFlow):
            stops = step_counts(self.t, self.flow.dt)
            stops = stops if max_steps is None else np.append(stops, max_steps)
            return FixedStepper(self.flow, self.y0, np.unique(stops).astype(np.int64))
        assert isinstance(self.flow, VelocityFlow)
        s = self.settings
        return VelocityStepper(self.flow, self.y0, float(self.t[-1]), s["method"], s["rtol"], s["atol"])


def _check_tolerances(method: str, rtol: float, atol: float) -> None:
    if method not in METHODS:
        raise ValueError(f"method = {method!r}: give one of {', '.join(METHODS)}")
    smallest = 100 * float(np.finfo(float).eps)
    if not smallest <= rtol < 1:
        raise ValueError(f"rtol = {rtol!r}: give {smallest:.3g} <= rtol < 1")
    if not 0 <= atol < np.inf:
        raise ValueError(f"atol = {atol!r}: give a finite atol >= 0")


def _initial_state(flow: Flow, y0: npt.ArrayLike | None) -> Array:
    name = "state0" if y0 is None else "y0"
    dtype = "float64" if isinstance(flow, VelocityFlow) else flow.packing.dtype
    given = np.asarray(flow.state0 if y0 is None else y0)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{name} has entries of type {given.dtype}: give real numbers")
    y = np.array(given, dtype)
    if y.shape != (flow.packing.size,):
        raise ValueError(f"{name} has shape {y.shape}: this flow's state has shape {(flow.packing.size,)}")
    wrong = np.flatnonzero(~np.isfinite(y))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}] = {float(y[wrong[0]])!r}: an initial state must be finite")
    return y
