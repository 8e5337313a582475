"""Where training stops at finite width: the loss floor against m1, and which part of the loss it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.solve import solve
from mfpde.systems.depth_separation import DepthSeparation

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 100, "m1": [64, 128, 256, 512, 1024, 2048], "m2": 128, "replicas": 4, "end": 1000.0, "batch": 1024},
    "quick": {"d": 20, "m1": [16, 32, 64, 128], "m2": 32, "replicas": 2, "end": 400.0, "batch": 256},
}
_PARTS = ("loss", "loss_perfect_first_layer", "loss_discretisation")


def floor(preset: str, out: Path, progress: bool) -> list[Path]:
    """The loss floor of SGD networks against m1, its decomposition, and the first layer's non-sphericity."""
    return produce("ren2023-floor", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, m1: list[int], m2: int, replicas: int, end: float, batch: int, progress: bool) -> Tables:
    """Table ``floor``: one row a network, its losses and non-sphericity at the end and the non-sphericity at the start."""
    system = DepthSeparation(d=d, sigma_1=0.5, sigma_2=0.01, sigma_r=0.01)
    table: dict[str, list[float]] = {name: [] for name in ("m1", "seed", *_PARTS, "non_sphericity", "non_sphericity_start")}
    for width in m1:
        for seed in range(replicas):
            network = system.network(m1=width, m2=m2, dynamics="sgd", dt=0.5, batch=batch, rng=seed, dtype="float32")
            run = solve(network, [0.0, end], progress=progress)
            table["m1"].append(width)
            table["seed"].append(seed)
            for name in (*_PARTS, "non_sphericity"):
                table[name].append(float(run.observables[name][-1]))
            table["non_sphericity_start"].append(float(run.observables["non_sphericity"][0]))
    return {"floor": table}


def draw(data: Data) -> Any:
    """Two panels: losses against m1 with the law C/m1, and the first layer's non-sphericity."""
    figure, axes = new_figure(2, width=6.4, height=2.7)
    loss_panel, shape_panel = axes[0]
    table = data["floor"]
    widths = np.unique(table["m1"])
    for i, (name, label) in enumerate(zip(_PARTS, ("loss", "perfect first layer", "first-layer error"), strict=True)):
        loss_panel.loglog(table["m1"] * 1.04 ** (i - 1), table[name], f"C{i}o", ms=3, alpha=0.6, label=label)
    constant = np.exp(np.mean(np.log(table["loss"] * table["m1"])))
    loss_panel.loglog(widths, constant / widths, "k--", lw=1.0, label=rf"${constant:.3f}/m_1$")
    loss_panel.set(xlabel="$m_1$", ylabel="loss at the end")
    loss_panel.legend(loc="best")
    shape_panel.loglog(table["m1"], table["non_sphericity_start"], "C0o", ms=3, alpha=0.6, label="start")
    shape_panel.loglog(table["m1"], table["non_sphericity"], "C1s", ms=3, alpha=0.6, label="end")
    shape_panel.loglog(widths, np.sqrt((np.pi - 1.0) / widths), "k--", lw=1.0, label=r"$\sqrt{(\pi-1)/m_1}$")
    shape_panel.set(xlabel="$m_1$", ylabel="non-sphericity of the first layer")
    shape_panel.legend(loc="best")
    for panel in axes[0]:
        label_ticks(panel.xaxis, widths)
    return figure
