"""IP-LLR is HP at every width; the gaps to HPZ and to muP against the width, beside the tie prediction of infinite width."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.finite import fit_rate
from mfpde.flow import Array
from mfpde.papers.hajjar2024.shared import extend
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.solve import solve
from mfpde.systems.integrable import IntegrableNetwork

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"widths": [256, 512, 1024, 2048, 4096, 8192], "seeds": 30, "depth": 2, "lr": 0.5, "samples": 65536},
    "quick": {"widths": [96, 192, 384, 768], "seeds": 20, "depth": 2, "lr": 0.5, "samples": 16384},
}
_TIMES = (1, 2, 5, 20)
_ACTIVATIONS = ("relu", "tanh")
_OTHERS = {"HPZ": "hpz", "muP": "mup"}
_X, _PROBE = np.array([[1.0, 0.0, 0.0]]), np.array([[0.6, 0.8, 0.0]])
_EXACT_STEPS = 5


def identities(preset: str, out: Path, progress: bool) -> list[Path]:
    """IP-LLR = HP to rounding; its gaps to HPZ and muP against the width at t = 1, 2, 5, 20, relu with the tie prediction, and tanh."""
    return produce("hajjar2024-identities", PRESETS[preset], compute, draw, out, progress)


def compute(*, widths: list[int], seeds: int, depth: int, lr: float, samples: int, progress: bool) -> Tables:
    """One input and label 1 at every step, f at another input; all models of one seed have the same initial weights.

    Tables ``gaps`` (f of HP minus f of the other: root mean square, mean and its standard error over the seeds), ``identity`` (largest
    |f of IP-LLR - f of HP| / max |f of HP| over times and seeds), ``limit`` (HP minus HPZ at infinite width, with its standard error,
    0 where it is exact) and ``exponents`` of the root mean squares. `activation` and `other` count relu, tanh and HPZ, muP from 0.
    """
    batches = [(_X, np.ones(1))] * max(_TIMES)
    tables: dict[str, dict[str, list[float]]] = {name: {} for name in ("gaps", "identity", "limit", "exponents")}
    for a, activation in enumerate(_ACTIVATIONS):
        f = {name: np.empty((len(widths), seeds, len(_TIMES))) for name in ("ip-llr", "hp", "hpz", "mup")}
        for name, values in f.items():
            system = IntegrableNetwork(d=3, depth=depth, parameterization=name, activation=activation)
            for i, m in enumerate(widths):
                for seed in range(seeds):
                    network = system.network(m=m, batches=batches, lr=lr, probe=_PROBE, rng=seed)
                    values[i, seed] = solve(network, _TIMES).observables["f"][-len(_TIMES) :, 0]
        off = np.max(np.abs(f["ip-llr"] - f["hp"]), axis=(1, 2)) / np.max(np.abs(f["hp"]), axis=(1, 2))
        extend(tables["identity"], activation=a, m=widths, difference=off)
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
    return tables


def draw(data: Data) -> Any:
    """Gaps to HPZ with relu and tanh, gap to muP, and the identity."""
    figure, axes = new_figure(4, width=11.6, height=3.0)
    gaps, limit, identity = data["gaps"], data["limit"], data["identity"]
    for panel, (a, o) in zip(axes[0], ((0, 0), (1, 0), (0, 1)), strict=False):
        for j, t in enumerate(_TIMES):
            at = (gaps["activation"] == a) & (gaps["other"] == o) & (gaps["t"] == t)
            panel.plot(gaps["m"][at], gaps["rms"][at], f"C{j}o-", lw=0.9, label=f"$t={t}$")
            (row,) = np.flatnonzero((limit["activation"] == a) & (limit["t"] == t))
            if o == 0 and limit["gap"][row] != 0.0:
                panel.axhline(abs(limit["gap"][row]), color=f"C{j}", ls="--", lw=0.9)
        m = np.unique(gaps["m"])
        at = (gaps["activation"] == a) & (gaps["other"] == 0) & (gaps["t"] == 1)
        if o == 0:
            panel.plot(m, 0.7 * gaps["rms"][at][0] * (m / m[0]) ** -0.5, color="0.5", lw=0.8, ls=":", label="$m^{-1/2}$")
        panel.set(xscale="log", yscale="log", xlabel="width $m$", ylabel=f"rms of $f$ (IP-LLR) - $f$ ({list(_OTHERS)[o]})")
        panel.set_title(f"{_ACTIVATIONS[a]}" + (", dashed: infinite width" if (a, o) == (0, 0) else ""))
        panel.legend(loc="best", ncol=2)
    for a, activation in enumerate(_ACTIVATIONS):
        at = identity["activation"] == a
        axes[0, 3].plot(identity["m"][at], 1e15 * identity["difference"][at], f"C{a}s-", lw=0.9, label=activation)
    axes[0, 3].set(xscale="log", xlabel="width $m$", ylabel=r"$10^{15}\,\max|f_{\mathrm{IP-LLR}}-f_{\mathrm{HP}}|/\max|f|$", ylim=(-0.5, None))
    axes[0, 3].legend(loc="best")
    for panel in axes[0]:
        label_ticks(panel.xaxis, np.unique(gaps["m"]))
    return figure


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
