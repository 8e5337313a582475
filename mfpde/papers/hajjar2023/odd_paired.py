"""Odd target, neurons in pairs (a, b), (-a, -b): the predictor is linear at every width, and a network is its own moment recursion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.measures import Ensemble
from mfpde.papers.hajjar2023.odd_curves import SEED, SGD, draw_distance, draw_loss, limit_table, network_table, width_colours
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve, times
from mfpde.systems.symmetric.odd import OddTarget

PRESETS: dict[str, dict[str, Any]] = {"paper": {"d": 20, **SGD["paper"]}, "quick": {"d": 20, **SGD["quick"]}}


def odd_paired(preset: str, out: Path, progress: bool) -> list[Path]:
    """Odd target, paired neurons: loss and distance of SGD networks, and full gradient descent against the moment recursion."""
    return produce("hajjar2023-odd-paired", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, widths: list[int], lr: float, batch: int, steps: int, rows: int, progress: bool) -> Tables:
    """Tables ``limit``, ``networks`` (SGD on paired batches) and ``descent``.

    The last is the largest difference between w of a ReLU network trained by full gradient descent and of the moment recursion from
    that network's own initial moments, by width and step.
    """
    system = OddTarget.cubic(d)
    t = times.linear(0.0, steps, rows, step=1.0)
    runs, descent = {}, {name: np.empty(0) for name in ("m", "step", "difference", "w_norm")}
    for m in widths:
        runs[m] = solve(system.network(m=m, dynamics="sgd", lr=lr, batch=batch, rng=SEED), t, progress=progress)
        network = system.network(m=m, dynamics="gd", lr=lr, rng=SEED)
        start = Ensemble(network.particles(network.state0)["neurons"])
        w = solve(network, t, progress=progress).observables["w"]
        expected = solve(system.limit(dynamics="gd", lr=lr, neurons=start), t).observables["w"]
        found = {"m": np.full(len(t), float(m)), "step": t}
        found |= {"difference": np.max(np.abs(w - expected), axis=1), "w_norm": np.linalg.norm(w, axis=1)}
        descent = {name: np.concatenate([values, found[name]]) for name, values in descent.items()}
    return {"limit": limit_table(system, lr, t), "networks": network_table(runs), "descent": descent}


def draw(data: Data) -> Any:
    """Loss against step, |w - w*| against step, and the network minus its recursion."""
    figure, axes = new_figure(3, width=10.2, height=2.8)
    loss, distance, difference = axes[0]
    draw_loss(loss, data)
    draw_distance(distance, data)
    descent = data["descent"]
    for m, colour in width_colours(descent["m"]).items():
        at = descent["m"] == m
        difference.plot(descent["step"][at], 1e15 * descent["difference"][at], color=colour)
    difference.set(xlabel="step", ylabel=r"$10^{15}\,\max_i|w_i-w_i^{\mathrm{recursion}}|$")
    difference.set(xlim=(0.0, descent["step"].max()), ylim=(0.0, None))
    difference.set_title(f"full gradients; $|w|$ grows to {descent['w_norm'].max():.1f}", fontsize=8)
    return figure
