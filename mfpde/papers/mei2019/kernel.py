"""From mean field to kernel on one axis: the distance to the kernel limit, and how far the neurons move, against the scale alpha."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.laws import Gaussian
from mfpde.measures import Ensemble, GaussianInit
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables, new_figure
from mfpde.solve import solve
from mfpde.systems.two_layer import TwoLayer
from mfpde.systems.two_layer.exact import bilinear_scaled
from mfpde.systems.two_layer.kernel.residuals import KernelLimit, NodeKernel
from mfpde.targets import Linear

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"nodes": 16, "end": 1.0, "late": 30.0, "largest": 1024.0, "scales": 21},
    "quick": {"nodes": 16, "end": 1.0, "late": 30.0, "largest": 256.0, "scales": 9},
}
_STARTS = {"skewed": ((2.0, -1.0), (1.0 / 3.0, 2.0 / 3.0)), "symmetric": ((np.sqrt(2.0), -np.sqrt(2.0)), (0.5, 0.5))}
_LAYERS = ("fixed", "trained")
_BILINEAR = {"symmetric": 0.0, "skewed": 0.5}


def kernel(preset: str, out: Path, progress: bool) -> list[Path]:
    """Distance to the kernel limit against alpha: order 1 for a skewed second layer, order 2 for a symmetric one."""
    return produce("mei2019-kernel", PRESETS[preset], compute, draw, out, progress)


def compute(*, nodes: int, end: float, late: float, largest: float, scales: int, progress: bool) -> Tables:
    """Table ``scales``: for each second layer and law of a, (E (u - u*)^2)^(1/2) at the end, movement, kernel change and test error.
    Table ``bilinear``: |u - u*| at the end for a <w, x> with both layers trained, with the exact leading terms.

    The network is a tanh(w_1 x + w_2) with w ~ N((.7, .5), I), a independent of w of mean 0 and variance 2, the data are five
    equispaced points of sin 2x + 1/2 on [-1, 1]. The test error is taken at 101 points and at the time `late`.
    """
    alphas = np.geomspace(1.0, largest, scales)
    x, z = (np.column_stack([points, np.ones(len(points))]) for points in (np.linspace(-1.0, 1.0, 5), np.linspace(-1.0, 1.0, 101)))
    table: dict[str, Any] = {"alpha": alphas}
    for layer in _LAYERS:
        for start in _STARTS:
            limit = KernelLimit(x, _label(x), NodeKernel(_neurons(start, nodes), "tanh", layer))
            rows = []
            for alpha in alphas:
                flow = limit.flow(float(alpha))
                run = solve(flow, [end, late], rtol=1e-12, atol=1e-14)
                test = np.sqrt(np.mean((_label(z) - flow.predict(run.final_state, z)) ** 2))
                rows.append([*(run.observables[name][0] for name in ("kernel_gap", "movement", "kernel_change")), test])
            for name, values in zip(("gap", "movement", "kernel_change", "test_error"), np.array(rows).T, strict=True):
                table[f"{name}_{layer}_{start}"] = values
    return {"scales": table, "bilinear": _bilinear(alphas, end), "times": {"end": [end], "late": [late]}}


def draw(data: Data) -> Any:
    """Four panels against alpha: the distance with slopes -1 and -2, the same of the bilinear network with its exact leading terms, the
    movement of neurons and kernel, the test error.
    """
    figure, axes = new_figure(4, width=11.5, height=2.8)
    gap_panel, bilinear_panel, movement_panel, test_panel = axes[0]
    table = data["scales"]
    alpha, time = table["alpha"], data["times"]["end"][0]
    for i, start in enumerate(_STARTS):
        for layer, line in zip(_LAYERS, ("-", "--"), strict=True):
            label, mark = f"{start}, $a$ {layer}", f"C{i}{line}"
            gap_panel.loglog(alpha, table[f"gap_{layer}_{start}"], f"{mark}o", ms=3, mfc="none", label=label)
            test_panel.semilogx(alpha, table[f"test_error_{layer}_{start}"], mark, label=label)
    for order, where in ((1, "gap_fixed_skewed"), (2, "gap_fixed_symmetric")):
        gap_panel.loglog(alpha, 2.0 * table[where][-1] * (alpha[-1] / alpha) ** order, "k:", lw=1.0)
        gap_panel.text(alpha[-1], 3.0 * table[where][-1], rf"$\alpha^{{-{order}}}$", ha="left", va="bottom")
    gap_panel.set(xlabel=r"scale $\alpha$", ylabel=rf"$\|u^\alpha-u^*\|$ at $t={time:g}$")
    gap_panel.legend(loc="lower left")
    bilinear = data["bilinear"]
    for i, start in enumerate(_STARTS):
        bilinear_panel.loglog(bilinear["alpha"], bilinear[f"leading_{start}"], "k:", lw=1.0)
        bilinear_panel.loglog(bilinear["alpha"], bilinear[f"gap_{start}"], f"C{i}o", ms=3, mfc="none", label=start)
    bilinear_panel.set(xlabel=r"scale $\alpha$", ylabel=rf"$|u^\alpha-u^*|$ at $t={time:g}$", title="bilinear; dotted: exact leading term")
    bilinear_panel.legend(loc="lower left")
    for layer, line in zip(_LAYERS, ("-", "--"), strict=True):
        movement_panel.loglog(alpha, table[f"movement_{layer}_skewed"], f"C2{line}", label=rf"neurons move, $a$ {layer}")
        movement_panel.loglog(alpha, table[f"kernel_change_{layer}_skewed"], f"C3{line}", label=rf"kernel changes, $a$ {layer}")
    movement_panel.set(xlabel=r"scale $\alpha$", ylabel="distance moved", title=f"skewed second layer, $t={time:g}$")
    movement_panel.legend(loc="lower left")
    test_panel.set(xlabel=r"scale $\alpha$", ylabel=f"test error at $t={data['times']['late'][0]:g}$")
    test_panel.legend(loc="best")
    return figure


def _bilinear(alphas: Any, t: float) -> dict[str, Any]:
    """|u - u*| of the network a <w, x> that starts from m0 = sinh x0 and learns (alpha m0 + 1) x_1, by the solver of its moments."""
    table: dict[str, Any] = {"alpha": alphas}
    for start, x0 in _BILINEAR.items():
        c, m0 = np.cosh(x0), np.sinh(x0)
        initial = GaussianInit([0.0, 0.0, 0.0], [[c, m0, 0.0], [m0, c, 0.0], [0.0, 0.0, 0.0]])
        gaps, leading = [], []
        for alpha in alphas:
            label = alpha * m0 + 1.0
            learned: dict[str, Any] = {"law": Gaussian(2), "target": Linear((label, 0.0)), "initial": initial, "scale": float(alpha)}
            # At alpha = 1 the clock is no rescaled time: xi = 1/2 makes it the same one.
            flow: Any = TwoLayer(activation="identity", second_layer="trained", clock=0.5, **learned).limit()
            state = solve(flow, [t], rtol=1e-12, atol=1e-14).final_state
            known = bilinear_scaled(t, alpha, 1.0, 1.0, x0)
            gaps.append(abs(label - flow.predict(state, [[1.0, 0.0]])[0] - known.limit))
            leading.append(abs(known.second) / alpha**2 if x0 == 0.0 else abs(known.first) / alpha)
        table |= {f"gap_{start}": gaps, f"leading_{start}": leading}
    return table


def _neurons(start: str, nodes: int) -> Ensemble:
    w = GaussianInit([0.7, 0.5], 1.0).gauss_hermite(nodes)
    values, shares = _STARTS[start]
    points = np.vstack([np.column_stack([np.full(w.m, a), w.points]) for a in values])
    return Ensemble(points, np.concatenate([share * w.weights for share in shares]))


def _label(x: Any) -> Any:
    return np.sin(2.0 * x[:, 0]) + 0.5
