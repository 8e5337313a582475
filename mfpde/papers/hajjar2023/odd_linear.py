"""A two-layer linear network, activation z/2, on few data: the moment recursion is exact for any data and any neurons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.laws import Sphere
from mfpde.measures import Ensemble
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve, times
from mfpde.streams import stream
from mfpde.systems.symmetric.odd import OddTarget

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 60, "n": 100, "m": 1024, "lr": 0.01, "steps": 10000, "trials": 10, "rows": 60},
    "quick": {"d": 20, "n": 40, "m": 128, "lr": 0.01, "steps": 10000, "trials": 4, "rows": 40},
}


def odd_linear(preset: str, out: Path, progress: bool) -> list[Path]:
    """Linear two-layer networks on few data: excess risk over trials, the moment recursion on top, and their difference."""
    return produce("hajjar2023-linear", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, n: int, m: int, lr: float, steps: int, trials: int, rows: int, progress: bool) -> Tables:
    """Table ``trials``: by trial and step the excess risk F - min F on the data of the network, of its recursion, of infinite width.

    Inputs are uniform on the unit sphere and labelled by the cubic target of the other figures.
    """
    target, t = OddTarget.cubic(d).target, times.log(1.0, steps, rows, step=1.0)
    columns = ("trial", "step", "network", "recursion", "infinite", "difference")
    table: dict[str, list[float]] = {name: [] for name in columns}
    for trial in range(trials):
        x = Sphere(d).sample(n, stream(trial, "inputs"))
        y = target(x)
        system = OddTarget(cross_moment=y @ x / n, covariance=x.T @ x / n, second_moment=float(np.mean(y**2)))
        network = system.network(m=m, dynamics="gd", lr=lr, data=(x, y), paired=False, activation="linear", rng=trial)
        start = Ensemble(network.particles(network.state0)["neurons"])
        run = solve(network, t, progress=progress)
        recursion = solve(system.limit(dynamics="gd", lr=lr, neurons=start), t)
        infinite = solve(system.limit(dynamics="gd", lr=lr), t)
        excess = [r.observables["loss"] - system.minimal_loss for r in (run, recursion, infinite)]
        difference = np.max(np.abs(run.observables["w"] - recursion.observables["w"]), axis=1)
        for name, values in zip(columns, (np.full(len(t), float(trial)), t, *excess, difference), strict=True):
            table[name] += values.tolist()
    return {"trials": table}


def draw(data: Data) -> Any:
    """Excess risk against step on logarithmic axes, and max_i |w_i| of network minus recursion."""
    figure, axes = new_figure(2, width=7.2, height=2.8)
    risk, difference = axes[0]
    rows = data["trials"]
    trials = sorted(set(rows["trial"].tolist()))
    styles: list[tuple[str, str, dict[str, Any]]] = [
        ("network", "networks", {"color": "C0", "lw": 3.6, "alpha": 0.35}),
        ("infinite", "infinite width", {"color": "C1", "lw": 1.4}),
        ("recursion", "their moment recursions", {"color": "k", "lw": 0.8, "ls": (0, (4, 3))}),
    ]
    for trial in trials:
        at = (rows["trial"] == trial) & (rows["step"] > 0)
        for name, label, style in styles:
            risk.loglog(rows["step"][at], rows[name][at], label=label if trial == trials[0] else None, **style)
        difference.semilogx(rows["step"][at], 1e15 * rows["difference"][at], color="C0", lw=0.8)
    risk.set(xlabel="step", ylabel=r"excess risk $F-\min F$")
    risk.legend(loc="lower left")
    difference.set(xlabel="step", ylabel=r"$10^{15}\,\max_i|w_i-w_i^{\mathrm{recursion}}|$", ylim=(0.0, None))
    return figure
