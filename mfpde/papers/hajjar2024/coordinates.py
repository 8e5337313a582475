"""The coordinate check of every parameterization: fitted exponents with intervals beside the predicted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import extend, produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.streams import stream
from mfpde.systems.integrable import IntegrableNetwork
from mfpde.systems.integrable.coordinates import coordinate_check

NAMES = ["ip", "ip-llr", "ip-bias", "ip-non-centered", "mup", "ntp", "sp", "hp", "hpz"]
_DEPTHS = [3, *[2] * 8]
_RATES = [0.05, 0.4, 0.05, 0.05, 0.05, 0.05, 0.05, 0.4, 0.4]
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"names": NAMES, "depths": _DEPTHS, "rates": _RATES, "widths": [192, 480, 1200, 3000], "replicas": 60, "activation": "relu"},
    "quick": {"names": NAMES, "depths": _DEPTHS, "rates": _RATES, "widths": [64, 160, 400, 1000], "replicas": 30, "activation": "relu"},
}
_D, _BATCH, _PROBE, _OUTPUTS, _LABEL = 10, 8, 16, 16, 4.0


def coordinates(preset: str, out: Path, progress: bool) -> list[Path]:
    """Sizes of f_0, f_1 - f_0 and every layer's change against the width: exponents with 95 % intervals beside the count of powers."""
    return produce("hajjar2024-coordinates", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, names: list[str], depths: list[int], rates: list[float], widths: list[int], replicas: int, activation: str, progress: bool
) -> Tables:
    """Tables ``sizes`` (root mean squares over the replicas) and ``exponents`` (over all widths) after one step.

    `parameterization` and `quantity` count `names` and f_0, f_1 - f_0, change_1, ..., change_L from 0. Inputs are standard normal.
    Sixteen outputs make one network's rms of f_0 as steady as that of sixteen networks; their labels, all 4, are large against f_0 where
    it does not vanish. The rates of "ip-llr", "hp" and "hpz" make what the first step adds large against what it began with.
    """
    rng = stream(0, "coordinates figure")
    x, probe, y = rng.standard_normal((_BATCH, _D)), rng.standard_normal((_PROBE, _D)), np.full((_BATCH, _OUTPUTS), _LABEL)
    sizes: dict[str, list[float]] = {}
    exponents: dict[str, list[float]] = {}
    for i, (name, depth, lr) in enumerate(zip(names, depths, rates, strict=True)):
        system = IntegrableNetwork(d=_D, depth=depth, parameterization=name, activation=activation, outputs=_OUTPUTS)
        check = coordinate_check(system, widths=widths, batches=[(x, y)], lr=lr, probe=probe, replicas=replicas)
        for j, quantity in enumerate(check.sizes):
            e = check.exponent(quantity)
            extend(sizes, parameterization=i, quantity=j, m=widths, size=check.size(quantity))
            extend(exponents, parameterization=i, quantity=j, exponent=e.value, low=e.low, high=e.high, predicted=float(e.predicted))
    return {"sizes": sizes, "exponents": exponents, "models": {"depth": depths, "lr": rates}}


def draw(data: Data) -> Any:
    """Fitted minus predicted exponents with their intervals, a panel a quantity; the predicted ones are written at the right."""
    table, depths = data["exponents"], data["models"]["depth"]
    quantities = np.unique(table["quantity"]).astype(int)
    labels = ["$f_0$", "$f_1-f_0$", *(rf"$\Delta h^{j - 1}$" for j in quantities[2:])]
    figure, axes = new_figure(len(quantities), width=2.1 * len(quantities) + 1.0, height=3.0)
    reach = 1.1 * np.max(np.abs(np.stack([table[name] - table["predicted"] for name in ("low", "high")])))
    for panel, j in zip(axes[0], quantities, strict=True):
        at = table["quantity"] == j
        which, value, predicted = table["parameterization"][at], table["exponent"][at], table["predicted"][at]
        spread = np.array([value - table["low"][at], table["high"][at] - value])
        panel.axvline(0.0, color="0.6", lw=0.8)
        panel.errorbar(value - predicted, -which, xerr=spread, color="C1", marker="o", ms=3, capsize=2, ls="none")
        for i, power in zip(which, predicted, strict=True):
            panel.text(1.0, -i, f"{power:+g}" if power else "0", transform=panel.get_yaxis_transform(), ha="right", va="center", fontsize=7)
        panel.text(1.0, 1.0, "predicted", transform=panel.transAxes, ha="right", va="bottom", fontsize=7)
        panel.set(title=labels[j], xlabel="fitted - predicted exponent", xlim=(-reach, 1.35 * reach), ylim=(-len(depths) + 0.5, 0.5))
        panel.set_yticks(-np.arange(len(depths)), _names(depths) if j == 0 else [""] * len(depths))
    return figure


def _names(depths: Any) -> list[str]:
    return [f"{name}, $L={depth:g}$" for name, depth in zip(NAMES, depths, strict=False)]
