"""Naive IP freezes: training loss on MNIST against the step, depth by depth, for several widths."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.hajjar2024.shared import results
from mfpde.papers.hajjar2024.training_runs import train
from mfpde.papers.produce import extend, produce_kept
from mfpde.plot import Data, Tables, new_figure, shades

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "depths": [2, 3, 4, 5], "widths": [128, 256, 512, 1024, 1400], "activations": ["gelu", "relu"],
        "lr": 0.001, "batch": 128, "steps": 4690, "window": 67, "seeds": 5,
    },
    "quick": {
        "depths": [2, 3, 4, 5], "widths": [32, 96, 288], "activations": ["relu"],
        "lr": 0.05, "batch": 64, "steps": 300, "window": 20, "seeds": 2,
    },
}  # fmt: skip


def freeze(preset: str, out: Path, progress: bool) -> list[Path]:
    """Naive IP on MNIST for L = 2, 3, 4, 5 and several widths: deeper than two hidden layers, wider networks learn less."""
    return produce_kept("hajjar2024-freeze", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, depths: list[int], widths: list[int], activations: list[str], lr: float, batch: int, steps: int, window: int, seeds: int,
    progress: bool, store: Path | None = None,
) -> Tables:  # fmt: skip
    """A table an activation: the loss of the batches, averaged over `window` steps; mean and standard error over the seeds."""
    grid = [(activation, depth, m) for activation in activations for depth in depths for m in widths]
    configs = [
        {"model": "naive IP", "activation": a, "depth": depth, "m": m, "lr": lr, "batch": batch, "steps": steps, "seed": seed,
         "every": steps, "tested": 1}
        for a, depth, m in grid for seed in range(seeds)
    ]  # fmt: skip
    runs = iter(results(train, configs, store, progress))
    tables: dict[str, dict[str, list[float]]] = {}
    rows = steps // window
    for activation, depth, m in grid:
        losses = np.array([np.asarray(next(runs)["loss"])[: rows * window] for _ in range(seeds)])
        smooth = losses.reshape(seeds, rows, window).mean(axis=2)
        error = smooth.std(axis=0, ddof=1) / math.sqrt(seeds)
        step = (np.arange(rows) + 0.5) * window
        extend(tables.setdefault(activation, {}), depth=depth, m=m, step=step, loss=smooth.mean(axis=0), error=error)
    return tables


def draw(data: Data) -> Any:
    """A row an activation, a panel a depth, a colour a width."""
    depths = np.unique(next(iter(data.values()))["depth"])
    figure, axes = new_figure(len(depths), width=2.5 * len(depths), height=2.3 * len(data) + 0.2, rows=len(data))
    for row, (activation, table) in zip(axes, data.items(), strict=True):
        for panel, depth in zip(row, depths, strict=True):
            for m, colour in shades(table["m"]).items():
                at = (table["depth"] == depth) & (table["m"] == m)
                step, loss, error = (table[name][at] for name in ("step", "loss", "error"))
                panel.fill_between(step, loss - error, loss + error, color=colour, alpha=0.25, lw=0)
                panel.plot(step, loss, color=colour, label=f"$m={m:g}$")
            panel.axhline(math.log(10.0), color="0.5", lw=0.7, ls="--")
            panel.set(title=f"{activation}, $L={depth:g}$", xlabel="step", ylim=(0.0, 2.6))
        row[0].set_ylabel("training loss")
        row[-1].legend(loc="lower left", title=r"dashed: $\log 10$", title_fontsize=7.5)
    return figure
