"""Relative displacements at a width, and how fast they grow with it there, by the annealed infinite-width law."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mfpde.solve import solve

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

_NAMES = ("rd_w", "rd_a", "rd_theta")


class Slopes(NamedTuple):
    """Displacements at the end of training at one width, and their local slopes d log RD / d log m.

    Attributes
    ----------
    rd_w, rd_a, rd_theta : float
    s_w, s_a, s_theta : float
        Between the widths m / sqrt 2 and m sqrt 2.
    complete : bool
        Whether all three runs reached the tolerance.
    """

    rd_w: float
    rd_a: float
    rd_theta: float
    s_w: float
    s_a: float
    s_theta: float
    complete: bool


def local_slopes(point_at: Callable[[float], PhasePoint], m: float) -> Slopes:
    """Solve the annealed law of the point that `point_at` gives at the widths m / sqrt 2, m and m sqrt 2, by gradient flow.

    A fixed point of the diagram is ``lambda m: point``; an initialisation whose coordinates depend on the width gives each width its own.
    """
    widths = [m / math.sqrt(2.0), m, m * math.sqrt(2.0)]
    flows = [point_at(width).limit(m=width) for width in widths]
    runs = [solve(flow) for flow in flows]
    # A run may also have given up, at a loss above its tolerance.
    reached = [run.observables["loss"][-1] <= (1.0 + 1e-3) * flow.tolerance for run, flow in zip(runs, flows, strict=True)]
    low, here, high = ([float(run.observables[name][-1]) for name in _NAMES] for run in runs)
    s_w, s_a, s_theta = (math.log(b / a) / math.log(2.0) for a, b in zip(low, high, strict=True))
    rd_w, rd_a, rd_theta = here
    return Slopes(rd_w, rd_a, rd_theta, s_w, s_a, s_theta, all(reached))
