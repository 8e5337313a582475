"""Mean-field potentials of rank K, and their free energy on a grid."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfpde.density.grid import Grid
from mfpde.flow import Array


@dataclass(frozen=True, kw_only=True)
class MeanField:
    """R(rho) = constant + 2 int V drho + |z|^2 with order parameters z = int Phi drho in R^K.

    The kernel U = Phi^T Phi is positive semidefinite, and the first variation of R / 2 is Psi = V + Phi^T z. A network on
    data x_k of weights q_k has Phi_k = sqrt(q_k) sigma*(x_k; .), V = -sum_k q_k y_k sigma*(x_k; .) and constant sum_k q_k y_k^2.

    Attributes
    ----------
    external
        V: points (n, axes) to (n,).
    features
        Phi: points (n, axes) to (K, n), K >= 1.
    constant : float
        E y^2, the risk of the zero function.
    names : tuple of str
        Names under which flows report z, one for each of its components; empty where z is not to be reported.
    """

    external: Callable[[Array], Array]
    features: Callable[[Array], Array]
    constant: float
    names: tuple[str, ...] = ()


class FreeEnergy:
    """F(rho) = (1/2) [ridge int |theta|^2 drho + R(rho)] + (1/beta) int rho log rho on a grid.

    Densities have the grid's shape and are densities in its coordinates; the entropy is the one against Lebesgue measure
    (of w in R^d on a radius). Mei, Misiakiewicz, Montanari 2019, with beta the inverse temperature of the PDE in the flow clock.

    Raises
    ------
    ValueError
        If `beta` or `ridge` is impossible, the ridge is put on a circle, or V or Phi is not finite or of the wrong shape.
    """

    def __init__(self, field: MeanField, grid: Grid, beta: float, ridge: float = 0.0) -> None:
        if beta == math.inf:
            raise ValueError(
                "beta = inf: without noise the grid's own diffusion would be the only one; "
                "integrate weighted nodes along theta' = -grad Psi instead"
            )
        if not beta > 0.0:
            raise ValueError(f"beta = {beta!r}: give an inverse temperature > 0")
        if not 0.0 <= ridge < math.inf:
            raise ValueError(f"ridge = {ridge!r}: give a finite number >= 0")
        if ridge > 0.0 and grid.periodic:
            raise ValueError(f"ridge = {ridge!r}: |theta|^2 is no function on a circle; leave the ridge out")
        self.field, self.grid, self.beta, self.ridge = field, grid, float(beta), float(ridge)
        cells = len(grid.points)
        external = np.asarray(field.external(grid.points), float)
        features = np.ascontiguousarray(field.features(grid.points), float)
        if external.shape != (cells,):
            raise ValueError(f"external gave shape {external.shape}: for {cells} points it must be {(cells,)}")
        if features.ndim != 2 or features.shape[1] != cells or not len(features):
            raise ValueError(f"features gave shape {features.shape}: for {cells} points it must be (K, {cells}), K >= 1")
        if field.names and len(field.names) != len(features):
            raise ValueError(f"names = {field.names!r}: give one for each of the {len(features)} order parameters, or none")
        if not (np.isfinite(external).all() and np.isfinite(features).all()):
            raise ValueError("external or features is not finite in every cell: choose a grid on which the potential is finite")
        self.external = external.reshape(grid.shape)
        self.features = features.reshape(-1, *grid.shape)

    @cached_property
    def drift_potential(self) -> Array:
        """V + ridge |theta|^2 / 2 - log(jacobian) / beta: what the flux in the grid's coordinates sees besides Phi^T z."""
        potential: Array = self.external + 0.5 * self.ridge * self.grid.squared_norm - self.grid.log_jacobian / self.beta
        return potential

    @cached_property
    def self_interaction(self) -> Array:
        """U(theta, theta) = |Phi|^2, in the grid's shape."""
        values: Array = np.einsum("k...,k...->...", self.features, self.features)
        return values

    def scale(self, rho: Array) -> float:
        """The size of order parameters, (int U(theta, theta) drho)^{1/2}, kept away from 0."""
        u = self.self_interaction
        mean = max(float(np.sum(u * rho)) * self.grid.volume, 1e-6 * float(u.max()))
        return math.sqrt(mean) if mean > 0.0 else 1.0

    def order_parameters(self, rho: Array) -> Array:
        """z = int Phi drho, shape (K,)."""
        z: Array = self.features.reshape(len(self.features), -1) @ rho.ravel() * self.grid.volume
        return z

    def psi(self, z: Array) -> Array:
        """Psi + ridge |theta|^2 / 2 at the order parameters `z` (K,), one number a cell."""
        potential: Array = self.external + 0.5 * self.ridge * self.grid.squared_norm + np.tensordot(z, self.features, 1)
        return potential

    def risk(self, rho: Array) -> float:
        """R(rho)."""
        z = self.order_parameters(rho)
        return float(self.field.constant + 2.0 * np.sum(self.external * rho) * self.grid.volume + np.sum(z * z))

    def value(self, rho: Array) -> float:
        """F(rho); 0 log 0 = 0."""
        positive = rho > 0.0
        log_rho = np.log(rho, where=positive, out=np.zeros_like(rho))
        entropy = np.sum(rho * (log_rho - self.grid.log_jacobian)) * self.grid.volume
        moment = np.sum(self.grid.squared_norm * rho) * self.grid.volume if self.ridge else 0.0
        return float(0.5 * (self.ridge * moment + self.risk(rho)) + entropy / self.beta)

    def observe(self, rho: Array) -> dict[str, float]:
        """`risk` = `loss`, `free_energy`, `mass`, `edge_mass` (:meth:`mfpde.density.Grid.edge_mass`) and the named order parameters."""
        risk = self.risk(rho)
        values = {"risk": risk, "loss": risk, "free_energy": self.value(rho), "mass": float(np.sum(rho) * self.grid.volume)}
        values["edge_mass"] = self.grid.edge_mass(rho)
        if self.field.names:
            values |= dict(zip(self.field.names, self.order_parameters(rho).tolist(), strict=True))
        return values

    def check_edge(self, rho: Array, bound: float, where: str) -> None:
        """Refuse a density with more than `bound` of its mass at the grid's ends."""
        share = self.grid.edge_mass(rho)
        if share > bound:
            raise ValueError(
                f"edge_mass = {share:.3g} {where} exceeds {bound:g}: "
                "take a wider interval or a larger cutoff; if the law itself stays inside, finer cells and shorter steps"
            )

    def digest(self) -> str:
        """A hash of V and Phi on this grid."""
        parts = [np.ascontiguousarray(a, "<f8").tobytes() for a in (self.external, self.features)]
        return hashlib.sha256(b"".join(parts)).hexdigest()[:32]
