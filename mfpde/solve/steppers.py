"""One interface over SciPy's OdeSolver classes and over flows that move in steps of their own."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, PacedFlow, StepFlow, VelocityFlow
from mfpde.solve.events import first_event
from mfpde.solve.inside import METHODS
from mfpde.solve.internals import capture, restore
from mfpde.solve.tolerance import measure_vectors


class StepError(Exception):
    """The run cannot go on; says why. The stepper's `t` and `y` are the last good ones."""


@contextmanager
def _without_warnings() -> Iterator[None]:
    """LSODA warns of the failures that the run's message tells."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lsoda", category=UserWarning)
        yield


class Stepper(Protocol):
    """A time and a state that move on, step by step."""

    t: float
    y: Array
    counts: Counter[str]

    def advance(self) -> None:
        """Make one step or one chunk of them, or raise :class:`StepError`."""

    def at(self, t: float) -> Array:
        """The state at a time within the last step."""

    def speed(self) -> float:
        """The largest component of the velocity."""

    def capture(self) -> dict[str, Any]:
        """Everything the next steps depend on, as plain values."""

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Go on from what was captured."""


class VelocityStepper:
    """Adaptive steps of y' = velocity(t, y) by one of SciPy's OdeSolver classes, from t = 0 to `t_end`, with the flow's events.

    Counts steps, evaluations of the velocity, events and, for RK45 and DOP853 (whose every trial costs the same number
    of evaluations), rejected trials.
    """

    def __init__(self, flow: VelocityFlow, y0: Array, t_end: float, method: str, rtol: float, atol: float) -> None:
        self._flow = flow
        self._method = method
        self._make, self._inside = METHODS[method]
        self._t_end, self._tolerances = t_end, {"rtol": rtol, "atol": atol}
        self._bad = False
        self._stuck = 0
        self.t, self.y = self._begin = 0.0, y0
        self.counts = Counter(steps=0, evaluations=0)
        if method in ("RK45", "DOP853"):
            self.counts["rejected"] = 0
        try:
            self._start(0.0, y0)
        except StepError as error:
            raise ValueError(f"{error}: check the initial state") from error

    def advance(self) -> None:
        """Make one step, up to the first event in it, or raise :class:`StepError`."""
        solver = self._solver
        self._bad = False
        before = self.counts["evaluations"]
        try:
            with _without_warnings() if self._method == "LSODA" else nullcontext():
                message = solver.step()
        except (ValueError, np.linalg.LinAlgError) as error:
            # A Jacobian with NaN or infinity in it fails in the linear algebra.
            if not self._bad:
                raise
            raise StepError(self._failure(str(error))) from error
        if solver.status == "failed":
            raise StepError(self._failure(str(message)))
        if not np.isfinite(solver.y).all():
            raise StepError(self._failure("the state is not finite"))
        self.counts["steps"] += 1
        if "rejected" in self.counts:
            self.counts["rejected"] += (self.counts["evaluations"] - before) // solver.n_stages - 1
        start = self._begin = self.t, self.y
        self._last = solver
        self.t, self.y = float(solver.t), solver.y
        found = first_event(self._flow.events, self.at, start, (self.t, self.y))
        if found:
            t, event = found
            self._stuck = self._stuck + 1 if t <= start[0] else 0
            if self._stuck > max(100, self.y.size):
                self.t, self.y = start
                raise StepError(f"event {event.name!r} repeats without end at t = {t:.6g}")
            try:
                self._start(t, event.apply(t, self.at(t)))
            except StepError:
                self.t, self.y = start
                raise
            self.counts[f"event {event.name}"] += 1

    def at(self, t: float) -> Array:
        """The state (n,) at a time within the last step."""
        for known, y in ((self.t, self.y), self._begin):
            if t == known:
                return y
        return self._inside(self._last, self._velocity, t)

    def speed(self) -> float:
        """The largest component of the velocity, as an absolute value."""
        velocity = self._solver.f if hasattr(self._solver, "f") else self._velocity(self.t, self.y)
        return float(np.abs(velocity).max())

    def capture(self) -> dict[str, Any]:
        """The solver's internals and the counts."""
        return {"counts": dict(self.counts), "stuck": self._stuck, "solver": capture(self._solver)}

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Go on from what was captured."""
        internals = captured["solver"]
        self._start(float(internals["t"]), internals["y"])
        restore(self._solver, internals)
        self.y = self._solver.y
        self._stuck = captured["stuck"]
        self.counts = Counter(captured["counts"])

    def _start(self, t: float, y: Array) -> None:
        """Begin a solver at (t, y), with a state of its own."""
        if not np.isfinite(self._velocity(t, y)).all():
            raise StepError(f"blow-up: the velocity at t = {t:.6g} is not finite")
        self._solver = self._make(self._velocity, t, np.array(y, float), self._t_end, **self._tolerances)
        measure_vectors(self._solver, self._flow.packing)
        self.t, self.y = t, self._solver.y

    def _velocity(self, t: float, y: Array) -> Array:
        """A copy, because a flow may reuse its output and a solver keeps several."""
        velocity = np.array(self._flow.velocity(t, y), float)
        self.counts["evaluations"] += 1
        self._bad = self._bad or not np.isfinite(velocity).all()
        return velocity

    def _failure(self, reason: str) -> str:
        size = float(np.abs(self.y).max())
        where = f"after t = {self.t:.17g}, where the largest component is {size:.3g}"
        if self._bad:
            return f"blow-up: velocity or state is not finite {where}"
        return f"{self._method} failed {where}: {reason.rstrip('.')} (a blow-up, a jump of the velocity, or tolerances beyond rounding)"


class FixedStepper:
    """The steps of a :class:`mfpde.flow.StepFlow`, t = k dt, in chunks that end at every step number in `stops` (increasing)."""

    def __init__(self, flow: StepFlow, y0: Array, stops: npt.NDArray[np.int64]) -> None:
        self._flow, self._stops = flow, stops
        self._k = 0
        self.t, self.y = 0.0, y0
        self.counts: Counter[str] = Counter(steps=0)

    def advance(self) -> None:
        """Make the steps of one chunk, or raise :class:`StepError`."""
        ahead = self._stops[np.searchsorted(self._stops, self._k, side="right") :]
        n = min([self._flow.chunk, *(ahead[:1] - self._k).tolist()])
        y = self._flow.steps(self._k, n, self.y)
        if not np.isfinite(y).all():
            where = f"{n} steps after t = {self.t:.6g}, dt = {self._flow.dt:g}" if n > 1 else f"t = {self.t:.6g}, dt = {self._flow.dt:g}"
            raise StepError(f"blow-up: the state after step {self._k + n - 1} ({where}) is not finite")
        self._k += n
        self.t, self.y = self._k * self._flow.dt, y
        self.counts["steps"] += n

    def at(self, t: float) -> Array:
        """The state (n,); a step has no inside."""
        return self.y

    def speed(self) -> float:
        """Infinite: a step has no velocity that could vanish."""
        return float("inf")

    def capture(self) -> dict[str, Any]:
        """The number of steps made and the state: chance is counted by steps."""
        return {"k": self._k, "y": self.y, "counts": dict(self.counts)}

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Go on from what was captured."""
        self._k, self.y = captured["k"], captured["y"]
        self.t = self._k * self._flow.dt
        self.counts = Counter(captured["counts"])


