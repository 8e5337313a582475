"""The basis in which the reduced kernel is diagonal: Jacobi polynomials of cos 2 theta, orthonormal for the initial law of the angle.

Derived in docs/low_dimensional.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import betaln

from mfpde.flow import Array
from mfpde.kernels.jacobi import jacobi_kernel, jacobi_modes, jacobi_series

MOST_MODES = 20_000
_PER_PANEL = 32
_CORNER = np.array([1.0, -1.0])


@dataclass(frozen=True)
class JacobiBasis:
    """q_n(theta) = sqrt(lambda_n) p_n(cos 2 theta), n < modes, with K(t, t') = sum_n q_n(t) q_n(t').

    p_n are the orthonormal polynomials P_n^{(d_perp/2 - 1, d_h/2 - 1)} of the law of cos 2 theta, cos^2 theta ~ Beta(d_h/2, d_perp/2);
    lambda_0 = d (E relu(u_1))^2 for u uniform on the unit sphere, lambda_{n+1} = lambda_n ((2n - 1) / (2n + d + 1))^2.
    """

    d: int
    d_h: int
    modes: int

    @cached_property
    def first(self) -> float:
        """q_0 = sqrt(lambda_0)."""
        return float(np.sqrt(self.d)) * beta_half(self.d) / (2.0 * np.pi)

    @cached_property
    def table(self) -> Array:
        """The recurrence of the q_n as kernels/jacobi.py wants it, (3, modes)."""
        up, shift = self._off_diagonal(self.modes), self._diagonal(self.modes)
        n = np.arange(self.modes)
        ratio = np.abs(2.0 * n - 1.0) / (2.0 * n + self.d + 1.0)
        down = np.zeros(self.modes)
        down[1:] = up[:-1] * ratio[:-1]
        return np.stack([ratio / up, shift, down])

    @cached_property
    def eigenvalues(self) -> Array:
        """lambda_n, (modes,)."""
        n = np.arange(self.modes - 1)
        ratios = ((2.0 * n - 1.0) / (2.0 * n + self.d + 1.0)) ** 2
        values: Array = self.first**2 * np.concatenate([[1.0], np.cumprod(ratios)])
        return values

    def values(self, theta: Array) -> tuple[Array, Array]:
        """q_n and dq_n/dtheta at the angles (m,), each (modes, m)."""
        values, slopes = np.empty((2, self.modes, theta.size))
        jacobi_modes(self.table, self.first, np.cos(2.0 * theta), values, slopes)
        return values, slopes * (-2.0 * np.sin(2.0 * theta))

    def series(self, coefficients: Array, x: Array) -> tuple[Array, Array]:
        """sum_n coefficients_n q_n at x = cos 2 theta (m,), and its derivative in x."""
        value, slope = np.empty((2, x.size))
        jacobi_series(self.table, self.first, coefficients, x, value, slope)
        return value, slope

    def kernel(self, theta: Array, theta_prime: Array) -> Array:
        """The sum of all modes at pairs of angles, both (m,)."""
        out = np.empty(theta.size)
        jacobi_kernel(self.table, self.first, self.modes, np.cos(2.0 * theta), np.cos(2.0 * theta_prime), out)
        return out

    def gauss(self, nodes: int) -> tuple[Array, Array]:
        """Angles and weights, summing to 1, of the Gauss-Jacobi rule of the initial law (Golub, Welsch 1969)."""
        x, vectors = eigh_tridiagonal(self._diagonal(nodes), self._off_diagonal(nodes - 1))
        theta = 0.5 * np.arccos(np.clip(x, -1.0, 1.0))
        weights: Array = vectors[0] ** 2
        return theta[::-1].copy(), weights[::-1] / weights.sum()

    def orthonormal(self, theta: Array, count: int) -> tuple[Array, Array]:
        """p_n and dp_n/dtheta for n < count at the angles (m,), each (count, m)."""
        shift, width, x = self._diagonal(count), self._off_diagonal(count), np.cos(2.0 * theta)
        p, slope = np.zeros((2, count, theta.size))
        p[0] = 1.0
        for n in range(count - 1):
            below = (width[n - 1] * p[n - 1], width[n - 1] * slope[n - 1]) if n > 0 else (0.0, 0.0)
            p[n + 1] = ((x - shift[n]) * p[n] - below[0]) / width[n]
            slope[n + 1] = ((x - shift[n]) * slope[n] + p[n] - below[1]) / width[n]
        return p, slope * (-2.0 * np.sin(2.0 * theta))

    def _diagonal(self, count: int) -> Array:
        """A_n of x p_n = B_{n+1} p_{n+1} + A_n p_n + B_n p_{n-1}."""
        a, b = 0.5 * (self.d - self.d_h) - 1.0, 0.5 * self.d_h - 1.0
        c = 2.0 * np.arange(1, count) + a + b
        return np.concatenate([[(b - a) / (a + b + 2.0)], (b * b - a * a) / (c * (c + 2.0))])[:count]

    def _off_diagonal(self, count: int) -> Array:
        """B_1, ..., B_count; B_1 has a form of its own, because the general one is 0/0 at a + b = -1."""
        a, b = 0.5 * (self.d - self.d_h) - 1.0, 0.5 * self.d_h - 1.0
        n = np.arange(2.0, count + 1.0)
        c = 2.0 * n + a + b
        squares = 4.0 * n * (n + a) * (n + b) * (n + a + b) / (c * c * (c + 1.0) * (c - 1.0))
        first = 4.0 * (1.0 + a) * (1.0 + b) / ((a + b + 2.0) ** 2 * (a + b + 3.0))
        widths: Array = np.sqrt(np.concatenate([[first], squares]))
        return widths[:count]


def beta_half(d: int) -> float:
    """Beta(d/2, 1/2), from B((d + 2)/2, 1/2) = B(d/2, 1/2) d / (d + 1): gamma functions would lose digits where d is large."""
    k = np.arange(2 - d % 2, d, 2.0)
    return float((np.pi if d % 2 else 2.0) * np.prod(k / (k + 1.0)))


def legendre_panels(edges: Array, nodes: int) -> tuple[Array, Array]:
    """`nodes` Gauss-Legendre nodes between each two of the edges, and their weights."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (t + 1.0)).ravel(), (half * w).ravel()


