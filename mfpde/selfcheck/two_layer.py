"""The exactly solved two-layer problems: the public solver at rtol 1e-12 against their closed forms, and then reference digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.laws import Gaussian
from mfpde.measures import GaussianInit, SphereInit
from mfpde.selfcheck import two_layer_numbers
from mfpde.selfcheck.check import Check
from mfpde.solve import solve
from mfpde.systems.two_layer import TwoLayer, exact
from mfpde.systems.two_layer.circle import CosineCircle
from mfpde.systems.two_layer.circle import exact as circle
from mfpde.targets import Linear, Norm, Polynomial


def _compare(what: str, flow: Any, s: float, name: str, expected: float, allowed: float = 1e-12) -> Check:
    value = solve(flow, [s], rtol=1e-12, atol=1e-14).observables[name][-1]
    return Check(f"{what}: {name} at s = {s:g}", abs(float(value) - expected), allowed)


def _linear(variances: tuple[float, float], b: tuple[float, float], **options: Any) -> TwoLayer:
    start = GaussianInit([0.0, 0.0], 1.0)
    return TwoLayer(law=Gaussian(2, variances), target=Linear(b), activation="identity", initial=start, clock=0.5, **options)


def _bilinear() -> TwoLayer:
    start, law = GaussianInit([0.0, 0.0, 0.0], [1.0, 1.0, 0.0]), Gaussian(2)
    return TwoLayer(law=law, target=Linear((1.0, 0.0)), activation="identity", second_layer="trained", initial=start, clock=0.5)


def _quadratic(d: int, target: Polynomial, cov: npt.ArrayLike, **options: Any) -> TwoLayer:
    start = GaussianInit(np.zeros(d), cov)
    return TwoLayer(law=Gaussian(d), target=target, activation="quadratic", initial=start, clock=0.5, **options)


def linear() -> Check:
    """L: exponential relaxation of the mean."""
    _, risk = exact.linear(0.5, np.diag([1.0, 4.0]), (1.0, -2.0), (0.0, 0.0))
    return _compare("linear", _linear((1.0, 4.0), (1.0, -2.0)).limit(), 0.5, "risk", risk)


def bilinear() -> Check:
    """B: both layers of a linear network."""
    return _compare("linear, both layers", _bilinear().limit(), 1.0, "risk", exact.bilinear(1.0, 1.0)[1])


def quadratic() -> Check:
    """Q1: an isotropic quadratic network."""
    flow = _quadratic(5, Polynomial(quadratic=np.eye(5)), 0.2).limit()
    return _compare("quadratic", flow, 0.1, "risk", exact.quadratic(0.1, 5, 1.0, 0.2)[1])


def centred_quadratic() -> Check:
    """Q2: a matrix Riccati equation."""
    form, start = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[0.2, 0.05], [0.05, 0.1]])
    flow = _quadratic(2, Polynomial(constant=-1.5, quadratic=form), start, centred=True).limit()
    return _compare("centred quadratic", flow, 0.2, "risk", exact.centred_quadratic(0.2, form, start)[1])


def radial_relu() -> Check:
    """R: ReLU neurons on rotation-invariant data."""
    start = SphereInit(10, 1.0)
    system = TwoLayer(law=Gaussian(10), target=Norm(1.0), activation="relu", initial=start, clock=0.5)
    return _compare("radial relu", system.limit(), 1.0, "risk", exact.radial_relu(1.0, 10, 1.0, 1.0)[1])


def noisy_quadratic() -> Check:
    """N-Q: ridge and noise, the law stays Gaussian."""
    flow = _quadratic(2, Polynomial(constant=-2.0, quadratic=np.eye(2)), 0.2, centred=True, ridge=0.2, beta=10.0).limit(method="moments")
    size = exact.noisy_quadratic(0.5, 1.0, 0.2, 10.0, 0.2)
    return _compare("noisy quadratic", flow, 0.5, "second_moment", 2.0 * size)


def cosine() -> Check:
    """C: the cosine model on the circle."""
    return _compare("cosine circle", CosineCircle(b=0.8).limit(), 2.0, "z", circle.order_parameter(2.0, 0.8))


def gibbs() -> Check:
    """C with noise: the flow ends in the Gibbs law."""
    system = CosineCircle(b=0.8, beta=10.0)
    return _compare("noisy cosine circle", system.limit(), 120.0, "z", circle.gibbs_order_parameter(0.8, 10.0))


def bilinear_nodes() -> Check:
    """B by weighted nodes instead of moments."""
    flow = _bilinear().limit(method="nodes", nodes=8)
    return _compare("linear, both layers, by nodes", flow, 1.0, "risk", exact.bilinear(1.0, 1.0)[1])


CASES: list[Callable[[], Check]] = [
    linear, bilinear, bilinear_nodes, quadratic, centred_quadratic, radial_relu, noisy_quadratic, cosine, gibbs, *two_layer_numbers.CASES,
]
