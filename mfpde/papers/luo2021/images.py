"""Figure 5: the map of S_w for images and their classes as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.datasets import mnist
from mfpde.papers.luo2021.grid import draw_critical_line, draw_map, zeros_table
from mfpde.papers.produce import produce_kept
from mfpde.plot import Array, Data, Tables, new_figure
from mfpde.systems.phase_diagram.phase_map import phase_map

_GAMMAS = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
_GAMMA_PRIMES = [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"images": 45, "widths": [1000, 5000, 10_000, 20_000, 50_000], "seeds": 1, "tolerance": 1e-4},
    "quick": {"images": 10, "widths": [500, 1000, 2000, 4000], "seeds": 2, "tolerance": 1e-4},
}


def images(preset: str, out: Path, progress: bool) -> list[Path]:
    """The map of S_w for the first images of MNIST, with their classes 0 to 9 as labels."""
    return produce_kept("luo2021-fig5", PRESETS[preset], compute, draw, out, progress)


def image_data(count: int, scale: float = 255.0, label_scale: float = 1.0) -> tuple[Array, Array]:
    """The first training images as pixels / scale (count, 784), and their classes / label_scale (count,)."""
    chosen = mnist().first(count)
    return chosen.pixels / scale, chosen.y / label_scale


def compute(
    *,
    images: int,
    widths: list[int],
    seeds: int,
    tolerance: float,
    progress: bool,
    gammas: list[float] = _GAMMAS,
    gamma_primes: list[float] = _GAMMA_PRIMES,
    store: Path | None = None,
) -> Tables:
    """Tables ``cells``, ``networks`` and ``boundary``: pixels in [0, 1], classes as numbers, a bias, no antisymmetric copies.

    The printed text leaves these scales open, and the public code measures RD on a part of the weights that is w for inputs on the line
    only: no printed value is shown. Learning rates are halvings of 10, as elsewhere.
    """
    x, y = image_data(images)
    found = phase_map(
        gammas=gammas,
        gamma_primes=gamma_primes,
        widths=widths,
        seeds=seeds,
        x=x,
        y=y,
        antisymmetric=False,
        tolerance=tolerance,
        store=store,
        progress=progress,
    )
    table = found.table()
    networks = {name: table[name] for name in table.dtype.names or ()}
    setting = {"images": [images], "widths": [max(widths)]}
    return {"cells": found.cells(), "networks": networks, "boundary": zeros_table(found), "setting": setting}


def draw(data: Data) -> Any:
    """The map with its zeros, and rows of S_w against gamma with the asymptotic exponents."""
    figure, axes = new_figure(2, width=7.8, height=3.1)
    panel, rows = axes[0]
    cells, zeros = data["cells"], data["boundary"]
    mesh = draw_map(panel, cells, "s_w")
    draw_critical_line(panel, cells, label="critical line")
    panel.plot(zeros["gamma"], zeros["gamma_prime"], "k-o", ms=3, lw=0.9, label="zero between neighbours")
    panel.legend(loc="upper left", frameon=True, framealpha=0.9)
    panel.set_title(f"{int(data['setting']['images'][0])} images, widths to {int(data['setting']['widths'][0]):,}")
    figure.colorbar(mesh, ax=panel, label="$S_w$")
    for i, prime in enumerate(np.unique(cells["gamma_prime"])[::3]):
        mine = cells["gamma_prime"] == prime
        error = np.nan_to_num(cells["s_w_se"][mine])
        rows.errorbar(cells["gamma"][mine], cells["s_w"][mine], error, fmt=f"C{i}o-", lw=0.9, ms=3, label=rf"$\gamma'={prime:g}$")
        rows.plot(cells["gamma"][mine], cells["s_w_predicted"][mine], f"C{i}--", lw=0.7)
    rows.axhline(0.0, color="0.7", lw=0.6)
    rows.set(xlabel=r"$\gamma$", ylabel="$S_w$", title="dashed: asymptotic exponents")
    rows.legend(loc="upper left")
    return figure
