"""The output at initialisation against the width: naive IP and muP, with fitted exponents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.datasets import mnist
from mfpde.finite import fit_rate
from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, label_ticks, new_figure
from mfpde.systems.integrable import IntegrableNetwork
from mfpde.systems.integrable.orders import predicted_orders

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"depth": 5, "widths": [25, 50, 100, 200, 400, 800, 1400], "trials": 100, "fitted": 4, "activation": "relu"},
    "quick": {"depth": 5, "widths": [25, 50, 100, 200, 400], "trials": 100, "fitted": 4, "activation": "relu"},
}
_MODELS = {"naive IP": "ip", "muP": "mup"}


def initialisation(preset: str, out: Path, progress: bool) -> list[Path]:
    """|f_0| and f_0^2 against the width for naive IP and muP at L = 5, with fitted and predicted exponents."""
    return produce("hajjar2024-initialisation", PRESETS[preset], compute, draw, out, progress)


def compute(*, depth: int, widths: list[int], trials: int, fitted: int, activation: str, progress: bool) -> Tables:
    """Tables ``sizes`` (mean |f_0|, mean f_0^2, standard errors) and ``exponents``, fitted over the `fitted` largest widths.

    The input is the first test image of MNIST; the networks of the two models have the same weights.
    """
    x = mnist("test").inputs(slice(0, 1))
    sizes: dict[str, list[float]] = {}
    exponents: dict[str, list[float]] = {}
    for i, name in enumerate(_MODELS.values()):
        system = IntegrableNetwork(d=x.shape[1], depth=depth, parameterization=name, activation=activation)
        outputs = np.array([[_output(system, m, x, seed) for seed in range(trials)] for m in widths])
        for power in (1, 2):
            values = np.abs(outputs) ** power
            extend(sizes, model=i, power=power, m=widths, mean=values.mean(axis=1), error=values.std(axis=1, ddof=1) / np.sqrt(trials))
            rate = fit_rate(widths[-fitted:], values[-fitted:], statistic="mean")
            predicted = power * float(predicted_orders(system)["f_0"])
            fit = {"exponent": -rate.exponent, "low": -rate.high, "high": -rate.low, "predicted": predicted}
            extend(exponents, model=i, power=power, fitted=fitted, **fit)
    return {"sizes": sizes, "exponents": exponents}


def draw(data: Data) -> Any:
    """Two panels, |f_0| and f_0^2; lines have the predicted slopes."""
    figure, axes = new_figure(2, width=7.6, height=3.0)
    sizes, exponents = data["sizes"], data["exponents"]
    for panel, power in zip(axes[0], (1, 2), strict=True):
        for i, name in enumerate(_MODELS):
            at = (sizes["model"] == i) & (sizes["power"] == power)
            m, mean, error = (sizes[column][at] for column in ("m", "mean", "error"))
            (row,) = np.flatnonzero((exponents["model"] == i) & (exponents["power"] == power))
            value, low, high, predicted = (exponents[column][row] for column in ("exponent", "low", "high", "predicted"))
            label = f"{name}: ${value:.2f}$ [${low:.2f}$, ${high:.2f}$], predicted ${predicted:g}$"
            panel.errorbar(m, mean, 2.0 * error, color=f"C{i}", marker="o", ls="none", capsize=2, label=label)
            panel.plot(m, mean[-1] * (m / m[-1]) ** predicted, color=f"C{i}", lw=0.9, ls="--")
        panel.set(xscale="log", yscale="log", xlabel="width $m$", ylabel="mean $|f_0|$" if power == 1 else "mean $f_0^2$")
        label_ticks(panel.xaxis, np.unique(sizes["m"]))
        panel.legend(loc="lower left", title="fitted exponents [95 %]", title_fontsize=7.5, alignment="left")
    return figure


def _output(system: IntegrableNetwork, m: int, x: Any, seed: int) -> float:
    network = system.network(m=m, batches=lambda k: (x, np.zeros(1)), lr=1.0, probe=x, rng=seed)
    return float(network.predict(network.state0, x)[0])
