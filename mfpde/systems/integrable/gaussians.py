"""The Gaussian fields of the first pass as combinations of independent variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from mfpde.flow import Array
from mfpde.systems.integrable.first_pass import backward_covariances, forward_covariances, semidefinite_factor
from mfpde.systems.integrable.recursion import Indices, Problem


@dataclass(frozen=True)
class Gaussians:
    """The Gaussian fields of the first pass as combinations of independent ones: what is the same in all replicas.

    Attributes
    ----------
    first : array (u, r_1)
        h~^1 at the training inputs = first @ white noise.
    pivots : indices (r_1,), or None
        The training inputs whose noise it is; None where it is the noise of the first layer's weights.
    forward, backward : sequences of arrays (n_0, rank)
        The same for h~^l at the first batch and for chi dx~^l, layers 1..L; that of layer L is chi_0 itself.
    """

    first: Array
    pivots: Indices | None
    forward: Sequence[Array]
    backward: Sequence[Array]

    @classmethod
    def of(cls, problem: Problem) -> Gaussians:
        """The Gaussian fields of `problem`."""
        x = problem.inputs
        if len(x) > x.shape[1] + int(problem.bias1):
            first, pivots = weight_features(problem, x), None
        else:
            first, pivots = _compact(semidefinite_factor(problem.kernel(x, x)))
        forward = forward_covariances(problem)
        backward = [_compact(semidefinite_factor(d))[0] for d in backward_covariances(problem, forward)[:-1]]
        return cls(first, pivots, [_compact(semidefinite_factor(k))[0] for k in forward], [*backward, problem.first_slope()])

    def ranks(self, layer: int) -> tuple[int, int]:
        """How many forward and backward variables `layer` has."""
        return (self.first if layer == 1 else self.forward[layer - 1]).shape[1], self.backward[layer - 1].shape[1]

    def at(self, problem: Problem, x: Array) -> tuple[Array, Array]:
        """h~^1 at the inputs x (n, d): its coefficients (n, r_1), and the size (n,) of what is independent of the training inputs'."""
        if self.pivots is None:
            return weight_features(problem, x), np.zeros(len(x))
        square = self.first[self.pivots]
        cross = problem.kernel(problem.inputs[self.pivots], x)
        coefficients: Array = solve_triangular(square, cross, lower=True).T if len(square) else np.zeros((len(x), 0))
        variance = problem.kernel_diagonal(x)
        rest = variance - np.einsum("ij,ij->i", coefficients, coefficients)
        return coefficients, np.sqrt(np.where(rest > 1e-13 * variance, rest, 0.0))


def weight_features(problem: Problem, x: Array) -> Array:
    """The coefficients (n, d + 1 or d) of h~^1 in standardised first-layer weights and bias."""
    weights = np.sqrt(problem.s2 / (x.shape[1] + 1.0)) * x
    return np.column_stack([weights, np.full(len(x), np.sqrt(problem.s2))]) if problem.bias1 else weights


def _compact(factor: Array) -> tuple[Array, Indices]:
    kept = np.flatnonzero(np.diag(factor) > 0.0)
    return factor[:, kept], kept
