"""The exact solution as a table over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.symmetric.odd import exact

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget


class ClosedForm(NamedTuple):
    """The exact solution at the times `t` (n_t,); what has no cancellation is listed first.

    Attributes
    ----------
    y : array (n_t,)
        int_0^t |g|.
    gap : array (n_t,)
        1 - |w|/|w*|.
    distance : array (n_t,)
        |w - w*|.
    excess_loss : array (n_t,)
        F - F*.
    w : array (n_t, d)
    w_ratio, loss, second_layer_moment, rate : arrays (n_t,)
        As the observables of these names.
    """

    t: Array
    y: Array
    gap: Array
    distance: Array
    excess_loss: Array
    w: Array
    w_ratio: Array
    loss: Array
    second_layer_moment: Array
    rate: Array


def closed_form(system: OddTarget, t: npt.ArrayLike) -> ClosedForm:
    """The solution behind :meth:`OddTarget.closed_form`."""
    times = np.atleast_1d(np.asarray(t, np.float64))
    if times.ndim != 1 or not np.all(np.isfinite(times)) or np.any(times < 0.0):
        raise ValueError(f"t has shape {times.shape}: give finite times >= 0 (n_t,)")
    line = system.line
    y, ratio, gap = exact.clock(line, times)
    excess = 0.5 * line.A**2 / line.v * gap**2
    return ClosedForm(
        t=times,
        y=y,
        gap=gap,
        distance=line.A / line.v * gap,
        excess_loss=excess,
        w=np.outer(ratio, system.optimum),
        w_ratio=ratio,
        loss=system.minimal_loss + excess,
        second_layer_moment=exact.second_layer_moment(line, y),
        rate=exact.rate(line, y),
    )
