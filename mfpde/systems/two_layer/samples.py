"""Samples of the data, and what a sample does to the neurons."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from mfpde.activations import Activation
from mfpde.flow import Array
from mfpde.laws import Empirical, Law, Mixture
from mfpde.targets import Target

_ROWS = 2**22


class Samples(ABC):
    """Draws of (x, y), and the neurons sigma*(x; theta) on them; neurons are rows theta (m, p) = (a, w)."""

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """`n` samples x (n, q) and labels y (n,); the first m of n equal the m-row draw."""

    @abstractmethod
    def predict(self, theta: Array, weights: Array, x: npt.ArrayLike) -> Array:
        """sum_j weights_j sigma*(x; theta_j) at the inputs x (n, q), shape (n,)."""

    @abstractmethod
    def force(self, theta: Array, x: Array, y: Array, scale: float) -> Array:
        """The mean over the samples of (y - f) grad_theta sigma*(x; theta), f = (scale/m) sum_i sigma*(x; theta_i); shape (m, p)."""


class ActivationSamples(Samples):
    """sigma*(x; theta) = a sigma(<w, x>), labels from a target (None: the labels of an Empirical law, or one a class of a Mixture).

    Parameters
    ----------
    trained : bool
        Whether the second layer moves.
    """

    def __init__(self, law: Law, target: Target | tuple[float, ...] | None, activation: Activation, trained: bool) -> None:
        self.law, self.target, self.activation, self.trained = law, target, activation, trained

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """`n` samples x (n, d) and labels y (n,)."""
        if isinstance(self.target, tuple):
            assert isinstance(self.law, Mixture)
            x, classes = self.law.sample_components(n, rng)
            return x, np.array(self.target)[classes]
        if self.target is None:
            assert isinstance(self.law, Empirical)
            assert self.law.y is not None
            rows = self.law.sample_rows(n, rng)
            return self.law.x[rows], self.law.y[rows]
        x = self.law.sample(n, rng)
        return x, self.target(x)

    def predict(self, theta: Array, weights: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        rows = np.asarray(x, np.float64)
        theta = theta.astype(np.float64, copy=False)
        f = np.empty(len(rows))
        step = max(1, _ROWS // len(theta))
        for start in range(0, len(rows), step):
            f[start : start + step] = self.activation(rows[start : start + step] @ theta[:, 1:].T) @ (weights * theta[:, 0])
        return f

    def force(self, theta: Array, x: Array, y: Array, scale: float) -> Array:
        """The mean over the samples of (y - f(x)) (sigma(<w, x>), a sigma'(<w, x>) x), in theta's type."""
        x = x.astype(theta.dtype, copy=False)
        z = theta[:, 1:] @ x.T
        value = self.activation(z)
        c = ((y - scale / len(theta) * (theta[:, 0] @ value)) / len(x)).astype(theta.dtype)
        out = np.zeros_like(theta)
        if self.trained:
            out[:, 0] = value @ c
        out[:, 1:] = theta[:, :1] * ((self.activation.derivative(z) * c) @ x)
        return out
