"""Finding the first event inside a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mfpde.flow import Array, Event


def first_event(
    events: Sequence[Event], inside: Callable[[float], Array], start: tuple[float, Array], end: tuple[float, Array]
) -> tuple[float, Event] | None:
    """The earliest event in the step from `start` to `end`, both (t, y), with its time to rounding; None without one.

    An event happens where its value passes from positive to not positive; a crossing undone within the step is not
    seen. `inside(t)` is the state at a time in the step.
    """
    found = None
    for event in events:
        before, after = event.value(*start, start[1]), event.value(*end, start[1])
        if before > 0 and after <= 0:
            t = _root(event, inside, start, end[0])
            if found is None or t < found[0]:
                found = t, event
    return found


def _root(event: Event, inside: Callable[[float], Array], start: tuple[float, Array], stop: float) -> float:
    from scipy.optimize import brentq

    def value(t: float) -> float:
        return event.value(t, inside(t), start[1])

    return float(brentq(value, start[0], stop, xtol=float(np.spacing(stop)), rtol=4 * float(np.finfo(float).eps)))
