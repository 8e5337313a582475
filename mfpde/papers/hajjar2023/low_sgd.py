"""The predictor along directions orthogonal to H, of a network trained by SGD and of its limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.streams import stream
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "d": 20, "d_h": 5, "m": 1024, "lr": 0.05, "batch": 256, "steps": 5000, "shown": [0, 20, 60, 100, 200, 1000, 5000], "pairs": 64,
    },
    "quick": {"d": 20, "d_h": 5, "m": 256, "lr": 0.05, "batch": 128, "steps": 1000, "shown": [0, 20, 60, 200, 1000], "pairs": 32},
}  # fmt: skip
_RADII = np.linspace(0.0, 5.0, 51)
_ROWS = 61


def sgd(preset: str, out: Path, progress: bool) -> list[Path]:
    """f(u_H + r e_perp) of an SGD network and of its limit: it becomes flat in r as the network finds H."""
    return produce("hajjar2023-sgd", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, d_h: int, m: int, lr: float, batch: int, steps: int, shown: list[int], pairs: int, progress: bool) -> Tables:
    """Tables ``profile`` (f against r at the shown steps), ``loss`` and ``far`` (f at r = 5) over the steps.

    u_H and e_perp are uniform on the unit spheres of H and of its complement. Of the network's f there are the mean and the standard
    deviation over `pairs` of them; the limit's is the same for all.
    """
    system = LowDimensionalTarget(d=d, d_h=d_h)
    limit, network = system.limit(nodes=40), system.network(m=m, dynamics="sgd", lr=lr, batch=batch, rng=0)
    step = np.unique(np.concatenate([[0], shown, np.rint(np.geomspace(1.0, steps, _ROWS))])).astype(int)
    exact = solve(limit, step * lr, rtol=1e-10, atol=1e-11)
    run = solve(network, step * lr, progress=progress)
    heads, rests = (_unit_vectors(pairs, size, name) for size, name in ((d_h, "directions in H"), (d - d_h, "directions outside")))
    x = np.concatenate([np.repeat(heads, _RADII.size, axis=0), np.kron(rests, _RADII[:, None])], axis=1)
    far = {name: np.empty(step.size) for name in ("network", "spread", "limit")}
    profile: dict[str, list[float]] = {name: [] for name in ("step", "r", "network", "spread", "limit")}
    for i, k in enumerate(step):
        values = network.predict(run.states[i], x).reshape(pairs, _RADII.size)
        line = limit.predict(exact.states[i], x[: _RADII.size])
        columns = {"network": values.mean(axis=0), "spread": values.std(axis=0), "limit": line}
        for name, column in columns.items():
            far[name][i] = column[-1]
        if k in shown:
            for name, column in ({"step": np.full(_RADII.size, k), "r": _RADII} | columns).items():
                profile[name].extend(column.tolist())
    losses = {"step": step, "network": run.observables["loss"], "limit": exact.observables["loss"]}
    return {"profile": profile, "far": {"step": step} | far, "loss": losses}


def draw(data: Data) -> Any:
    """Three panels: f against r, f at r = 5 against the step, loss against the step."""
    figure, axes = new_figure(3, width=9.6, height=2.9)
    profile_panel, far_panel, loss_panel = axes[0]
    profile = data["profile"]
    for i, k in enumerate(np.unique(profile["step"])):
        at = profile["step"] == k
        profile_panel.plot(profile["r"][at], profile["limit"][at], f"C{i}", lw=1.1, label=f"step {k:g}")
        profile_panel.plot(profile["r"][at][::5], profile["network"][at][::5], f"C{i}o", ms=3, mew=0)
    profile_panel.axhline(1.0, color="0.7", lw=0.7, ls="--")
    profile_panel.set(xlabel="$r$", ylabel=r"$f(u_H+r\,e_\perp)$", xlim=(0.0, 5.0), ylim=(None, 3.0))
    profile_panel.legend(loc="upper left", ncol=2, title="lines: infinite width, dots: SGD", title_fontsize=7.5)
    far, later = data["far"], data["far"]["step"] > 0
    low, high = (far["network"] + s * far["spread"] for s in (-1.0, 1.0))
    far_panel.fill_between(far["step"][later], low[later], high[later], color="C0", alpha=0.2, lw=0, label="its spread over directions")
    far_panel.semilogx(far["step"][later], far["network"][later], "C0", label="SGD network")
    far_panel.semilogx(far["step"][later], far["limit"][later], "k--", lw=1.0, label="infinite width")
    far_panel.axhline(1.0, color="0.7", lw=0.7, ls="--")
    far_panel.set(xlabel="step", ylabel=r"$f$ at $r=5$")
    far_panel.legend(loc="lower right")
    loss = data["loss"]
    loss_panel.loglog(loss["step"][later], loss["network"][later], "C0", label="SGD network")
    loss_panel.loglog(loss["step"][later], loss["limit"][later], "k--", lw=1.0, label="infinite width")
    loss_panel.set(xlabel="step", ylabel="population loss")
    loss_panel.legend(loc="lower left")
    return figure


def _unit_vectors(count: int, size: int, name: str) -> Any:
    z = stream(0, name).standard_normal((count, size))
    return z / np.linalg.norm(z, axis=1)[:, None]
