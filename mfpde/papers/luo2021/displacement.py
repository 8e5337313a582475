"""Figure 3: relative displacements against the width, and their slopes for three choices of scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.datafiles import reference_rows
from mfpde.papers.luo2021.grid import WIDTHS
from mfpde.papers.produce import produce_kept
from mfpde.plot import Array, Data, Tables, label_ticks, new_figure
from mfpde.systems.phase_diagram.phase_map import phase_map

_FINE = [0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.5, 1.75]
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"seeds": 24, "gammas": _FINE, "scale_seeds": 4, "widths": WIDTHS},
    "quick": {"seeds": 24, "gammas": [0.5, 0.75, 1.0, 1.25, 1.75], "scale_seeds": 1, "widths": WIDTHS},
}
EXPONENTS = [0.0, 0.5, 1.0]


def displacement(preset: str, out: Path, progress: bool) -> list[Path]:
    """RD_w against the width at gamma = 1/2, 1, 7/4 beside the print, with z-scores; S_w against gamma for three scales."""
    return produce_kept("luo2021-fig3", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, seeds: int, gammas: list[float], scale_seeds: int, widths: list[int], progress: bool, store: Path | None = None
) -> Tables:
    """Tables ``displacements`` (mean and standard deviation of one network, printed value, its z-score), ``networks`` and ``slopes``."""
    rows = published()
    shared: dict[str, Any] = {"gamma_primes": [0.0], "widths": widths, "store": store, "progress": progress}
    found = phase_map(**shared, gammas=np.unique(rows["gamma"]).tolist(), seeds=seeds)
    mean, deviation = (of(found.rd_w[0], axis=2) for of in (np.mean, lambda v, axis: np.std(v, axis=axis, ddof=1)))
    gamma, m = (grid.ravel() for grid in np.meshgrid(found.gammas, found.widths, indexing="ij"))
    printed = np.full(gamma.size, np.nan)
    for i in range(gamma.size):
        match = (rows["gamma"] == gamma[i]) & (rows["m"] == m[i])
        printed[i] = rows["rd_w"][match][0] if match.any() else np.nan
    law = phase_map(**shared, gammas=found.gammas.tolist(), seeds=1, dynamics="limit")
    displacements = {"gamma": gamma, "m": m, "rd_w": mean.ravel(), "deviation": deviation.ravel(), "printed": printed}
    displacements |= {"z": z_scores(mean.ravel(), deviation.ravel(), printed, seeds), "law": law.rd_w[0, :, :, 0].ravel()}
    slopes: dict[str, list[float]] = {name: [] for name in ("exponent", "gamma", "s_w", "s_w_se", "predicted", "excluded")}
    for exponent in EXPONENTS:
        # Other seeds for every choice: as in print, the points are runs of their own.
        first = 1000 * (1 + EXPONENTS.index(exponent))
        one = phase_map(**shared, gammas=gammas, seeds=range(first, first + scale_seeds), beta_1_exponent=exponent)
        for i, value in enumerate(gammas):
            cell = (exponent, value, one.s_w[0, i], one.s_w_se[0, i], one.predicted["s_w"][0, i], one.excluded[0, i])
            for name, number in zip(slopes, cell, strict=True):
                slopes[name].append(float(number))
    table = found.table()
    return {"displacements": displacements, "networks": {name: table[name] for name in table.dtype.names or ()}, "slopes": slopes}


def published() -> dict[str, Array]:
    """The printed table: gamma, m and RD of w."""
    rows = reference_rows("luo2021_fig3.csv")
    return {name: np.array([float(row[name]) for row in rows]) for name in ("gamma", "m", "rd_w")}


def z_scores(mean: Array, deviation: Array, printed: Array, seeds: int) -> Array:
    """(mean - printed) / sqrt(deviation^2 (1 + 1/seeds) + reading^2): the print is one network, read to half a unit of its third digit."""
    reading = 0.5 * 10.0 ** (np.floor(np.log10(printed)) - 2.0)
    scores: Array = (mean - printed) / np.sqrt(deviation**2 * (1.0 + 1.0 / seeds) + reading**2)
    return scores


def draw(data: Data) -> Any:
    """Three panels of RD against m, and S_w against gamma."""
    table, slopes = data["displacements"], data["slopes"]
    figure, axes = new_figure(4, width=11.0, height=2.8)
    for panel, gamma in zip(axes[0], np.unique(table["gamma"]), strict=False):
        mine = table["gamma"] == gamma
        m, z = table["m"][mine], table["z"][mine]
        panel.errorbar(m, table["rd_w"][mine], table["deviation"][mine], fmt="C0o", capsize=2, label="ours, s.d. of one network")
        panel.plot(m, table["law"][mine], "C2-", lw=1.0, label="infinite-width law, flow")
        panel.plot(m, table["printed"][mine], "kx", ms=5, label="printed")
        panel.set(xscale="log", yscale="log", xlabel="$m$", ylabel=r"$\mathrm{RD}(\theta_w)$")
        slope = [np.polyfit(np.log(m), np.log(table[name][mine]), 1)[0] for name in ("rd_w", "printed")]
        title = rf"$\gamma={gamma:g}$: slope {slope[0]:.3f}, print {slope[1]:.3f}; largest $|z|$ {np.nanmax(np.abs(z)):.1f}"
        panel.set_title(title, fontsize=7.5)
        label_ticks(panel.xaxis, [1000, 10_000, 40_000])
        if np.ptp(np.log(table["rd_w"][mine])) < 0.2:
            panel.set_ylim(0.2, 0.35)
            label_ticks(panel.yaxis, [0.2, 0.25, 0.3, 0.35])
    axes[0, 0].legend(loc="lower left")
    last = axes[0, 3]
    for i, exponent in enumerate(np.unique(slopes["exponent"])):
        mine = slopes["exponent"] == exponent
        error = np.nan_to_num(slopes["s_w_se"][mine])
        name = (r"$\beta=1$", r"$\beta=m^{-1/2}$", r"$\beta=m^{-1}$")[i]
        last.errorbar(slopes["gamma"][mine], slopes["s_w"][mine], error, fmt=f"C{i}" + "osD"[i], ms=3, mfc="none", label=name)
    first = slopes["exponent"] == slopes["exponent"][0]
    last.plot(slopes["gamma"][first], slopes["predicted"][first], "0.5", lw=0.8, label="asymptotic")
    last.axhline(0.0, color="0.7", lw=0.6)
    last.set(xlabel=r"$\gamma$", ylabel="$S_w$", title=r"$\gamma'=0$, $\beta_1=\beta_2=\beta$")
    last.legend(loc="upper left")
    return figure
