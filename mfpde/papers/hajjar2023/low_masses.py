"""The two measures of the angle over time: densities, masses, distances from their ends, loss; particles in d dimensions beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 30, "d_h": 5, "nodes": 80, "shown": [0.0, 0.5, 5.0, 50.0, 100.0], "end": 2e4, "rows": 161, "m": 1024},
    "quick": {"d": 30, "d_h": 5, "nodes": 40, "shown": [0.0, 0.5, 5.0, 20.0], "end": 2e4, "rows": 61, "m": 128},
}
_BINS = 40
_NAMES = ("mass_plus", "mass_minus", "loss", "w2_plus", "w2_minus")


def masses(preset: str, out: Path, progress: bool) -> list[Path]:
    """Densities and masses of the two measures of the angle to t = 2e4: tau^- grows, then decays slowly."""
    return produce("hajjar2023-masses", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, d_h: int, nodes: int, shown: list[float], end: float, rows: int, m: int, progress: bool) -> Tables:
    """Tables ``limit`` (observables over time, and their change under refinement), ``density`` and ``histogram`` (at the shown times).

    The limit runs by BDF, which late times need; the histograms are those of a network of `m` neurons in d dimensions, in the gradient
    flow of the population loss.
    """
    system = LowDimensionalTarget(d=d, d_h=d_h)
    limit = system.limit(nodes=nodes)
    t = np.unique(np.concatenate([[0.0], shown, np.geomspace(0.05, end, rows)]))
    flows = (limit, limit.refined())
    run, fine = (solve(flow, t, rtol=1e-9, atol=1e-11, method="BDF", progress=progress) for flow in flows)
    table: dict[str, Any] = {"t": t, "alpha": np.full(t.size, system.alpha), "overshoot": np.full(t.size, system.overshoot_time())}
    for name in _NAMES:
        table |= {name: fine.observables[name], f"{name}_change": np.abs(fine.observables[name] - run.observables[name])}
    network = system.network(m=m)
    neurons = solve(network, shown, rtol=1e-5, atol=1e-7, progress=progress)
    density: dict[str, list[float]] = {name: [] for name in ("t", "sign", "theta", "density")}
    histogram: dict[str, list[float]] = {name: [] for name in ("t", "sign", "left", "density")}
    edges = np.linspace(0.0, 0.5 * np.pi, _BINS + 1)
    for row, time in enumerate(shown):
        state = network.unpack(neurons.states[row])
        theta = np.arctan2(np.linalg.norm(state["b"][:, d_h:], axis=1), np.linalg.norm(state["b"][:, :d_h], axis=1))
        weights = np.abs(state["a"]) * np.linalg.norm(state["b"], axis=1) / m
        for sign in (1, -1):
            angles, values = limit.density(run.states[int(np.argmin(np.abs(t - time)))], sign)
            extend(density, t=time, sign=sign, theta=angles, density=values)
            mine = np.sign(state["a"]) == sign
            counted, _ = np.histogram(theta[mine], edges, weights=weights[mine])
            extend(histogram, t=time, sign=sign, left=edges[:-1], density=counted / np.diff(edges))
    return {"limit": table, "density": density, "histogram": histogram}


def draw(data: Data) -> Any:
    """Densities of tau^+ and tau^-, masses, mass gaps, distances and loss; curves the limit, steps the network."""
    figure, axes = new_figure(3, width=10.2, height=5.4, rows=2)
    limit, density, histogram = data["limit"], data["density"], data["histogram"]
    width = float(np.pi / 2 / _BINS)
    for panel, sign, name in ((axes[0, 0], 1, "+"), (axes[0, 1], -1, "-")):
        for i, time in enumerate(np.unique(density["t"])):
            at = (density["t"] == time) & (density["sign"] == sign)
            panel.plot(density["theta"][at], density["density"][at], f"C{i}", lw=1.1)
            bars = (histogram["t"] == time) & (histogram["sign"] == sign)
            left, height = histogram["left"][bars], histogram["density"][bars]
            panel.stairs(height, np.append(left, left[-1] + width), color=f"C{i}", lw=0.6, alpha=0.6)
        panel.set_yscale("log")
        panel.set(xlabel=r"angle $\theta$ to $H$", ylabel=rf"density of $\tau^{{{name}}}$", xlim=(0.0, 0.5 * np.pi), ylim=(1e-3, 1e2))
        panel.set_xticks([0.0, np.pi / 4, np.pi / 2], ["0", r"$\pi/4$", r"$\pi/2$"])
    for i, time in enumerate(np.unique(density["t"])):
        axes[0, 1].plot([], [], f"C{i}", lw=1.1, label=f"$t={time:g}$")
    axes[0, 1].legend(loc="upper left", title="curves: limit, steps: network", title_fontsize=7.5)
    t, alpha, passed = limit["t"], limit["alpha"][0], limit["overshoot"][0]
    later = t > 0.0
    for panel in (axes[0, 2], axes[1, 0], axes[1, 1], axes[1, 2]):
        panel.axvline(passed, color="0.6", lw=0.7, ls=":")
        panel.set(xlabel="time $t$", xlim=(t[later][0], t[-1]))
    axes[0, 2].semilogx(t[later], limit["mass_minus"][later], "C1", label=r"$\tau^-$")
    axes[0, 2].semilogx(t[later], limit["mass_plus"][later] / alpha, "C0", label=r"$\tau^+/\alpha$")
    axes[0, 2].axhline(1.0, color="0.6", lw=0.7, ls="--")
    axes[0, 2].set(ylabel="mass", ylim=(0.0, 1.15))
    axes[0, 2].text(passed * 1.15, 0.62, f"$t^*={passed:.5g}$", fontsize=7.5)
    axes[0, 2].legend(loc="center right")
    excess = limit["mass_plus"] - alpha
    for above, style, name in ((excess, "C0-", r"$\tau^+-\alpha$"), (-excess, "C0--", r"$\alpha-\tau^+$")):
        axes[1, 0].loglog(t, np.where(later & (above > 0.0), above, np.nan), style, label=name)
    axes[1, 0].loglog(t[later], limit["mass_minus"][later], "C1", label=r"$\tau^-$")
    axes[1, 0].set(ylabel="mass gaps", ylim=(0.012, 10.0))
    axes[1, 0].legend(loc="lower left")
    axes[1, 1].loglog(t[later], limit["w2_plus"][later], "C0", label=r"$W_2(\tau^+,\delta_0)$")
    axes[1, 1].loglog(t[later], limit["w2_minus"][later], "C1", label=r"$W_2(\tau^-,\delta_{\pi/2})$")
    axes[1, 1].set(ylabel="distance, measures normalised", ylim=(0.016, 2.0))
    axes[1, 1].legend(loc="lower left")
    axes[1, 2].loglog(t[later], limit["loss"][later], "k", label="loss")
    axes[1, 2].loglog(t[later], np.maximum(limit["loss_change"][later], 1e-16), "0.6", lw=0.8, label="its change under refinement")
    axes[1, 2].set(ylabel="loss", ylim=(1e-15, None))
    axes[1, 2].legend(loc="center left", bbox_to_anchor=(0.0, 0.52))
    return figure
