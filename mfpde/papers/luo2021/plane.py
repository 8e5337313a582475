"""Figure 1: the plane of the two coordinates, its regimes, and where initialisations in use sit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.exact import exponents
from mfpde.systems.phase_diagram.initialisations import TABLE

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"widths": [100, 1000, 10_000, 100_000], "parameter": 0.4},
    "quick": {"widths": [100, 1000, 10_000], "parameter": 0.4},
}
_LABELS = {
    "lecun": ("LeCun, He, PyTorch, Flax", (6, 5)),
    "xavier": ("Xavier, mean field, muP", (-6, 9)),
    "ntk": ("NTK", (-6, -12)),
    "e-ma-wu": (r"E, Ma, Wu ($\beta_1=m^{-p}$)", (7, -3)),
    "lazy": ("lazy", (-2, -12)),
}


def plane(preset: str, out: Path, progress: bool) -> list[Path]:
    """The plane of gamma and gamma', its three regimes and the exponents of S_w, with the initialisations of the table as points."""
    return produce("luo2021-fig1", PRESETS[preset], compute, draw, out, progress)


def compute(*, widths: list[int], parameter: float, progress: bool) -> Tables:
    """Table ``points``, a row for every initialisation and width (infinity: the asymptotic coordinates), and ``plane``, S_w on a grid."""
    columns: dict[str, list[float]] = {name: [] for name in ("row", "m", "gamma", "gamma_prime")}
    places: list[tuple[float, float, float]]
    for i, (name, row) in enumerate(TABLE.items()):
        value = parameter if row.parameter else None
        places = [(np.inf, *row.coordinates(np.inf, parameter))]
        for m in widths:
            point = PhasePoint.from_init(name, m=m, parameter=value)
            places.append((float(m), point.gamma, point.gamma_prime))
        for place in places:
            for column, number in zip(columns, (float(i), *place), strict=True):
                columns[column].append(number)
    gamma, prime = (grid.ravel() for grid in np.meshgrid(np.linspace(0.3, 1.7, 141), np.linspace(-0.7, 0.7, 141)))
    found = [exponents(float(g), float(p)) for g, p in zip(gamma, prime, strict=True)]
    shares = {"s_w": [e.s_w for e in found], "open": [float(e.open) for e in found]}
    plane: dict[str, Any] = {"gamma": gamma, "gamma_prime": prime, **shares}
    return {"points": columns, "plane": plane, "setting": {"parameter": [parameter]}}


def draw(data: Data) -> Any:
    """One panel: colours the predicted S_w, filled points the asymptotic coordinates, small ones those at finite widths."""
    figure, axes = new_figure(1, width=5.6, height=4.2)
    panel, table, points = axes[0, 0], data["plane"], data["points"]
    side = int(np.sqrt(table["gamma"].size))
    gamma, prime, s_w, unsettled = (table[name].reshape(side, side) for name in ("gamma", "gamma_prime", "s_w", "open"))
    mesh = panel.pcolormesh(gamma, prime, s_w, cmap="RdBu_r", vmin=-1.0, vmax=1.0, alpha=0.55, shading="nearest", rasterized=True)
    panel.contourf(gamma, prime, unsettled, levels=[0.5, 1.5], colors="none", hatches=["////"])
    panel.plot([1.0, 1.0, 1.7], [-0.7, 0.0, 0.7], "k", lw=1.6)
    regimes = {"linear": (0.6, -0.45), "linear (w lazy)": (1.15, 0.62), "condensed": (1.42, 0.1), "condensed, exponents open": (1.36, -0.6)}
    for text, place in regimes.items():
        panel.text(*place, text, ha="center", fontsize=8.5, style="italic", bbox={"fc": "w", "ec": "none", "alpha": 0.7, "pad": 1.0})
    names = list(TABLE)
    for i, name in enumerate(names):
        mine = points["row"] == i
        at, m = np.column_stack([points["gamma"][mine], points["gamma_prime"][mine]]), points["m"][mine]
        limit, finite = at[~np.isfinite(m)][0], at[np.isfinite(m)]
        panel.plot(*finite.T, "-", color="0.3", lw=0.6, marker=".", ms=3)
        panel.plot(*limit, "ko", ms=5)
        if name in _LABELS:
            text, offset = _LABELS[name]
            beside = "left" if offset[0] > 0 else "right" if name == "xavier" else "center"
            panel.annotate(text, limit, offset, textcoords="offset points", fontsize=7.5, ha=beside)
    widths = np.unique(points["m"][np.isfinite(points["m"])]).astype(int)
    panel.set(xlabel=r"$\gamma$", ylabel=r"$\gamma'$", xlim=(0.3, 1.7), ylim=(-0.7, 0.7))
    share = data["setting"]["parameter"][0]
    panel.set_title(f"dots: asymptotic, p = s = {share:g}; small dots: at widths " + ", ".join(f"{m:,}" for m in widths), fontsize=8)
    figure.colorbar(mesh, ax=panel, label=r"predicted $S_w$")
    return figure