class PacedStepper:
    """The steps that a :class:`mfpde.flow.PacedFlow` chooses, with a pause at every one of the times `rows` (increasing)."""

    def __init__(self, flow: PacedFlow, y0: Array, rows: Array) -> None:
        self._flow, self._rows = flow, rows
        self.t, self.y = 0.0, y0
        self.counts: Counter[str] = Counter(steps=0)

    def advance(self) -> None:
        """Let the flow advance once, or raise :class:`StepError`."""
        stop = float(self._rows[np.searchsorted(self._rows, self.t, side="right")])
        t, y = self._flow.advance(self.t, self.y, stop)
        if not np.isfinite(y).all():
            raise StepError(f"blow-up: the state at t = {t:.6g}, after t = {self.t:.6g}, is not finite")
        if not self.t < t <= stop:
            raise StepError(f"stuck: a step from t = {self.t:.17g} on the way to {stop:.17g} ends at {t:.17g}")
        self.t, self.y = t, y
        self.counts["steps"] += 1

    def at(self, t: float) -> Array:
        """The state (n,); rows are at ends of steps."""
        return self.y

    def speed(self) -> float:
        """Infinite: the flow has no velocity that could vanish."""
        return float("inf")

    def capture(self) -> dict[str, Any]:
        """Time and state: a PacedFlow needs no more."""
        return {"t": self.t, "y": self.y, "counts": dict(self.counts)}

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Go on from what was captured."""
        self.t, self.y = captured["t"], captured["y"]
        self.counts = Counter(captured["counts"])
