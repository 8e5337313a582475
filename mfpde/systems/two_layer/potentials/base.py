"""What the dynamics of a two-layer network need to know of the data: the potential Psi, its gradient and the risk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

SECOND_LAYERS = ("fixed", "trained")


class Potential(ABC):
    """V(theta) = -E y sigma*(x; theta) and U(theta, theta') = E sigma*(x; theta) sigma*(x; theta'), sigma* = a sigma(x; w).

    Neurons theta are always rows (a, w), or (a, w, b) where a phase b is a parameter; rho = sum_j weights_j delta_{points_j}. The
    weights need not sum to 1: a factor alpha in front of the network is a factor alpha on the weights. Section 2.1 of the
    paper of Mei, Misiakiewicz, Montanari 2019; the velocity of the flow clock s is -psi_gradient, with no factor 2.

    Attributes
    ----------
    dim : int
        Columns of theta and points.
    second_layer : str
        "trained", or "fixed": then the gradient's first column is 0.
    label_square : float
        E y^2.
    """

    dim: int
    second_layer: str
    label_square: float

    def psi(self, theta: Array, points: Array, weights: Array) -> Array:
        """Psi(theta; rho) = V(theta) + int U(theta, .) drho, shape (m,).

        Raises
        ------
        ValueError
            If theta (m, dim), points (n, dim) or weights (n,) have another shape.
        """
        self._check(theta, points, weights)
        return self._psi(theta, points, weights)

    def psi_gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        """The gradient of Psi(theta; rho) in theta, shape (m, dim); ValueError as for :meth:`psi`."""
        self._check(theta, points, weights)
        gradient = self._gradient(theta, points, weights)
        if self.second_layer == "fixed":
            gradient[:, 0] = 0.0
        return gradient

    def linear(self, theta: Array) -> Array:
        """V(theta), shape (m,)."""
        return self.psi(theta, np.empty((0, self.dim)), np.empty(0))

    @abstractmethod
    def self_interaction(self, theta: Array) -> Array:
        """U(theta, theta) of every neuron, shape (m,)."""

    def risk(self, points: Array, weights: Array) -> float:
        """R(rho) = E y^2 + 2 int V drho + int int U drho drho."""
        return float(self.label_square + weights @ (self.linear(points) + self.psi(points, points, weights)))

    @abstractmethod
    def _psi(self, theta: Array, points: Array, weights: Array) -> Array: ...

    @abstractmethod
    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        """A new array; the first column is read only where the second layer is trained."""

    def _check(self, theta: Array, points: Array, weights: Array) -> None:
        for name, array in (("theta", theta), ("points", points)):
            if array.ndim != 2 or array.shape[1] != self.dim:
                raise ValueError(f"{name} has shape {array.shape}: give neurons of {self.dim} columns, the second layer's weight first")
        if weights.shape != (len(points),):
            raise ValueError(f"weights have shape {weights.shape}: give one for each of the {len(points)} points")


class MixturePotential(Potential):
    """The average of `parts`, one a class of the data, with the classes' `probabilities`."""

    def __init__(self, parts: Sequence[Potential], probabilities: Sequence[float]) -> None:
        self._terms = tuple(zip(probabilities, parts, strict=True))
        self.dim, self.second_layer = parts[0].dim, parts[0].second_layer
        self.label_square = sum(p * part.label_square for p, part in self._terms)

    def self_interaction(self, theta: Array) -> Array:
        """U(theta, theta) of every neuron, shape (m,)."""
        return _total(p * part.self_interaction(theta) for p, part in self._terms)

    def risk(self, points: Array, weights: Array) -> float:
        """R(rho), the average of the classes' risks."""
        return float(sum(p * part.risk(points, weights) for p, part in self._terms))

    def _psi(self, theta: Array, points: Array, weights: Array) -> Array:
        return _total(p * part.psi(theta, points, weights) for p, part in self._terms)

    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        return _total(p * part.psi_gradient(theta, points, weights) for p, part in self._terms)


def checked_second_layer(second_layer: str) -> str:
    """`second_layer`, or ValueError if it is neither "fixed" nor "trained"."""
    if second_layer not in SECOND_LAYERS:
        raise ValueError(f"second_layer = {second_layer!r}: give one of {SECOND_LAYERS}")
    return second_layer


def _total(terms: Any) -> Array:
    total: Array = np.sum(list(terms), axis=0)
    return total
