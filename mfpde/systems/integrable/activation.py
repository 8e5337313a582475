"""The activations of deep networks: those of :mod:`mfpde.activations` and powers of relu, with what scaling them needs."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from mfpde import activations
from mfpde.activations import Activation, Array

INIT_VARIANCE = {"relu": 2.0, "leaky_relu": 2.0, "gelu": 4.0, "elu": 1.0, "tanh": 1.0, "erf": 1.0, "identity": 1.0, "quadratic": 1.0}
"""Variance of the initial weights by activation: those of relu, gelu, elu and tanh are the authors' (std 1.41, 2, 1, 1), others ours."""


class RectifiedPower(Activation):
    """relu(z)^q, positively q-homogeneous; relu'(0) = 0."""

    def __call__(self, z: npt.ArrayLike) -> Array:
        """relu(z)^q, of the shape and floating type of `z`."""
        return self._power(z, self._exponent)

    def derivative(self, z: npt.ArrayLike) -> Array:
        """q relu(z)^(q-1), of the shape and floating type of `z`."""
        return self._exponent * self._power(z, self._exponent - 1)

    @cached_property
    def _exponent(self) -> int:
        assert self.homogeneity is not None
        return self.homogeneity

    def _power(self, z: npt.ArrayLike, q: int) -> Array:
        given = np.asarray(z)
        x = np.maximum(given.astype(given.dtype if given.dtype in (np.float32, np.float64) else np.float64), 0)
        return np.asarray(x**q, x.dtype)


_POWERS = {f"relu^{q}": RectifiedPower(f"relu^{q}", -q, homogeneity=q) for q in (2, 3)}
names = (*activations.names, *_POWERS)


def get(activation: str | Activation) -> Activation:
    """The activation of that name, or the given one itself.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if isinstance(activation, str) and activation in _POWERS:
        return _POWERS[activation]
    if isinstance(activation, str) and activation not in names:
        raise ValueError(f"activation = {activation!r}: known are {', '.join(names)}")
    return activations.get(activation)


def slope(activation: Activation) -> float:
    """sigma'(0), by which the linearised first pass replaces sigma in layers 2..L."""
    return float(activation.derivative(0.0))


def at_zero(activation: Activation) -> float:
    """sigma(0), which the theory wants to be 0."""
    return float(activation(0.0))


def init_variance(activation: Activation) -> float:
    """The default variance of the initial weights; ValueError if the activation has none."""
    name = "relu" if activation.name in _POWERS else activation.name
    if name not in INIT_VARIANCE:
        raise ValueError(f"init_variance = None: activation {activation.name!r} has no default, give a number")
    return INIT_VARIANCE[name]
