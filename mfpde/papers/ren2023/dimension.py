"""Time to reach a loss against the dimension: infinite width, and networks beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.solve import solve
from mfpde.systems.depth_separation import DepthSeparation

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": [3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000], "trained": [3, 10, 30, 100, 300], "m1": 512, "m2": 128},
    "quick": {"d": [3, 5, 10, 20, 30, 50, 100], "trained": [3, 10], "m1": 128, "m2": 32},
}
_LEVELS = (1e-2, 1e-3)
_SPAN = 12.0
_ROWS = 481


def dimension(preset: str, out: Path, progress: bool) -> list[Path]:
    """Training time to a given loss for d = 3 ... 1000, at infinite width and for SGD networks."""
    return produce("ren2023-dimension", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: list[int], trained: list[int], m1: int, m2: int, progress: bool) -> Tables:
    """Tables ``limit`` and ``network``: one row a dimension, the first time the loss is below each level.

    Runs last 12 predicted escape times; a level not reached by then is NaN. Times are interpolated in log loss.
    """
    limit: dict[str, list[float]] = {name: [] for name in ("d", "escape_time", *map(_column, _LEVELS))}
    network: dict[str, list[float]] = {name: [] for name in ("d", *map(_column, _LEVELS))}
    for n in d:
        system = DepthSeparation(d=n, sigma_1=0.5)
        t = np.round(2.0 * np.linspace(0.0, _SPAN * system.escape_time(), _ROWS)) / 2.0
        t = np.unique(t)
        limit["d"].append(n)
        limit["escape_time"].append(system.escape_time())
        run = solve(system.limit(), t, rtol=1e-9, atol=1e-12)
        for level in _LEVELS:
            limit[_column(level)].append(_first_below(run.t, run.observables["loss"], level))
        if n in trained:
            end = t[: int(np.searchsorted(t, 1.5 * limit[_column(_LEVELS[-1])][-1])) + 1 : 4]
            sgd = system.network(m1=m1, m2=m2, dynamics="sgd", dt=0.5, batch=1024, rng=0, dtype="float32")
            run = solve(sgd, end, progress=progress)
            network["d"].append(n)
            for level in _LEVELS:
                network[_column(level)].append(_first_below(run.t, run.observables["loss"], level))
    return {"limit": limit, "network": network}


def draw(data: Data) -> Any:
    """One panel: time to each loss against d, lines for infinite width and markers for networks."""
    figure, axes = new_figure(1, width=3.6, height=2.8)
    panel = axes[0, 0]
    limit, network = data["limit"], data["network"]
    for i, level in enumerate(_LEVELS):
        name = _column(level)
        panel.loglog(limit["d"], limit[name], f"C{i}-", label=f"loss {level:g}, infinite width")
        panel.loglog(network["d"], network[name], f"C{i}o", ms=4, mfc="none", label=f"loss {level:g}, SGD network")
    panel.loglog(limit["d"], limit["escape_time"], "k--", lw=1.0, label="predicted escape time")
    panel.set(xlabel="dimension $d$", ylabel="time $t$", ylim=(50.0, 1.3 * np.nanmax(limit[_column(_LEVELS[-1])])))
    label_ticks(panel.xaxis, [n for n in limit["d"] if f"{n:g}"[0] in "13"])
    label_ticks(panel.yaxis, [50, 100, 200, 400, 800, 1600])
    panel.legend(loc="upper left")
    return figure


def _column(level: float) -> str:
    return f"time_to_{level:g}"


def _first_below(t: Any, loss: Any, level: float) -> float:
    below = np.flatnonzero(loss <= level)
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    i = int(below[0])
    share = (np.log(level) - np.log(loss[i - 1])) / (np.log(loss[i]) - np.log(loss[i - 1]))
    return float(t[i - 1] + share * (t[i] - t[i - 1]))