def angle_rule(d: int, d_h: int, nodes: int) -> tuple[Array, Array]:
    """About `nodes` angles in (0, pi/2) and weights, summing to 1, for the initial law cos^(d_h - 1) sin^(d_perp - 1) d theta.

    Gauss-Legendre panels: unlike :meth:`JacobiBasis.gauss` they are exact to rounding for what is smooth in theta at both ends, but
    not in cos 2 theta, such as theta itself.
    """
    theta, lengths = legendre_panels(np.linspace(0.0, 0.5 * np.pi, -(-nodes // _PER_PANEL) + 1), _PER_PANEL)
    weights = angle_density(d, d_h, theta) * lengths
    return theta, weights / weights.sum()


def angle_density(d: int, d_h: int, theta: Array) -> Array:
    """The initial density of the angle, 2 cos^(d_h - 1) sin^(d_perp - 1) / Beta(d_h / 2, d_perp / 2)."""
    log_density = (d_h - 1) * np.log(np.cos(theta)) + (d - d_h - 1) * np.log(np.sin(theta))
    density: Array = 2.0 * np.exp(log_density - betaln(0.5 * d_h, 0.5 * (d - d_h)))
    return density


def modes_for(d: int, d_h: int, tolerance: float, most: int = MOST_MODES) -> int:
    """How many modes leave less than `tolerance` of K(0, 0) and of K(pi/2, pi/2), its largest values, out; `most` at the most.

    The terms fall like n^-(d_h + 3) at (0, 0) and like n^-(d_perp + 3) at (pi/2, pi/2), which also tells what is beyond `most`.
    """
    basis = JacobiBasis(d, d_h, most)
    values, slopes = np.empty((2, most, 2))
    jacobi_modes(basis.table, basis.first, _CORNER, values, slopes)
    beyond = most * values[-1] ** 2 / np.array([d_h + 2.0, d - d_h + 2.0])
    left = np.cumsum(values[::-1] ** 2, axis=0)[::-1] + beyond
    open_still = np.flatnonzero((left > tolerance * left[0]).any(axis=1))
    return min(most, int(open_still[-1]) + 1)
