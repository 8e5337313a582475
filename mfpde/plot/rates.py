"""Gaps between networks and their limit against a width, with the fitted power laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mfpde.plot.save import Data, label_ticks, new_figure

FITTED = ("exponent", "low", "high", "prefactor", "floor")
_FLOOR = "_floor"


def draw_rates(data: Data, *, ylabel: str = "gap") -> Any:
    """One panel a gap: its size at every width with standard errors, the fitted line, and the same-law floor where there is one.

    Parameters
    ----------
    data
        Table ``values``: a column with the name of the width first; then of every gap ``<gap>`` and ``<gap>_error``, and of a gap that has
        a floor ``<gap>_floor`` and ``<gap>_floor_error``. Table ``fits``: one row, for every gap ``<gap>_exponent``, ``_low``, ``_high``,
        ``_prefactor`` and ``_floor``, NaN where nothing was fitted.
    """
    values, fits = data["values"], data["fits"]
    width = next(iter(values))
    gaps = [name.removesuffix("_exponent") for name in fits if name.endswith("_exponent")]
    shown = [name for name in gaps if not (name.endswith(_FLOOR) and name.removesuffix(_FLOOR) in gaps)]
    columns = min(4, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    figure, axes = new_figure(columns, width=2.6 * columns, height=2.3 * rows, rows=rows)
    m = values[width]
    for panel, name in zip(axes.flat, shown, strict=False):
        _panel(panel, m, values, fits, name)
        panel.set_title(name, fontsize=8)
        label_ticks(panel.xaxis, _few(m))
    for panel in axes.flat[len(shown) :]:
        panel.set_axis_off()
    for panel in axes[-1]:
        panel.set_xlabel(width)
    for row in axes:
        row[0].set_ylabel(ylabel)
    return figure


def _panel(panel: Any, m: Any, values: Any, fits: Any, name: str) -> None:
    panel.errorbar(m, values[name], values[f"{name}_error"], fmt="C0o", ms=3, lw=0.8, capsize=0)
    exponent, low, high, prefactor, floor = (float(fits[f"{name}_{part}"][0]) for part in FITTED)
    panel.set(xscale="log", yscale="log")
    if np.isfinite(exponent):
        fine = np.geomspace(m.min(), m.max(), 50)
        label = f"a = {exponent:.2f} [{low:.2f}, {high:.2f}]"
        panel.plot(fine, prefactor * fine**-exponent + floor, "C1-", lw=1.0, label=label)
        panel.legend(loc="lower left", fontsize=6.5)
    if f"{name}{_FLOOR}_error" in values:
        panel.errorbar(m, values[name + _FLOOR], values[f"{name}{_FLOOR}_error"], fmt="s:", color="0.6", ms=2.5, lw=0.8)


def _few(m: Any) -> Any:
    """At most five of the widths, for the ticks."""
    every = np.unique(m)
    return every[:: math.ceil(len(every) / 5)]
