"""The infinite-width recursion over the first steps, with networks of finite width as a fan around it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.streams import stream
from mfpde.systems.integrable import IntegrableNetwork

_RATES = {"one": [0.3, 0.6, 0.8], "batch": [0.5, 0.8, 1.2]}
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"depths": [2, 3, 4], "rates": _RATES, "m": 4096, "seeds": 20, "steps": 6, "samples": 32768, "activation": "relu"},
    "quick": {"depths": [2, 3, 4], "rates": _RATES, "m": 512, "seeds": 12, "steps": 4, "samples": 8192, "activation": "relu"},
}
_D, _BATCH = 3, 8
_PROBE = np.array([[0.6, 0.8, 0.0]])


def recursion(preset: str, out: Path, progress: bool) -> list[Path]:
    """f_t of the infinite-width recursion for L = 2, 3, 4, one input or batches of eight, beside IP-LLR networks of several seeds."""
    return produce("hajjar2024-recursion", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, depths: list[int], rates: dict[str, list[float]], m: int, seeds: int, steps: int, samples: int, activation: str, progress: bool
) -> Tables:
    """Tables ``limit`` (f at the probe, its standard error, `dead`) and ``networks`` (f of every seed), by depth, batch size and t.

    One input with label 1 at every step, or the same eight inputs with labels 1 + x_1 / 2. `rates` has a learning rate a depth: without
    calibration the output shrinks with the depth, and a rate that makes it overshoot switches all units off.
    """
    tables: dict[str, dict[str, list[float]]] = {"limit": {}, "networks": {}}
    t = range(steps + 1)
    for i, depth in enumerate(depths):
        system = IntegrableNetwork(d=_D, depth=depth, parameterization="ip-llr", activation=activation)
        for batch, lr in ((1, rates["one"][i]), (_BATCH, rates["batch"][i])):
            arguments: dict[str, Any] = {"batches": [_samples(batch)] * steps, "lr": lr, "probe": _PROBE}
            limit = solve(system.limit(**arguments, samples=samples), t).observables
            where = {"depth": depth, "batch": batch, "t": list(t)}
            extend(tables["limit"], **where, f=limit["f"][:, 0], error=limit["f_stderr"][:, 0], dead=limit["dead"])
            for seed in range(seeds):
                f = solve(system.network(m=m, rng=seed, **arguments), t).observables["f"][:, 0]
                extend(tables["networks"], **where, seed=seed, f=f)
    tables["network"] = {"m": [m]}
    return tables


def draw(data: Data) -> Any:
    """A column a depth; one input above, batches below.

    Means leave out networks that are off, from then on, and say how many are; a limit that is off is a cross.
    """
    limit, networks = data["limit"], data["networks"]
    depths, batches = np.unique(limit["depth"]), np.unique(limit["batch"])
    figure, axes = new_figure(len(depths), width=2.9 * len(depths), height=2.4 * len(batches), rows=len(batches))
    for row, batch in zip(axes, batches, strict=True):
        for panel, depth in zip(row, depths, strict=True):
            here = (networks["depth"] == depth) & (networks["batch"] == batch)
            fan = np.array([networks["f"][here & (networks["seed"] == seed)] for seed in np.unique(networks["seed"])])
            at = (limit["depth"] == depth) & (limit["batch"] == batch)
            t, f = limit["t"][at], limit["f"][at]
            panel.plot(t, fan.T, color="C0", lw=0.6, alpha=0.4)
            on, alive = ~_off(fan), limit["dead"][at] == 0.0
            for k in np.flatnonzero(on.sum(axis=0) > 1):
                live = fan[on[:, k], k]
                half, label = 2.0 * live.std(ddof=1) / math.sqrt(len(live)), f"mean of {len(fan)} networks" if k == 0 else None
                panel.errorbar(t[k], live.mean(), half, color="C0", marker="o", capsize=2, ls="none", label=label)
            panel.errorbar(t[alive], f[alive], 2.0 * limit["error"][at][alive], color="k", lw=1.4, label="infinite width")
            panel.plot(t[~alive], f[~alive], "kx", ms=6)
            if not on.all():
                counts = ", ".join(f"{n} at ${k:g}$" for k, n in zip(t, (~on).sum(axis=0), strict=True) if n)
                panel.text(0.02, 0.97, f"off, left out of the mean: {counts}", transform=panel.transAxes, va="top", fontsize=6.5)
            inputs = "one input" if batch == 1 else f"batch of {batch:g}"
            panel.set(title=f"$L={depth:g}$, {inputs}", xlabel="step $t$")
            panel.set_xticks(t[:: max(1, len(t) // 6)])
        row[0].set_ylabel("$f_t$ at a test input")
        for panel in row:
            panel.set_ylim(top=panel.get_ylim()[1] * 1.08)
    axes[0, 0].legend(loc="upper left", title=f"$m={data['network']['m'][0]:g}$", title_fontsize=7.5, alignment="left")
    return figure


def _off(fan: Any) -> Any:
    """Which networks (rows) are switched off, at every t: once |f| fell below 2 % of what it was."""
    size = np.abs(fan)
    reached = np.maximum.accumulate(size, axis=1)
    return np.logical_or.accumulate(size < 0.02 * reached, axis=1)


def _samples(batch: int) -> tuple[Any, Any]:
    if batch == 1:
        return np.array([[1.0, 0.0, 0.0]]), np.ones(1)
    x = stream(0, "recursion figure").standard_normal((batch, _D))
    x /= np.linalg.norm(x, axis=1)[:, None]
    return x, 1.0 + 0.5 * x[:, 0]
