"""The time loop: adaptive methods with events, flows in steps, stops that keep the last good state, exact resume."""

from __future__ import annotations

from mfpde.solve import times
from mfpde.solve.loop import solve
from mfpde.solve.refine import refinement

__all__ = ["refinement", "solve", "times"]
