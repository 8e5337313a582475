"""The risk after training against the separation of the classes: where one radius stops being enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.mei2018.recalled import inverse_quarter_power, produce_recalled
from mfpde.papers.produce import extend
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer.isotropic import IsotropicGaussians

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": [40, 320], "deltas": 47, "trained": np.linspace(0.1, 0.9, 9).round(3).tolist(), "m": 800, "eps": 3e-3, "steps": 300000},
    "quick": {"d": [40], "deltas": 16, "trained": [0.2, 0.4, 0.6, 0.8], "m": 200, "eps": 3e-4, "steps": 30000},
}


def separation(preset: str, out: Path, progress: bool) -> list[Path]:
    """Risk against the separation Delta: the least risk, the best single atom, SGD, and the thresholds."""
    return produce_recalled("mei2018-separation", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: list[int], deltas: int, trained: list[float], m: int, eps: float, steps: int, progress: bool) -> Tables:
    """Tables ``least`` (risk, certificate, single atom, for d and infinity), ``threshold``, ``sgd`` (after `steps`, xi = t^(-1/4))."""
    least: dict[str, list[float]] = {name: [] for name in ("d", "delta", "risk", "certificate", "atom_risk", "atom_radius")}
    thresholds: dict[str, list[float]] = {name: [] for name in ("d", "delta")}
    sgd: dict[str, list[float]] = {name: [] for name in ("d", "delta", "risk", "radius_mean", "radius_std")}
    for n in (*d, np.inf):
        for delta in np.linspace(0.02, 0.94, deltas):
            system = IsotropicGaussians(d=n, delta=float(delta))
            found, atom = system.minimal_risk(), system.best_single_atom()
            values = {"risk": found.risk, "certificate": found.certificate, "atom_risk": atom.risk, "atom_radius": atom.radius}
            extend(least, d=n, delta=delta, **values)
        extend(thresholds, d=n, delta=system.threshold())
    for n in d:
        for delta in trained:
            network = IsotropicGaussians(d=n, delta=delta, clock=inverse_quarter_power).network(m=m, dynamics="sgd", eps=eps, rng=0)
            run = solve(network, [steps * eps], progress=progress)
            extend(sgd, d=n, delta=delta, **{name: run.observables[name][-1] for name in ("risk", "radius_mean", "radius_std")})
    return {"least": least, "threshold": thresholds, "sgd": sgd}


def draw(data: Data) -> Any:
    """One panel: risk against Delta, a colour a dimension."""
    figure, axes = new_figure(1, width=6.2, height=3.2)
    panel = axes[0, 0]
    least, sgd = data["least"], data["sgd"]
    for i, (n, critical) in enumerate(zip(data["threshold"]["d"], data["threshold"]["delta"], strict=True)):
        at = least["d"] == n
        name = r"\infty" if np.isinf(n) else f"{n:g}"
        panel.plot(least["delta"][at], least["risk"][at], f"C{i}", label=f"least risk, $d={name}$")
        panel.plot(least["delta"][at], least["atom_risk"][at], f"C{i}", ls=":", label=f"best single radius, $d={name}$")
        panel.axvline(critical, color=f"C{i}", lw=0.7, ls="--")
        if np.any(sgd["d"] == n):
            here = sgd["d"] == n
            panel.plot(sgd["delta"][here], sgd["risk"][here], f"C{i}x", ms=5, mew=1.2, label=f"SGD, $d={name}$")
    panel.set(xlabel=r"separation $\Delta$", ylabel="risk", xlim=(0.0, 0.96), ylim=(-0.02, 1.02))
    panel.plot([], [], color="0.4", lw=0.7, ls="--", label=r"thresholds $\Delta^h_d$")
    panel.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))
    return figure
