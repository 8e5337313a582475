"""The figures of the papers by name; one module a paper, each figure one function that computes and draws it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

FIGURES: dict[str, str] = {
    "hajjar2023-angles": "mfpde.papers.hajjar2023.low_angles:angles",
    "hajjar2023-dh-table": "mfpde.papers.hajjar2023.low_table:dh_table",
    "hajjar2023-linear": "mfpde.papers.hajjar2023.odd_linear:odd_linear",
    "hajjar2023-masses": "mfpde.papers.hajjar2023.low_masses:masses",
    "hajjar2023-odd": "mfpde.papers.hajjar2023.odd:odd",
    "hajjar2023-odd-paired": "mfpde.papers.hajjar2023.odd_paired:odd_paired",
    "hajjar2023-sgd": "mfpde.papers.hajjar2023.low_sgd:sgd",
    "hajjar2023-velocity": "mfpde.papers.hajjar2023.low_velocity:velocity",
    "hajjar2024-coordinates": "mfpde.papers.hajjar2024:coordinates",
    "hajjar2024-freeze": "mfpde.papers.hajjar2024:freeze",
    "hajjar2024-identities": "mfpde.papers.hajjar2024:identities",
    "hajjar2024-initialisation": "mfpde.papers.hajjar2024:initialisation",
    "hajjar2024-ranks": "mfpde.papers.hajjar2024:ranks",
    "hajjar2024-recursion": "mfpde.papers.hajjar2024:recursion",
    "hajjar2024-regression": "mfpde.papers.hajjar2024:regression",
    "hajjar2024-training": "mfpde.papers.hajjar2024:training",
    "luo2021-fig1": "mfpde.papers.luo2021:plane",
    "luo2021-fig10": "mfpde.papers.luo2021:layers",
    "luo2021-fig2": "mfpde.papers.luo2021:condensed",
    "luo2021-fig3": "mfpde.papers.luo2021:displacement",
    "luo2021-fig4": "mfpde.papers.luo2021:slopes_map",
    "luo2021-fig5": "mfpde.papers.luo2021:images",
    "luo2021-fig6": "mfpde.papers.luo2021:boxes",
    "luo2021-fig7": "mfpde.papers.luo2021:image_boxes",
    "mei2018-anisotropic": "mfpde.papers.mei2018:anisotropic",
    "mei2018-two-basins": "mfpde.papers.mei2018:two_basins",
    "mei2018-separation": "mfpde.papers.mei2018:separation",
    "mei2018-histograms": "mfpde.papers.mei2018:histograms",
    "mei2019-constants": "mfpde.papers.mei2019:constants",
    "mei2019-error-split": "mfpde.papers.mei2019:split",
    "mei2019-kernel": "mfpde.papers.mei2019:kernel",
    "mei2019-noisy": "mfpde.papers.mei2019:noisy",
    "mei2019-spectrum": "mfpde.papers.mei2019:spectrum",
    "ren2023-fig2": "mfpde.papers.ren2023:figure_2",
    "ren2023-stages": "mfpde.papers.ren2023:stages",
    "ren2023-floor": "mfpde.papers.ren2023:floor",
    "ren2023-dimension": "mfpde.papers.ren2023:dimension",
    "ren2023-width-rates": "mfpde.papers.ren2023:width_rates",
    "ren2023-two-layer": "mfpde.papers.ren2023:two_layer",
}
"""``"module:function"`` of each figure; the function takes (preset, out, progress) and returns the paths it wrote."""

PRESETS = ("quick", "paper")
"""Every figure in seconds, at reduced size, and at the size of the paper."""


@dataclass(frozen=True)
class Figure:
    """One figure: `summary` says what it shows, :meth:`run` makes it."""

    name: str
    summary: str
    draw: Callable[[str, Path, bool], list[Path]]

    def run(self, preset: str, out: Path, progress: bool) -> list[Path]:
        """Compute and draw the figure into the directory `out`, made if absent.

        Returns
        -------
        list of Path
            Every file written.

        Raises
        ------
        ValueError
            If `preset` is not one of PRESETS.
        """
        if preset not in PRESETS:
            raise ValueError(f"preset {preset!r} is unknown: give one of {', '.join(PRESETS)}")
        out.mkdir(parents=True, exist_ok=True)
        return self.draw(preset, out, progress)


def names() -> list[str]:
    """The names of all figures."""
    return sorted(FIGURES)


def figure(name: str) -> Figure:
    """The figure called `name`.

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    if name not in FIGURES:
        raise ValueError(f"figure {name!r} is unknown: the figures are {', '.join(names()) or '(none)'}")
    module, function = FIGURES[name].split(":")
    draw = getattr(import_module(module), function)
    return Figure(name, (inspect.getdoc(draw) or "").partition("\n")[0], draw)
