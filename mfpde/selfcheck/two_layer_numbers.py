"""Two-layer problems against reference digits, data/two_layer_reference.csv: the public solver, at rtol 1e-12."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mfpde.activations import piecewise_linear
from mfpde.datafiles import reference_rows
from mfpde.finite import finite_width
from mfpde.laws import Gaussian
from mfpde.measures import Ensemble, GaussianInit, ProductInit, SphereInit
from mfpde.selfcheck.check import Check
from mfpde.solve import solve
from mfpde.systems.two_layer import TwoLayer, potential_for
from mfpde.systems.two_layer.circle import CosineCircle
from mfpde.systems.two_layer.isotropic import AnisotropicGaussians, IsotropicGaussians
from mfpde.systems.two_layer.kernel import KernelLimit, NodeKernel, eigenvalues, relu_kernel
from mfpde.targets import Linear, Norm, Polynomial

Key = tuple[str, str]

_RAMP = piecewise_linear(knots=[0.5, 1.5], values=[-2.5, 7.5])
_TWO_BASINS = piecewise_linear(knots=[0.0, 0.5, 1.5], values=[-2.5, -4.0, 7.5])


def _run(flow: Any, keys: Sequence[Key], rtol: float = 1e-12) -> list[float]:
    """The observables of `flow`; a key is (time, name)."""
    times = sorted({float(at) for at, _ in keys})
    run = solve(flow, times, rtol, 1e-14)
    return [float(run.observables[name][times.index(float(at))]) for at, name in keys]


def _drift(limit: Any, keys: Sequence[Key]) -> list[float]:
    """The constants c of E R_N - R = c/N."""
    times = sorted({float(at) for at, _ in keys})
    found = finite_width(limit, times, rtol=1e-12, atol=1e-14)
    return [float(found.drift[name][times.index(float(at))]) for at, name in keys]


def _network(activation: str, initial: Any, **options: Any) -> TwoLayer:
    problem = {"law": Gaussian(2), "target": Linear((1.0, 0.0)), "clock": 0.5, **options}
    return TwoLayer(activation=activation, initial=initial, **problem)


def _bilinear_scaled(keys: Sequence[Key]) -> list[float]:
    """u = alpha m0 + 1 - f at t = 1 and alpha = 8; keys are x0."""
    alpha, values = 8.0, []
    for at, _ in keys:
        c, m0 = math.cosh(float(at)), math.sinh(float(at))
        start = GaussianInit([0.0, 0.0, 0.0], [[c, m0, 0.0], [m0, c, 0.0], [0.0, 0.0, 0.0]])
        label = alpha * m0 + 1.0
        flow = _network("identity", start, second_layer="trained", target=Linear((label, 0.0)), scale=alpha).limit()
        values.append(label - float(flow.predict(solve(flow, [1.0], 1e-12, 1e-14).final_state, [[1.0, 0.0]])[0]))
    return values


def _radial_trained(keys: Sequence[Key]) -> list[float]:
    start = ProductInit([SphereInit(1, 1.0), SphereInit(10, 1.0)])
    return _run(_network("relu", start, second_layer="trained", law=Gaussian(10), target=Norm(1.0)).limit(), keys)


def _noisy_linear(keys: Sequence[Key]) -> list[float]:
    options = {"law": Gaussian(2, [1.0, 4.0]), "target": Linear((1.0, -1.0)), "ridge": 0.1, "beta": 10.0}
    return _run(_network("identity", GaussianInit([0.0, 0.0], 1.0), **options).limit(), keys)


def _pairs(keys: Sequence[Key], scale: float = 1.0, phases: tuple[float, float] = (0.4, -1.1)) -> list[float]:
    """u of two neurons: Psi of one in the field of the other, with the label 0; keys are activations."""
    values = []
    for at, _ in keys:
        cosine = at == "cosine"
        rows = [[1.0, 1.0, 0.5, 0.0, phases[0]], [1.0, -0.3, 0.8, 1.1, phases[1]]]
        one, other = (np.array([row[: 4 + cosine]]) for row in rows)
        activation = at if at in ("relu", "erf_sqrt2", "cosine") else _RAMP
        potential = potential_for(Gaussian(3, scale), Polynomial(), activation, phase=cosine)
        values.append(float(potential.psi(one, other, np.ones(1))[0]))
    return values


def _mean_activation(keys: Sequence[Key]) -> list[float]:
    mean = IsotropicGaussians(d=40, delta=0.5).mean_activation
    return [float(getattr(mean, name)(float(at))) for at, name in keys]


def _spectrum(keys: Sequence[Key]) -> list[float]:
    """Keys are (dimension, degree)."""
    return [float(eigenvalues(int(at), 5)[int(degree)]) for at, degree in keys]


def _prediction(keys: Sequence[Key]) -> list[float]:
    """f at the angle .7 from five equispaced points of the circle."""
    angles = 2.0 * np.pi * np.arange(5) / 5
    limit = KernelLimit(np.stack([np.cos(angles), np.sin(angles)], axis=1), [1.0, 0.0, -1.0, 2.0, 0.5], relu_kernel)
    z = [[math.cos(0.7), math.sin(0.7)]]
    return [float(limit.predict(float(at), z)[0]) for at, _ in keys]


def _approach(keys: Sequence[Key]) -> list[float]:
    """The distance to the kernel limit at t = 1 of a tanh(w_1 x + w_2); keys are (alpha, layer and law of a)."""
    w = GaussianInit([0.7, 0.5], 1.0).gauss_hermite(16)
    x = np.column_stack([np.linspace(-1.0, 1.0, 5), np.ones(5)])
    root = math.sqrt(2.0)
    starts = {"skewed": ((2.0, -1.0), (1.0 / 3.0, 2.0 / 3.0)), "symmetric": ((root, -root), (0.5, 0.5))}
    values = []
    for at, name in keys:
        layer, start = name.split()
        amplitudes, shares = starts[start]
        points = np.vstack([np.column_stack([np.full(w.m, a), w.points]) for a in amplitudes])
        neurons = Ensemble(points, np.concatenate([share * w.weights for share in shares]))
        limit = KernelLimit(x, np.sin(2.0 * x[:, 0]) + 0.5, NodeKernel(neurons, "tanh", layer))
        values += _run(limit.flow(float(at)), [("1", "kernel_gap")])
    return values


def _threshold(keys: Sequence[Key]) -> list[float]:
    """Keys are dimensions."""
    return [IsotropicGaussians(d=_dimension(at), delta=0.5).threshold() for at, _ in keys]


def _single_atom(delta: float, keys: Sequence[Key]) -> list[float]:
    """Keys are dimensions."""
    return [float(getattr(IsotropicGaussians(d=_dimension(at), delta=delta).best_single_atom(), name)) for at, name in keys]


def _radial(d: float, delta: float, keys: Sequence[Key], **options: Any) -> list[float]:
    return _run(IsotropicGaussians(d=d, delta=delta, **options).limit(), keys)


def _dimension(at: str) -> float:
    return math.inf if at == "inf" else int(at)


def _drift_linear(keys: Sequence[Key]) -> list[float]:
    system = _network("identity", GaussianInit([0.0, 0.0], 1.0), law=Gaussian(2, [1.0, 4.0]), target=Linear((1.0, -2.0)))
    return _drift(system.limit(method="nodes", nodes=3), keys)


def _drift_bilinear(keys: Sequence[Key]) -> list[float]:
    system = _network("identity", GaussianInit([0.0, 0.0, 0.0], [1.0, 1.0, 0.0]), second_layer="trained")
    return _drift(system.limit(method="nodes", nodes=6), keys)


def _drift_quadratic(keys: Sequence[Key]) -> list[float]:
    label = Polynomial(constant=-1.0, quadratic=[[1.0, 0.0], [0.0, 0.0]])
    system = _network("quadratic", GaussianInit([0.0, 0.0], [0.2, 0.0]), centred=True, target=label)
    return _drift(system.limit(method="nodes", nodes=5), keys)


COMPUTED: dict[str, Callable[[Sequence[Key]], list[float]]] = {
    "bilinear scaled": _bilinear_scaled,
    "radial relu trained": _radial_trained,
    "noisy linear": _noisy_linear,
    "noisy cosine": lambda keys: _run(CosineCircle(b=0.8, beta=10.0).limit(), keys),
    "pairs": _pairs,
    "ramp pair": partial(_pairs, scale=1.3**2),
    "mean activation": _mean_activation,
    "drift linear": _drift_linear,
    "drift bilinear": _drift_bilinear,
    "drift quadratic": _drift_quadratic,
    "drift cosine": lambda keys: _drift(CosineCircle(b=0.8).limit(method="nodes", nodes=48), keys),
    "kernel spectrum": _spectrum,
    "kernel prediction": _prediction,
    "kernel approach": _approach,
    "threshold": _threshold,
    "threshold at finite d": _threshold,
    "single atom 0.2": partial(_single_atom, 0.2),
    "single atom 0.4": partial(_single_atom, 0.4),
    "radial inf 0.8": partial(_radial, math.inf, 0.8),
    "radial 40 0.2": partial(_radial, 40, 0.2),
    "radial 40 0.5": partial(_radial, 40, 0.5),
    "radial 40 0.8": partial(_radial, 40, 0.8),
    "radial 320 0.5": partial(_radial, 320, 0.5),
    "anisotropic": lambda keys: _run(AnisotropicGaussians(delta=0.5, gamma=0.1875).limit(), keys),
    "two basins": partial(_radial, math.inf, 0.5, sigma_0=0.4, activation=_TWO_BASINS),
}


def check(case: str) -> Check:
    """The largest error of the values of one case."""
    rows = [row for row in reference_rows("two_layer_reference.csv") if row["case"] == case]
    computed = COMPUTED[case]([(row["at"], row["quantity"]) for row in rows])
    errors = [abs(value - float(row["value"])) for value, row in zip(computed, rows, strict=True)]
    return Check(f"{case}, {len(rows)} reference value{'s' * (len(rows) > 1)}", max(errors), float(rows[0]["tolerance"]))


CASES: list[Callable[[], Check]] = [partial(check, case) for case in COMPUTED]
