"""An activation that is not monotone: one start trains, the other is trapped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.activations import piecewise_linear
from mfpde.papers.mei2018.recalled import multiples, produce_recalled
from mfpde.papers.produce import extend
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer.isotropic import IsotropicGaussians

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 320, "delta": 0.5, "starts": [0.1, 0.4], "m": 800, "eps": 1e-5, "end": 5.0, "rows": 16},
    "quick": {"d": 64, "delta": 0.5, "starts": [0.1, 0.4], "m": 200, "eps": 1e-5, "end": 2.0, "rows": 10},
}
_KNOTS, _VALUES = (0.0, 0.5, 1.5), (-2.5, -4.0, 7.5)
_ROWS = 101


def two_basins(preset: str, out: Path, progress: bool) -> list[Path]:
    """A good and a bad initialisation of the activation that is not monotone: SGD, finite d and infinite d."""
    return produce_recalled("mei2018-two-basins", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, delta: float, starts: list[float], m: int, eps: float, end: float, rows: int, progress: bool) -> Tables:
    """Tables ``network`` and ``limit`` (d and infinity): risk and mean radius over time for every start; ``activation``."""
    sigma = piecewise_linear(knots=_KNOTS, values=_VALUES)
    columns = ("sigma_0", "t", "risk", "radius_mean")
    network: dict[str, list[float]] = {name: [] for name in columns}
    limit: dict[str, list[float]] = {name: [] for name in ("d", *columns)}
    fine = np.concatenate([[0.0], np.geomspace(1e-3 * end, end, _ROWS - 1)])
    for start in starts:
        for n in (d, math.inf):
            flow = IsotropicGaussians(d=n, delta=delta, sigma_0=start, activation=sigma).limit()
            run = solve(flow, fine, rtol=1e-8, atol=1e-11, progress=progress)
            extend(limit, d=n, sigma_0=start, t=run.t, risk=run.observables["risk"], radius_mean=run.observables["radius_mean"])
        system = IsotropicGaussians(d=d, delta=delta, sigma_0=start, activation=sigma)
        times = multiples(np.concatenate([[0.0], np.geomspace(3e-3 * end, end, rows - 1)]), eps)
        run = solve(system.network(m=m, dynamics="sgd", eps=eps, rng=0), times, progress=progress)
        extend(network, sigma_0=start, t=run.t, risk=run.observables["risk"], radius_mean=run.observables["radius_mean"])
    z = np.linspace(-1.0, 3.0, 81)
    return {"network": network, "limit": limit, "activation": {"z": z, "sigma": sigma(z)}}


def draw(data: Data) -> Any:
    """Three panels: the activation, the risk and the mean radius."""
    figure, axes = new_figure(3, width=8.2, height=2.6)
    shape, risk, radius = axes[0]
    shape.plot(data["activation"]["z"], data["activation"]["sigma"], "k")
    shape.set(xlabel="$z$", ylabel=r"$\sigma(z)$")
    network, limit = data["network"], data["limit"]
    finite = np.min(limit["d"])
    for i, start in enumerate(np.unique(network["sigma_0"])):
        for panel, name in ((risk, "risk"), (radius, "radius_mean")):
            for n, line in ((finite, "-"), (np.inf, ":")):
                at = (limit["sigma_0"] == start) & (limit["d"] == n) & (limit["t"] > 0.0)
                label = rf"$\kappa={start:g}$, $d={n:g}$" if n == finite else rf"$\kappa={start:g}$, $d=\infty$"
                panel.plot(limit["t"][at], limit[name][at], f"C{i}{line}", label=label)
            at = (network["sigma_0"] == start) & (network["t"] > 0.0)
            panel.plot(network["t"][at], network[name][at], f"C{i}x", ms=4, label=rf"$\kappa={start:g}$, SGD")
    risk.set(xscale="log", yscale="log", xlabel="time $t$", ylabel="risk")
    radius.set(xscale="log", xlabel="time $t$", ylabel=r"mean $\|w\|$", ylim=(-0.05, None))
    risk.legend(loc="lower left")
    return figure
