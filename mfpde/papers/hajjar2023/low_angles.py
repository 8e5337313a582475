"""Angles of a network trained by SGD over the densities of its limit, and what the dimension of the input changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.solve import solve
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "d": 50, "d_h": 10, "m": 1024, "lr": 0.05, "batch": 256, "shown": [0, 100, 3000],
        "dimensions": [20, 30, 50, 100, 200, 400, 800], "times": [1.0, 10.0, 100.0], "nodes": 40,
    },
    "quick": {
        "d": 50, "d_h": 10, "m": 256, "lr": 0.05, "batch": 128, "shown": [0, 100, 600],
        "dimensions": [20, 50, 200, 800], "times": [1.0, 10.0], "nodes": 32,
    },
}  # fmt: skip
_BINS = 45


def angles(preset: str, out: Path, progress: bool) -> list[Path]:
    """Angles to H of an SGD network over the limit's densities, and the limit against the dimension d."""
    return produce("hajjar2023-angles", PRESETS[preset], compute, draw, out, progress)


def compute(
    *,
    d: int,
    d_h: int,
    m: int,
    lr: float,
    batch: int,
    shown: list[int],
    dimensions: list[int],
    times: list[float],
    nodes: int,
    progress: bool,
) -> Tables:
    """Tables ``neurons`` (sign, angle and weight at the shown steps), ``density`` (of the limit there) and ``dimension``.

    ``dimension``: masses, mean squared sine and cosine and loss of the limit for every d, at the given times.
    """
    system = LowDimensionalTarget(d=d, d_h=d_h)
    limit, network = system.limit(nodes=nodes), system.network(m=m, dynamics="sgd", lr=lr, batch=batch, rng=0)
    t = np.array(shown) * lr
    exact, run = solve(limit, t, rtol=1e-10, atol=1e-11), solve(network, t, progress=progress)
    neurons: dict[str, list[float]] = {name: [] for name in ("step", "sign", "theta", "weight")}
    density: dict[str, list[float]] = {name: [] for name in ("step", "sign", "theta", "density")}
    for row, k in enumerate(shown):
        state = network.unpack(run.states[row])
        lengths = [np.linalg.norm(part, axis=1) for part in (state["b"][:, :d_h], state["b"][:, d_h:])]
        weight = np.abs(state["a"]) * np.hypot(*lengths) / m
        extend(neurons, step=k, sign=np.sign(state["a"]), theta=np.arctan2(lengths[1], lengths[0]), weight=weight)
        for sign in (1, -1):
            theta, values = limit.density(exact.states[row], sign)
            extend(density, step=k, sign=sign, theta=theta, density=values)
    names = ("mass_plus", "mass_minus", "sin2_plus", "cos2_minus", "loss")
    dimension: dict[str, list[float]] = {name: [] for name in ("d", "t", "alpha", *names)}
    for other in dimensions:
        swept = LowDimensionalTarget(d=other, d_h=d_h)
        found = solve(swept.limit(nodes=nodes), times, rtol=1e-10, atol=1e-11).observables
        extend(dimension, d=other, t=times, alpha=swept.alpha, **{name: found[name] for name in names})
    return {"neurons": neurons, "density": density, "dimension": dimension}


def draw(data: Data) -> Any:
    """Angles of neurons of either sign at every step shown; masses and mean angles against d."""
    neurons, density, sweep = data["neurons"], data["density"], data["dimension"]
    steps = np.unique(neurons["step"])
    figure, axes = new_figure(max(3, steps.size), width=9.6, height=5.2, rows=2)
    edges = np.linspace(0.0, 0.5 * np.pi, _BINS + 1)
    for panel, k in zip(axes[0], steps, strict=True):
        for sign, colour, name in ((1, "C0", r"$a>0$"), (-1, "C1", r"$a<0$")):
            at = (neurons["step"] == k) & (neurons["sign"] == sign)
            counted, _ = np.histogram(neurons["theta"][at], edges, weights=neurons["weight"][at])
            panel.stairs(counted / np.diff(edges), edges, fill=True, color=colour, alpha=0.35, label=f"neurons, {name}")
            at = (density["step"] == k) & (density["sign"] == sign)
            panel.plot(density["theta"][at], density["density"][at], colour, lw=1.1, label=f"limit, {name}")
        panel.set_yscale("log")
        panel.set(xlabel=r"angle $\theta$ to $H$", title=f"step {k:g}", xlim=(0.0, 0.5 * np.pi), ylim=(1e-3, 2e2))
        panel.set_xticks([0.0, np.pi / 4, np.pi / 2], ["0", r"$\pi/4$", r"$\pi/2$"])
    axes[0, 0].set_ylabel("density of weight")
    axes[0, 0].legend(loc="upper left")
    for i, time in enumerate(np.unique(sweep["t"])):
        at = sweep["t"] == time
        for panel, values in zip(axes[1], (sweep["mass_plus"] / sweep["alpha"], sweep["mass_minus"], sweep["sin2_plus"]), strict=False):
            panel.plot(sweep["d"][at], values[at], f"C{i + 2}o-", ms=3, lw=0.9, label=f"$t={time:g}$")
    for panel, name in zip(axes[1], (r"$\tau^+/\alpha$", r"$\tau^-$", r"mean of $\sin^2\theta$ under $\tau^+$"), strict=False):
        panel.set(xlabel="dimension $d$ of the input", ylabel=name, xscale="log", ylim=(0.0, None))
        label_ticks(panel.xaxis, np.unique(sweep["d"]))
        panel.legend(loc="best")
    for panel in axes[1, 3:]:
        panel.set_visible(False)
    return figure
