"""The risk and the potential as functions of radii: what training minimises, without time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.two_layer.isotropic.mean_activation import MeanActivation, chi_rule

CHI_NODES = 64


@dataclass(frozen=True)
class Landscape:
    """Radii r (n,), weights p (n,), and the prediction f_k at the nodes k of |x| in both classes.

    f_k = sum_j p_j q_d(r_j stretch_k), stretch = tau chi, tau = 1 + delta for the first half of the nodes (label 1) and
    1 - delta for the second (label -1); R = sum_k P_k (y_k - f_k)^2, psi(r) = sum_k P_k (f_k - y_k) q_d(r stretch_k).
    Derived in docs/isotropic_gaussians. A radius may be infinite.
    """

    mean: MeanActivation
    delta: float
    chi_nodes: int = CHI_NODES

    @cached_property
    def stretch(self) -> Array:
        """tau chi, shape (2K,)."""
        chi, _ = chi_rule(self.mean.d, self.chi_nodes)
        return np.concatenate([(1.0 + self.delta) * chi, (1.0 - self.delta) * chi])

    @cached_property
    def probabilities(self) -> Array:
        """P_k, shape (2K,)."""
        _, weights = chi_rule(self.mean.d, self.chi_nodes)
        return np.concatenate([0.5 * weights, 0.5 * weights])

    @cached_property
    def labels(self) -> Array:
        """y_k, shape (2K,)."""
        return np.repeat([1.0, -1.0], len(self.stretch) // 2)

    @cached_property
    def chi_error(self) -> float:
        """The error of the rule for |x|, by E_chi q_d(t chi) = q(t) with q of d = infinity, at scales t over the knots' own."""
        chi, weights = chi_rule(self.mean.d, self.chi_nodes)
        scales = self.radius_grid(64)[1:-1]
        exact = MeanActivation(math.inf, self.mean.activation).value(scales)
        return float(np.max(np.abs(self.mean.value(scales[:, None] * chi) @ weights - exact)))

    def responses(self, radii: npt.ArrayLike) -> Array:
        """q_d(r stretch_k), shape (n, 2K)."""
        return self.mean.value(np.asarray(radii, float)[..., None] * self.stretch)

    def slopes(self, radii: npt.ArrayLike) -> Array:
        """The derivative of :meth:`responses` in r, shape (n, 2K)."""
        return self.mean.slope(np.asarray(radii, float)[..., None] * self.stretch) * self.stretch

    def risk(self, fields: Array) -> float:
        """R of the predictions `fields` (2K,)."""
        return float(self.probabilities @ (self.labels - fields) ** 2)

    def potential(self, radii: npt.ArrayLike, fields: Array) -> Array:
        """psi at `radii` (n,) under the predictions `fields` (2K,), shape (n,)."""
        values: Array = self.responses(radii) @ (self.probabilities * (fields - self.labels))
        return values

    def potential_slope(self, radii: npt.ArrayLike, fields: Array) -> Array:
        """psi' at `radii` (n,), shape (n,)."""
        values: Array = self.slopes(radii) @ (self.probabilities * (fields - self.labels))
        return values

    def radius_grid(self, n: int) -> Array:
        """`n` + 1 radii from 0 to infinity, dense where q_d bends."""
        v = np.arange(n) / n
        centre = float(np.max(np.abs(self.mean.knots)))
        return np.append(centre * v / (1.0 - v), np.inf)

    def lowest(self, fields: Array) -> tuple[Array, Array]:
        """The local minima of psi over [0, infinity]: radii, the ends among them, and values, lowest first."""
        from scipy.optimize import brentq

        grid = self.radius_grid(_GRID)
        slope = self.potential_slope(grid[:-1], fields)
        crossings = np.flatnonzero((slope[:-1] < 0.0) & (slope[1:] >= 0.0))
        found = [brentq(lambda r: float(self.potential_slope(r, fields)), grid[i], grid[i + 1], xtol=1e-15, rtol=1e-14) for i in crossings]
        radii = np.array([0.0, *found, np.inf])
        values = self.potential(radii, fields)
        order = np.argsort(values)
        return radii[order], values[order]


_GRID = 800
