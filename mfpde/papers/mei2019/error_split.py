"""The error of SGD split along the four coupled dynamics, against width, step and dimension."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.flow import Array
from mfpde.laws import Gaussian
from mfpde.measures import GaussianInit
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.two_layer import TwoLayer
from mfpde.systems.two_layer.circle import CosineCircle
from mfpde.systems.two_layer.circle.exact import order_parameter
from mfpde.systems.two_layer.exact import linear_descent, linear_gaps
from mfpde.systems.two_layer.isotropic import IsotropicGaussians
from mfpde.systems.two_layer.split import error_split
from mfpde.targets import Linear

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "widths": [2**k for k in range(5, 14)],
        "steps": [2.0**-k for k in range(6, 14)],
        "dimensions": [10, 30, 100, 300, 1000],
        "width": 256,
        "narrow": 64,
        "replicas": 20,
    },
    "quick": {
        "widths": [32, 128, 512],
        "steps": [2.0**-5, 2.0**-7, 2.0**-9],
        "dimensions": [10, 30, 100],
        "width": 128,
        "narrow": 32,
        "replicas": 10,
    },
}
_B, _CIRCLE_TIME, _CIRCLE_STEP = 0.8, 1.0, 2.0**-7
_LINEAR_TIME, _LINEAR_STEP, _LABEL_NOISE = 0.4, 0.04, 0.25
_RAMP_TIME, _RAMP_STEP, _DELTA = 0.1, 0.004, 0.5
_SAMPLED = ("nonlinear", "particles", "sgd")
_LABELS = {
    "limit_nonlinear": "sampling of the neurons",
    "nonlinear_particles": "interaction",
    "particles_gd": "time step",
    "gd_sgd": "samples",
    "particles_sgd": "time step and samples",
}


def split(preset: str, out: Path, progress: bool) -> list[Path]:
    """The gaps limit - nonlinear - particles - gd - sgd against N and eps, and against D at fixed N and eps D, where they stay flat."""
    return produce("mei2019-error-split", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, widths: list[int], steps: list[float], dimensions: list[int], width: int, narrow: int, replicas: int, progress: bool
) -> Tables:
    """Tables ``width`` and ``step`` (cosine model, s = 1), ``linear`` and ``ramp`` (against the dimension d, eps d fixed).

    Columns ``risk_<gap>``, ``rms_<gap>`` and ``largest_<gap>``: root mean squares over the replicas of the gap in the risk, of the root
    mean square over the neurons of their distance, and of the largest distance; ``<column>_error`` their standard errors. ``exact_...``
    are exact, but for ``exact_risk_limit_nonlinear`` of ``width``, the leading order in 1/N.

    The linear network learns y = x_1 + label noise of variance 1/4 from w ~ N(0, I/d) to t = .4 (s = .8), eps = .04/d: outside
    the theorems' assumptions, as nothing is bounded, and exactly solved. The ramp network is the two classes with delta = .5 to t = .1,
    eps = .004/d, inside them; gd, whose every step sums over all pairs, is left out.
    """
    circle = CosineCircle(b=_B)
    at_width = [error_split(circle, m=m, eps=_CIRCLE_STEP, t_eval=[_CIRCLE_TIME], replicas=replicas) for m in widths]
    at_step = [error_split(circle, m=width, eps=eps, t_eval=[_CIRCLE_TIME], replicas=replicas) for eps in steps]
    linear = [
        error_split(_linear(d), m=narrow, eps=_LINEAR_STEP / d, t_eval=[_LINEAR_TIME], replicas=replicas) for d in dimensions
    ]
    ramp = [
        error_split(
            IsotropicGaussians(d=d, delta=_DELTA), m=narrow, eps=_RAMP_STEP / d, t_eval=[_RAMP_TIME], replicas=replicas,
            dynamics=_SAMPLED, rtol=1e-7, atol=1e-9,
        )
        for d in dimensions
    ]  # fmt: skip
    z = order_parameter(_CIRCLE_TIME, _B)
    spread = 2.0 * (_B - z) * np.sqrt(0.5 * (1.0 - z * z) / np.array(widths))
    return {
        "width": {"m": widths, **_columns(at_width), "exact_risk_limit_nonlinear": spread},
        "step": {"eps": steps, **_columns(at_step)},
        "linear": {"d": dimensions, **_columns(linear), **_exact(dimensions, narrow)},
        "ramp": {"d": dimensions, **_columns(ramp)},
        "networks": {"width": [width], "narrow": [narrow], "replicas": [replicas], "eps": [_CIRCLE_STEP]},
    }


def draw(data: Data) -> Any:
    """Four panels: gaps of the risk against N and eps; distances of the neurons (lines exact) and gaps of the risk against d."""
    figure, axes = new_figure(4, width=11.5, height=2.9)
    width_panel, step_panel, linear_panel, ramp_panel = axes[0]
    networks = {name: int(values[0]) for name, values in data["networks"].items() if name != "eps"}
    _lines(width_panel, data["width"], "m", "risk")
    m = data["width"]["m"]
    width_panel.plot(m, data["width"]["exact_risk_limit_nonlinear"], "C0-", lw=0.8)
    power = round(math.log2(data["networks"]["eps"][0]))
    width_panel.set(xlabel="width $N$", ylabel="gap in the risk, r.m.s.", title=rf"cosine model, $\epsilon=2^{{{power}}}$")
    width_panel.legend(loc="lower left", bbox_to_anchor=(0.0, 0.12), fontsize="x-small")
    table = data["step"]
    _lines(step_panel, table, "eps", "risk")
    for name, colour, order in (("particles_gd", "C2", 1.0), ("gd_sgd", "C3", 0.5)):
        step_panel.plot(table["eps"], table[f"risk_{name}"][0] * (table["eps"] / table["eps"][0]) ** order, f"{colour}:", lw=0.8)
    step_panel.set(xlabel=r"step $\epsilon$", title=f"cosine model, $N={networks['width']}$; dotted: slopes 1, 1/2")
    table = data["linear"]
    _lines(linear_panel, table, "d", "rms")
    for name, colour in (("nonlinear_particles", "C1"), ("particles_gd", "C2"), ("gd_sgd", "C3")):
        linear_panel.plot(table["d"], table[f"exact_rms_{name}"], f"{colour}-", lw=0.8)
    linear_panel.set(xlabel="dimension $D$", ylabel="distance of neurons, r.m.s.")
    linear_panel.set_title(rf"linear, $N={networks['narrow']}$, $\epsilon D={_LINEAR_STEP}$; lines: exact")
    _lines(ramp_panel, data["ramp"], "d", "risk")
    ramp_panel.set(xlabel="dimension $D$", ylabel="gap in the risk, r.m.s.")
    ramp_panel.set_title(rf"two classes, $N={networks['narrow']}$, $\epsilon D={_RAMP_STEP}$")
    ramp_panel.legend(loc="center right", fontsize="x-small")
    return figure


def _linear(d: int) -> TwoLayer:
    start, label = GaussianInit(np.zeros(d), 1.0 / d), np.eye(d)[0]
    return TwoLayer(law=Gaussian(d), target=Linear(label), activation="identity", initial=start, label_noise=_LABEL_NOISE)


def _exact(dimensions: list[int], m: int) -> dict[str, list[float]]:
    """The distances of the linear network's neurons, r.m.s., at every N: E |mean of w(0) - b|^2 = 1 + 1/N."""
    columns: dict[str, list[float]] = {f"exact_rms_{name}": [] for name in ("nonlinear_particles", "particles_gd", "gd_sgd")}
    r0 = 1.0 + 1.0 / m
    for d in dimensions:
        k = round(_LINEAR_TIME * d / _LINEAR_STEP)
        found = linear_descent(k, _LINEAR_STEP / d, d, r0, _LABEL_NOISE)
        interaction = linear_gaps(2.0 * _LINEAR_TIME, np.eye(d), np.eye(d) / d).distance
        values = (math.sqrt(interaction / m), math.sqrt(found.flow) - math.sqrt(found.gd), math.sqrt(found.distance))
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return columns


def _columns(splits: list[Any]) -> dict[str, Array]:
    """A column for each kind of gap, at the last time, and its standard error."""
    columns: dict[str, Array] = {}
    for kind in ("risk", "rms", "largest"):
        for gap in getattr(splits[0], kind):
            squares = np.array([getattr(split, kind)[gap][:, -1] ** 2 for split in splits])
            size = np.sqrt(squares.mean(axis=1))
            name = f"{kind}_{gap.replace('-', '_')}"
            columns[name] = size
            columns[f"{name}_error"] = squares.std(axis=1, ddof=1) / np.sqrt(squares.shape[1]) / (2.0 * size)
    return columns


def _lines(panel: Any, table: Any, x: str, kind: str) -> None:
    colours = {"limit_nonlinear": "C0", "nonlinear_particles": "C1", "particles_gd": "C2", "gd_sgd": "C3", "particles_sgd": "C4"}
    for name, colour in colours.items():
        column = f"{kind}_{name}"
        if column in table:
            error = table[f"{column}_error"]
            panel.errorbar(table[x], table[column], error, fmt="o", color=colour, ms=3.5, lw=0.8, label=_LABELS[name])
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.tick_params(which="minor", labelbottom=False, labelleft=False)
