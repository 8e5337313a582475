"""The grid of Figure 4, and how a map of slopes is drawn."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from mfpde.plot import Array
from mfpde.systems.phase_diagram.map_result import PhaseMap

GAMMAS = [0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4]
GAMMA_PRIMES = [-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4]
WIDTHS = [1000, 5000, 10_000, 20_000, 40_000]
SHOWN = 0.5
"""Slopes beyond are drawn in the last colour, as in the paper."""


def zeros_table(found: PhaseMap, layer: str = "w") -> dict[str, Array]:
    """The boundary of a map as columns, a row for every gamma'."""
    rows = found.boundary(layer)
    columns = {field.name: np.array([float(getattr(row, field.name)) for row in rows]) for field in fields(rows[0])}
    return {"gamma_prime": found.gamma_primes} | columns


def draw_map(panel: Any, cells: Any, column: str) -> Any:
    """The column of a table of cells as colours, edges half-way between cells; cells without a slope are hatched."""
    gammas, primes = np.unique(cells["gamma"]), np.unique(cells["gamma_prime"])
    values = cells[column].reshape(len(primes), len(gammas))
    panel.set_facecolor("0.85")
    mesh = panel.pcolormesh(_edges(gammas), _edges(primes), values, cmap="RdBu_r", vmin=-SHOWN, vmax=SHOWN, rasterized=True)
    bad = np.isnan(values) if "predicted" in column else cells["excluded"].reshape(values.shape) > 0.0
    rows, columns = np.nonzero(bad)
    panel.plot(gammas[columns], primes[rows], "kx", ms=4)
    panel.set(xlabel=r"$\gamma$", ylabel=r"$\gamma'$")
    return mesh


def draw_critical_line(panel: Any, cells: Any, **look: Any) -> None:
    """gamma = 1 for gamma' <= 0, and gamma' = gamma - 1."""
    low, high = float(np.min(cells["gamma_prime"])), float(np.max(cells["gamma_prime"]))
    panel.plot([1.0, 1.0, 1.0 + high], [low, 0.0, high], **{"color": "k", "lw": 0.8, "ls": ":", **look})


def _edges(centres: Array) -> Array:
    inner = 0.5 * (centres[1:] + centres[:-1])
    first, last = centres[0] - (inner[0] - centres[0]), centres[-1] + (centres[-1] - inner[-1])
    return np.concatenate([[first], inner, [last]])
