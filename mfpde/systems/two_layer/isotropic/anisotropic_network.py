"""What a finite network on anisotropic classes needs: potential, samples and initial neurons, with a bias for relu."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfpde.flow import Array
from mfpde.measures import GaussianInit
from mfpde.streams import stream
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.dynamics.samples import ActivationSamples, sigma_of
from mfpde.systems.two_layer.potentials.closed_forms import potential_for
from mfpde.systems.two_layer.potentials.quadrature import QuadraturePotential
from mfpde.targets import ClassLabels

if TYPE_CHECKING:
    from mfpde.systems.two_layer.isotropic.anisotropic import AnisotropicGaussians

_LABELS = ClassLabels((1.0, -1.0))
_POPULATION = 8192


@dataclass(frozen=True)
class BlockField(NeuronField):
    """A mean field that also reports |w| and its part on the first `block` of `d` coordinates; further columns are biases."""

    block: int = 0
    d: int = 0

    def observe(self, points: Array, weights: Array, start: Array) -> dict[str, float]:
        """The observables of neurons (a, w) or (a, w, b)."""
        w = points[:, 1 : 1 + self.d]
        r = np.linalg.norm(w, axis=1)
        mean = float(weights @ r)
        values = super().observe(points, weights, start)
        values |= {"radius_mean": mean, "radius_std": math.sqrt(float(weights @ (r - mean) ** 2))}
        values |= {"r1_mean": float(weights @ np.linalg.norm(w[:, : self.block], axis=1))}
        values |= {"r2_mean": float(weights @ np.linalg.norm(w[:, self.block :], axis=1))}
        if points.shape[1] > 1 + self.d:
            values |= {"a_mean": float(weights @ points[:, 0]), "b_mean": float(weights @ points[:, -1])}
        return values


class BiasedSamples(ActivationSamples):
    """Samples (x, 1), so that the last column of a neuron is a bias."""

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """`n` samples (n, d + 1) and labels (n,)."""
        x, y = super().draw(n, rng)
        return np.column_stack([x, np.ones(n)]), y


def make_field(system: AnisotropicGaussians) -> BlockField:
    """The field of a system of finite dimension."""
    d = int(system.d)
    block = round(system.gamma * d)
    if not system.trained:
        potential = potential_for(system.law, _LABELS, system.sigma)
        return BlockField(potential, ActivationSamples(system.law, _LABELS, sigma_of(system.sigma), False), system.rate, block=block, d=d)
    samples = BiasedSamples(system.law, _LABELS, sigma_of(system.sigma), True)
    x, y = samples.draw(_POPULATION, stream(0, "population"))
    sample = QuadraturePotential(x, y, np.full(len(x), 1.0 / len(x)), system.sigma, "trained")
    return BlockField(sample, samples, system.rate, block=block, d=d)


def initial_neurons(d: int, kappa: float, trained: bool) -> Callable[[int, np.random.Generator], Array]:
    """A function that draws neurons (1, w), or (+-1, w, 0) where second layer and bias are trained."""
    start = GaussianInit(np.zeros(d), kappa**2 / d)

    def draw(m: int, rng: np.random.Generator) -> Array:
        if not trained:
            return np.column_stack([np.ones(m), start.sample(m, rng)])
        seed = int(rng.integers(2**63))
        signs = np.where(stream(seed, "second layer").random(m) < 0.5, 1.0, -1.0)
        return np.column_stack([signs, start.sample(m, stream(seed, "first layer")), np.zeros(m)])

    return draw
