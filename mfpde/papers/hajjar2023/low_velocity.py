"""The initial velocity of the angle, and the modes of the kernel that make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 30, "dimensions": [1, 2, 5, 10, 20, 25], "d_h": 5, "modes": 6, "points": 401},
    "quick": {"d": 30, "dimensions": [2, 5, 20], "d_h": 5, "modes": 4, "points": 101},
}


def velocity(preset: str, out: Path, progress: bool) -> list[Path]:
    """The initial velocity V_0 of the angle for several d_H, and its modes lambda_n p_n(0) p_n'(theta)."""
    return produce("hajjar2023-velocity", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, dimensions: list[int], d_h: int, modes: int, points: int, progress: bool) -> Tables:
    """Tables ``velocity`` (V_0 in closed form, a column for every d_H) and ``modes`` (alpha lambda_n p_n(0) p_n', n >= 1)."""
    theta = np.linspace(0.0, 0.5 * np.pi, points)
    table = {"theta": theta} | {f"d_h_{h}": LowDimensionalTarget(d=d, d_h=h).initial_velocity(theta) for h in dimensions}
    slopes = JacobiBasis(d, d_h, modes + 1).values(theta)[1]
    weights = LowDimensionalTarget(d=d, d_h=d_h).radial.coefficients(JacobiBasis(d, d_h, modes + 1))
    terms = {f"n_{n}": weights[n] * slopes[n] for n in range(1, modes + 1)}
    exact = LowDimensionalTarget(d=d, d_h=d_h).initial_velocity(theta)
    return {"velocity": table, "modes": {"theta": theta, "exact": exact} | terms}


def draw(data: Data) -> Any:
    """Three panels: V_0 for every d_H, its first modes, and what partial sums miss."""
    figure, axes = new_figure(3, width=9.6, height=2.8)
    velocity_panel, mode_panel, error_panel = axes[0]
    table, modes = data["velocity"], data["modes"]
    for i, name in enumerate(name for name in table if name != "theta"):
        velocity_panel.plot(table["theta"], table[name], f"C{i}", label=f"$d_H={name.split('_')[-1]}$")
    velocity_panel.set(ylabel=r"$V_0(\theta)$", ylim=(1.35 * np.min(velocity_panel.get_ylim()), None))
    velocity_panel.legend(loc="lower center", ncol=3)
    total = np.zeros_like(modes["theta"])
    mode_panel.plot(modes["theta"], modes["exact"], "k", lw=2.2, alpha=0.3, label="$V_0$, closed form")
    for i, name in enumerate(name for name in modes if name.startswith("n_")):
        mode_panel.plot(modes["theta"], modes[name], f"C{i}", lw=1.0, label=f"$n={name[2:]}$")
        total = total + modes[name]
        error = np.maximum(np.abs(total - modes["exact"]), 1e-18)
        error_panel.semilogy(modes["theta"], error, f"C{i}", lw=1.0, label=f"$n\\leq{name[2:]}$")
    mode_panel.set(ylabel=r"$\alpha\,\lambda_n\,p_n(0)\,p_n'(\theta)$")
    mode_panel.legend(loc="center", bbox_to_anchor=(0.5, 0.62))
    error_panel.set(ylabel="error of the partial sum", ylim=(1e-10, 1.0))
    error_panel.legend(loc="upper center", ncol=3)
    for panel in axes[0]:
        panel.set(xlabel=r"angle $\theta$ to $H$", xlim=(0.0, 0.5 * np.pi))
        panel.set_xticks([0.0, np.pi / 4, np.pi / 2], ["0", r"$\pi/4$", r"$\pi/2$"])
    return figure
