"""Targets that depend on x through |x_H| only, and their coefficients in the basis of the reduced kernel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mfpde.flow import Array
from mfpde.streams import stream
from mfpde.systems.symmetric.low_dimensional.exact import alpha
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, angle_rule, legendre_panels
from mfpde.targets import ProjectedNorm, Target

_PANELS, _PER_PANEL, _REACH = 48, 16, 11.0
_CHUNK = 512
_SAME = 1e-10

Radial = Callable[[Array], Array]


@dataclass(frozen=True)
class RadialTarget:
    """f*(x) = g(|x_H|), H spanned by the first d_h coordinates.

    T(theta) = E[f* phi(theta; x)] = sum_n gamma_n q_n(theta) with gamma_n = s_n E[f* |x| p_n] / sqrt(d), s_n = +1 for n = 0 and
    (-1)^(n + 1) after; derived in docs/low_dimensional.

    Attributes
    ----------
    d, d_h : int
    g : callable, optional
        A vectorised function of the norms r >= 0; None is g(r) = r, for which gamma_n = alpha q_n(0) is used.
    """

    d: int
    d_h: int
    g: Radial | None = None

    def __call__(self, x: Array) -> Array:
        """f* at the inputs x (n, d), shape (n,)."""
        head = x[:, : self.d_h]
        return self.of_norm(np.sqrt(np.einsum("nk,nk->n", head, head)))

    def of_norm(self, r: Array) -> Array:
        """g(r) in the shape of `r`; ValueError if the user's function has another shape or is not finite."""
        if self.g is None:
            return r
        try:
            values: Array = np.asarray(self.g(r.ravel()), np.float64)
        except Exception as error:
            raise ValueError(f"target: calling it on norms |x_H| of shape {(r.size,)} raised {error!r}: give a vectorised g(r)") from error
        if values.shape != (r.size,):
            raise ValueError(f"target: g returned shape {values.shape} for {r.size} norms: give a vectorised function of |x_H| alone")
        if not np.isfinite(values).all():
            raise ValueError(f"target: g({r.ravel()[~np.isfinite(values)][0]:.6g}) is not finite: E f*^2 must be finite")
        return values.reshape(r.shape)

    @cached_property
    def second_moment(self) -> float:
        """E f*^2."""
        if self.g is None:
            return float(self.d_h)
        r, weights = chi_rule(self.d_h)
        return float(weights @ self.of_norm(r) ** 2)

    @cached_property
    def unreachable(self) -> float:
        """The loss that no measure of neurons can go below, half the squared distance of f* from the functions |x| h(x / |x|)."""
        if self.g is None:
            return 0.0
        h, weights = self._homogeneous_part(1024)[1:]
        return max(0.0, 0.5 * (self.second_moment - float(weights @ h**2)))

    def coefficients(self, basis: JacobiBasis) -> Array:
        """gamma_n, (modes,)."""
        if self.g is None:
            return alpha(self.d_h) * basis.values(np.zeros(1))[0][:, 0]
        theta, h, weights = self._homogeneous_part(4 * basis.modes + 512)
        moments = np.zeros(basis.modes)
        for start in range(0, theta.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            moments += basis.values(theta[part])[0] @ (weights[part] * h[part])
        signs = np.where(np.arange(basis.modes) % 2 == 0, -1.0, 1.0)
        signs[0] = 1.0
        gamma: Array = signs * moments / np.sqrt(basis.eigenvalues)
        return gamma

    def _homogeneous_part(self, nodes: int) -> tuple[Array, Array, Array]:
        """Angles, h = E[f* |x| given the angle] / sqrt(d) and weights of a rule for the law of the angle."""
        theta, weights = angle_rule(self.d, self.d_h, nodes)
        r, density = chi_rule(self.d)
        h = self.of_norm(np.multiply.outer(np.cos(theta), r)) @ (density * r) / math.sqrt(self.d)
        return theta, h, weights


def chi_rule(d: int) -> tuple[Array, Array]:
    """Nodes and weights of the law of |N(0, I_d)|: Gauss-Legendre panels over all of its mass in double precision."""
    centre = math.sqrt(d)
    edges = np.linspace(max(0.0, centre - _REACH), centre + _REACH, _PANELS + 1)
    r, lengths = legendre_panels(edges, _PER_PANEL)
    log_density = (d - 1) * np.log(r) - 0.5 * r * r
    weights = np.exp(log_density - np.max(log_density)) * lengths
    return r, weights / weights.sum()


def make_target(target: Any, d: int, d_h: int) -> RadialTarget:
    """The target of the system, from "norm", a vectorised function g of the norms |x_H|, or a target of mf.targets.

    Raises
    ------
    ValueError
        If it is none of these, or the reduction does not cover it: a target of mf.targets is compared on samples with itself after a
        rotation of H and after a change of x_perp, both of which must leave it as it is.
    """
    if isinstance(target, str):
        if target != "norm":
            raise ValueError(f"target = {target!r}: give 'norm', a function g(r) of the norms r = |x_H|, or a target of mf.targets")
        return RadialTarget(d, d_h)
    if isinstance(target, Target):
        _check_invariance(target, d, d_h)
        made = RadialTarget(d, d_h) if target == ProjectedNorm(d_h) else RadialTarget(d, d_h, _Along(target, d))
    elif callable(target):
        made = RadialTarget(d, d_h, target)
    else:
        raise ValueError(f"target = {target!r}: give 'norm', a function g(r) of the norms r = |x_H|, or a target of mf.targets")
    made.of_norm(chi_rule(d_h)[0])
    return made


@dataclass(frozen=True)
class _Along:
    """g(r) = f*(r e_1)."""

    target: Target
    d: int

    def __call__(self, r: Array) -> Array:
        x = np.zeros((r.size, self.d))
        x[:, 0] = r
        return self.target(x)


def _check_invariance(target: Target, d: int, d_h: int) -> None:
    rng = stream(0, "invariance of the target")
    x = rng.standard_normal((64, d))
    elsewhere, rotated = x.copy(), x.copy()
    elsewhere[:, d_h:] = rng.standard_normal((64, d - d_h))
    rotated[:, :d_h] = x[:, :d_h] @ np.linalg.qr(rng.standard_normal((d_h, d_h)))[0].T
    if d_h == 1:
        rotated[:, 0] = -x[:, 0]
    values = target(x)
    if values.shape != (len(x),):
        raise ValueError(f"target {target.config()} has several outputs: the reduction covers one")
    for moved, assumption in (
        (elsewhere, f"it depends on x_perp, the coordinates after the first d_h = {d_h}"),
        (rotated, f"it changes under rotations of H, the first d_h = {d_h} coordinates"),
    ):
        if np.max(np.abs(target(moved) - values)) > _SAME * max(1.0, float(np.max(np.abs(values)))):
            raise ValueError(f"target {target.config()} is not covered by the reduction: {assumption}; give a function of |x_H| alone")
