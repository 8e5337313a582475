"""Richardson extrapolation over (cells, step) -> (2 cells, step / 4), and the error it estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.density.flow import GridFlow
from mfpde.flow import Array, Trajectory
from mfpde.solve import solve


@dataclass(frozen=True)
class Extrapolated:
    """Observables without the leading orders of the discretisation error.

    Attributes
    ----------
    t : array (n_t,)
        Times on the flow's clock.
    observables : dict of arrays (n_t,)
        Extrapolated values.
    error : dict of arrays (n_t,)
        Estimates of their absolute errors, by how well the runs show the order (the difference of two runs falls by a factor of 4 a
        level in the limit): 3.6 to 4.4, distance from the extrapolation one order lower; 2.5 to 6, difference between the last two
        of that order; else, or with one level only, the last difference of two runs.
    runs : tuple of Trajectory
        The runs, from coarse to fine.
    """

    t: Array
    observables: dict[str, Array]
    error: dict[str, Array]
    runs: tuple[Trajectory, ...]


def extrapolate(flow: GridFlow, t_eval: npt.ArrayLike, levels: int = 2, tolerance: float | None = None, **settings: Any) -> Extrapolated:
    """Run `flow` and `levels` refinements of it, and extrapolate: errors h^2, h^4, ... go one a level, as dt goes with h^2.

    Parameters
    ----------
    flow : GridFlow
        A :class:`mfpde.density.DensityFlow`, or the limit of a system by ``method="density"``:
        the coarsest run.
    t_eval : array_like (n_t,)
        Times on the flow's clock, multiples of the coarsest step.
    levels : int
        Refinements, >= 1; each doubles the cells along every axis and quarters the step.
    tolerance : float, optional
        Largest allowed estimate of the absolute error of any observable; those that are NaN in all runs are not judged.
    **settings
        Further arguments of :func:`mfpde.solve`.

    Raises
    ------
    ValueError
        If the estimate exceeds `tolerance`, a run stops early, or an argument is impossible.
    """
    levels = whole("levels", levels)
    if tolerance is not None and not tolerance > 0.0:
        raise ValueError(f"tolerance = {tolerance!r}: give a number > 0, or None")
    runs: list[Trajectory] = []
    last = flow
    for level in range(levels + 1):
        last = last.refined() if level else flow
        runs.append(solve(last, t_eval, **settings))
        if not runs[-1].complete:
            raise ValueError(f"no extrapolation: the run with cells {last.grid.shape} ended early, {runs[-1].message}")
    both = {name: _limit(np.array([run.observables[name] for run in runs])) for name in runs[0].observables}
    observables, error = ({name: pair[i] for name, pair in both.items()} for i in (0, 1))
    result = Extrapolated(runs[0].t, observables, error, tuple(runs))
    if tolerance is not None:
        _refuse_beyond(tolerance, result, flow, levels)
    return result


def _limit(values: Array) -> tuple[Array, Array]:
    """Extrapolated values (n_t,) of an observable's runs (levels + 1, n_t), and their error estimates."""
    table = lower = values
    for order in range(1, len(values)):
        lower = table
        table = table[1:] + np.diff(table, axis=0) / (4.0**order - 1.0)
    differences = np.abs(np.diff(values, axis=0))
    estimate = differences[-1]
    if len(values) > 2:
        before, last = differences[-2:]
        roughly, well = ((a * last < before) & (before < b * last) for a, b in ((2.5, 6.0), (3.6, 4.4)))
        estimate = np.where(roughly, np.abs(lower[-1] - lower[-2]), estimate)
        estimate = np.where(well, np.abs(table[0] - lower[-1]), estimate)
    return table[0], estimate


def _refuse_beyond(tolerance: float, result: Extrapolated, flow: GridFlow, levels: int) -> None:
    judged = [name for name in result.error if not all(np.isnan(run.observables[name]).all() for run in result.runs)]
    name = max(judged, key=lambda key: float(np.nan_to_num(result.error[key], nan=np.inf).max()))
    worst = float(result.error[name].max())
    if not worst <= tolerance:
        factor = (worst / tolerance) ** (0.5 / levels)
        cells = tuple(math.ceil(factor * n) for n in flow.grid.shape)
        raise ValueError(
            f"the grid is too coarse for tolerance = {tolerance:g}: the estimated error of {name} is {worst:.3g}; "
            f"start from about {cells} cells with dt = {flow.dt / factor**2:.2g} or less, or use more levels than {levels}"
        )
