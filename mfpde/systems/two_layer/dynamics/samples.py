"""Samples of the data, and what a sample does to the neurons."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.activations import Activation, get
from mfpde.flow import Array
from mfpde.laws import Empirical, Law, Mixture
from mfpde.targets import ClassLabels, Target

_ENTRIES = 2**22


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


@dataclass(frozen=True)
class Sigma:
    """sigma(z) = offset + amplitude g(slope z) of a named activation g."""

    g: Activation
    slope: float = 1.0
    amplitude: float = 1.0
    offset: float = 0.0

    def __call__(self, z: Array) -> Array:
        """sigma(z)."""
        return self.g(z) if self.plain else (self.offset + self.amplitude * self.g(self.slope * z)).astype(z.dtype, copy=False)

    def derivative(self, z: Array) -> Array:
        """sigma'(z)."""
        if self.plain:
            return self.g.derivative(z)
        return (self.amplitude * self.slope * self.g.derivative(self.slope * z)).astype(z.dtype, copy=False)

    @property
    def plain(self) -> bool:
        """Whether sigma = g."""
        return (self.slope, self.amplitude, self.offset) == (1.0, 1.0, 0.0)


def sigma_of(activation: str | Activation) -> Sigma:
    """The function behind an activation or a name of it, "erf_sqrt2" (erf(z / sqrt(2))) and "normal_cdf" (Phi) included."""
    if activation in ("erf_sqrt2", "normal_cdf"):
        half = (0.5, 0.5) if activation == "normal_cdf" else (1.0, 0.0)
        return Sigma(get("erf"), math.sqrt(0.5), *half)
    return Sigma(get(activation))


@dataclass(frozen=True)
class ActivationSamples(Samples):
    """sigma*(x; theta) = a sigma(<w, x>), or a sigma(<w, x> + b) with a phase b, or centred: a (<w, x>^2 - <w, S w>).

    Attributes
    ----------
    law, target
        Of the inputs and the labels: a target, None for the labels of an Empirical law, or one a component of a mixture.
    sigma : Sigma
    trained : bool
        Whether the second layer moves.
    phase : bool
        Whether the last column of a neuron is b.
    centre : array (d, d), optional
        S = E x x^T where the activation is centred.
    """

    law: Law
    target: Target | ClassLabels | None
    sigma: Sigma
    trained: bool
    phase: bool = False
    centre: Array | None = None

    @property
    def compiled(self) -> bool:
        """Whether kernels/two_layer_sgd.py knows these neurons."""
        return self.sigma.plain and not self.phase and self.centre is None

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """`n` samples x (n, d) and labels y (n,)."""
        if isinstance(self.target, ClassLabels):
            assert isinstance(self.law, Mixture)
            x, classes = self.law.sample_components(n, rng)
            return x, np.array(self.target.values)[classes]
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
        f, step = np.empty(len(rows)), max(1, _ENTRIES // len(theta))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            f[part] = weights @ self.evaluate(theta, rows[part])
        return f

    def evaluate(self, theta: Array, x: Array) -> Array:
        """sigma*(x; theta), shape (m, n)."""
        values: Array = theta[:, :1] * self._values(theta, self._arguments(theta, x))
        return values

    def force(self, theta: Array, x: Array, y: Array, scale: float) -> Array:
        """The mean over the samples of (y - f(x)) grad_theta sigma*, in theta's type."""
        x = x.astype(theta.dtype, copy=False)
        w, z = self._weights(theta), self._arguments(theta, x)
        value = self._values(theta, z)
        c = ((y - scale / len(theta) * (theta[:, 0] @ value)) / len(x)).astype(theta.dtype)
        out = np.zeros_like(theta)
        if self.trained:
            out[:, 0] = value @ c
        slopes = self.sigma.derivative(z) * c
        self._weights(out)[:] = slopes @ x
        if self.phase:
            out[:, -1] = slopes.sum(axis=1)
        if self.centre is not None:
            self._weights(out)[:] -= 2.0 * c.sum() * (w @ self.centre)
        out[:, 1:] *= theta[:, :1]
        return out

    def _weights(self, theta: Array) -> Array:
        return theta[:, 1 : theta.shape[1] - self.phase]

    def _arguments(self, theta: Array, x: Array) -> Array:
        z: Array = self._weights(theta) @ x.T
        return z + theta[:, -1:] if self.phase else z

    def _values(self, theta: Array, z: Array) -> Array:
        values = self.sigma(z)
        if self.centre is None:
            return values
        w = self._weights(theta)
        centred: Array = values - np.einsum("mk,kl,ml->m", w, self.centre, w)[:, None]
        return centred
