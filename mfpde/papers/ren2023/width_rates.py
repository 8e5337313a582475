"""How fast networks approach the infinite width of one layer, the other layer being infinitely wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.finite import Drift, drift, fit_rate
from mfpde.papers.produce import extend, produce_kept
from mfpde.papers.ren2023.wide_layers import WideFirstLayer, WideSecondLayer
from mfpde.papers.ren2023.width_constants import second_layer_constant, width_constants
from mfpde.plot import Data, Tables, label_ticks, new_figure, shades
from mfpde.systems.depth_separation import DepthSeparation

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "d": 100,
        "first": [
            {"widths": [64, 128, 256, 512], "t_eval": [0.0, 20.0, 100.0, 200.0], "directions": 4000, "replicas": 32},
            {"widths": [2**k for k in range(6, 14)], "t_eval": [0.0, 20.0], "directions": 600, "replicas": 32},
        ],
        "second": {"widths": [4, 16, 64, 256], "t_eval": [0.0, 20.0, 100.0, 200.0, 400.0], "replicas": 128},
    },
    "quick": {
        "d": 20,
        "first": [{"widths": [16, 32, 64, 128], "t_eval": [0.0, 20.0, 60.0], "directions": 320, "replicas": 8}],
        "second": {"widths": [4, 16, 64, 256], "t_eval": [0.0, 20.0, 60.0], "replicas": 32},
    },
}
_STEP = 1.0
FITTED_WIDTHS = 4
"""A rate is fitted over this many of the largest widths."""
FIRST = ("non_sphericity", "loss_discretisation", "function_distance", "loss")
SECOND = ("loss", "function_distance", "second_layer_rms")


def width_rates(preset: str, out: Path, progress: bool) -> list[Path]:
    """Non-sphericity and loss floor against m1, gaps against m2, each with the other layer infinitely wide and the predicted law."""
    return produce_kept("ren2023-width-rates", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, d: int, first: Sequence[Mapping[str, Any]], second: Mapping[str, Any], progress: bool, store: Path | None = None
) -> Tables:
    """Tables ``first`` and ``second``: one row a study, time and width, with every gap's r.m.s. over replicas and its ``<gap>_error``.

    ``first_rates`` and ``second_rates`` have one row a study and time: exponent, its interval ``low`` to ``high`` and the ``p_value`` of
    each gap over the largest widths, NaN where there is no gap, and how many runs were ``excluded`` because they stopped early.
    ``first_constants`` has what is predicted: tau, V(t) = m1 E non_sphericity^2 and m1 E loss_discretisation; ``second_constants`` the
    ``loss`` gap's r.m.s. times sqrt(m2). In the studies of m1, network and limit take the same steps of gradient descent, of length 1,
    and so does the prediction.
    """
    system = DepthSeparation(d=d, sigma_1=0.5, sigma_2=0.01, sigma_r=0.01)
    over_m1: Any = WideSecondLayer(system)
    over_m2: Any = WideFirstLayer(system)
    tables: dict[str, dict[str, list[float]]] = {"first": {}, "first_rates": {}, "second": {}, "second_rates": {}}
    shared: dict[str, Any] = {"progress": progress, "store": store}
    for index, study in enumerate(first):
        chosen: dict[str, Any] = {"t_eval": study["t_eval"], "replicas": study["replicas"], "tracers": False, **shared}
        network, limit = {"directions": study["directions"], "dt": _STEP}, {"dt": _STEP}
        found = drift(over_m1, widths={"m1": study["widths"]}, network=network, limit=limit, **chosen)
        _add(tables["first"], tables["first_rates"], found, FIRST, index)
    times, replicas = second["t_eval"], second["replicas"]
    found = drift(over_m2, widths={"m2": second["widths"]}, t_eval=times, replicas=replicas, **shared)
    _add(tables["second"], tables["second_rates"], found, SECOND, 0)
    every = np.unique(np.concatenate([study["t_eval"] for study in first]))
    first_constants = width_constants(system, every, dt=_STEP)._asdict()
    return {**tables, "first_constants": first_constants, "second_constants": {"t": times, "loss": second_layer_constant(system, times)}}


def draw(data: Data) -> Any:
    """Three panels, over their predictions: non-sphericity and loss floor against m1, the gap in the loss against m2."""
    figure, axes = new_figure(3, width=9.6, height=2.9)
    shape_panel, floor_panel, second_panel = axes[0]
    constants, first, second = data["first_constants"], data["first"], data["second"]
    colours = shades([*constants["t"], *second["t"]])
    m1 = np.unique(first["m1"])
    for t, square, floor in zip(constants["t"], constants["square"], constants["floor"], strict=True):
        shape_panel.plot(m1, np.sqrt(square / m1), "-", color=colours[t], lw=0.8)
        if t > 0.0:
            floor_panel.plot(m1, floor / m1, "-", color=colours[t], lw=0.8)
    for panel, name in ((shape_panel, "non_sphericity"), (floor_panel, "loss_discretisation")):
        for study, t in zip(data["first_rates"]["study"], data["first_rates"]["t"], strict=True):
            if t > 0.0 or panel is shape_panel:
                _points(panel, data, "first", "m1", name, study, t, colours[t], "os"[int(study) % 2])
        panel.set(xscale="log", yscale="log", xlabel="$m_1$")
        label_ticks(panel.xaxis, m1[::2])
    shape_panel.set(ylabel="non-sphericity, r.m.s.", title=r"lines: $\sqrt{V(t)/m_1}$")
    floor_panel.set(ylabel="loss of the first layer's error, r.m.s.", title=r"lines: $\frac{1}{2}a^2\,E[G^2r^2]\,V(t)/m_1$")
    m2 = np.unique(second["m2"])
    for t, constant in zip(data["second_constants"]["t"], data["second_constants"]["loss"], strict=True):
        second_panel.plot(m2, constant / np.sqrt(m2), "-", color=colours[t], lw=0.8)
        _points(second_panel, data, "second", "m2", "loss", 0, t, colours[t], "o")
    title = r"lines: $\sigma_2\,|\partial L(t)/\partial\bar w_2(0)|\,m_2^{-1/2}$"
    second_panel.set(xscale="log", yscale="log", xlabel="$m_2$", ylabel="gap in the loss, r.m.s.", title=title)
    label_ticks(second_panel.xaxis, m2[::2])
    for panel in axes[0]:
        low, high = panel.get_ylim()
        panel.set_ylim(low * (low / high) ** 0.4)
        panel.legend(loc="lower left", fontsize=6)
    return figure


def _points(
    panel: Any, data: Data, layer: str, width: str, name: str, study: float, t: float, colour: Any, marker: str
) -> None:
    """The gaps of one study at one time, labelled with the fitted exponent."""
    table, rates = data[layer], data[f"{layer}_rates"]
    at = (table["study"] == study) & (table["t"] == t)
    row = int(np.flatnonzero((rates["study"] == study) & (rates["t"] == t))[0])
    exponent, low, high = (rates[f"{name}_{part}"][row] for part in ("exponent", "low", "high"))
    label = rf"$t={t:g}$: ${exponent:.2f}\ [{low:.2f},{high:.2f}]$"
    panel.errorbar(table[width][at], table[name][at], table[f"{name}_error"][at], fmt=marker, color=colour, ms=3, lw=0.8, label=label)


def _add(
    table: dict[str, list[float]], rates: dict[str, list[float]], found: Drift, gaps: Sequence[str], study: int
) -> None:
    width, _, sizes = found.along(None, None)
    for i, t in enumerate(found.t):
        columns: dict[str, Any] = {"study": study, "t": t, width: sizes}
        row: dict[str, float] = {"study": study, "t": t, "excluded": int(np.sum(~found.complete))}
        for name in gaps:
            values = np.abs(found.gaps[name][:, :, i])
            square, spread = np.nanmean(values**2, axis=1), np.nanstd(values**2, axis=1, ddof=1) / np.sqrt(values.shape[1])
            columns |= {name: np.sqrt(square), f"{name}_error": 0.5 * spread / np.sqrt(np.where(square > 0.0, square, 1.0))}
            row |= _fitted(name, sizes, values, found.joint)
        extend(table, **columns)
        extend(rates, **row)


def _fitted(name: str, sizes: list[int], values: Any, joint: bool) -> dict[str, float]:
    parts = ("exponent", "low", "high", "p_value")
    if np.all(np.ptp(values, axis=1) == 0.0):
        return {f"{name}_{part}": float("nan") for part in parts}
    rate = fit_rate(sizes[-FITTED_WIDTHS:], values[-FITTED_WIDTHS:], joint=joint)
    return {f"{name}_{part}": float(getattr(rate, part)) for part in parts}
