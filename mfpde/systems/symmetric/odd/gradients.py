"""What moves the neurons of a finite network: a data set, or the population of a Gaussian or radial law."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.dual import relu_gradients, relu_values
from mfpde.laws import Law, Mixture, RadialLaw

_ROWS = 256
ACTIVATIONS = {"relu": 1.0, "linear": 0.0}
"""kappa of sigma(z) = (z + kappa |z|)/2."""


class Source(ABC):
    """Inputs and target, seen through neurons a (m,), b (m, d)."""

    @abstractmethod
    def force(self, a: Array, b: Array) -> tuple[Array, Array]:
        """(a', b') = (E[R sigma(b.x)], a E[R sigma'(b.x) x]), m times minus the gradient of the loss."""

    @abstractmethod
    def even_square(self, a: Array, b: Array) -> float:
        """E of the square of the even part (kappa/2m) sum_j a_j |b_j.x| of the predictor."""


class Points(Source):
    """Inputs x (n, d) with labels y (n,) and weights that sum to 1."""

    def __init__(self, x: Array, y: Array, weights: Array, kappa: float) -> None:
        self.x, self.y, self.weights, self.kappa = x, y, weights, kappa

    def force(self, a: Array, b: Array) -> tuple[Array, Array]:
        """The force on the data; sigma'(0) = 0 for relu."""
        z = b @ self.x.T
        if self.kappa == 0.0:
            error = (self.y - 0.5 * (a @ z) / len(a)) * self.weights
            return 0.5 * (z @ error), np.outer(0.5 * a, error @ self.x)
        active = z > 0.0
        np.maximum(z, 0.0, out=z)
        error = (self.y - a @ z / len(a)) * self.weights
        moved = z @ error
        np.multiply(active, error, out=z)
        pull: Array = z @ self.x
        pull *= a[:, None]
        return moved, pull

    def even_square(self, a: Array, b: Array) -> float:
        """The mean over the data."""
        even = 0.5 * self.kappa * (a @ np.abs(b @ self.x.T)) / len(a)
        return float(self.weights @ even**2)


class Population(Source):
    """relu neurons under mixtures of Gaussian and radial laws and an odd target, by the arc-cosine kernel u = E relu(b.x) relu(b'.x):

    a_i' = b_i.Xbar/2 - (1/m) sum_j a_j u(b_i, b_j), b_i' = a_i [Xbar/2 - (1/m) sum_j a_j grad u(b_i, b_j)]. relu is homogeneous, so
    a radial law has the kernel of the Gaussian with the same covariance.
    """

    def __init__(self, factors: list[tuple[float, Array]], cross: Array, covariance: Array) -> None:
        self.factors, self.cross, self.covariance = factors, cross, covariance

    def force(self, a: Array, b: Array) -> tuple[Array, Array]:
        """The force of the population."""
        m = len(a)
        value, gradient = 0.5 * (b @ self.cross), np.tile(0.5 * self.cross, (m, 1))
        c = a / m
        for weight, factor in self.factors:
            beta = b @ factor
            table = _table(beta)
            sums, unused = np.zeros((2, m))
            along, along_right = np.zeros((2, m))
            turned = np.empty_like(beta)
            for start in range(0, m, _ROWS):
                rows = slice(start, start + _ROWS)
                left, q = np.ascontiguousarray(table[:, rows]), beta[rows] @ beta.T
                relu_values(q, left, table, c[rows], c, sums[rows], unused)
                relu_gradients(q, left, table, c[rows], c, along[rows], along_right)
                turned[rows] = q @ (c[:, None] * beta)
            value -= weight * sums
            gradient -= weight * ((along[:, None] * beta + turned) @ factor.T)
        return value, a[:, None] * gradient

    def even_square(self, a: Array, b: Array) -> float:
        """E f^2 - E (w.x)^2, w the linear part; at least 0, and good to the rounding of E f^2."""
        m = len(a)
        c, total = a / m, 0.0
        for weight, factor in self.factors:
            beta = b @ factor
            table = _table(beta)
            sums, unused = np.zeros((2, m))
            for start in range(0, m, _ROWS):
                rows = slice(start, start + _ROWS)
                relu_values(beta[rows] @ beta.T, np.ascontiguousarray(table[:, rows]), table, c[rows], c, sums[rows], unused)
            total += weight * float(c @ sums)
        w = 0.5 * (c @ b)
        return float(np.maximum(0.0, total - float(w @ self.covariance @ w)))


def factors(law: Law) -> list[tuple[float, Array]] | None:
    """Weights and square roots of the covariances of the Gaussian or radial laws that make up `law`; None if it is made of others."""
    if isinstance(law, RadialLaw):
        return [(1.0, np.linalg.cholesky(law.second_moment()))]
    if not isinstance(law, Mixture):
        return None
    found = []
    for weight, component in zip(law.weights, law.components, strict=True):
        inner = factors(component)
        if inner is None:
            return None
        found += [(weight * w, factor) for w, factor in inner]
    return found


def _table(beta: Array) -> Array:
    """Norms, their inverses (0 for a vector of norm 0) and 1, or 0 for such a vector: what the kernels want of every neuron."""
    norms = np.sqrt(np.einsum("ij,ij->i", beta, beta))
    alive = norms > 0.0
    return np.stack([norms, np.where(alive, 1.0 / np.where(alive, norms, 1.0), 0.0), alive.astype(float)])
