"""Which law, label and activation have a closed-form potential."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import gammaln

from mfpde.activations import Activation, get
from mfpde.laws import Empirical, Gaussian, Law, Mixture, Sphere
from mfpde.systems.two_layer.potentials.base import Array, MixturePotential, Potential
from mfpde.systems.two_layer.potentials.families import CosinePotential, ErfPotential, PiecewisePotential, ReluPotential
from mfpde.systems.two_layer.potentials.labels import Label, Teacher, closed_label
from mfpde.systems.two_layer.potentials.moments import IdentityPotential, QuadraticPotential
from mfpde.systems.two_layer.potentials.quadrature import QuadraturePotential
from mfpde.systems.two_layer.potentials.standard import Standardise, StandardLabel
from mfpde.targets import ClassLabels, Norm, Polynomial, Target

_REMEDY = "give TwoLayer quadrature=, nodes an axis of a Gaussian law, or points: QuadraturePotential(x, y, weights, activation)"
_ROOT_HALF = math.sqrt(0.5)

_PLAIN: dict[str, Any] = {
    "relu": ReluPotential,
    "erf": ErfPotential,
    "erf_sqrt2": partial(ErfPotential, slope=_ROOT_HALF),
    "normal_cdf": partial(ErfPotential, slope=_ROOT_HALF, amplitude=0.5, offset=0.5),
    "identity": IdentityPotential,
}


def potential_for(
    law: Law,
    target: Target | ClassLabels | None,
    activation: str | Activation,
    second_layer: str = "fixed",
    *,
    phase: bool = False,
    centred: bool = False,
) -> Potential:
    """The exact potential of a two-layer network.

    Parameters
    ----------
    law : Law
        Gaussian; Sphere (relu and identity only); Empirical, where every activation is exact; or a mixture of such laws.
    target : Target, ClassLabels or None
        Linear, Polynomial, a Teacher of the same activation, or |x| for relu under a
        rotation-invariant law; any target under an Empirical law, None there for its own labels; ClassLabels for a mixture.
    activation : str or Activation
        relu, erf, cosine, quadratic, identity, piecewise_linear; also "erf_sqrt2" for erf(z / sqrt(2)) and "normal_cdf" for Phi.
    second_layer : {"fixed", "trained"}
    phase : bool
        Neurons (a, w, b) with sigma(<w, x> + b): cosine only, or any activation under an Empirical law.
    centred : bool
        z^2 - E z^2 instead of z^2.

    Raises
    ------
    ValueError
        If there is no closed form; the message says why, and what to do.
    """
    if isinstance(law, Mixture):
        pairs = zip(law.components, _component_targets(law, target), strict=True)
        return MixturePotential(
            [potential_for(part, label, activation, second_layer, phase=phase, centred=centred) for part, label in pairs], law.weights
        )
    if isinstance(target, ClassLabels):
        raise ValueError(f"ClassLabels for {type(law).__name__}: they are the labels of a mixture's components; give a law mf.laws.Mixture")
    if isinstance(law, Empirical):
        return QuadraturePotential(law.x, _labels(law, target), law.weights, activation, second_layer, phase=phase, centred=centred)
    name = activation if isinstance(activation, str) else activation.name
    make = _family(name, activation, phase, centred)
    if target is None:
        raise ValueError(f"target = None under {type(law).__name__}: only the data of an Empirical law carry labels; give a target")
    label = closed_label(target, law.d)
    if label is None:
        raise ValueError(f"{target.config()['target']} has no closed form as a label of a two-layer network: {_REMEDY}")
    if isinstance(label, Teacher) and (label.activation.config() != get(activation).config() or label.phase != phase or centred):
        theirs = label.activation.name
        raise ValueError(f"a teacher of {theirs} and a network of {name}, or with other options, have no closed form: {_REMEDY}")
    if isinstance(label, Norm) and name != "relu":
        raise ValueError(f"the label |x| has a closed form for relu only, not for {name}: {_REMEDY}")
    standardise, standard = _standard(law, label, name)
    if isinstance(label, Teacher):
        _check_teacher(label, 1 + law.d + phase)
        standard = replace(standard, teacher=label.ensemble.points, teacher_weights=label.ensemble.weights)
    potential: Potential = make(standardise, standard, second_layer)
    return potential


def _family(name: str, activation: str | Activation, phase: bool, centred: bool) -> Any:
    if phase and name != "cosine":
        raise ValueError(f"phase = True for {name}: a phase has a closed form for cosine only; {_REMEDY}")
    if centred and name != "quadratic":
        raise ValueError(f"centred = True for {name}: it exists for the quadratic activation")
    if name in _PLAIN:
        return _PLAIN[name]
    sigma = get(activation)
    if name == "cosine":
        return partial(CosinePotential, phase=phase)
    if name == "quadratic":
        return partial(QuadraticPotential, centred=centred)
    if name == "piecewise_linear":
        n = len(sigma.parameters) // 2
        return partial(PiecewisePotential, knots=sigma.parameters[:n], values=sigma.parameters[n:])
    raise ValueError(f"activation {name} has no closed-form pair E sigma sigma under a Gaussian input: {_REMEDY}")


def _standard(law: Law, label: Label, name: str) -> tuple[Standardise, StandardLabel]:
    """The standardised coordinates and the label in them."""
    d = law.d
    constant, linear, quadratic = label.terms(d) if isinstance(label, Polynomial) else (0.0, np.zeros(d), np.zeros((d, d)))
    if isinstance(law, Gaussian):
        standardise = Standardise(d, law.cov)
        if isinstance(label, Norm) and not law.isotropic:
            raise ValueError(f"the label |x| under a Gaussian that is not isotropic has no closed form: {_REMEDY}")
        standard = standardise.label(constant, linear, quadratic)
        return standardise, standard if not isinstance(label, Norm) else _norm_label(standard, label.b, d, law.scale)
    if isinstance(law, Sphere) and name in ("relu", "identity"):
        scale = law.radius**2 / d
        standardise = Standardise(d, scale)
        # A function of degree k on the sphere has the mean of the Gaussian with the same E |x|^2 times d^(k/2) / E chi^k. The activation
        # has degree 1: products with the parts of degree 0 and 2 need a factor, those with the linear part and with itself do not.
        zeroth, second = math.sqrt(d) / _chi_moment(d, 1), d**1.5 / _chi_moment(d, 3)
        standard = standardise.label(zeroth * constant, linear, second * quadratic)
        trace = float(np.trace(quadratic))
        fourth = law.radius**4 * (trace**2 + 2.0 * float(np.sum(quadratic**2))) / (d * (d + 2))
        square = constant**2 + 2.0 * constant * trace * scale + float(linear @ linear) * scale + fourth
        standard = replace(standard, square=square)
        return standardise, standard if not isinstance(label, Norm) else _norm_label(standard, label.b, d, scale)
    allowed = "relu and identity on a sphere, " if isinstance(law, Sphere) else ""
    raise ValueError(f"{type(law).__name__} with {name} has no closed form: {allowed}any listed activation under a Gaussian; or {_REMEDY}")


def _norm_label(standard: StandardLabel, b: float, d: int, scale: float) -> StandardLabel:
    """b |x| acts on relu, whose mean is also proportional to |w|, as a constant: E |x| relu = scale d kappa |w|.

    kappa = Gamma(d/2) / (2 sqrt(pi) Gamma((d + 1) / 2)) is the mean of relu of one coordinate on the sphere, scale the variance of x_1.
    """
    kappa = math.exp(gammaln(0.5 * d) - gammaln(0.5 * (d + 1))) / (2.0 * math.sqrt(math.pi))
    return replace(standard, constant=b * math.sqrt(2.0 * math.pi * scale) * d * kappa, square=b * b * d * scale)


def _chi_moment(d: int, k: int) -> float:
    """E chi^k for a chi variable of d degrees of freedom."""
    return float(2.0 ** (0.5 * k) * np.exp(gammaln(0.5 * (d + k)) - gammaln(0.5 * d)))


def _component_targets(law: Mixture, target: Target | ClassLabels | None) -> list[Target | None]:
    if isinstance(target, ClassLabels):
        if len(target.values) != len(law.components):
            raise ValueError(f"ClassLabels has {len(target.values)} values for {len(law.components)} components: give one each")
        return [Polynomial(value) for value in target.values]
    return [target] * len(law.components)


def _labels(law: Empirical, target: Target | None) -> Array:
    if target is not None:
        return target(law.x)
    if law.y is None:
        raise ValueError("target = None and the Empirical law has no labels: give a target, or y to the law")
    return law.y


def _check_teacher(label: Teacher, dim: int) -> None:
    if label.ensemble.p != dim:
        raise ValueError(f"the teacher's neurons have {label.ensemble.p} columns: the network's have {dim}, a first")
