"""The flows of a chain: particles of every layer in gradient flow, or in steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, StepFlow, VelocityFlow
from mfpde.measures import Ensemble
from mfpde.systems.chain import gradient
from mfpde.systems.chain.gradient import Source
from mfpde.systems.chain.samples import Samples, batch_source

if TYPE_CHECKING:
    from mfpde.systems.chain.system import Chain


class ChainFlow(VelocityFlow):
    """Gradient flow of the loss on frozen samples; state ``layer1`` (m_1, p_1), ..., columns (v, A, b).

    Observables: `loss`; `loss_stderr`, its standard error over the samples (0 where they are the whole law); and
    `layer<l>_rms`, (E |theta|^2)^{1/2} over the particles of layer l.
    """

    clock = "time"

    def __init__(
        self, chain: Chain, ensembles: Sequence[Ensemble], samples: Samples, config: Mapping[str, Any], dtype: str = "float64"
    ) -> None:
        self.chain, self.samples, self.config = chain, samples, config
        if any(layer.sigma.kinked for layer in chain.layers):
            self.default_method = "RK45"  # the velocity jumps wherever a sample crosses a neuron's kink
        fields = tuple(Field(f"layer{i}", e.points.shape, (f"neuron_{i}", f"parameter_{i}")) for i, e in enumerate(ensembles, 1))
        self.packing = Packing(fields, dtype)
        self.weights = [e.weights.astype(dtype) for e in ensembles]
        self.state0 = self.pack(**{f.name: e.points for f, e in zip(fields, ensembles, strict=True)})

    def velocity(self, t: float, y: Array) -> Array:
        """Minus the gradient of the loss, in mean-field scale and times the rates."""
        return self.velocity_on(y, len(self.samples.x), self.samples.rows)

    def velocity_on(self, y: Array, n: int, source: Source) -> Array:
        """The velocity for the `n` samples of `source` in place of the frozen ones."""
        moved = gradient.velocities(self.chain.layers, self._neurons(y), n, source)
        return self.pack(**{f.name: v for f, v in zip(self.packing.fields, moved, strict=True)})

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f(x) at the state `y` for inputs x (n, d): shape (n,), or (n, k_L) where k_L > 1.

        Raises
        ------
        ValueError
            If `x` has not the shape (n, d).
        """
        rows = np.asarray(x, self.packing.dtype)
        if rows.ndim != 2 or rows.shape[1] != self.chain.law.d:
            raise ValueError(f"x has shape {rows.shape}: give inputs of shape (n, {self.chain.law.d})")
        f = gradient.outputs(self._neurons(y), rows)
        return f[:, 0] if f.shape[1] == 1 else f

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The loss, its standard error and the size of every layer's parameters."""
        f = gradient.outputs(self._neurons(y), self.samples.x)
        losses = 0.5 * np.sum((f - self.samples.y).astype(np.float64) ** 2, axis=1)
        # np.sum, not a dot product: a multi-threaded BLAS may order the sum by its threads.
        values = {"loss": float(np.sum(losses * self.samples.weights)), "loss_stderr": 0.0}
        if self.samples.random and len(losses) > 1:
            values["loss_stderr"] = float(np.std(losses, ddof=1) / np.sqrt(len(losses)))
        for (name, theta), q in zip(self.unpack(y).items(), self.weights, strict=True):
            values[f"{name}_rms"] = float(np.sqrt(np.sum(q[:, None] * theta.astype(np.float64) ** 2)))
        return values

    def _neurons(self, y: Array) -> list[gradient.Neurons]:
        thetas = self.unpack(np.asarray(y, self.packing.dtype)).values()
        return [gradient.arrange(*each) for each in zip(self.chain.layers, thetas, self.weights, strict=True)]


class ChainDescent(StepFlow):
    """Steps y + dt velocity(y) on the frozen samples (`batch` None) or on fresh batches; t = k dt.

    Step k of fresh batches draws from streams of (seed, k) alone: any step can be replayed, and a run resumed.
    """

    clock = "time"

    def __init__(self, flow: ChainFlow, dt: float, batch: int | None, seed: int) -> None:
        self.flow, self.dt, self.batch, self.seed = flow, dt, batch, seed
        self.state0, self.packing, self.config = flow.state0, flow.packing, flow.config

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        if self.batch is None:
            velocity = self.flow.velocity(k * self.dt, y)
        else:
            source = batch_source(self.flow.chain, self.batch, self.seed, k, self.packing.dtype)
            velocity = self.flow.velocity_on(y, self.batch, source)
        return y + np.asarray(self.dt, y.dtype) * velocity

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables on the frozen samples."""
        return self.flow.observe(t, y)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f(x) at the state `y`, as :meth:`ChainFlow.predict`."""
        return self.flow.predict(y, x)
