"""What moves an angle: V, U and samples of the cosine model, all through the order parameter z = int a e^{iw} drho."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.dynamics.samples import Samples
from mfpde.systems.two_layer.potentials.base import Potential

_ROOT_2 = math.sqrt(2.0)


class CirclePotential(Potential):
    """V = -b a cos w, U = a a' cos(w - w'), E y^2 = b^2; neurons (a, w), a fixed. Every sum over pairs costs O(m)."""

    dim = 2
    second_layer = "fixed"

    def __init__(self, b: float) -> None:
        self.b, self.label_square = b, b * b

    def self_interaction(self, theta: Array) -> Array:
        """U(theta, theta) = a^2, shape (m,)."""
        squares: Array = theta[:, 0] ** 2
        return squares

    def risk(self, points: Array, weights: Array) -> float:
        """|b - z|^2."""
        z = order_parameter(points, weights)
        return abs(self.b - z) ** 2

    def _psi(self, theta: Array, points: Array, weights: Array) -> Array:
        pull = self.b - order_parameter(points, weights)
        psi: Array = -theta[:, 0] * (pull.real * np.cos(theta[:, 1]) + pull.imag * np.sin(theta[:, 1]))
        return psi

    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        pull = self.b - order_parameter(points, weights)
        gradient = np.zeros_like(theta)
        gradient[:, 1] = theta[:, 0] * (pull.real * np.sin(theta[:, 1]) - pull.imag * np.cos(theta[:, 1]))
        return gradient


class CircleSamples(Samples):
    """x uniform on [0, 2 pi), y = sqrt2 b cos x, sigma*(x; (a, w)) = sqrt2 a cos(w - x)."""

    def __init__(self, b: float) -> None:
        self.b = b

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """`n` angles x (n, 1) and labels y (n,)."""
        x = 2.0 * math.pi * rng.random((n, 1))
        return x, _ROOT_2 * self.b * np.cos(x[:, 0])

    def predict(self, theta: Array, weights: Array, x: npt.ArrayLike) -> Array:
        """f at the angles x (n, 1), shape (n,)."""
        return predict(order_parameter(theta, weights), x)

    def force(self, theta: Array, x: Array, y: Array, scale: float) -> Array:
        """The mean over the samples of (y - f(x)) grad sigma*, f of equally weighted neurons; the column of a left at 0."""
        f = predict(scale * order_parameter(theta, np.full(len(theta), 1.0 / len(theta))), x)
        pull = np.mean((y - f) * np.exp(1j * x[:, 0].astype(np.float64)))
        out = np.zeros_like(theta)
        out[:, 1] = _ROOT_2 * theta[:, 0] * (pull.imag * np.cos(theta[:, 1]) - pull.real * np.sin(theta[:, 1]))
        return out


@dataclass(frozen=True)
class CircleField(NeuronField):
    """The field of the circle, with its own observables."""

    period = 2.0 * math.pi

    def observe(self, points: Array, weights: Array, start: Array) -> dict[str, float]:
        """The observables of neurons; `free_energy` is R/2 without noise, with noise neurons have no entropy and it is NaN."""
        z = order_parameter(points, weights)
        risk = self.risk(points, weights)
        return observables(risk, z, math.nan if self.noisy else 0.5 * risk)


def order_parameter(theta: Array, weights: Array) -> complex:
    """z = sum_j weights_j a_j e^{i w_j}."""
    # np.sum, not a dot product: a multi-threaded BLAS may order the sum by its threads.
    mass = weights * theta[:, 0]
    return complex(np.sum(mass * np.cos(theta[:, 1])), np.sum(mass * np.sin(theta[:, 1])))


def predict(z: complex, x: npt.ArrayLike) -> Array:
    """f(x) = sqrt2 Re(z e^{-ix}) at the angles x (n, 1), shape (n,); ValueError for another shape."""
    angles = np.asarray(x, np.float64)
    if angles.ndim != 2 or angles.shape[1] != 1:
        raise ValueError(f"x has shape {angles.shape}: give angles of shape (n, 1)")
    f: Array = _ROOT_2 * (z.real * np.cos(angles[:, 0]) + z.imag * np.sin(angles[:, 0]))
    return f


def observables(risk: float, z: complex, free_energy: float) -> dict[str, float]:
    """`risk` = `loss`, `free_energy`, and the order parameter: `z`, its real part, and `z_imaginary`."""
    return {"risk": risk, "loss": risk, "free_energy": free_energy, "z": z.real, "z_imaginary": z.imag}
