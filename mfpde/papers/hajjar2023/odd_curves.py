"""What the figures of the odd target share: how networks are trained, tables of runs, and the panels of loss and distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mfpde.flow import Array, Trajectory
from mfpde.plot import Data
from mfpde.solve import solve
from mfpde.systems.symmetric.odd import OddTarget

SGD: dict[str, dict[str, Any]] = {
    "paper": {"widths": [10, 50, 128, 1024], "lr": 0.01, "batch": 512, "steps": 10000, "rows": 101},
    "quick": {"widths": [10, 50, 128], "lr": 0.02, "batch": 256, "steps": 3000, "rows": 51},
}
"""How the networks of both figures are trained, by preset; they have different dimensions."""
SEED = 42
_COLUMNS = ("loss", "distance", "nonlinearity")


def limit_table(system: OddTarget, lr: float, steps: Array) -> dict[str, Any]:
    """Gradient descent of infinite width, the asymptote of the flow's distance with its exact rate S, and the paper's bound."""
    run = solve(system.limit(dynamics="gd", lr=lr), steps)
    S, late = system.asymptotic_rate, 40.0 / system.asymptotic_rate
    prefactor = float(system.closed_form(late).distance[0] * np.exp(S * late))
    optimum = float(np.linalg.norm(system.optimum))
    return {
        "step": steps,
        "loss": run.observables["loss"],
        "distance": run.observables["distance"],
        "asymptote": prefactor * np.exp(-S * lr * steps),
        "bound": optimum * np.exp(-system.rate_bound * lr * steps),
        "rate": np.full(len(steps), S),
        "rate_bound": np.full(len(steps), system.rate_bound),
    }


def network_table(runs: Mapping[int, Trajectory]) -> dict[str, Any]:
    """Rows (m, step, loss, distance, nonlinearity) of the runs by width."""
    table: dict[str, list[float]] = {name: [] for name in ("m", "step", *_COLUMNS)}
    for m, run in runs.items():
        table["m"] += [float(m)] * len(run.t)
        table["step"] += run.t.tolist()
        for name in _COLUMNS:
            table[name] += run.observables[name].tolist()
    return dict(table)


def width_colours(widths: Iterable[float]) -> dict[float, str]:
    """A colour for each width."""
    return {m: f"C{i}" for i, m in enumerate(sorted({float(m) for m in widths}))}


def draw_loss(panel: Any, data: Data) -> None:
    """Loss of each width, and the dashed infinite-width curve over them."""
    limit, networks = data["limit"], data["networks"]
    for m, colour in width_colours(networks["m"]).items():
        at = networks["m"] == m
        panel.plot(networks["step"][at], networks["loss"][at], color=colour, label=f"$m={m:g}$")
    panel.plot(limit["step"], limit["loss"], "k", ls=(0, (4, 3)), lw=1.1, label="infinite width")
    panel.set(xlabel="step", ylabel="loss $F$", xlim=(0.0, limit["step"][-1]), ylim=(0.8 * float(limit["loss"][-1]), None))
    panel.legend()


def draw_distance(panel: Any, data: Data) -> None:
    """|w - w*| of each width and of infinite width, with the line of slope -S and the bound."""
    limit, networks = data["limit"], data["networks"]
    for m, colour in width_colours(networks["m"]).items():
        at = networks["m"] == m
        panel.semilogy(networks["step"][at], networks["distance"][at], color=colour)
    panel.semilogy(limit["step"], limit["bound"], color="0.55", ls="-.", lw=1.1, label=f"bound, rate {limit['rate_bound'][0]:.3g}")
    ceiling = 2.0 * limit["bound"][0]
    shown = limit["asymptote"] < ceiling
    label = f"exact rate $S={limit['rate'][0]:.4f}$"
    panel.semilogy(limit["step"][shown], limit["asymptote"][shown], color="0.55", ls=":", lw=1.5, label=label)
    panel.semilogy(limit["step"], limit["distance"], "k", ls=(0, (4, 3)), lw=1.1, label="infinite width")
    lowest = min(float(np.min(networks["distance"])), float(limit["distance"][-1]))
    panel.set(xlabel="step", ylabel=r"$|w-w^*|$", xlim=(0.0, limit["step"][-1]), ylim=(0.5 * lowest, ceiling))
    panel.legend(loc="lower left")
