"""Figure 2: functions and neurons before and after training, below, on and above the critical line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.condensation import condensation
from mfpde.systems.phase_diagram.directions import angles, rays
from mfpde.systems.phase_diagram.network import make_network
from mfpde.systems.phase_diagram.recipe import RecipeFlow

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"m": 1000, "gammas": [0.5, 1.0, 1.75], "seed": 0},
    "quick": {"m": 1000, "gammas": [0.5, 1.0, 1.75], "seed": 0},
}


def condensed(preset: str, out: Path, progress: bool) -> list[Path]:
    """Trained functions, and the neurons' angles and amplitudes at the start and the end, at gamma = 1/2, 1, 7/4."""
    return produce("luo2021-fig2", PRESETS[preset], compute, draw, out, progress)


def compute(*, m: int, gammas: list[float], seed: int, progress: bool) -> Tables:
    """Tables ``functions``, ``data``, ``neurons`` (first copy; amplitudes over the largest at the end) and ``order`` (condensation)."""
    x = np.linspace(-0.5, 0.5, 201)
    functions: dict[str, Any] = {"x": x}
    neurons: dict[str, list[Any]] = {name: [] for name in ("gamma", "angle_start", "amplitude_start", "angle", "amplitude")}
    order: dict[str, list[float]] = {name: [] for name in ("gamma", "n_eff", "pinned_share", "top_two", "rd_w")}
    for gamma in gammas:
        point = PhasePoint(gamma=gamma, gamma_prime=0.0)
        flow = make_network(point, m=m, dynamics="paper", rng=seed, dtype="float64", redraw=False)
        assert isinstance(flow, RecipeFlow)
        y = flow.pack(da=flow.run.da, dw=flow.run.dw, sup=flow.run.suprema)
        functions[f"f_{gamma:g}"] = flow.predict(y, x)
        ends = [flow.neurons(state) for state in (flow.state0, y)]
        (a0, w0), (a, w) = ((a[:m], w[:m]) for a, w in ends)
        sizes = [np.abs(left) * np.linalg.norm(right, axis=1) for left, right in ((a0, w0), (a, w))]
        largest = sizes[1].max()
        for name, values in zip(neurons, (np.full(m, gamma), angles(w0), sizes[0] / largest, angles(w), sizes[1] / largest), strict=True):
            neurons[name].extend(values.tolist())
        found = condensation(flow, y)
        rd_w = flow.relative_displacements(y)[0]
        for name, value in zip(order, (gamma, found.n_eff, found.pinned_share, found.top_share(2), rd_w), strict=True):
            order[name].append(float(value))
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    data = {"x": point.inputs[:, 0], "y": point.labels}
    return {"functions": functions, "data": data, "rays": {"angle": angles(rays(point.inputs))}, "neurons": neurons, "order": order}


def draw(data: Data) -> Any:
    """Two rows of panels, functions above neurons; dotted lines are the rays, on which a neuron's set of active inputs changes."""
    order, neurons = data["order"], data["neurons"]
    figure, axes = new_figure(len(order["gamma"]), width=8.4, height=4.4, rows=2)
    for i, gamma in enumerate(order["gamma"]):
        above, below = axes[:, i]
        above.plot(data["functions"]["x"], data["functions"][f"f_{gamma:g}"], "C0")
        above.plot(data["data"]["x"], data["data"]["y"], "k*", ms=6)
        above.set(title=rf"$\gamma={gamma:g}$: $\mathrm{{RD}}_w={order['rd_w'][i]:.3g}$", xlabel="$x$", ylabel="$f(x)$", ylim=(-0.05, 0.3))
        mine = neurons["gamma"] == gamma
        for angle in data["rays"]["angle"]:
            below.axvline(angle, color="0.75", lw=0.5, ls=":")
        below.plot(neurons["angle_start"][mine], neurons["amplitude_start"][mine], ".", color="C5", ms=2.5, label="start", rasterized=True)
        below.plot(neurons["angle"][mine], neurons["amplitude"][mine], ".", color="C1", ms=2.5, label="end", rasterized=True)
        title = f"{order['n_eff'][i]:.3g} directions, {100 * order['pinned_share'][i]:.0f} % of $A$ on rays"
        below.set(title=title, xlabel="angle of $(w, b)$", ylabel="$A$ / largest at the end", xlim=(-np.pi, np.pi))
        # Where neurons hardly move, the largest at the start is as large; elsewhere the start is far below.
        below.set_ylim(0.0, 1.08 * max(1.0, float(neurons["amplitude_start"][mine].max())))
    axes[1, 0].legend(loc="upper right", markerscale=3)
    return figure
