"""The noisy limit on a grid, for neurons of one or two parameters that move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde import density
from mfpde.flow import Array
from mfpde.measures import Ensemble, GaussianInit, InitialLaw
from mfpde.systems.two_layer.dynamics.field import NeuronField, observables
from mfpde.systems.two_layer.dynamics.line import LineLaw, cells_law
from mfpde.systems.two_layer.dynamics.samples import ActivationSamples


class DensityLimit(density.GridFlow):
    """The law of the neurons as a density on a grid of w, or of (a, w), moved by :class:`mfpde.density.DensityFlow`.

    Its error is O(h^2) + O(eps), h the width of a cell: :func:`mfpde.density.extrapolate` removes both orders together and estimates what
    is left, :func:`mfpde.refinement` reports the change under refinement.

    `movement` is NaN: a density does not know the paths of its neurons. State `rho`, in steps of length `eps` of the public clock.
    """

    def __init__(
        self,
        field: NeuronField,
        data: tuple[Array, Array, Array],
        initial: InitialLaw | Ensemble,
        *,
        cells: int,
        reach: float,
        eps: float,
        config: Mapping[str, Any],
        refine: Callable[[], DensityLimit],
    ) -> None:
        if not isinstance(initial, GaussianInit):
            raise ValueError(f"initial = {type(initial).__name__}: method='density' needs a density; give mf.measures.GaussianInit")
        if initial.dim > 2:
            raise ValueError(f"neurons have {initial.dim} parameters: a grid has 1 or 2; use method='moments' where it is exact")
        if callable(field.clock.xi):
            raise ValueError("clock is a function: method='density' needs a constant one; use clock=0.5 and read t off s = 2 int_0^t xi")
        self.field, self.config, self.dt, self.clock = field, config, eps, field.clock.name
        self._refine, self._fixed = refine, field.potential.second_layer == "fixed"
        centre, cov = np.array(initial.mean), np.array(initial.cov)
        spread = cov if cov.ndim == 2 else np.diag(np.broadcast_to(cov, centre.shape))
        if np.linalg.eigvalsh(spread)[0] <= 0.0:
            raise ValueError("initial has an axis of variance 0, and so no density: give it a positive variance, or use method='moments'")
        x, y, q = data
        samples = field.samples
        assert isinstance(samples, ActivationSamples)

        def features(w: Array) -> Array:
            return np.sqrt(q)[:, None] * samples.evaluate(self._theta(w), x).T

        def external(w: Array) -> Array:
            return -samples.evaluate(self._theta(w), x) @ (q * y)

        def log_density(w: Array) -> Array:
            values: Array = -0.5 * np.einsum("nk,kn->n", w - centre, np.linalg.solve(spread, (w - centre).T))
            return values

        constant = float(np.sum(q * y**2))
        self.inner = density.DensityFlow(
            field=density.MeanField(external=external, features=features, constant=constant),
            grid=density.Grid(*(density.Interval(-reach, reach, cells) for _ in centre)),
            log_density=log_density,
            dt=eps * field.clock.rate(0.0),
            beta=field.beta,
            ridge=field.ridge,
            config=config,
        )
        self.packing, self.state0, self.grid = self.inner.packing, self.inner.state0, self.inner.grid
        self._points = self._theta(self.grid.points)

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        return self.inner.step(k, y)

    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock, without noise, of neurons theta (m, p) in the limit's field."""
        return self.field.force(theta, self._points, self._mass(y))

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the density."""
        values = self.inner.observe(t, y)
        risk = values["risk"] + self.field.label_noise
        energy = values["free_energy"] + 0.5 * self.field.label_noise
        return observables(risk, self.field.second_moment(self._points, self._mass(y)), math.nan, energy)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return self.field.predict(self._points, self._mass(y), x)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The potential Psi at places theta (m, p) in the field of the density, shape (m,)."""
        return self.field.psi(np.asarray(theta, np.float64), self._points, self._mass(y))

    def line(self, y: Array) -> LineLaw:
        """The law of one moving parameter, spread evenly over the cells; ValueError for two."""
        axes = self.grid.axes
        if len(axes) != 1:
            raise ValueError(f"neurons have {len(axes)} parameters that move: the law on a line is that of one")
        edges = np.append(axes[0].centres - 0.5 * axes[0].width, axes[0].centres[-1] + 0.5 * axes[0].width)
        return cells_law(edges, self._mass(y))

    def refined(self) -> DensityLimit:
        """Twice the cells along each axis and a quarter of the step, which divides both errors by 4; the data stay as they are."""
        return self._refine()

    def _mass(self, y: Array) -> Array:
        mass: Array = y * self.grid.volume
        return mass

    def _theta(self, w: Array) -> Array:
        return np.concatenate([np.ones((len(w), 1)), w], axis=1) if self._fixed else w
