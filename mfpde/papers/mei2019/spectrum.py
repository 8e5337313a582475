"""The spectrum of the ReLU kernel on the sphere, and networks in which every mode decays at its own rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.measures import Ensemble
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.streams import stream
from mfpde.systems.two_layer.kernel.residuals import KernelLimit, NodeKernel
from mfpde.systems.two_layer.kernel.sphere import eigenvalues

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"dimensions": [2, 3, 10, 30], "count": 25, "pairs": 20_000, "points": 101, "scale": 64.0, "end": 60.0},
    "quick": {"dimensions": [2, 3, 10], "count": 25, "pairs": 2000, "points": 51, "scale": 64.0, "end": 30.0},
}
_MODES = (0, 1, 2, 3, 4)
_ROWS = 31


def spectrum(preset: str, out: Path, progress: bool) -> list[Path]:
    """Kernel eigenvalues on the sphere, and the decay of each mode in a network on the circle; odd modes from 3 on are frozen."""
    return produce("mei2019-spectrum", PRESETS[preset], compute, draw, out, progress)


def compute(*, dimensions: list[int], count: int, pairs: int, points: int, scale: float, end: float, progress: bool) -> Tables:
    """Tables ``spectrum`` (lambda_k, a column a dimension) and ``decay`` (amplitude of cos kx in the residual, limit and network).

    The network has `pairs` neurons w ~ N(0, I) with a = 1, each once more with a = -1, and is trained at the `scale` on an odd number
    of equispaced points of the circle with the label 1 + cos x + ... + cos 4x.
    """
    table: dict[str, Any] = {"k": np.arange(count)}
    for d in dimensions:
        table[f"d_{d}"] = eigenvalues(d, count)
    angles = 2.0 * np.pi * np.arange(points) / points
    modes = np.cos(np.multiply.outer(_MODES, angles))
    w = stream(0, "neurons").standard_normal((pairs, 2))
    neurons = Ensemble(np.vstack([np.column_stack([np.full(pairs, a), w]) for a in (1.0, -1.0)]))
    limit = KernelLimit(np.stack([np.cos(angles), np.sin(angles)], axis=1), modes.sum(axis=0), NodeKernel(neurons, "relu"))
    t = np.linspace(0.0, end, _ROWS)
    flow = limit.flow(scale)
    # A method of low order: the force jumps whenever a kink of a neuron passes a point.
    run = solve(flow, t, rtol=1e-4, atol=1e-6, method="RK45", progress=progress)
    residuals = np.array([flow.residual(state) for state in run.states])
    amplitudes = residuals @ modes.T / np.sum(modes**2, axis=1)
    exact = np.exp(-np.multiply.outer(t, eigenvalues(2, len(_MODES))))
    decay: dict[str, Any] = {"t": t}
    for k in _MODES:
        decay |= {f"limit_{k}": exact[:, k], f"network_{k}": amplitudes[:, k]}
    return {"spectrum": table, "decay": decay}


def draw(data: Data) -> Any:
    """Two panels: eigenvalues that are not 0 against the degree, and amplitudes over time, lines the limit and markers the network."""
    figure, axes = new_figure(2, width=6.6, height=2.8)
    spectrum_panel, decay_panel = axes[0]
    table = data["spectrum"]
    for i, name in enumerate(name for name in table if name != "k"):
        seen = (table[name] > 1e-15) & (table["k"] > 0)
        spectrum_panel.loglog(table["k"][seen], table[name][seen], f"C{i}o-", ms=3.5, lw=0.8, label=f"$d={name.split('_')[1]}$")
    spectrum_panel.set(xlabel="degree $k$", ylabel=r"$\lambda_k$ ($\lambda_k=0$ for odd $k\geq3$)")
    spectrum_panel.legend(loc="lower left")
    decay = data["decay"]
    for i, k in enumerate(_MODES):
        decay_panel.semilogy(decay["t"], decay[f"limit_{k}"], f"C{i}-", lw=1.0)
        decay_panel.semilogy(decay["t"], np.abs(decay[f"network_{k}"]), f"C{i}o", ms=3, mfc="none", label=f"$k={k}$")
    decay_panel.set(xlabel="rescaled time $t$", ylabel="amplitude of $\\cos kx$ in the residual", ylim=(1e-2, 1.3))
    decay_panel.legend(loc="lower right")
    return figure
