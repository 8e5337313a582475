"""Figures 6 and 7: amplitudes and directions of trained neurons at 49 points of the plane, for several widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.luo2021.images import image_data
from mfpde.papers.produce import extend, produce_kept
from mfpde.plot import Array, Data, Tables, new_figure
from mfpde.study import Archive, Run
from mfpde.systems.phase_diagram import PhasePoint, network
from mfpde.systems.phase_diagram.directions import angles
from mfpde.systems.phase_diagram.phase_map import on_threads
from mfpde.systems.phase_diagram.recipe import TOLERANCE, search
from mfpde.systems.phase_diagram.rotation import rotate

GAMMAS = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
GAMMA_PRIMES = [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"widths": [1000, 10_000, 1_000_000], "bins": 200, "seed": 0},
    "quick": {"widths": [1000, 10_000], "bins": 120, "seed": 0},
}
IMAGE_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"images": 45, "widths": [1000, 10_000, 250_000], "bins": 200, "seed": 0, "tolerance": 1e-4},
    "quick": {"images": 10, "widths": [500, 4000], "bins": 120, "seed": 0, "tolerance": 1e-4},
}


_COSINES = 0.25
"""Bins divide cosines within this, where those of Gaussian weights with one image lie; the two at the ends take what is beyond."""


def boxes(preset: str, out: Path, progress: bool) -> list[Path]:
    """Angles and amplitudes of the neurons after training at 49 points of the plane, one colour a width."""
    return produce_kept("luo2021-fig6", PRESETS[preset], compute, draw, out, progress)


def image_boxes(preset: str, out: Path, progress: bool) -> list[Path]:
    """The same for the first images of MNIST: amplitudes against the cosine with the all-ones image."""
    return produce_kept("luo2021-fig7", IMAGE_PRESETS[preset], compute_images, draw, out, progress)


def compute(*, widths: list[int], bins: int, seed: int, progress: bool, store: Path | None = None) -> Tables:
    """Table ``neurons``: of every network the strongest neuron of each of so many `bins` of the direction, amplitudes over the largest."""
    return _tables(0, (None, None), widths, bins, seed, TOLERANCE, progress, store)


def compute_images(
    *, images: int, widths: list[int], bins: int, seed: int, tolerance: float, progress: bool, store: Path | None = None
) -> Tables:
    """Table ``neurons``, the direction being the cosine of w with the image of ones."""
    return _tables(images, image_data(images), widths, bins, seed, tolerance, progress, store)


def strongest(
    gamma: float,
    gamma_prime: float,
    m: int,
    seed: int,
    images: int,
    data: tuple[Array | None, Array | None],
    tolerance: float,
    bins: int,
) -> dict[str, Any]:
    """Direction and amplitude of the strongest neuron in every bin of the direction, after training; and whether it converged.

    Parameters
    ----------
    images : int
        How many, 0 for the four points on the line, where directions are angles; those of images are cosines with the image of ones.
    data : (array, array)
        Inputs and labels.
    """
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime, x=data[0], y=data[1], antisymmetric=images == 0)
    rotation = rotate(point)
    moved = point if rotation is None else rotation.point
    make = (lambda j: network.draw(moved, m, seed, j)), (lambda initial: network.blocks_of(moved, initial, m, "float64"))
    run = search(*make, 2.0 / np.sqrt(point.kappa_prime(m)) / point.kappa(m), tolerance=tolerance)
    a, w = run.initial.a[:m] + run.da[:m], run.initial.w[:m] + run.dw[:m]
    if rotation is None:
        size, direction, reach = np.linalg.norm(w, axis=1), angles(w), np.pi
    else:
        ones = np.append(np.ones(rotation.basis.shape[0] - 1), 0.0)
        (size, direction), reach = rotation.sizes_and_cosines(ones, w, seed), _COSINES
    amplitude = np.abs(a) * size
    bin_of = np.clip(np.floor((direction + reach) / (2.0 * reach) * bins), 0, bins - 1)
    order = np.lexsort((-amplitude, bin_of))
    kept = order[np.append(True, np.diff(bin_of[order]) > 0)]
    return {"converged": run.converged, "direction": direction[kept], "amplitude": amplitude[kept] / amplitude.max()}


def draw(data: Data) -> Any:
    """49 panels, gamma to the right and gamma' upwards; frames of points on the critical line are thick."""
    table, images = data["neurons"], data["axis"]["images"][0] > 0.0
    gammas, primes, widths = (np.unique(table[name]) for name in ("gamma", "gamma_prime", "m"))
    reach = max(_COSINES, 1.05 * float(np.abs(table["direction"]).max()))
    figure, axes = new_figure(len(gammas), width=8.2, height=7.2, rows=len(primes))
    for i, prime in enumerate(primes[::-1]):
        for j, gamma in enumerate(gammas):
            panel = axes[i, j]
            mine = (table["gamma"] == gamma) & (table["gamma_prime"] == prime)
            for k, m in enumerate(widths):
                at = mine & (table["m"] == m)
                panel.plot(table["direction"][at], table["amplitude"][at], f"C{k}.", ms=1.6, rasterized=True, label=f"$m={m:,.0f}$")
            panel.set(ylim=(0.0, 1.05), yticks=[0.0, 1.0], yticklabels=["0", "1"] if j == 0 else [])
            panel.tick_params(labelsize=6)
            if np.any(table["converged"][mine] == 0.0):
                panel.text(0.5, 0.85, "not converged", color="r", fontsize=6, ha="center", transform=panel.transAxes)
            if images:
                panel.set_xlim(-reach, reach)
            else:
                panel.set(xlim=(-np.pi, np.pi), xticks=[-np.pi, 0.0, np.pi])
                panel.set_xticklabels([r"$-\pi$", "0", r"$\pi$"])
            if i < len(primes) - 1:
                panel.set_xticklabels([])
            critical = PhasePoint(gamma=float(gamma), gamma_prime=float(prime)).regime == "critical"
            for side in ("top", "right", "left", "bottom"):
                panel.spines[side].set(visible=True, linewidth=1.8 if critical else 0.4)
            if j == 0:
                panel.set_ylabel(rf"$\gamma'={prime:g}$")
            if i == 0:
                panel.set_title(rf"$\gamma={gamma:g}$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(widths), markerscale=5)
    what = "cosine of $w$ with the image of ones" if images else "angle of $(w, b)$"
    figure.supxlabel(f"{what}; thick frames: critical line", fontsize=9)
    figure.supylabel("amplitude $|a||w|$ over the largest", fontsize=9)
    return figure


def _tables(
    images: int,
    data: tuple[Array | None, Array | None],
    widths: list[int],
    bins: int,
    seed: int,
    tolerance: float,
    progress: bool,
    store: Path | None,
) -> Tables:
    shared = {"seed": seed, "images": images, "data": "the first so many of MNIST", "tolerance": tolerance, "bins": bins}
    cells = [{"gamma": gamma, "gamma_prime": prime, "m": m} for m in widths for gamma in GAMMAS for prime in GAMMA_PRIMES]
    runs = [Run(strongest, {**cell, **shared}, {"data": data}) for cell in cells]
    table: dict[str, list[float]] = {}
    for cell, result in zip(cells, on_threads(runs, None if store is None else Archive(store), progress), strict=True):
        extend(table, **cell, **result)
    return {"neurons": table, "axis": {"images": [float(images)]}}
