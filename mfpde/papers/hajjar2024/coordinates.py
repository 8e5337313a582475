"""The coordinate check of every parameterization: fitted exponents with intervals beside the predicted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.hajjar2024.shared import extend
from mfpde.papers.produce import produce
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
    """A row of intervals a quantity for every parameterization; ticks are predictions."""
    table = data["exponents"]
    quantities = np.unique(table["quantity"]).astype(int)
    labels = ["$f_0$", "$f_1-f_0$", *(rf"$\Delta h^{j - 1}$" for j in quantities[2:])]
    figure, axes = new_figure(len(quantities), width=2.1 * len(quantities) + 1.0, height=3.0)
    for panel, j in zip(axes[0], quantities, strict=True):
        at = table["quantity"] == j
        place, value = -table["parameterization"][at], table["exponent"][at]
        spread = np.array([value - table["low"][at], table["high"][at] - value])
        panel.plot(table["predicted"][at], place, "k|", ms=11, mew=1.0, label="predicted")
        panel.errorbar(value, place, xerr=spread, color="C1", marker="o", ms=3, capsize=2, ls="none", label="fitted, 95 %")
        panel.set(title=labels[j], xlabel="exponent of $m$")
        depths = data["models"]["depth"]
        panel.set_yticks(place, [f"{NAMES[int(-p)]}, $L={depths[int(-p)]:g}$" for p in place] if j == 0 else [""] * len(place))
        panel.set_ylim(-len(depths) + 0.5, 0.5)
    axes[0, 0].legend(loc="lower left")
    return figure
