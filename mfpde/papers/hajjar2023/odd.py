"""Odd target, free neurons: SGD networks of several widths on the infinite-width curve, the exact rate and the paper's bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.hajjar2023.odd_curves import SEED, SGD, draw_distance, draw_loss, limit_table, network_table, width_colours
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.solve import solve, times
from mfpde.systems.symmetric.odd import OddTarget

PRESETS: dict[str, dict[str, Any]] = {"paper": {"d": 60, **SGD["paper"]}, "quick": {"d": 20, **SGD["quick"]}}


def odd(preset: str, out: Path, progress: bool) -> list[Path]:
    """Odd target: loss, distance to w* and linearity of SGD networks of several widths beside the infinite-width solution."""
    return produce("hajjar2023-odd", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, widths: list[int], lr: float, batch: int, steps: int, rows: int, progress: bool) -> Tables:
    """Tables ``limit`` (exact gradient descent of infinite width, its rate and bound) and ``networks`` (by width and step)."""
    system = OddTarget.cubic(d)
    t = times.linear(0.0, steps, rows, step=1.0)
    runs = {
        m: solve(system.network(m=m, dynamics="sgd", lr=lr, batch=batch, paired=False, rng=SEED), t, progress=progress) for m in widths
    }
    return {"limit": limit_table(system, lr, t), "networks": network_table(runs)}


def draw(data: Data) -> Any:
    """Loss against step, |w - w*| against step, and the rms of what is not linear in the predictor against the width."""
    figure, axes = new_figure(3, width=10.2, height=2.8)
    loss, distance, linear = axes[0]
    draw_loss(loss, data)
    draw_distance(distance, data)
    networks = data["networks"]
    colours = width_colours(networks["m"])
    widths = np.array(sorted(colours), float)
    shown = [(0.0, "o", "at the start"), (float(networks["step"].max()), "s", f"after {networks['step'].max():g} steps")]
    for step, marker, label in shown:
        at = [networks["nonlinearity"][(networks["m"] == m) & (networks["step"] == step)][0] for m in widths]
        linear.loglog(widths, at, marker, color="k", mfc="k" if marker == "o" else "w", ms=4.5, label=label)
    first = networks["nonlinearity"][(networks["m"] == widths[0]) & (networks["step"] == 0.0)][0]
    linear.loglog(widths, first * np.sqrt(widths[0] / widths), color="0.6", lw=0.9, zorder=0, label=r"$m^{-1/2}$")
    linear.set(xlabel="width $m$", ylabel=r"rms of $f(x)-w\cdot x$")
    linear.legend()
    label_ticks(linear.xaxis, widths)
    return figure
