"""IP-LLR is HP at every width; the gaps to HPZ and to muP against the width, beside the tie prediction of infinite width."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.finite import fit_rate
from mfpde.flow import Array
from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.solve import solve
from mfpde.systems.integrable import IntegrableNetwork

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "widths": [256, 512, 1024, 2048, 4096, 8192], "seeds": 30, "identical": [64, 100, 128, 200, 256, 400, 512, 800, 1024],
        "depth": 2, "lr": 0.5, "samples": 65536,
    },
    "quick": {
        "widths": [128, 256, 512, 1024], "seeds": 20, "identical": [64, 100, 128, 200, 256, 400],
        "depth": 2, "lr": 0.5, "samples": 16384,
    },
}  # fmt: skip
_TIMES = (1, 2, 5, 20)
_ACTIVATIONS = ("relu", "tanh")
_OTHERS = {"HPZ": "hpz", "muP": "mup"}
_X, _PROBE = np.array([[1.0, 0.0, 0.0]]), np.array([[0.6, 0.8, 0.0]])
_EXACT_STEPS = 5


def identities(preset: str, out: Path, progress: bool) -> list[Path]:
    """IP-LLR = HP to rounding; its gaps to HPZ and muP against the width at t = 1, 2, 5, 20, relu with the tie prediction, and tanh."""
    return produce("hajjar2024-identities", PRESETS[preset], compute, draw, out, progress)


def compute(*, widths: list[int], seeds: int, identical: list[int], depth: int, lr: float, samples: int, progress: bool) -> Tables:
    """One input and label 1 at every step, f at another input; all models of one seed have the same initial weights.

    Tables ``gaps`` (f of HP minus f of the other: root mean square, mean and its standard error over the seeds), ``limit`` (HP minus
    HPZ at infinite width, with its standard error, 0 where it is exact), ``exponents`` of the root mean squares, and ``identity``:
    the largest |f of IP-LLR - f of HP| / max |f of HP| over the times for relu, the first step of IP-LLR computed as it is written, with
    its small gradients and large rates. `activation` and `other` count relu, tanh and HPZ, muP from 0.
    """
    tables: dict[str, dict[str, list[float]]] = {name: {} for name in ("gaps", "limit", "exponents")}
    for a, activation in enumerate(_ACTIVATIONS):
        f = {name: np.empty((len(widths), seeds, len(_TIMES))) for name in ("hp", "hpz", "mup")}
        for name, values in f.items():
            system = IntegrableNetwork(d=3, depth=depth, parameterization=name, activation=activation)
            for i, m in enumerate(widths):
                for seed in range(seeds):
                    values[i, seed] = _outputs(system, m, lr, rng=seed)
        for o, other in enumerate(_OTHERS.values()):
            gap = f["hp"] - f[other]
            rms, mean, error = np.sqrt(np.mean(gap**2, axis=1)), gap.mean(axis=1), gap.std(axis=1, ddof=1) / math.sqrt(seeds)
            for j, t in enumerate(_TIMES):
                columns = {"m": widths, "rms": rms[:, j], "mean": mean[:, j], "error": error[:, j]}
                extend(tables["gaps"], activation=a, other=o, t=t, **columns)
                rate = fit_rate(widths, gap[:, :, j])
                extend(tables["exponents"], activation=a, other=o, t=t, exponent=-rate.exponent, low=-rate.high, high=-rate.low)
        value, spread = _tie_gap(activation, depth, lr, samples)
        extend(tables["limit"], activation=a, t=_TIMES, gap=value, error=spread)
    return {**tables, "identity": {"m": identical, "difference": [_difference(depth, m, lr) for m in identical]}}


def draw(data: Data) -> Any:
    """The mean gap to HPZ of relu, the root mean squares for tanh and to muP, and the identity."""
    figure, axes = new_figure(4, width=11.6, height=3.0)
    gaps, limit, identity = data["gaps"], data["limit"], data["identity"]
    mean_panel, tanh_panel, mup_panel, identity_panel = axes[0]
    for j, t in enumerate(_TIMES):
        at = (gaps["activation"] == 0) & (gaps["other"] == 0) & (gaps["t"] == t)
        place = gaps["m"][at] * 1.06 ** (j - 1.5)
        mean, half = gaps["mean"][at], 2.0 * gaps["error"][at]
        mean_panel.errorbar(place, mean, half, color=f"C{j}", marker="o", lw=0.9, capsize=2, label=f"$t={t}$")
        (row,) = np.flatnonzero((limit["activation"] == 0) & (limit["t"] == t))
        mean_panel.axhline(limit["gap"][row], color=f"C{j}", ls="--", lw=0.9)
        for panel, a, o in ((tanh_panel, 1, 0), (mup_panel, 0, 1)):
            at = (gaps["activation"] == a) & (gaps["other"] == o) & (gaps["t"] == t)
            panel.plot(gaps["m"][at], gaps["rms"][at], f"C{j}o-", lw=0.9, label=f"$t={t}$")
    m = np.unique(gaps["m"])
    tanh_panel.plot(m, 0.06 * (m / m[0]) ** -0.5, color="0.5", lw=0.8, ls=":", label="$m^{-1/2}$")
    mean_panel.set(ylabel="mean of $f$(IP-LLR) - $f$(HPZ)", title="relu; dashed: infinite width", xscale="log")
    tanh_panel.set(ylabel="rms of $f$(IP-LLR) - $f$(HPZ)", title="tanh", xscale="log", yscale="log")
    mup_panel.set(ylabel="rms of $f$(IP-LLR) - $f$(muP)", title="relu", xscale="log", ylim=(0.0, None))
    identity_panel.plot(identity["m"], 1e15 * identity["difference"], "C6s", ms=4)
    identity_panel.set(ylabel=r"$10^{15}\,\max|f-f_{\mathrm{HP}}|/\max|f|$", title="IP-LLR as it is written, relu", xscale="log")
    handles, labels = tanh_panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    for panel in axes[0, :3]:
        label_ticks(panel.xaxis, m)
        panel.set_xlabel("width $m$")
    label_ticks(identity_panel.xaxis, identity["m"])
    identity_panel.set_xlabel("width $m$")
    identity_panel.tick_params(axis="x", labelsize=6)
    return figure


def _outputs(system: IntegrableNetwork, m: int, lr: float, **options: Any) -> Array:
    """f at the probe at the times."""
    network = system.network(m=m, batches=[(_X, np.ones(1))] * max(_TIMES), lr=lr, probe=_PROBE, **options)
    return solve(network, _TIMES).observables["f"][-len(_TIMES) :, 0]


def _difference(depth: int, m: int, lr: float) -> float:
    written, hybrid = (
        _outputs(IntegrableNetwork(d=3, depth=depth, parameterization=name), m, lr, rng=0, first_pass=first_pass)
        for name, first_pass in (("ip-llr", "exact"), ("hp", "linearized"))
    )
    return float(np.max(np.abs(written - hybrid)) / np.max(np.abs(hybrid)))


def _tie_gap(activation: str, depth: int, lr: float, samples: int) -> tuple[Array, Array]:
    """HP minus HPZ at infinite width at the times, and standard errors: exact up to step 5 with one input, else by Monte Carlo."""
    gap, variance = np.zeros(len(_TIMES)), np.zeros(len(_TIMES))
    if activation != "relu":
        return gap, variance
    for sign, name in ((1.0, "hp"), (-1.0, "hpz")):
        system = IntegrableNetwork(d=3, depth=depth, parameterization=name, activation=activation)
        for exact in (True, False):
            at = np.array([j for j, t in enumerate(_TIMES) if (t <= _EXACT_STEPS) == exact])
            times = [_TIMES[j] for j in at]
            limit = system.limit(batches=[(_X, np.ones(1))] * max(times), lr=lr, probe=_PROBE, samples=samples)
            run = solve(limit, times).observables
            gap[at] += sign * run["f"][-len(at) :, 0]
            variance[at] += run["f_stderr"][-len(at) :, 0] ** 2
    return gap, np.sqrt(variance)
