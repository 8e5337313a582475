"""Activations sigma with exact derivatives, by name; integer codes let compiled kernels choose among them.

At a kink every derivative is the one from the left: relu'(0) = 0, leaky_relu'(0) = slope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels import activation as kernel

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Activation:
    """A scalar function applied element by element.

    Attributes
    ----------
    name : str
        As in :func:`get`.
    code : int
        What compiled kernels dispatch on (constants of :mod:`mfpde.kernels.activation`).
    parameters : tuple of float
        Slope, alpha, or knots followed by values.
    homogeneity : int or None
        q with sigma(c z) = c^q sigma(z) for every c > 0, or None if there is none.
    """

    name: str
    code: int
    parameters: tuple[float, ...] = ()
    homogeneity: int | None = None

    @cached_property
    def compiled_parameters(self) -> npt.NDArray[np.float64]:
        """The parameters as the array (n,) that compiled kernels take."""
        return np.array(self.parameters, np.float64)

    @property
    def kinked(self) -> bool:
        """Whether the derivative jumps somewhere."""
        if self.code in (kernel.LEAKY_RELU, kernel.ELU):
            return self.parameters[0] != 1.0
        return self.code in (kernel.RELU, kernel.PIECEWISE_LINEAR)

    def __call__(self, z: npt.ArrayLike) -> Array:
        """sigma(z), of the shape and floating type of `z`; integers become float64."""
        return self._apply(kernel.activate_array, z)

    def derivative(self, z: npt.ArrayLike) -> Array:
        """sigma'(z), of the shape and floating type of `z`; at a kink, the derivative from the left."""
        return self._apply(kernel.activate_derivative_array, z)

    def config(self) -> dict[str, Any]:
        """The activation as JSON values."""
        return {"activation": self.name, "parameters": list(self.parameters)}

    def _apply(self, loop: Callable[[int, npt.NDArray[np.float64], Array], None], z: npt.ArrayLike) -> Array:
        given = np.asarray(z)
        out = np.array(given, given.dtype if given.dtype in (np.float32, np.float64) else np.float64, order="C")
        loop(self.code, self.compiled_parameters, out.reshape(-1))
        return out


def _finite(name: str, value: float) -> float:
    if not isfinite(value):
        raise ValueError(f"{name} contains {value!r}: give finite numbers")
    return float(value)


relu = Activation("relu", kernel.RELU, homogeneity=1)
gelu = Activation("gelu", kernel.GELU)
tanh = Activation("tanh", kernel.TANH)
erf = Activation("erf", kernel.ERF)
softplus = Activation("softplus", kernel.SOFTPLUS)
identity = Activation("identity", kernel.IDENTITY, homogeneity=1)
quadratic = Activation("quadratic", kernel.QUADRATIC, homogeneity=2)
cosine = Activation("cosine", kernel.COSINE)


def leaky_relu(slope: float = 0.01) -> Activation:
    """z for z > 0, slope z otherwise."""
    return Activation("leaky_relu", kernel.LEAKY_RELU, (_finite("slope", slope),), homogeneity=1)


def elu(alpha: float = 1.0) -> Activation:
    """z for z > 0, alpha (e^z - 1) otherwise."""
    return Activation("elu", kernel.ELU, (_finite("alpha", alpha),))


def piecewise_linear(knots: Sequence[float], values: Sequence[float]) -> Activation:
    """The line through (knots[i], values[i]); values[0] below the first knot, values[-1] above the last.

    Raises
    ------
    ValueError
        If there are fewer than two knots, they do not increase, or a number is not finite.
    """
    k = tuple(_finite("knots", x) for x in knots)
    v = tuple(_finite("values", x) for x in values)
    if len(k) < 2 or len(k) != len(v) or any(a >= b for a, b in pairwise(k)):
        raise ValueError(f"knots = {k}, values = {v}: give two or more strictly increasing knots, and one value for each")
    return Activation("piecewise_linear", kernel.PIECEWISE_LINEAR, k + v)


_BY_NAME = {a.name: a for a in (relu, leaky_relu(), gelu, elu(), tanh, erf, softplus, identity, quadratic, cosine)}
names = (*_BY_NAME, "piecewise_linear")


def get(activation: str | Activation) -> Activation:
    """The activation of that name (leaky_relu with slope 0.01, elu with alpha 1), or the given one itself.

    Raises
    ------
    ValueError
        If the name is unknown, or stands for nothing without its parameters.
    """
    if isinstance(activation, Activation):
        return activation
    if activation == "piecewise_linear":
        raise ValueError("activation = 'piecewise_linear' needs its knots: use mf.activations.piecewise_linear(knots=, values=)")
    if activation not in _BY_NAME:
        raise ValueError(f"activation = {activation!r}: known are {', '.join(names)}")
    return _BY_NAME[activation]
