"""The masses against the dimension of H: the published table recomputed to convergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.datafiles import reference_rows
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import refinement, solve
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"nodes": 32, "times": [10.0, 100.0]},
    "quick": {"nodes": 20, "times": [10.0]},
}
_PUBLISHED_TIME = 10.0


def dh_table(preset: str, out: Path, progress: bool) -> list[Path]:
    """Masses of tau^+ and tau^- against d_H at d = 40, beside the published Monte Carlo values."""
    return produce("hajjar2023-dh-table", PRESETS[preset], compute, draw, out, progress)


def compute(*, nodes: int, times: list[float], progress: bool) -> Tables:
    """Table ``masses``, a row for every d_H and time: ours with its error estimate, the published values (NaN where there are none).

    The published stopping time is not known; t = 10 fits.
    """
    columns = ("t", "d_h", "alpha", "mass_plus", "mass_plus_error", "mass_minus", "mass_minus_error", "published_plus", "published_minus")
    table: dict[str, list[float]] = {name: [] for name in columns}
    for row in reference_rows("hajjar2023_masses.csv"):
        system = LowDimensionalTarget(d=int(row["d"]), d_h=int(row["d_h"]))
        limit = system.limit(nodes=nodes)
        values = solve(limit, times, rtol=1e-11, atol=1e-11).observables
        errors = refinement(limit, times, rtol=1e-11, atol=1e-11)
        for i, time in enumerate(times):
            known = time == _PUBLISHED_TIME
            found = [time, system.d_h, system.alpha]
            for name in ("mass_plus", "mass_minus"):
                found += [values[name][i], errors[name][i]]
            found += [float(row[name]) if known else np.nan for name in ("mass_plus", "mass_minus")]
            for name, value in zip(columns, found, strict=True):
                table[name].append(float(value))
    return {"masses": table}


def draw(data: Data) -> Any:
    """Three panels: tau^+ over alpha, tau^-, and the relative differences of the published values."""
    figure, axes = new_figure(3, width=9.6, height=2.7)
    table, (plus_panel, minus_panel, gap_panel) = data["masses"], axes[0]
    for i, time in enumerate(np.unique(table["t"])):
        at = table["t"] == time
        look = {"color": f"C{i}", "marker": "o", "ms": 3, "lw": 0.9, "label": f"exact, $t={time:g}$"}
        plus_panel.plot(table["d_h"][at], table["mass_plus"][at] / table["alpha"][at], **look)
        minus_panel.plot(table["d_h"][at], table["mass_minus"][at], **look)
    known = np.isfinite(table["published_plus"])
    d_h, alpha = table["d_h"][known], table["alpha"][known]
    plus_panel.plot(d_h, table["published_plus"][known] / alpha, "kx", ms=5, label="published (Monte Carlo)")
    minus_panel.plot(d_h, table["published_minus"][known], "kx", ms=5, label="published (Monte Carlo)")
    for name, style in (("plus", "C2s-"), ("minus", "C3d-")):
        gap = table[f"published_{name}"][known] / table[f"mass_{name}"][known] - 1.0
        gap_panel.plot(d_h, 100.0 * gap, style, ms=3.5, lw=0.9, label=rf"$\tau^{'+' if name == 'plus' else '-'}$")
    gap_panel.axhline(0.0, color="0.6", lw=0.7)
    plus_panel.axhline(1.0, color="0.6", lw=0.7, ls="--")
    plus_panel.set(xlabel="$d_H$", ylabel=r"$\tau^+/\alpha$")
    minus_panel.set(xlabel="$d_H$", ylabel=r"$\tau^-$", ylim=(0.0, None))
    gap_panel.set(xlabel="$d_H$", ylabel="published minus exact, per cent")
    for panel in axes[0]:
        panel.legend(loc="best")
    return figure
