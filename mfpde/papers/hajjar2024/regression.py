"""One-dimensional regression: the functions fitted by naive IP, NTP, muP and IP-LLR from several initialisations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.hajjar2024.shared import results
from mfpde.papers.produce import extend, produce_kept
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve.steppers import StepError
from mfpde.systems.integrable import IntegrableNetwork

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"depth": 4, "m": 1024, "lr": 0.1, "steps": 1200, "seeds": 5, "activation": "relu"},
    "quick": {"depth": 4, "m": 128, "lr": 0.1, "steps": 400, "seeds": 3, "activation": "relu"},
}
_MODELS = {"naive IP": "ip", "NTP": "ntp", "muP": "mup", "IP-LLR": "ip-llr"}
_X = np.linspace(-1.0, 1.0, 10)[:, None]
_GRID = np.linspace(-1.5, 1.5, 121)[:, None]


def regression(preset: str, out: Path, progress: bool) -> list[Path]:
    """Functions fitted to ten points by naive IP, NTP, muP and IP-LLR of four hidden layers, full batches, and their losses."""
    return produce_kept("hajjar2024-regression", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, depth: int, m: int, lr: float, steps: int, seeds: int, activation: str, progress: bool, store: Path | None = None
) -> Tables:
    """Tables ``points``, ``functions`` (f on a grid after the last step) and ``losses`` (every step), by model (from 0) and seed.

    The points (x, sin 3x), their number and the sizes: ten points, four layers are the source's, the labels are ours.
    """
    grid = [(name, seed) for name in _MODELS.values() for seed in range(seeds)]
    configs = [
        {"parameterization": name, "depth": depth, "m": m, "lr": lr, "steps": steps, "activation": activation, "seed": seed}
        for name, seed in grid
    ]
    tables: dict[str, dict[str, Any]] = {"points": {"x": _X[:, 0], "y": _labels()}, "functions": {}, "losses": {}}
    for (name, seed), run in zip(grid, results(fit, configs, store, progress), strict=True):
        where = {"model": list(_MODELS.values()).index(name), "seed": seed}
        extend(tables["functions"], **where, x=_GRID[:, 0], f=run["f"], made=run["made"])
        extend(tables["losses"], **where, step=np.arange(steps), loss=run["loss"])
    return tables


def draw(data: Data) -> Any:
    """A column a model, a colour an initialisation: the functions above, the losses below."""
    functions, losses, points = data["functions"], data["losses"], data["points"]
    figure, axes = new_figure(len(_MODELS), width=2.7 * len(_MODELS), height=4.6, rows=2)
    steps, least = losses["step"].max() + 1, 0.5 * np.nanmin(losses["loss"])
    for i, name in enumerate(_MODELS):
        for j in np.unique(functions["seed"]).astype(int):
            at, here = ((table["model"] == i) & (table["seed"] == j) for table in (functions, losses))
            ended = "" if functions["made"][at][0] == steps else f"left the finite numbers at step {functions['made'][at][0]:g}"
            axes[0, i].plot(functions["x"][at], functions["f"][at], color=f"C{j}", lw=1.0, label=ended or None)
            axes[1, i].semilogy(losses["step"][here] + 1, losses["loss"][here], color=f"C{j}", lw=0.9)
        axes[0, i].plot(points["x"], points["y"], "ko", ms=3.5)
        axes[0, i].set(title=name, xlabel="$x$", ylim=(-2.2, 2.2))
        axes[1, i].set(xlabel="step", ylim=(least, 10.0), xscale="log")
        if axes[0, i].get_legend_handles_labels()[0]:
            axes[0, i].legend(loc="lower right", fontsize=6)
    axes[0, 0].set_ylabel("$f(x)$")
    axes[1, 0].set_ylabel("loss before the step")
    return figure


def fit(*, parameterization: str, depth: int, m: int, lr: float, steps: int, activation: str, seed: int) -> dict[str, Any]:
    """Full-batch steps of one network: `f` on the grid at the end, the `loss` before every step, and the number of steps `made`.

    IP-LLR calibrates its first rates by the rule of 2021.
    """
    system = IntegrableNetwork(d=1, depth=depth, parameterization=parameterization, activation=activation)
    calibration = "2021" if parameterization == "ip-llr" else None
    network = system.network(
        m=m, batches=lambda k: (_X, _labels()), lr=lr, probe=_GRID, rng=seed, dtype="float32", f0="true", calibration=calibration
    )
    loss, y, made = np.full(steps, np.nan), network.state0, steps
    for k in range(steps):
        try:
            y = network.step(k, y)
        except StepError:
            made = k
            break
        loss[k] = network.unpack(y)["batch_loss"][0]
    return {"f": network.predict(y, _GRID), "loss": loss, "made": float(made)}


def _labels() -> Any:
    return np.sin(3.0 * _X[:, 0])
