"""Figure 10: the map of S_theta, and the map of S_a that was announced but not printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfpde.papers.luo2021.grid import GAMMA_PRIMES, GAMMAS, WIDTHS, draw_map, zeros_table
from mfpde.papers.produce import produce_kept
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.phase_diagram.phase_map import phase_map

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"widths": WIDTHS, "seeds": 4, "nodes": 16},
    "quick": {"widths": [1000, 3000, 9000], "seeds": 1, "nodes": 6},
}


def layers(preset: str, out: Path, progress: bool) -> list[Path]:
    """The maps of S_theta and of S_a, which the paper announces and does not print, by the recipe and at infinite width."""
    return produce_kept("luo2021-fig10", PRESETS[preset], compute, draw, out, progress)


def compute(*, widths: list[int], seeds: int, nodes: int, progress: bool, store: Path | None = None) -> Tables:
    """Tables of cells by the recipe and by the law, and their boundaries in theta and a."""
    shared: dict[str, Any] = {"gammas": GAMMAS, "gamma_primes": GAMMA_PRIMES, "widths": widths, "progress": progress, "store": store}
    maps = {"recipe": phase_map(**shared, seeds=seeds), "law": phase_map(**shared, seeds=1, dynamics="limit", nodes=nodes)}
    tables: dict[str, Any] = {name: found.cells() for name, found in maps.items()}
    return tables | {f"boundary_{name}_{layer}": zeros_table(found, layer) for name, found in maps.items() for layer in ("theta", "a")}


def draw(data: Data) -> Any:
    """Rows: theta and a; columns: the recipe, the law, and the asymptotic exponents (crosses where they are open)."""
    figure, axes = new_figure(3, width=9.8, height=5.4, rows=2)
    for row, layer, symbol in ((axes[0], "theta", r"$S_\theta$"), (axes[1], "a", "$S_a$")):
        for panel, name in zip(row, ("recipe", "law"), strict=False):
            mesh = draw_map(panel, data[name], f"s_{layer}")
            zeros = data[f"boundary_{name}_{layer}"]
            panel.plot(zeros["gamma"], zeros["gamma_prime"], "k-o", ms=3, lw=0.9, label="zero between neighbours")
            title = "recipe of the paper" if name == "recipe" else r"$m=\infty$ law at $\kappa m$, $\kappa'$"
            panel.set_title(f"{symbol}, {title}")
        draw_map(row[2], data["recipe"], f"s_{layer}_predicted")
        row[2].set_title(f"{symbol}, asymptotic; crosses: open")
        for panel in row:
            if layer == "theta":
                panel.axvline(1.0, color="k", lw=0.8, ls=":")
            else:
                panel.plot([1.4, 1.0, 1.0], [-0.4, 0.0, 0.4], "k:", lw=0.8, label="asymptotic zero")
        figure.colorbar(mesh, ax=row[2], label=symbol)
    axes[1, 0].legend(loc="lower left", frameon=True, framealpha=0.9)
    return figure
