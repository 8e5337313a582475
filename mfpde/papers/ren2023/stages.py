"""The stages of the infinite-width dynamics with their predictions, and the start that stalls beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.measures import GaussianInit
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.depth_separation import DepthSeparation

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 100, "sigma_1": [0.5, 0.05, 0.005], "rows": 400},
    "quick": {"d": 20, "sigma_1": [0.5, 0.05], "rows": 200},
}
_TOLERANCES: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-14}


def stages(preset: str, out: Path, progress: bool) -> list[Path]:
    """Alignment, escape, linear convergence with their predictions, and a start that stalls for ever."""
    return produce("ren2023-stages", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, sigma_1: list[float], rows: int, progress: bool) -> Tables:
    """Tables ``escape`` (time over predicted escape time), ``late`` and ``stall``."""
    escape: dict[str, list[Any]] = {name: [] for name in ("sigma_1", "scaled_time", "scaled_rho", "predicted", "loss_ratio")}
    for scale in sigma_1:
        system = DepthSeparation(d=d, sigma_1=scale)
        s = np.linspace(0.0, 2.0, rows)
        run = solve(system.limit(second_layer="concentrated"), s * system.escape_time(), progress=progress, **_TOLERANCES)
        with np.errstate(divide="ignore"):
            predicted = np.where(s < 1.0, 1.0 / np.cos(0.5 * np.pi * np.minimum(s, 1.0)), np.inf)
        escape["sigma_1"] += [scale] * rows
        escape["scaled_time"] += s.tolist()
        escape["scaled_rho"] += (run.observables["rho"] / scale).tolist()
        escape["predicted"] += predicted.tolist()
        escape["loss_ratio"] += (run.observables["loss"] / system.best_constant_loss()).tolist()
    return {"escape": escape, "late": _late(d, sigma_1[0], rows), "stall": _stall(d, rows)}


def _late(d: int, sigma_1: float, rows: int) -> dict[str, Any]:
    system = DepthSeparation(d=d, sigma_1=sigma_1)
    rate = system.late_rate()
    t = np.linspace(0.0, 16.0 / rate, rows)
    concentrated = solve(system.limit(second_layer="concentrated"), t, **_TOLERANCES).observables["loss"]
    spread = solve(system.limit(nodes=32), t, **_TOLERANCES).observables["loss"]
    start = int(np.argmax(concentrated < 1e-6))
    line = np.where(t >= t[start], concentrated[start] * np.exp(-2.0 * rate * (t - t[start])), np.nan)
    return {"t": t, "concentrated": concentrated, "spread": spread, "predicted": line}


def _stall(d: int, rows: int) -> dict[str, Any]:
    """128 second-layer particles of mean .062 > sigma_1 / sqrt(p) and standard deviation 1, for p = 1 and 2."""
    table: dict[str, Any] = {"t": np.concatenate([[0.0], np.geomspace(0.1, 5000.0, rows - 1)])}
    for p in (1, 2):
        system = DepthSeparation(d=d, sigma_1=0.05, homogeneity=p)
        start = GaussianInit([0.062, 0.01], [1.0, 0.0]).quantiles(128)
        run = solve(system.limit(second_layer=start), table["t"], rtol=1e-8, atol=1e-11)
        table |= {f"loss_p{p}": run.observables["loss"], f"rho_p{p}": run.observables["rho"]}
    return table | {"best_constant": np.full(rows, system.best_constant_loss()), "radius_cap": np.full(rows, system.cap)}


def draw(data: Data) -> Any:
    """Three panels: escape, late rate, stall."""
    figure, axes = new_figure(3, width=8.6, height=2.7)
    escape_panel, late_panel, stall_panel = axes[0]
    escape, late, stall = data["escape"], data["late"], data["stall"]
    for i, scale in enumerate(np.unique(escape["sigma_1"])[::-1]):
        at = escape["sigma_1"] == scale
        escape_panel.semilogy(escape["scaled_time"][at], escape["scaled_rho"][at], f"C{i}", label=rf"$\sigma_1={scale:g}$")
    before = at & (escape["scaled_time"] < 0.999)
    escape_panel.semilogy(escape["scaled_time"][before], escape["predicted"][before], "k--", lw=1.0, label=r"$1/\cos(\pi t/2T)$")
    escape_panel.axvline(1.0, color="0.6", lw=0.8)
    escape_panel.set(xlabel="$t/T$, $T$ the predicted escape time", ylabel=r"$\rho/\sigma_1$", xlim=(0.0, 2.0))
    escape_panel.legend(loc="upper left")
    late_panel.semilogy(late["t"], np.maximum(late["concentrated"], 1e-17), "C0", label="concentrated")
    late_panel.semilogy(late["t"], late["spread"], "C1", label=r"$\sigma_2=0.01$, 32 nodes")
    late_panel.semilogy(late["t"], np.maximum(late["predicted"], 1e-17), "k--", lw=1.0, label=r"$e^{-2\lambda t}$")
    late_panel.set(xlabel="time $t$", ylabel="loss", ylim=(1e-14, 1.0))
    late_panel.legend(loc="upper right")
    for p in (1, 2):
        stall_panel.loglog(stall["t"][1:], stall[f"loss_p{p}"][1:], f"C{p - 1}", lw=2.6 - p, label=f"loss, $p={p}$")
        moving = stall[f"rho_p{p}"] > 1e-12
        stall_panel.loglog(stall["t"][moving][1:], stall[f"rho_p{p}"][moving][1:], f"C{p - 1}", ls=":", label=rf"$\rho$, $p={p}$")
    stall_panel.axhline(stall["best_constant"][0], color="k", ls="--", lw=1.0, label="best constant")
    title = rf"stall, $\bar w_2(0)=0.062>\sigma_1/\sqrt{{p}}$, $R={stall['radius_cap'][0]:g}$"
    stall_panel.set(xlabel="time $t$", ylim=(1e-6, None), title=title)
    stall_panel.legend(loc="lower left", ncols=2)
    return figure
