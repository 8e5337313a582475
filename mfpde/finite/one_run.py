"""One flow at given times, and the limit of a study that is solved once in each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

from mfpde.flow import Array, Flow, System, Trajectory, VelocityFlow
from mfpde.solve import solve


def run_flow(flow: Flow, times: Array, rtol: float, atol: float) -> Trajectory:
    """`flow` at the `times` (n_t,), with tolerances where it takes them.

    A flow that cannot start, because its state or its velocity at t = 0 is not finite, or whose arithmetic fails on the way is not an
    error: its trajectory has no rows, is not complete, and its message says why.

    Raises
    ------
    ValueError
        If times or tolerances are impossible.
    """
    try:
        return solve(flow, times, rtol, atol) if isinstance(flow, VelocityFlow) else solve(flow, times)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        return _no_rows(flow, f"blow-up: {type(error).__name__}: {error}")
    except ValueError:
        with np.errstate(all="ignore"):
            if not np.isfinite(flow.state0).all():
                return _no_rows(flow, "blow-up: the state at t = 0 is not finite")
            if isinstance(flow, VelocityFlow) and not np.isfinite(flow.velocity(0.0, flow.state0)).all():
                return _no_rows(flow, "blow-up: the velocity at t = 0 is not finite")
        raise


def _no_rows(flow: Flow, message: str) -> Trajectory:
    return Trajectory(
        np.empty(0), {}, np.empty((0, flow.packing.size)), flow.packing, flow.clock, flow.config, message=message, complete=False
    )


@dataclass(frozen=True)
class SharedLimit:
    """The limit of one study, the same for all of its runs because no network enters it: each process solves it at its first run.

    Attributes
    ----------
    arguments : mapping
        Of ``system.limit``.
    study : str
        The study's own name, so that no other study's limit is taken for it.
    """

    arguments: Mapping[str, Any]
    study: str

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> SharedLimit:
        """The limit of a new study."""
        return cls(arguments, uuid4().hex)

    def solve(self, system: System, times: Array, rtol: float, atol: float) -> tuple[Flow, Trajectory]:
        """``system.limit(**arguments)`` and its run at the `times` (n_t,)."""
        found = _solved.get(self.study)
        if found is None:
            flow = system.limit(**self.arguments)
            found = flow, run_flow(flow, times, rtol, atol)
            _solved.clear()
            _solved[self.study] = found
        return found

    def forget(self) -> None:
        """Give back the memory that it holds in this process."""
        _solved.pop(self.study, None)


_solved: dict[str, tuple[Flow, Trajectory]] = {}
