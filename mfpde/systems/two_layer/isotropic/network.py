"""What a finite network of the isotropic Gaussians needs: the closed-form field, the samples and the initial neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfpde.flow import Array
from mfpde.measures import GaussianInit
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.dynamics.samples import ActivationSamples, sigma_of
from mfpde.systems.two_layer.potentials.closed_forms import potential_for
from mfpde.targets import ClassLabels

if TYPE_CHECKING:
    from mfpde.systems.two_layer.isotropic.system import IsotropicGaussians

_LABELS = ClassLabels((1.0, -1.0))


@dataclass(frozen=True)
class RadialField(NeuronField):
    """The closed forms of piecewise-linear networks, with the radius among the observables."""

    def coordinate(self, theta: Array) -> Array:
        """The radius |w| (m,) of neurons theta (m, 1 + d)."""
        radii: Array = np.linalg.norm(theta[:, 1:], axis=1)
        return radii

    def observe(self, points: Array, weights: Array, start: Array) -> dict[str, float]:
        """The observables of neurons, and the mean and standard deviation of |w|."""
        r = self.coordinate(points)
        mean = float(weights @ r)
        spread = math.sqrt(float(weights @ (r - mean) ** 2))
        return super().observe(points, weights, start) | {"radius_mean": mean, "radius_std": spread}


def make_field(system: IsotropicGaussians) -> RadialField:
    """The field of a system of finite dimension."""
    potential = potential_for(system.law, _LABELS, system.activation)
    return RadialField(potential, ActivationSamples(system.law, _LABELS, sigma_of(system.activation), False), system.rate)


def initial_neurons(d: int, kappa: float) -> Callable[[int, np.random.Generator], Array]:
    """A function that draws neurons (1, w), w ~ N(0, (kappa^2 / d) I_d): (m, 1 + d)."""
    start = GaussianInit(np.zeros(d), kappa**2 / d)

    def draw(m: int, rng: np.random.Generator) -> Array:
        return np.column_stack([np.ones(m), start.sample(m, rng)])

    return draw
