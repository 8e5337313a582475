"""Figure 4: the map of S_w, by the recipe, by gradient flow and at infinite width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.datafiles import reference_rows
from mfpde.papers.luo2021.grid import GAMMA_PRIMES, GAMMAS, WIDTHS, draw_critical_line, draw_map, zeros_table
from mfpde.papers.produce import produce_kept
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.phase_diagram.phase_map import phase_map

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"widths": WIDTHS, "seeds": 4, "flow_seeds": 1, "rho": 0.25, "nodes": 16},
    "quick": {"widths": [1000, 3000, 9000], "seeds": 3, "flow_seeds": 1, "rho": 0.5, "nodes": 6},
}
_TITLES = {"recipe": "recipe of the paper", "flow": "gradient flow", "law": r"$m=\infty$ law at $\kappa m$, $\kappa'$"}


def slopes_map(preset: str, out: Path, progress: bool) -> list[Path]:
    """The map of S_w with its boundary by the recipe, by gradient flow and at infinite width, printed row and stars over ours."""
    return produce_kept("luo2021-fig4", PRESETS[preset], compute, draw, out, progress)


def compute(*, widths: list[int], seeds: int, flow_seeds: int, rho: float, nodes: int, progress: bool, store: Path | None = None) -> Tables:
    """Tables of cells and boundaries of each dynamics, of the networks of the recipe, and the printed row and stars."""
    shared: dict[str, Any] = {"gammas": GAMMAS, "gamma_primes": GAMMA_PRIMES, "widths": widths, "progress": progress, "store": store}
    maps = {
        "recipe": phase_map(**shared, seeds=seeds),
        "flow": phase_map(**shared, seeds=flow_seeds, dynamics="flow", rho=rho),
        "law": phase_map(**shared, seeds=1, dynamics="limit", nodes=nodes),
    }
    tables: dict[str, Any] = {name: found.cells() for name, found in maps.items()}
    tables |= {f"boundary_{name}": zeros_table(found) for name, found in maps.items()}
    networks = maps["recipe"].table()
    tables["networks"] = {name: networks[name] for name in networks.dtype.names or ()}
    for name in ("row", "stars"):
        rows = reference_rows(f"luo2021_fig4_{name}.csv")
        tables[f"printed_{name}"] = {column: [float(row[column]) for row in rows] for column in rows[0]}
    return tables


def draw(data: Data) -> Any:
    """Three maps; the row gamma' = 0, the boundaries, and how far the recipe is from the law."""
    figure, axes = new_figure(3, width=10.4, height=5.8, rows=2)
    row, stars = data["printed_row"], data["printed_stars"]
    for panel, (name, title) in zip(axes[0], _TITLES.items(), strict=True):
        cells, zeros = data[name], data[f"boundary_{name}"]
        mesh = draw_map(panel, cells, "s_w")
        draw_critical_line(panel, cells, label="critical line")
        panel.plot(zeros["gamma"], zeros["gamma_prime"], "k-o", ms=3, lw=0.9, label="zero between neighbours")
        panel.plot(stars["gamma"], stars["gamma_prime"], "*", color="C4", mec="k", mew=0.4, ms=7, label="printed stars")
        panel.set_title(title)
    axes[0, 0].legend(loc="upper left", frameon=True, framealpha=0.9)
    figure.colorbar(mesh, ax=axes[0, 2], label="$S_w$")
    left, middle, right = axes[1]
    for i, name in enumerate(_TITLES):
        cells, zeros = data[name], data[f"boundary_{name}"]
        mine = cells["gamma_prime"] == 0.0
        error = np.nan_to_num(cells["s_w_se"][mine])
        left.errorbar(cells["gamma"][mine], cells["s_w"][mine], error, color=f"C{i}", marker="o", ms=3, lw=0.9, label=name)
        interval = np.nan_to_num(np.vstack([zeros["gamma"] - zeros["low"], zeros["high"] - zeros["gamma"]]))
        shift = 0.012 * (i - 1)
        height = zeros["gamma_prime"] + shift
        middle.errorbar(zeros["gamma"], height, xerr=interval, fmt=f"C{i}o", ms=3, lw=0.9, label=f"{name}, neighbours")
        middle.plot(zeros["line"], height, f"C{i}*", mfc="none", ms=6)
    left.plot(row["gamma"], row["s_w"], "kx", ms=5, label="printed")
    cells = data["recipe"]
    mine = cells["gamma_prime"] == 0.0
    left.plot(cells["gamma"][mine], cells["s_w_predicted"][mine], "0.5", lw=0.8, ls="--", label="asymptotic")
    left.axhline(0.0, color="0.7", lw=0.6)
    left.set(xlabel=r"$\gamma$", ylabel="$S_w$", title=r"row $\gamma'=0$")
    left.legend(loc="upper left")
    middle.plot(stars["gamma"], stars["gamma_prime"], "*", color="k", ms=5, label="printed stars")
    middle.plot([], [], "k*", mfc="none", ms=6, label="straight-line zeros, ours")
    draw_critical_line(middle, cells)
    middle.set(xlabel=r"$\gamma$", ylabel=r"$\gamma'$", title="boundary: zeros of each row", xlim=(0.85, 1.5))
    middle.legend(loc="lower right", fontsize=6.5)
    gap = {name: cells[name] for name in ("gamma", "gamma_prime", "excluded")} | {"gap": 5.0 * (cells["s_w"] - data["law"]["s_w"])}
    mesh = draw_map(right, gap, "gap")
    bar = figure.colorbar(mesh, ax=right, label=r"recipe $-$ law", ticks=[-0.5, -0.25, 0.0, 0.25, 0.5])
    bar.ax.set_yticklabels(["-0.1", "-0.05", "0", "0.05", "0.1"])
    right.set_title("recipe minus law")
    return figure
