"""A law of the radius on panels of Gauss-Legendre nodes, which are bisected where the flow has bent a panel too much."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy.special import gammainc, gammainccinv, gammaincinv, gammaln

from mfpde.flow import Array

_OUTSIDE = 1e-20
_MARGIN = 0.1


@dataclass(frozen=True)
class RadialStart:
    """The initial law of r = |w|, w ~ N(0, kappa^2 / d I_d): kappa chi_d / sqrt(d)."""

    d: int
    kappa: float

    @property
    def reach(self) -> tuple[float, float]:
        """Radii between which all but 2e-20 of the mass lies."""
        half, scale = 0.5 * self.d, self.kappa * np.sqrt(2.0 / self.d)
        return float(scale * np.sqrt(gammaincinv(half, _OUTSIDE))), float(scale * np.sqrt(gammainccinv(half, _OUTSIDE)))

    def density(self, r: Array) -> Array:
        """The density at r > 0 (any shape)."""
        half = 0.5 * self.d
        chi = r * np.sqrt(self.d) / self.kappa
        log_p = (self.d - 1) * np.log(chi) - 0.5 * chi * chi - gammaln(half) - (half - 1.0) * np.log(2.0)
        p: Array = np.exp(log_p) * np.sqrt(self.d) / self.kappa
        return p

    def level(self, r: Array) -> Array:
        """The mass below r >= 0 (any shape)."""
        half = 0.5 * self.d
        below: Array = gammainc(half, half * (r / self.kappa) ** 2)
        return below

    def quantile(self, u: Array) -> Array:
        """The radius below which the mass is u (any shape)."""
        half = 0.5 * self.d
        r: Array = self.kappa * np.sqrt(gammaincinv(half, u) / half)
        return r


@dataclass(frozen=True)
class PanelRule:
    """Gauss-Legendre nodes on every panel [edge_i, edge_(i+1)] of initial radii; the radii after a time are polynomials there.

    Attributes
    ----------
    nodes : int
        Nodes a panel, n.
    """

    nodes: int

    @cached_property
    def rule(self) -> tuple[Array, Array]:
        """Nodes and weights on [-1, 1]."""
        x, w = legendre.leggauss(self.nodes)
        return x, w

    @cached_property
    def to_series(self) -> Array:
        """Values at the nodes to Legendre coefficients, (n, n)."""
        x, w = self.rule
        matrix: Array = ((np.arange(self.nodes) + 0.5)[:, None] * legendre.legvander(x, self.nodes - 1).T) * w
        return matrix

    @cached_property
    def halves(self) -> tuple[Array, Array]:
        """Values at the nodes to values at the nodes of the left and of the right half, (n, n) each."""
        x, _ = self.rule
        left, right = (legendre.legvander(0.5 * (x + shift), self.nodes - 1) @ self.to_series for shift in (-1.0, 1.0))
        return left, right

    def place(self, edges: Array) -> Array:
        """The nodes (P, n) of panels with edges (P + 1,)."""
        x, _ = self.rule
        places: Array = edges[:-1, None] + 0.5 * np.diff(edges)[:, None] * (x + 1.0)
        return places

    def mass(self, start: RadialStart, edges: Array) -> Array:
        """The weights (P, n) of the initial law at the nodes; a panel of no width weighs nothing."""
        _, w = self.rule
        masses: Array = start.density(self.place(edges)) * w * (0.5 * np.diff(edges)[:, None])
        return masses

    def tails(self, radii: Array, masses: Array) -> Array:
        """The sum of the last two Legendre coefficients of every panel's radii (P, n), in absolute value, times its mass, (P,)."""
        last = np.abs(radii @ self.to_series[-2:].T).sum(axis=1)
        tails: Array = last * masses.sum(axis=1)
        return tails

    def bisect(self, edges: Array, radii: Array, chosen: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
        """Edges and radii after the `chosen` panels (P,) are cut in halves, the radii by interpolation on their panel."""
        left, right = self.halves
        new_edges, new_radii = [edges[0]], []
        for i, cut in enumerate(chosen):
            if cut:
                new_edges.append(0.5 * (edges[i] + edges[i + 1]))
                new_radii += [left @ radii[i], right @ radii[i]]
            else:
                new_radii.append(radii[i])
            new_edges.append(edges[i + 1])
        return np.array(new_edges), np.array(new_radii)

    def resolve(
        self, start: RadialStart, edges: Array, radii: Array, tolerance: float, fixed: npt.NDArray[np.bool_]
    ) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
        """Bisect, except where `fixed` (P,), until every tail is below a tenth of `tolerance`: edges, radii and `fixed` after it.

        The tenth lets panels that come near the tolerance be cut together with those that reach it.
        """
        while True:
            chosen = (self.tails(radii, self.mass(start, edges)) > _MARGIN * tolerance) & ~fixed
            if not chosen.any():
                return edges, radii, fixed
            edges, radii = self.bisect(edges, radii, chosen)
            fixed = np.repeat(fixed, 1 + chosen)

    def evaluate(self, radii: Array, places: Array) -> tuple[Array, Array]:
        """Every panel's polynomial of radii (P, n) and its derivative, at `places` (k,) in [-1, 1]: (P, k) each."""
        series = radii @ self.to_series.T
        values: Array = legendre.legval(places, series.T)
        slopes: Array = legendre.legval(places, legendre.legder(series, axis=1).T)
        return values, slopes

    def at(self, edges: Array, radii: Array, start: Array) -> Array:
        """The radii now of neurons of initial radii `start` (any shape); of those outside the panels at the nearest end."""
        series = radii @ self.to_series.T
        panel = np.clip(np.searchsorted(edges, start, side="right") - 1, 0, len(radii) - 1)
        place = np.clip(2.0 * (start - edges[panel]) / (edges[panel + 1] - edges[panel]) - 1.0, -1.0, 1.0)
        values: Array = legendre.legval(place, np.moveaxis(series[panel], -1, 0), tensor=False)
        return values
