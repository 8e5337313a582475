"""The potential under finitely many weighted data or quadrature points, for any activation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mfpde.activations import Activation, get
from mfpde.kernels.activation import activate_array, activate_derivative_array
from mfpde.laws.empirical import Empirical
from mfpde.systems.two_layer.potentials.base import Array, Potential, checked_second_layer
from mfpde.threads import run_blocks

ROWS, COLUMNS = 256, 512

Loop = Callable[[int, npt.NDArray[np.float64], Array], None]


class QuadraturePotential(Potential):
    """Psi(theta) = sum_n weights_n (f(x_n) - y_n) sigma*(x_n; theta): exact for an empirical law, else as good as the rule.

    Costs O((m + n) D d) for m neurons moved by n others through D points, in blocks; the bits do not depend on the number of threads.

    Parameters
    ----------
    x, y, weights : arrays (D, d), (D,), (D,)
        Points, their labels, and weights, which are normalised to sum to 1.
    activation : str or Activation
    second_layer : {"fixed", "trained"}
    phase : bool
        Whether the last column of a neuron is a phase b, sigma(<w, x> + b).
    centred : bool
        sigma(<w, x>) = <w, x>^2 - <w, S w>, S = sum_n weights_n x_n x_n^T; for the quadratic activation without phase only.

    Raises
    ------
    ValueError
        If the points, labels and weights do not fit each other or are not finite, or an argument is out of its range.
    """

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        weights: npt.ArrayLike | None,
        activation: str | Activation,
        second_layer: str = "fixed",
        *,
        phase: bool = False,
        centred: bool = False,
    ) -> None:
        data = Empirical(x, y, weights)
        if data.y is None or data.y.ndim != 1:
            raise ValueError(f"y has shape {np.shape(y)}: give one number for each of the {len(data.x)} points")
        self.second_layer = checked_second_layer(second_layer)
        self._sigma = get(activation)
        if centred and (phase or self._sigma.name != "quadratic"):
            raise ValueError(f"centred = True for {self._sigma.name}, phase = {phase}: it exists for quadratic without a phase")
        self._x, self._y, self._weights = data.x, data.y, data.weights
        self._phase = phase
        self._second_moment = data.second_moment() if centred else None
        self.dim = 1 + data.d + phase
        self.label_square = float(np.sum(self._weights * self._y**2))

    def risk(self, points: Array, weights: Array) -> float:
        """R(rho) = sum_n weights_n (y_n - f(x_n))^2."""
        self._check(points, points, weights)
        return float(np.sum(self._weights * (self._outputs(points, weights) - self._y) ** 2))

    def self_interaction(self, theta: Array) -> Array:
        """U(theta, theta) = a^2 E sigma^2, shape (m,)."""
        total = np.zeros(len(theta))

        def add(neurons: slice, data: slice, z: Array) -> None:
            total[neurons] += self._weights[data] @ z**2

        self._by_neurons(theta, activate_array, add)
        return theta[:, 0] ** 2 * total

    def _psi(self, theta: Array, points: Array, weights: Array) -> Array:
        return theta[:, 0] * self._correlate(theta, self._residual(points, weights))

    def _gradient(self, theta: Array, points: Array, weights: Array) -> Array:
        residual = self._residual(points, weights)
        d = self._x.shape[1]
        gradient = np.zeros(theta.shape)

        def add(neurons: slice, data: slice, z: Array) -> None:
            z *= residual[data, None]
            gradient[neurons, 1 : 1 + d] += z.T @ self._x[data]
            if self._phase:
                gradient[neurons, -1] += z.sum(axis=0)

        self._by_neurons(theta, activate_derivative_array, add)
        if self._second_moment is not None:
            gradient[:, 1:] -= 2.0 * residual.sum() * np.einsum("mk,kl->ml", theta[:, 1:], self._second_moment)
        gradient *= theta[:, :1]
        if self.second_layer == "trained":
            gradient[:, 0] = self._correlate(theta, residual)
        return gradient

    def _residual(self, points: Array, weights: Array) -> Array:
        """weights_n (f(x_n) - y_n), shape (D,)."""
        residual: Array = self._weights * (self._outputs(points, weights) - self._y)
        return residual

    def _outputs(self, points: Array, weights: Array) -> Array:
        """f(x_n; rho), shape (D,)."""
        outputs = np.zeros(len(self._x))
        coefficients = weights * points[:, 0]

        def work(block: int) -> None:
            data = _part(block, ROWS, len(outputs))
            for neurons in _parts(len(points), COLUMNS):
                outputs[data] += self._features(points[neurons], data, activate_array) @ coefficients[neurons]

        run_blocks(work, -(-len(outputs) // ROWS))
        return outputs

    def _correlate(self, theta: Array, residual: Array) -> Array:
        """sum_n residual_n sigma(x_n; theta), shape (m,)."""
        total = np.zeros(len(theta))

        def add(neurons: slice, data: slice, z: Array) -> None:
            total[neurons] += residual[data] @ z

        self._by_neurons(theta, activate_array, add)
        return total

    def _by_neurons(self, theta: Array, loop: Loop, add: Callable[[slice, slice, Array], None]) -> None:
        """``add(neurons, data, z)`` for every block z (data, neurons) of sigma or sigma'; a neuron belongs to one thread."""

        def work(block: int) -> None:
            neurons = _part(block, ROWS, len(theta))
            for data in _parts(len(self._x), COLUMNS):
                add(neurons, data, self._features(theta[neurons], data, loop))

        run_blocks(work, -(-len(theta) // ROWS))

    def _features(self, theta: Array, data: slice, loop: Loop) -> Array:
        x = self._x[data]
        w = theta[:, 1 : 1 + x.shape[1]]
        z: Array = x @ w.T
        if self._phase:
            z += theta[:, -1]
        loop(self._sigma.code, self._sigma.compiled_parameters, z.reshape(-1))
        if self._second_moment is not None and loop is activate_array:
            z -= np.einsum("mk,kl,ml->m", w, self._second_moment, w)
        return z


def _part(block: int, size: int, n: int) -> slice:
    return slice(block * size, min((block + 1) * size, n))


def _parts(n: int, size: int) -> list[slice]:
    return [_part(block, size, n) for block in range(-(-n // size))]
