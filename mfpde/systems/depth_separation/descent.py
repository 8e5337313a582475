"""Training in steps: what gradient descent and SGD share, and gradient descent itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, StepFlow
from mfpde.systems.depth_separation.particles import ParticleFlow


class Descent(StepFlow):
    """Steps of length dt along (an estimate of) the velocity of `flow`; t = k dt, observed like the flow."""

    clock = "time"

    def __init__(self, flow: ParticleFlow, dt: float) -> None:
        self.flow, self.dt = flow, dt
        self.packing, self.state0, self.config = flow.packing, flow.state0, flow.config

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the flow, on the population."""
        return self.flow.observe(t, self._neurons(y))

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons of both layers: w1 (m1, d), and the pairs (w2, b2) (m2, 2)."""
        return self.flow.particles(self._neurons(y))

    def features(self, y: Array, x: npt.ArrayLike) -> Array:
        """F at the inputs x (n, d), shape (n,)."""
        return self.flow.features(self._neurons(y), x)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return self.flow.predict(self._neurons(y), x)

    def with_particles(self, layers: Mapping[str, Array]) -> Array:
        """The state at the start with these neurons."""
        return np.concatenate([self.flow.with_particles(layers), self.state0[self.flow.packing.size :]])

    def mirrored(self) -> Self:
        """The same training from the mirror images of the initial neurons."""
        image = copy.copy(self)
        image.flow = self.flow.mirrored()
        image.state0 = np.concatenate([image.flow.state0, self.state0[self.flow.packing.size :]])
        image.config = image.flow.config
        return image

    def _neurons(self, y: Array) -> Array:
        return y[: self.flow.packing.size]


class GradientDescent(Descent):
    """Explicit Euler steps of the population gradient flow."""

    def step(self, k: int, y: Array) -> Array:
        """y + dt velocity; at p = 1 a first-layer particle that would pass the origin stops there."""
        after: Array = y + np.asarray(self.dt, y.dtype) * self.flow.velocity(k * self.dt, y)
        if self.flow.system.homogeneity == 1:
            w1 = self.unpack(after)["w1"]
            w1[np.einsum("ij,ij->i", w1, self.unpack(y)["w1"]) < 0.0] = 0.0
        return after
