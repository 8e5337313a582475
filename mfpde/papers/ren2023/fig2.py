"""Figure 2: training a network by SGD, with the infinite-width curves drawn over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve, times
from mfpde.streams import stream
from mfpde.systems.depth_separation import DepthSeparation

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 100, "m1": 512, "m2": 128, "sigma_1": 0.5, "shown": [50.0, 150.0, 250.0, 600.0], "rows": 121, "batch": 1024},
    "quick": {"d": 20, "m1": 128, "m2": 32, "sigma_1": 0.5, "shown": [20.0, 60.0, 100.0, 250.0], "rows": 51, "batch": 512},
}
_POINTS = 400
_LARGEST_NORM = 2.0


def figure_2(preset: str, out: Path, progress: bool) -> list[Path]:
    """Loss, shape of F, fit and second-layer neurons of an SGD network over their infinite-width limits."""
    return produce("ren2023-fig2", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, m1: int, m2: int, sigma_1: float, shown: list[float], rows: int, batch: int, progress: bool) -> Tables:
    """Tables ``loss`` (over time), ``features`` and ``neurons`` (at the shown times), ``limit`` (its state there).

    The test points of ``features`` have equally spaced norms up to 2 and independent uniform directions.
    """
    system = DepthSeparation(d=d, sigma_1=sigma_1, sigma_2=0.01, sigma_r=0.01)
    t = times.linear(0.0, shown[-1], rows)
    limit = system.limit()
    network: Any = system.network(m1=m1, m2=m2, dynamics="sgd", dt=0.5, batch=batch, rng=0, dtype="float32")
    exact = solve(limit, t, rtol=1e-9, atol=1e-12)
    run = solve(network, t, progress=progress)
    names = ("loss", "loss_stderr", "loss_perfect_first_layer", "loss_discretisation", "loss_cross")
    loss = {"t": t} | {name: run.observables[name] for name in names} | {"limit_loss": exact.observables["loss"]}
    radii = np.linspace(_LARGEST_NORM / _POINTS, _LARGEST_NORM, _POINTS)
    directions = stream(0, "test points").standard_normal((_POINTS, d))
    x = directions * (radii / np.linalg.norm(directions, axis=1))[:, None]
    features: dict[str, list[Any]] = {name: [] for name in ("t", "norm", "F", "f", "limit_F", "limit_f", "target")}
    neurons: dict[str, list[Any]] = {name: [] for name in ("t", "w2", "b2")}
    centres: dict[str, list[Any]] = {name: [] for name in ("t", "slope", "w2_mean", "b2_mean")}
    for time in shown:
        row = int(np.argmin(np.abs(t - time)))
        y, z = run.states[row], exact.states[row]
        block = {"t": np.full(_POINTS, time), "norm": radii, "F": network.features(y, x), "f": network.predict(y, x)}
        block |= {"limit_F": limit.features(z, x), "limit_f": limit.predict(z, x), "target": np.maximum(0.0, 1.0 - radii)}
        state = network.unpack(y)
        extend(features, **block)
        extend(neurons, t=np.full(m2, time), w2=state["w2"], b2=state["b2"])
        extend(centres, **{"t": [time]} | {name: [exact.observables[name][row]] for name in ("slope", "w2_mean", "b2_mean")})
    return {"loss": loss, "features": features, "neurons": neurons, "limit": centres}


def draw(data: Data) -> Any:
    """Four panels: loss, F against |x|, f against relu(1 - |x|), neurons in the (w2, b2) plane."""
    figure, axes = new_figure(4, width=10.4, height=2.7)
    loss_panel, feature_panel, fit_panel, neuron_panel = axes[0]
    shown = data["limit"]["t"]
    colours = [f"C{i}" for i in range(len(shown))]
    loss = data["loss"]
    loss_panel.semilogy(loss["t"], loss["loss"], "k", label="SGD network")
    loss_panel.semilogy(loss["t"], loss["loss_perfect_first_layer"], "k:", lw=1.0, label="perfect 1st layer")
    loss_panel.semilogy(loss["t"], loss["loss_discretisation"], color="0.6", lw=1.0, label="1st-layer error")
    loss_panel.semilogy(loss["t"], loss["limit_loss"], "C5", ls=(0, (4, 2)), label="infinite width")
    loss_panel.set(xlabel="time $t$", ylabel="loss", ylim=(0.3 * np.min(loss["limit_loss"]), None), xlim=(0.0, 1.04 * loss["t"][-1]))
    loss_panel.legend(loc="upper right", bbox_to_anchor=(0.96, 1.02))
    points = data["features"]
    r = np.unique(points["norm"])
    fit_panel.plot(r, np.maximum(0.0, 1.0 - r), color="0.75", lw=3.5, label=r"$\mathrm{relu}(1-\|x\|)$", zorder=0)
    for time, colour, w, b in zip(shown, colours, data["limit"]["w2_mean"], data["limit"]["b2_mean"], strict=True):
        loss_panel.axvline(time, color=colour, ls="--", lw=0.8)
        at = points["t"] == time
        here = data["neurons"]["t"] == time
        for panel, name in ((feature_panel, "F"), (fit_panel, "f")):
            panel.plot(points["norm"][at], points[name][at], ".", ms=2.2, color=colour, alpha=0.6, mew=0)
            panel.plot(points["norm"][at], points[f"limit_{name}"][at], color=colour, lw=1.0)
        feature_panel.plot([], [], color=colour, lw=1.0, label=f"$t={time:g}$")
        neuron_panel.plot(data["neurons"]["w2"][here], data["neurons"]["b2"][here], "o", ms=3.2, color=colour, alpha=0.25, mew=0)
        neuron_panel.plot(w, b, "k+", ms=9, mew=0.9)
    feature_panel.set(xlabel=r"$\|x\|$", ylabel="$F(x)$", xlim=(0.0, _LARGEST_NORM), ylim=(0.0, None))
    feature_panel.legend(loc="upper left", title="lines: infinite width", title_fontsize=7.5)
    fit_panel.set(xlabel=r"$\|x\|$", ylabel="$f(x)$", xlim=(0.0, _LARGEST_NORM))
    fit_panel.legend(loc="upper right")
    neuron_panel.plot([], [], "k+", ms=9, mew=0.9, label=r"$(\bar w_2,\bar b_2)$, infinite width")
    neuron_panel.plot([], [], "o", ms=3.2, color="0.4", label="neurons")
    neuron_panel.set(xlabel="$w_2$", ylabel="$b_2$")
    neuron_panel.legend(loc="upper right")
    _magnify(neuron_panel, data, shown[-1], colours[-1])
    return figure


def _magnify(panel: Any, data: Data, time: float, colour: str) -> None:
    """An inset around (w2bar, b2bar) at the last time, four standard deviations of the neurons wide."""
    here = data["neurons"]["t"] == time
    w, b = (data["limit"][name][-1] for name in ("w2_mean", "b2_mean"))
    inset = panel.inset_axes((0.13, 0.12, 0.38, 0.38))
    inset.plot(data["neurons"]["w2"][here], data["neurons"]["b2"][here], "o", ms=2.2, color=colour, alpha=0.5, mew=0)
    inset.plot(w, b, "k+", ms=9, mew=0.9)
    half = 4.0 * max(np.std(data["neurons"][name][here]) for name in ("w2", "b2"))
    inset.set(xlim=(w - half, w + half), ylim=(b - half, b + half), title=f"$t={time:g}$: $\\pm{half:.2g}$")
    inset.set(xticks=[], yticks=[])
    inset.title.set_fontsize(7.5)
    for spine in inset.spines.values():
        spine.set_visible(True)
