"""The network in d dimensions: neurons, their observables, and their population gradient flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Flow, VelocityFlow
from mfpde.systems.symmetric.low_dimensional.neurons import neuron_packing, observe_neurons
from mfpde.systems.symmetric.low_dimensional.population import Population

if TYPE_CHECKING:
    from mfpde.systems.symmetric.low_dimensional.system import LowDimensionalTarget

_ROWS = 1024


class NeuronFlow(Flow):
    """What the dynamics share: neurons `a` (m,) and `b` (m, d), observed on the population."""

    clock = "time"

    def __init__(self, system: LowDimensionalTarget, a: Array, b: Array, config: Mapping[str, Any]) -> None:
        self.system, self.config, self.population = system, config, Population(system)
        self.packing = neuron_packing(*b.shape)
        self.state0 = self.pack(a=a, b=b)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the limit; the loss is the population's."""
        state = self.unpack(y)
        return observe_neurons(state["a"], state["b"], self.system.d_h, self.population.loss(state["a"], state["b"]))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        state, rows = self.unpack(y), np.asarray(x, np.float64)
        values = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            values[part] = np.maximum(rows[part] @ state["b"].T, 0.0) @ state["a"]
        return values / state["a"].size

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons (a, b), (m, 1 + d)."""
        state = self.unpack(y)
        return {"neurons": np.column_stack([state["a"], state["b"]])}


class PopulationFlow(NeuronFlow, VelocityFlow):
    """The gradient flow of the population loss, times m: what the limit is the limit of. |a_j| = |b_j| is kept."""

    def velocity(self, t: float, y: Array) -> Array:
        """a' = E[R relu(b.x)], b' = a E[R 1{b.x > 0} x]."""
        state = self.unpack(y)
        a, b = self.population.velocity(state["a"], state["b"])
        return self.pack(a=a, b=b)
