"""Online SGD of the finite network: fresh samples every step, generated and used on the same threads."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from mfpde.flow import Array, Field, Packing
from mfpde.kernels.first_layer import gate_projected, row_norms
from mfpde.kernels.quantile import place_on_spheres, sample_radii
from mfpde.kernels.segments import sample_errors
from mfpde.streams import step_stream
from mfpde.systems.depth_separation.descent import Descent
from mfpde.systems.depth_separation.gradient import SLOTS, Source, first_layer_gradient
from mfpde.systems.depth_separation.particles import ParticleFlow, finish_velocity, first_layer_scale

_NAMES = ("w1", "w2", "b2")


class StochasticDescent(Descent):
    """Steps of length dt on fresh batches; t = k dt. Step k draws from a counter-based stream of (seed, k).

    With a projection, the state carries `projected` (3,): the sum over steps of the share of per-sample gradients for w1,
    w2 and b2 that were cut, reported as the observables `projected_w1`, `projected_w2`, `projected_b2`, means over steps.
    """

    def __init__(self, flow: ParticleFlow, dt: float, batch: int, seed: int) -> None:
        super().__init__(flow, dt)
        self.batch, self.seed = batch, seed
        if flow.system.projection is not None:
            self.packing = Packing((*flow.packing.fields, Field("projected", (3,), ("layer",))), flow.packing.dtype)
            self.state0 = np.append(flow.state0, np.zeros(3, flow.state0.dtype))

    def step(self, k: int, y: Array) -> Array:
        """The state after a step on the batch of step k."""
        velocity = self.gradient_step(y, lambda rows, block: self.sample(k, rows, block))
        velocity *= self.dt
        velocity += y
        return velocity

    def sample(self, k: int, rows: slice, block: int) -> Array:
        """The inputs of block `block` of step k, (rows, d) in the state's dtype; in double precision the law's own sample."""
        n, d = rows.stop - rows.start, self.flow.system.d
        normals = step_stream(self.seed, "batch", k, block).standard_normal((n, d + 1), np.dtype(self.packing.dtype).type)
        radii, x = np.empty(n), np.empty((n, d), self.packing.dtype)
        sample_radii(self.flow.system.moments, ndtr(normals[:, 0].astype(float)), radii)
        place_on_spheres(normals, radii, x)
        return x

    def gradient_step(self, y: Array, inputs: Source) -> Array:
        """The velocity of the state on the given samples: ``inputs(rows, block)`` gives those of a block.

        Without projection this is minus the gradient of the batch's loss in mean-field scale.
        """
        system, state = self.flow.system, self.unpack(y)
        w1 = state["w1"]
        p = self.flow.second_layer(self._neurons(y))
        error, error_f = np.zeros((2, SLOTS, len(p.slope)))
        cuts = np.zeros((SLOTS, 3))
        radius_1, radius_w, radius_b = system.projection or (np.inf, np.inf, np.inf)
        radii = np.empty(self.batch)
        weight = 1.0 / self.batch

        def head(rows: slice, x: Array, feature: Array, slot: int) -> Array:
            row_norms(x, radii[rows])
            coefficient = np.empty(len(x))
            cut = sample_errors(p, feature, radii[rows], weight, (radius_w, radius_b), error[slot], error_f[slot], coefficient)
            cuts[slot, 1:] += cut
            return coefficient

        norms = np.empty(len(w1))
        row_norms(w1, norms)

        def project(h: Array, coefficient: Array, rows: slice, neurons: slice, slot: int) -> int:
            cut = gate_projected(h, coefficient, norms[neurons], radii[rows], system.homogeneity, weight, radius_1)
            cuts[slot, 0] += cut / len(norms)
            return cut

        out = np.zeros(self.packing.size, self.packing.dtype)
        moved = self.unpack(out)
        scale = first_layer_scale(w1, self.flow.weights_1, system.homogeneity)
        gating = None if system.projection is None else project
        first_layer_gradient(inputs, self.batch, w1, scale, head, moved["w1"], gating)
        finish_velocity(system, p, w1, error.sum(axis=0), error_f.sum(axis=0), moved)
        if system.projection is not None:
            moved["projected"][:] = cuts.sum(axis=0) / (self.batch * self.dt)
        return out

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the network, on the population, and how often the projections were active."""
        values = super().observe(t, y)
        if self.flow.system.projection is not None:
            shares = self.unpack(y)["projected"] / max(1.0, t / self.dt)
            values |= {f"projected_{name}": float(share) for name, share in zip(_NAMES, shares, strict=True)}
        return values
