"""Neurons of a finite network: what moves them, in continuous time or in steps, and what they report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, StepFlow, VelocityFlow
from mfpde.streams import step_stream
from mfpde.systems.symmetric.odd.gradients import Points, Source
from mfpde.systems.symmetric.odd.observables import observables
from mfpde.systems.symmetric.odd.representation import mirrored
from mfpde.systems.symmetric.odd.subspace import whole

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget

Draw = Callable[[int, np.random.Generator], tuple[Array, Array]]


class Network:
    """Neurons a (m,), b (m, d) and what they report; `test` is where the even part of the predictor is measured."""

    def __init__(self, system: OddTarget, neurons: Array, kappa: float, test: Source, config: Mapping[str, Any]) -> None:
        self.system, self.kappa, self.test, self.config = system, kappa, test, config
        self.space = whole(system)
        m, d = len(neurons), system.d
        self.packing = Packing((Field("a", (m,), ("neuron",)), Field("b", (m, d), ("neuron", "input"))))
        self.state0 = self.packing.pack(a=neurons[:, 0], b=neurons[:, 1:])

    def neurons(self, y: Array) -> tuple[Array, Array]:
        """(a, b) of the state."""
        state = self.packing.unpack(y)
        return state["a"], state["b"]

    def moved(self, source: Source, y: Array) -> Array:
        """The force of `source`, packed."""
        out = np.empty(self.packing.size)
        target = self.packing.unpack(out)
        target["a"][:], target["b"][:] = source.force(*self.neurons(y))
        return out

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Every observable of the system, of the population."""
        a, b = self.neurons(y)
        rotated = b @ self.space.basis
        gap = self.space.cross / self.space.variances - 0.5 * (a @ rotated) / len(a)
        second, first = float(a @ a) / len(a), rotated.T @ rotated / len(a)
        return observables(self.system, self.space, gap, second, first, self.test.even_square(a, b))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        a, b = self.neurons(y)
        z = np.asarray(x, np.float64) @ b.T
        values: Array = (np.maximum(z, 0.0) if self.kappa else 0.5 * z) @ a / len(a)
        return values

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons (m, d + 1), columns (a, b)."""
        return {"neurons": np.column_stack(self.neurons(y))}


class NeuronFlow(VelocityFlow):
    """The gradient flow of a network, clock "time"."""

    clock = "time"

    def __init__(self, network: Network, source: Source) -> None:
        self.network, self.source, self.system = network, source, network.system
        self.packing, self.state0, self.config = network.packing, network.state0, network.config
        self.predict, self.particles = network.predict, network.particles

    def velocity(self, t: float, y: Array) -> Array:
        """The force on every neuron."""
        return self.network.moved(self.source, y)

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Every observable of the system."""
        return self.network.observe(t, y)


class NeuronDescent(StepFlow):
    """Descent with step `lr`, clock "steps"; step k follows the force of ``source(k)``."""

    clock, dt = "steps", 1.0

    def __init__(self, network: Network, source: Callable[[int], Source], lr: float) -> None:
        self.network, self.source, self.lr, self.system = network, source, lr, network.system
        self.packing, self.state0, self.config = network.packing, network.state0, network.config
        self.predict, self.particles = network.predict, network.particles

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        after = self.network.moved(self.source(k), y)
        after *= self.lr
        after += y
        return after

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Every observable of the system."""
        return self.network.observe(t, y)


class Batches:
    """The samples of each step, from a stream of (seed, k): the same for every width."""

    def __init__(self, rows: Draw, batch: int, paired: bool, seed: int, kappa: float) -> None:
        self._rows, self._count, self._paired = rows, batch // 2 if paired else batch, paired
        self._seed, self._kappa, self._weights = seed, kappa, np.full(batch, 1.0 / batch)

    def __call__(self, k: int) -> Points:
        """The samples of step `k`."""
        x, y = self._rows(self._count, step_stream(self._seed, "batch", k, 0))
        if self._paired:
            x, y = mirrored(x, y)
        return Points(x, y, self._weights, self._kappa)
