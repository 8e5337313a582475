"""Online SGD of the finite network: fresh samples every step, any of which can be drawn again alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.two_layer_sgd import sgd_steps
from mfpde.streams import step_stream
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.dynamics.flows import Descent
from mfpde.systems.two_layer.dynamics.noise import BrownianPaths
from mfpde.systems.two_layer.dynamics.samples import ActivationSamples

_BLOCK = 256


class StochasticDescent(Descent):
    """theta <- theta + 2 s_k [mean over the batch of (y - f) grad sigma*(x; theta) - lam theta] + noise.

    The samples of a block of steps come from one stream of (seed, block): the same for every width, and for gd's and the
    particles' noise. Without noise and with one sample a step, whole blocks run compiled (kernels/two_layer_sgd.py).
    """

    chunk = _BLOCK

    def __init__(
        self,
        field: NeuronField,
        neurons: Array,
        config: Mapping[str, Any],
        eps: float,
        paths: BrownianPaths,
        dtype: str,
        batch: int,
    ) -> None:
        super().__init__(field, neurons, config, eps, paths, dtype)
        self.batch = batch
        self.block = max(1, _BLOCK // batch)
        if batch > 1:
            self.chunk = 1
        self._drawn: tuple[int, Array, Array] = (-1, np.empty(0), np.empty(0))

    def sample(self, k: int, n: int) -> tuple[Array, Array]:
        """The samples x (n batch, d) and labels (n batch,) of the `n` steps from step `k` on, all of one block."""
        block, first = k // self.block, k % self.block * self.batch
        if self._drawn[0] != block:
            seed, count = self.paths.seed, self.block * self.batch
            x, y = self.field.samples.draw(count, step_stream(seed, "batch", block, 0))
            if self.field.label_noise > 0.0:
                y = y + np.sqrt(self.field.label_noise) * step_stream(seed, "label noise", block, 0).standard_normal(count)
            self._drawn = (block, x.astype(self.packing.dtype, copy=False), y)
        rows = slice(first, first + n * self.batch)
        return self._drawn[1][rows], self._drawn[2][rows]

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        return self.steps(k, 1, y)

    def steps(self, k: int, n: int, y: Array) -> Array:
        """The state after the `n` steps from step `k` on, the same bits as `n` single steps."""
        after = y.copy()
        theta = self.unpack(after)["theta"]
        samples = self.field.samples
        compiled = isinstance(samples, ActivationSamples) and samples.compiled and self.batch == 1 and not self.field.noisy
        advance = self._compiled if compiled else self._plain
        while n > 0:
            count = min(n, self.block - k % self.block)
            advance(k, count, theta)
            k, n = k + count, n - count
        return after

    def _compiled(self, k: int, n: int, theta: Array) -> None:
        field, (x, y) = self.field, self.sample(k, n)
        assert isinstance(field.samples, ActivationSamples)
        sigma, lengths = field.samples.sigma.g, field.clock.step_sizes(self.dt, k, n)
        a, w = np.ascontiguousarray(theta[:, 0]), np.ascontiguousarray(theta[:, 1:])
        labels = y.astype(np.float64, copy=False)
        sgd_steps(sigma.code, sigma.compiled_parameters, field.samples.trained, field.scale, field.ridge, lengths, x, labels, a, w)
        theta[:, 0], theta[:, 1:] = a, w

    def _plain(self, k: int, n: int, theta: Array) -> None:
        field = self.field
        for i in range(k, k + n):
            x, y = self.sample(i, 1)
            force = field.samples.force(theta, x, y, field.scale)
            force /= field.scale
            field.pull(theta, force)
            force *= field.clock.step_sizes(self.dt, i, 1)[0]
            theta += force
            self.add_noise(i, theta)
