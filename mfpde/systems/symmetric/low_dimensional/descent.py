"""Training in steps on samples of the inputs: one fixed sample, or fresh batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.flow import Array, StepFlow
from mfpde.streams import step_stream, stream
from mfpde.systems.symmetric.low_dimensional.flows import NeuronFlow

if TYPE_CHECKING:
    from mfpde.systems.symmetric.low_dimensional.system import LowDimensionalTarget


class Descent(NeuronFlow, StepFlow):
    """Steps of length lr along the gradient on samples, times m; t = k lr."""

    def __init__(self, system: LowDimensionalTarget, a: Array, b: Array, config: Mapping[str, Any]) -> None:
        super().__init__(system, a, b, config)
        self.dt, self.seed = config["arguments"]["lr"], config["arguments"]["rng"]

    @abstractmethod
    def inputs(self, k: int) -> Array:
        """The inputs x (n, d) of step k."""

    def step(self, k: int, y: Array) -> Array:
        """a + lr mean(R relu(b.x)), b + lr a mean(R 1{b.x > 0} x), both means over the inputs of step k."""
        state, x = self.unpack(y), self.inputs(k)
        a, b = state["a"], state["b"]
        z = x @ b.T
        active = z > 0.0
        z *= active
        error = (self.system.radial(x) - z @ a / a.size) * (self.dt / len(x))
        after = y.copy()
        moved = self.unpack(after)
        moved["a"] += error @ z
        np.multiply(active, error[:, None], out=z)
        moved["b"] += a[:, None] * (z.T @ x)
        return after


class GradientDescent(Descent):
    """Descent on one sample of the inputs, drawn before the first step."""

    def __init__(self, system: LowDimensionalTarget, a: Array, b: Array, config: Mapping[str, Any]) -> None:
        super().__init__(system, a, b, config)
        self._x = system.law.sample(config["arguments"]["samples"], stream(self.seed, "samples"))

    def inputs(self, k: int) -> Array:
        """The same inputs x (samples, d) at every step."""
        return self._x


class StochasticDescent(Descent):
    """Descent on fresh batches; step k draws from a counter-based stream of (seed, k)."""

    def inputs(self, k: int) -> Array:
        """The batch x (batch, d) of step k."""
        return self.system.law.sample(self.config["arguments"]["batch"], step_stream(self.seed, "batch", k, 0))
