"""Reasons to stop before every time is reached."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from mfpde.checks import is_real
from mfpde.flow import Flow, VelocityFlow
from mfpde.solve.steppers import Stepper


@dataclass(frozen=True)
class Limits:
    """Limits of :func:`mfpde.solve.solve`; None means without."""

    seconds: float | None
    steps: int | None
    speed: float | None
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def checked(cls, max_seconds: float | None, max_steps: int | None, steady_state: float | None, flow: Flow) -> Limits:
        """Limits that start to count now; ValueError names one that is impossible."""
        for name, value in (("max_seconds", max_seconds), ("max_steps", max_steps), ("steady_state", steady_state)):
            if value is not None and (not is_real(value) or not value > 0):
                raise ValueError(f"{name} = {value!r}: give a number > 0, or None for no limit")
        if steady_state is not None and not isinstance(flow, VelocityFlow):
            raise ValueError(f"steady_state = {steady_state!r}: a flow in steps has no velocity; leave it out")
        return cls(max_seconds, max_steps, steady_state)

    def reason(self, stepper: Stepper) -> str | None:
        """Why to stop before the next step, or None."""
        where = f"stopped at t = {stepper.t:.6g}: "
        if self.steps is not None and stepper.counts["steps"] >= self.steps:
            return where + f"max_steps = {self.steps} steps made"
        if self.seconds is not None and time.monotonic() - self.started >= self.seconds:
            return where + f"max_seconds = {self.seconds:g} passed"
        if self.speed is not None and stepper.speed() <= self.speed:
            return where + f"steady state (no component of the velocity exceeds {self.speed:g})"
        return None
