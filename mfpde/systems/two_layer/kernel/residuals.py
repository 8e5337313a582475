"""The kernel limit: residuals u = y - f under the frozen kernel of the initial law, u' = -E H u, solved by eigenvectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.activations import Activation, get
from mfpde.flow import Array
from mfpde.laws.base import checked_weights
from mfpde.measures import Ensemble

if TYPE_CHECKING:
    from mfpde.systems.two_layer.kernel.flow import ResidualFlow

Kernel = Callable[[Array, Array], Array]


class KernelLimit:
    """Training in the limit of a large scale alpha, on finitely many data: d/dt u(x_k) = -sum_l H(x_k, x_l) q_l u(x_l).

    The clock is the rescaled time of section 4 of Mei, Misiakiewicz, Montanari 2019, "time"; f starts at 0, so u(0) = y.

    Parameters
    ----------
    x : array (n, d)
        The data, or the nodes of any quadrature rule of the inputs' law.
    y : array (n,)
        Their labels.
    kernel : callable or NodeKernel
        ``kernel(x, z) -> (n, k)``, symmetric and positive semi-definite; :class:`NodeKernel` for a network's nodes, or a closed form
        such as :func:`mfpde.systems.two_layer.kernel.sphere.relu_kernel`.
    weights : array (n,), optional
        The data's probabilities q; default: equal.

    Raises
    ------
    ValueError
        If shapes do not fit, numbers are not finite, or the kernel matrix is not symmetric.
    """

    def __init__(self, x: npt.ArrayLike, y: npt.ArrayLike, kernel: Kernel, weights: npt.ArrayLike | None = None) -> None:
        self.x, self.y = np.array(x, np.float64), np.array(y, np.float64)
        if self.x.ndim != 2 or self.y.shape != (len(self.x),):
            raise ValueError(f"x has shape {self.x.shape}, y {self.y.shape}: give data (n, d) and one label for each")
        if not (np.isfinite(self.x).all() and np.isfinite(self.y).all()):
            raise ValueError("x or y holds a NaN or an infinity: every value must be finite")
        self.weights, self.kernel = checked_weights(weights, len(self.x), "rows of x"), kernel
        self.matrix = np.asarray(kernel(self.x, self.x), np.float64)
        if self.matrix.shape != (len(self.x),) * 2 or np.max(np.abs(self.matrix - self.matrix.T)) > 1e-10 * np.max(np.abs(self.matrix)):
            raise ValueError(f"kernel(x, x) has shape {self.matrix.shape} or is not symmetric: give a symmetric kernel (x, z) -> (n, k)")
        self._root = np.sqrt(self.weights)
        rates, self._vectors = np.linalg.eigh(self._root[:, None] * self.matrix * self._root)
        # Directions without decay: rounding would turn their zero rate into growth, and 1/rate into noise.
        self.rates: Array = np.where(rates > 1e-13 * rates[-1], rates, 0.0)

    def residual(self, t: npt.ArrayLike) -> Array:
        """u_t at the data, shape (n_t, n) for times (n_t,), (n,) for one time."""
        decay = np.exp(-self.rates * np.asarray(t, np.float64)[..., None])
        u: Array = (decay * self._start()) @ self._vectors.T / self._root
        return u

    def risk(self, t: npt.ArrayLike) -> Array:
        """sum_l q_l u_t(x_l)^2 at the times `t`."""
        decay = np.exp(-2.0 * self.rates * np.asarray(t, np.float64)[..., None])
        risk: Array = decay @ self._start() ** 2
        return risk

    def predict(self, t: float, z: npt.ArrayLike) -> Array:
        """f_t at inputs z (k, d), shape (k,): h(z)^T int_0^t Q u ds, for t = infinity kernel interpolation h(z)^T H^(-1) y.

        In directions that the kernel does not see, f stays 0.
        """
        rates = self.rates
        moving = rates > 0.0
        integral = np.zeros_like(rates)
        integral[moving] = -np.expm1(-rates[moving] * t) / rates[moving]
        coefficients = self._root * (self._vectors @ (integral * self._start()))
        f: Array = np.asarray(self.kernel(np.asarray(z, np.float64), self.x)) @ coefficients
        return f

    def flow(self, scale: float) -> ResidualFlow:
        """The network's own dynamics at the finite `scale` alpha, by weighted particles; needs a kernel made of nodes.

        Raises
        ------
        ValueError
            If the kernel is a closed form, or the scale is not a finite number > 0.
        """
        from mfpde.systems.two_layer.kernel.flow import ResidualFlow

        return ResidualFlow(self, scale)

    def _start(self) -> Array:
        start: Array = self._vectors.T @ (self._root * self.y)
        return start


class NodeKernel:
    """H(x, z) = sum_j p_j [sigma sigma' (if a is trained) + a_j^2 <grad_w sigma, grad_w sigma'>] of weighted neurons.

    Parameters
    ----------
    initial : Ensemble (m, 1 + d)
        Neurons (a, w) with their weights.
    activation : str or Activation
        sigma*(x; theta) = a sigma(<w, x>); a bias is a coordinate of x that is constant.
    second_layer : {"trained", "fixed"}
        Whether a is trained.

    Raises
    ------
    ValueError
        If an argument is unknown.
    """

    def __init__(self, initial: Ensemble, activation: str | Activation, second_layer: str = "trained") -> None:
        if second_layer not in ("fixed", "trained"):
            raise ValueError(f"second_layer = {second_layer!r}: give 'fixed' or 'trained'")
        self.initial, self.activation, self.second_layer = initial, get(activation), second_layer

    def at(self, theta: Array, x: Array, z: Array) -> Array:
        """The kernel of the moved neurons `theta` (m, 1 + d) between x (n, d) and z (k, d), shape (n, k)."""
        p, a, w = self.initial.weights, theta[:, 0], theta[:, 1:]
        to_x, to_z = x @ w.T, z @ w.T
        kernel: Array = (self.activation.derivative(to_x) * (p * a * a)) @ self.activation.derivative(to_z).T * (x @ z.T)
        if self.second_layer == "trained":
            kernel += (self.activation(to_x) * p) @ self.activation(to_z).T
        return kernel

    def __call__(self, x: Array, z: Array) -> Array:
        return self.at(self.initial.points, x, z)

    def config(self) -> dict[str, Any]:
        """The kernel as JSON values."""
        return {"initial": self.initial.config(), "activation": self.activation.config(), "second_layer": self.second_layer}
