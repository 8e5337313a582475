"""The flow map theta_0 -> theta_t between the particles of the limit, and what needs it: W_2 distances and densities."""

from __future__ import annotations

import math

import numpy as np

from mfpde.flow import Array
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, angle_density, angle_rule

_LIGHTEST = 1e-25
_STEEPEST = 600.0


class FlowMap:
    """c and log(tan theta_t / tan theta_0), both analytic in cos 2 theta_0, as polynomials through their values at Gauss nodes.

    Angles are not smooth in cos 2 theta at both ends, so that sums over the nodes give their moments to a power of the number of
    nodes only; over the panels of :func:`angle_rule` the interpolated map gives them spectrally.

    Parameters
    ----------
    basis : JacobiBasis
    theta, weights : array (nodes,)
        The basis's Gauss rule.
    """

    def __init__(self, basis: JacobiBasis, theta: Array, weights: Array) -> None:
        nodes, d = theta.size, basis.d
        start, mass = angle_rule(d, basis.d_h, 4 * nodes + 8 * math.isqrt(d) + 64)
        heavy = mass > _LIGHTEST * np.max(mass)
        self.start, self.mass = start[heavy], mass[heavy]
        self._density = angle_density(d, basis.d_h, self.start)
        self._tangent = np.log(np.tan(theta))
        self._to_modes = basis.orthonormal(theta, nodes)[0] * weights
        fine, slope = basis.orthonormal(self.start, nodes)
        self._to_values, self._to_slopes = fine.T @ self._to_modes, slope.T @ self._to_modes

    def weights(self, c: Array) -> Array:
        """c at the fine initial angles `start` times their initial mass 1/2, from its values (nodes,) at the nodes."""
        product: Array = 0.5 * self.mass * (self._to_values @ c)
        return product

    def angles(self, theta: Array) -> Array:
        """theta_t at the fine initial angles, from its values (nodes,) at the nodes."""
        stretch = self._to_values @ (np.log(np.tan(theta)) - self._tangent)
        moved: Array = np.arctan(np.tan(self.start) * np.exp(np.clip(stretch, -_STEEPEST, _STEEPEST)))
        return moved

    def mean(self, c: Array, squares: Array) -> float:
        """The mean of a function of theta_t, given at the fine initial angles, under the normalised weights."""
        weights = self.weights(c)
        return float(weights @ squares / weights.sum())

    def density(self, c: Array, theta: Array) -> tuple[Array, Array]:
        """Angles and the density of mass there: the push-forward c rho_0 / 2 / (d theta_t / d theta_0)."""
        moved = self.angles(theta)
        slope = self._to_slopes @ (np.log(np.tan(theta)) - self._tangent)
        stretch = np.sin(2.0 * moved) * (1.0 / np.sin(2.0 * self.start) + 0.5 * slope)
        density: Array = 0.5 * self._density * (self._to_values @ c) / stretch
        return moved, density
