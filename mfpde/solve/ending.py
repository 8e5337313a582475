"""How a run ends."""

from __future__ import annotations

from dataclasses import dataclass

from mfpde.flow import PacedFlow
from mfpde.solve.request import Request
from mfpde.solve.steppers import Stepper


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes
    ----------
    message : str
        Why.
    complete : bool
        Whether it did all it was asked for.
    usable : bool
        Whether its stepper can go on; after a failed step it cannot, and the checkpoint before stays.
    """

    message: str
    complete: bool = False
    usable: bool = True


def finished(request: Request, stepper: Stepper) -> Ending | None:
    """The ending of a run without ``t_eval`` whose flow has finished, else None."""
    if not request.until_finished:
        return None
    assert isinstance(request.flow, PacedFlow)
    why = request.flow.finished(stepper.t, stepper.y)
    return None if why is None else Ending(f"complete: {why} at t = {stepper.t:.6g}", complete=True)


def last_row(request: Request, stepper: Stepper) -> Ending:
    """The ending of a run that has recorded every row; one without ``t_eval`` should have finished by then."""
    if not request.until_finished:
        return Ending(f"complete: t = {request.t[-1]:.6g} reached", complete=True)
    return finished(request, stepper) or Ending(f"gave up at t = {stepper.t:.6g}: the flow had not finished")
