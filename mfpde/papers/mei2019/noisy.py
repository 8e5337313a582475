"""Noisy dynamics: the free energy falls to that of the Gibbs law, and the density of the neurons to its density."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer.circle import CosineCircle

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"b": 0.8, "betas": [1.0, 3.0, 10.0, 30.0, 100.0], "end": 60.0, "width": 200_000, "eps": 0.01, "shown": [0.5, 2.0, 10.0]},
    "quick": {"b": 0.8, "betas": [1.0, 10.0, 100.0], "end": 20.0, "width": 4000, "eps": 0.02, "shown": [0.5, 2.0, 10.0]},
}
_BETA = 10.0
_BINS = 48
_ROWS = 101


def noisy(preset: str, out: Path, progress: bool) -> list[Path]:
    """Noisy mean field: free energy against time, density of the neurons against the Gibbs law, and a sweep of beta."""
    return produce("mei2019-noisy", PRESETS[preset], compute, draw, out, progress)


def compute(*, b: float, betas: list[float], end: float, width: int, eps: float, shown: list[float], progress: bool) -> Tables:
    """Tables ``energy`` (F - F_Gibbs over s, one column a beta), ``density`` (limit at the shown times, Gibbs law), ``neurons``
    (histogram of noisy particles, steps `eps`, at the last shown time) and ``sweep`` (z of the Gibbs law over beta).
    """
    s = np.linspace(0.0, end, _ROWS)
    energy: dict[str, Any] = {"s": s}
    for beta in betas:
        system = CosineCircle(b=b, beta=beta)
        run = solve(system.limit(), s, rtol=1e-11, atol=1e-14)
        energy[f"beta_{beta:g}"] = run.observables["free_energy"] - system.gibbs()["free_energy"]
    system = CosineCircle(b=b, beta=_BETA)
    limit: Any = system.limit()
    w = np.linspace(-np.pi, np.pi, 241)
    run = solve(limit, shown, rtol=1e-11, atol=1e-14)
    density: dict[str, Any] = {"w": w}
    for time, state in zip(shown, run.states, strict=True):
        density[f"s_{time:g}"] = limit.density(state, w)
    pull = _BETA * (b - system.gibbs()["z"]) * np.cos(w)
    gibbs = np.exp(pull - pull.max())
    density["gibbs"] = gibbs / np.trapezoid(gibbs, w)
    network = system.network(m=width, dynamics="particles", eps=eps, rng=0)
    angles = solve(network, [shown[-1]], progress=progress).unpack()["theta"][:, 1]
    counts, edges = np.histogram(np.remainder(angles + np.pi, 2.0 * np.pi) - np.pi, _BINS, (-np.pi, np.pi), density=True)
    neurons = {"w": 0.5 * (edges[1:] + edges[:-1]), "density": counts}
    sweep_betas = np.geomspace(0.1, 1000.0, 81)
    sweep = {"beta": sweep_betas, "z": [CosineCircle(b=b, beta=float(beta)).gibbs()["z"] for beta in sweep_betas]}
    return {"energy": energy, "density": density, "neurons": neurons, "sweep": sweep, "target": {"b": [b]}}


def draw(data: Data) -> Any:
    """Three panels: F - F_Gibbs over s, densities with the histogram of neurons, z of the Gibbs law against beta."""
    figure, axes = new_figure(3, width=9.0, height=2.7)
    energy_panel, density_panel, sweep_panel = axes[0]
    energy = data["energy"]
    for i, name in enumerate(name for name in energy if name != "s"):
        visible = energy[name] > 1e-12
        energy_panel.semilogy(energy["s"][visible], energy[name][visible], f"C{i}", label=rf"$\beta={name.split('_')[1]}$")
    energy_panel.set(xlabel="flow clock $s$", ylabel=r"$F(\rho_s)-F(\rho_{\mathrm{Gibbs}})$")
    energy_panel.legend(loc="best")
    density, neurons = data["density"], data["neurons"]
    width = neurons["w"][1] - neurons["w"][0]
    density_panel.bar(neurons["w"], neurons["density"], width, color="0.85", label="neurons")
    times = [name for name in density if name.startswith("s_")]
    for i, name in enumerate(times):
        density_panel.plot(density["w"], density[name], f"C{i}", lw=1.2, label=f"$s={name.split('_')[1]}$")
    density_panel.plot(density["w"], density["gibbs"], "k--", lw=1.0, label="Gibbs law")
    density_panel.set(xlabel="angle $w$", ylabel="density", title=rf"$\beta={_BETA:g}$", xlim=(-np.pi, np.pi))
    density_panel.legend(loc="upper left")
    sweep = data["sweep"]
    sweep_panel.semilogx(sweep["beta"], sweep["z"], "k")
    sweep_panel.axhline(data["target"]["b"][0], color="0.6", ls="--", lw=0.8)
    sweep_panel.text(sweep["beta"][0], data["target"]["b"][0], " $b$", va="bottom")
    sweep_panel.set(xlabel=r"inverse temperature $\beta$", ylabel="$z$ of the Gibbs law", ylim=(0.0, None))
    return figure
