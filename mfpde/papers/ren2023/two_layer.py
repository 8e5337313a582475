"""A two-layer network with as many parameters on the same task: an honest comparison, not a separation.

The proven gap between depths sits at errors of order d^-6, far below what either network reaches here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.measures import GaussianInit, ProductInit, SphereInit
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.chain import Chain, Layer
from mfpde.systems.depth_separation import DepthSeparation
from mfpde.targets import RadialHat

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 100, "m1": 512, "m2": 128, "steps": 2000, "batch": 1024, "scales": [1.0, 10.0], "dt": [0.1, 0.5]},
    "quick": {"d": 20, "m1": 64, "m2": 32, "steps": 600, "batch": 256, "scales": [4.0], "dt": [0.1, 0.5]},
}
_ROWS = 40
_TEST = 16384


def two_layer(preset: str, out: Path, progress: bool) -> list[Path]:
    """The three-layer network beside two-layer mean-field networks of equal parameter count, same samples a step."""
    return produce("ren2023-two-layer", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, d: int, m1: int, m2: int, steps: int, batch: int, scales: list[float], dt: list[float], progress: bool
) -> Tables:
    """Table ``loss``: the number of steps, the three-layer loss, and a two-layer loss for every initial scale and step.

    A two-layer neuron (v, A, b) has d + 2 parameters and starts with v ~ N(0, 1), A uniform on the sphere of radius
    `scale`, b ~ N(0, 1/4); all are trained at rate 1. Its loss is a mean over 16384 inputs.
    """
    system = DepthSeparation(d=d, sigma_1=0.5, sigma_2=0.01, sigma_r=0.01)
    rows = np.unique(np.round(np.linspace(0, steps, _ROWS)))
    network = system.network(m1=m1, m2=m2, dynamics="sgd", dt=0.5, batch=batch, rng=0, dtype="float32")
    table = {"step": rows, "three_layer": solve(network, 0.5 * rows, progress=progress).observables["loss"]}
    neurons = round((m1 * d + 2 * m2) / (d + 2))
    for scale in scales:
        start = ProductInit([GaussianInit([0.0], 1.0), SphereInit(d, scale), GaussianInit([0.0], 0.25)])
        chain = Chain([Layer(outputs=1, initial=start)], system.law, RadialHat())
        for step in dt:
            shallow = chain.network(widths=[neurons], dynamics="sgd", dt=step, batch=batch, samples=_TEST, rng=0, dtype="float32")
            loss = np.full(len(rows), np.nan)
            reached = solve(shallow, step * rows, progress=progress).observables["loss"]
            loss[: len(reached)] = reached
            table[f"two_layer_scale_{scale:g}_dt_{step:g}"] = loss
    return {"loss": table, "constant": {"loss": [system.best_constant_loss()], "two_layer_neurons": [neurons]}}


def draw(data: Data) -> Any:
    """One panel: loss against SGD steps."""
    figure, axes = new_figure(1, width=4.4, height=3.0)
    panel = axes[0, 0]
    loss = data["loss"]
    neurons = data["constant"]["two_layer_neurons"][0]
    panel.semilogy(loss["step"], loss["three_layer"], "k", label="three layers")
    for i, name in enumerate(name for name in loss if name.startswith("two_layer")):
        scale, step = name.split("_")[3], name.split("_")[5]
        panel.semilogy(loss["step"], loss[name], f"C{i}", lw=1.0, label=rf"two layers, $|A_0|={scale}$, $dt={step}$")
    panel.axhline(data["constant"]["loss"][0], color="0.5", ls="--", lw=0.8, label="best constant")
    panel.set(xlabel="SGD steps", ylabel="loss", title=f"equal parameter count ({neurons:g} two-layer neurons)")
    panel.legend(loc="center right", bbox_to_anchor=(1.02, 0.48))
    return figure
