"""The constant in front of 1/N: what finite width costs, over time, without running a network, and networks beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.finite import finite_width
from mfpde.flow import Array
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer import finite_exact
from mfpde.systems.two_layer.circle import CosineCircle
from mfpde.systems.two_layer.circle.exact import fluctuation

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"b": 0.8, "end": 5.0, "nodes": 96, "modes": 120, "width": 400, "replicas": 8000},
    "quick": {"b": 0.8, "end": 2.0, "nodes": 32, "modes": 40, "width": 100, "replicas": 100},
}
_ROWS = 31
_MEASURED = (0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


def constants(preset: str, out: Path, progress: bool) -> list[Path]:
    """The drift constant c(t) of E R_N - R = c/N over time: exact, by differences in the weights, and measured."""
    return produce("mei2019-constants", PRESETS[preset], compute, draw, out, progress)


def compute(*, b: float, end: float, nodes: int, modes: int, width: int, replicas: int, progress: bool) -> Tables:
    """Tables ``circle`` (the cosine model over s), ``measured`` (the same by networks) and ``families`` (closed forms).

    A network is compared with the networks made of its two halves: N times (mean of the halves' risks - its own) has mean
    c + O(1/N), and the fluctuation of order N^(-1/2), linear in the neurons' law, cancels.
    """
    system = CosineCircle(b=b)
    s = np.linspace(0.0, end, _ROWS)
    limit: Any = system.limit(method="nodes", nodes=nodes)
    found = finite_width(limit, s, ("risk", "z", "z_imaginary"))
    circle = {"s": s, "drift": found.drift["risk"]}
    circle |= {"variance_real": found.variance["z"], "variance_imaginary": found.variance["z_imaginary"]}
    circle["drift_exact"] = fluctuation(s, b, modes=modes).drift
    times = np.array([time for time in _MEASURED if time <= end])
    costs = np.array([_cost_of_halving(system, width, seed, times) for seed in range(replicas)])
    measured = {"s": times, "drift": costs.mean(axis=0), "error": costs.std(axis=0, ddof=1) / np.sqrt(replicas)}
    grid = np.linspace(0.0, 1.5, _ROWS)
    families = {
        "s": grid,
        "linear": [finite_exact.linear_drift(time, [1.0, 4.0], [1.0, 1.0]) for time in grid],
        "noisy_linear": [finite_exact.linear_drift(time, [1.0, 4.0], [1.0, 1.0], 0.1, 10.0) for time in grid],
        "bilinear": [finite_exact.bilinear_drift(time, 1.0, 1.0) for time in grid],
        "quadratic": [finite_exact.quadratic_drift(time, 1.0, 0.2) for time in grid],
    }
    return {"circle": circle, "measured": measured, "families": families}


def draw(data: Data) -> Any:
    """Three panels: c of the cosine model, the variance of its order parameter, and c of the families in closed form."""
    figure, axes = new_figure(3, width=9.0, height=2.7)
    drift_panel, variance_panel, family_panel = axes[0]
    circle, measured = data["circle"], data["measured"]
    drift_panel.plot(circle["s"], circle["drift_exact"], color="0.75", lw=4.0, label="fluctuation equations")
    drift_panel.plot(circle["s"], circle["drift"], "k", lw=1.0, label="differences in the weights")
    drift_panel.errorbar(measured["s"], measured["drift"], 2.0 * measured["error"], fmt="C1o", ms=3.5, lw=1.0, label="networks, 2 s.e.")
    drift_panel.set(xlabel="flow clock $s$", ylabel=r"$N(\mathbb{E}R_N-R)$", title="cosine model", ylim=(0.0, None))
    drift_panel.legend(loc="upper right")
    variance_panel.plot(circle["s"], circle["variance_real"], "C0", label=r"$\mathrm{Re}\,z$")
    variance_panel.plot(circle["s"], circle["variance_imaginary"], "C1", label=r"$\mathrm{Im}\,z$")
    variance_panel.set(xlabel="flow clock $s$", ylabel=r"$N\,\mathrm{Var}$", title="cosine model", ylim=(0.0, None))
    variance_panel.legend(loc="upper right")
    families = data["families"]
    labels = {"linear": "linear", "noisy_linear": "linear, noise and ridge", "bilinear": "bilinear", "quadratic": "quadratic"}
    for i, (name, label) in enumerate(labels.items()):
        family_panel.semilogy(families["s"], families[name], f"C{i}", label=label)
    family_panel.set(xlabel="flow clock $s$", ylabel=r"$N(\mathbb{E}R_N-R)$", title="closed forms", ylim=(1e-3, 50.0))
    family_panel.legend(loc="upper right")
    return figure


def _cost_of_halving(system: CosineCircle, width: int, seed: int, times: Array) -> Array:
    whole, half = system.network(m=width, rng=seed), system.network(m=width // 2, rng=seed)
    theta = whole.unpack(whole.state0)["theta"]
    parts = [solve(half, times, y0=half.pack(theta=rows)).observables["risk"] for rows in np.split(theta, 2)]
    cost: Array = width * (0.5 * (parts[0] + parts[1]) - solve(whole, times).observables["risk"])
    return cost
