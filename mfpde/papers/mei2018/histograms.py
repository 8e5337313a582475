"""The radii of an SGD network's neurons over the density of the radial PDE, while the mass splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.mei2018.recalled import multiples, produce_recalled
from mfpde.papers.produce import extend
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer.isotropic import IsotropicGaussians

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 40, "delta": 0.8, "m": 800, "eps": 1e-6, "shown": [1e-3, 4.0, 10.0], "rows": 25},
    "quick": {"d": 40, "delta": 0.8, "m": 300, "eps": 5e-5, "shown": [1e-3, 2.0, 5.0], "rows": 6},
}
_ROWS = 121
_SPIKE = 0.1


def histograms(preset: str, out: Path, progress: bool) -> list[Path]:
    """Histograms of |w_i| under SGD over the density of the radial PDE, and both risks."""
    return produce_recalled("mei2018-histograms", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, delta: float, m: int, eps: float, shown: list[float], rows: int, progress: bool) -> Tables:
    """Tables ``neurons`` and ``density`` (at the shown times), ``network`` and ``limit`` (risk and mean radius over time)."""
    system = IsotropicGaussians(d=d, delta=delta)
    end = shown[-1]
    limit: Any = system.limit(panel_tol=1e-9)
    fine = np.unique(np.concatenate([np.linspace(0.0, end, _ROWS), np.geomspace(1e-3 * end, end, _ROWS // 2), shown]))
    exact = solve(limit, fine, rtol=1e-8, atol=1e-11, progress=progress)
    network = system.network(m=m, dynamics="sgd", eps=eps, rng=0)
    times = multiples([*np.linspace(0.0, end, rows), *shown], eps)
    run = solve(network, times, progress=progress)
    neurons: dict[str, list[float]] = {name: [] for name in ("t", "radius")}
    density: dict[str, list[float]] = {name: [] for name in ("t", "radius", "density")}
    for time in shown:
        w = network.unpack(run.states[int(np.argmin(np.abs(times - time)))])["theta"][:, 1:]
        extend(neurons, t=time, radius=np.linalg.norm(w, axis=1))
        r, p = limit.density(exact.states[int(np.argmin(np.abs(exact.t - time)))])
        extend(density, t=time, radius=r, density=p)
    names = ("risk", "radius_mean", "radius_std")
    return {
        "neurons": neurons,
        "density": density,
        "network": {"t": run.t} | {name: run.observables[name] for name in names},
        "limit": {"t": exact.t} | {name: exact.observables[name] for name in names},
    }


def draw(data: Data) -> Any:
    """One panel a shown time, and the risk. The axes cut the spike of the neurons that are trapped at small radii."""
    neurons, density = data["neurons"], data["density"]
    shown = np.unique(neurons["t"])
    figure, axes = new_figure(len(shown) + 1, width=2.5 * (len(shown) + 1), height=2.5)
    top = 1.05 * max(np.max(neurons["radius"]), np.max(density["radius"][density["density"] > 1e-3]))
    for panel, time in zip(axes[0], shown, strict=False):
        radii = neurons["radius"][neurons["t"] == time]
        panel.hist(radii, bins=np.linspace(0.0, top, 61), density=True, color="0.75", label="SGD")
        at = density["t"] == time
        panel.plot(density["radius"][at], density["density"][at], "C1", label="radial PDE")
        bulk = np.max(density["density"][at & (density["radius"] > _SPIKE * top)])
        panel.set(xlabel=r"$\|w\|$", title=f"$t={time:g}$", xlim=(0.0, top), ylim=(0.0, 1.3 * bulk))
    axes[0, 0].set(ylabel="density")
    axes[0, 0].legend(loc="upper right")
    panel = axes[0, -1]
    panel.plot(data["limit"]["t"], data["limit"]["risk"], "C1", label="radial PDE")
    panel.plot(data["network"]["t"], data["network"]["risk"], "kx", ms=4, label="SGD")
    panel.set(xlabel="time $t$", ylabel="risk", ylim=(0.0, None))
    panel.legend(loc="upper right")
    return figure
