"""ReLU neurons with bias on anisotropic classes: SGD beside the limit of infinite width and dimension."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.mei2018.recalled import inverse_quarter_power, multiples, produce_recalled
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer.isotropic import AnisotropicGaussians

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"d": 320, "gamma": 0.1875, "delta": 0.5, "m": 800, "eps": 2e-4, "steps": 1000000, "rows": 25},
    "quick": {"d": 64, "gamma": 0.1875, "delta": 0.5, "m": 200, "eps": 3e-4, "steps": 200000, "rows": 15},
}
_ROWS = 201
_NAMES = ("risk", "a_mean", "b_mean", "r1_mean", "r2_mean")


def anisotropic(preset: str, out: Path, progress: bool) -> list[Path]:
    """Risk and the means of a, b, r1, r2 under SGD with a relu(<w, x> + b), and in the limit of infinite dimension."""
    return produce_recalled("mei2018-anisotropic", PRESETS[preset], compute, draw, out, progress)


def compute(*, d: int, gamma: float, delta: float, m: int, eps: float, steps: int, rows: int, progress: bool) -> Tables:
    """Tables ``network`` and ``limit``: the means, with the number of steps and the flow clock s that these add up to.

    s = (8/3) t^(3/4) for xi = t^(-1/4), less what the steps lose near 0, where they take xi at their end.
    """
    finite = AnisotropicGaussians(d=d, gamma=gamma, delta=delta, activation="relu", clock=inverse_quarter_power)
    times = multiples(np.concatenate([[0.0], np.geomspace(1e-4 * steps * eps, steps * eps, rows - 1)]), eps)
    run = solve(finite.network(m=m, dynamics="sgd", eps=eps, rng=0), times, progress=progress)
    added = np.concatenate([[0.0], np.cumsum(2.0 * eps * inverse_quarter_power(eps * np.arange(1, steps + 1)))])
    s = np.concatenate([[0.0], np.geomspace(1e-3 * added[-1], added[-1], _ROWS - 1)])
    exact = solve(AnisotropicGaussians(gamma=gamma, delta=delta, activation="relu", clock=0.5).limit(), s, rtol=1e-10, atol=1e-13)
    step = np.rint(run.t / eps).astype(int)
    network = {"t": run.t, "step": step, "s": added[step]}
    limit = {"s": s, "step": np.interp(s, added, np.arange(steps + 1))}
    return {
        "network": network | {name: run.observables[name] for name in _NAMES},
        "limit": limit | {name: exact.observables[name] for name in _NAMES},
    }


def draw(data: Data) -> Any:
    """Two panels: the risk, and the means, against the number of steps and the flow clock."""
    figure, axes = new_figure(2, width=7.2, height=2.9)
    risk, means = axes[0]
    network, limit = data["network"], data["limit"]
    later, after = network["step"] > 0, limit["step"] >= 1.0
    risk.plot(limit["step"][after], limit["risk"][after], "C0", label=r"limit, $d=\infty$")
    risk.plot(network["step"][later], network["risk"][later], "kx", ms=4, label="SGD")
    risk.set(xscale="log", xlabel=r"steps $k$", ylabel="risk", ylim=(0.0, None))
    risk.legend(loc="lower left")
    for i, (name, label) in enumerate(zip(_NAMES[1:], ("$a$", "$b$", "$r_1$", "$r_2$"), strict=True)):
        means.plot(limit["s"][after], limit[name][after], f"C{i}", label=label)
        means.plot(network["s"][later], network[name][later], f"C{i}x", ms=4)
    means.set(xscale="log", xlabel="flow clock $s$", ylabel="mean over the neurons")
    means.legend(loc="upper left", title="lines: limit", title_fontsize=7.5)
    return figure
