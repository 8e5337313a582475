"""Compiled activations: sigma and sigma' of one number by integer code, and the same in place on vectors and blocks.

At a kink every derivative is the one from the left, so relu'(0) = 0. NaN goes in and comes out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit

Array = npt.NDArray[np.floating[Any]]
Parameters = npt.NDArray[np.float64]

RELU, LEAKY_RELU, GELU, ELU, TANH, ERF, SOFTPLUS, IDENTITY, QUADRATIC, COSINE, PIECEWISE_LINEAR = range(11)

_ROOT_HALF = math.sqrt(0.5)
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_ROOT_PI = math.sqrt(math.pi)


@jit
def activate(code: int, parameters: Parameters, z: float) -> float:
    """sigma(z) of the activation `code`, computed in double precision.

    `parameters`: (slope,) of leaky relu, (alpha,) of elu, knots then values of piecewise linear, else unused.
    """
    x = np.float64(z)
    if code == RELU:
        return 0.0 if x <= 0.0 else x
    if code == LEAKY_RELU:
        return parameters[0] * x if x <= 0.0 else x
    if code == GELU:
        return 0.5 * x * math.erfc(-x * _ROOT_HALF)
    if code == ELU:
        return parameters[0] * math.expm1(x) if x <= 0.0 else x
    if code == TANH:
        return math.tanh(x)
    if code == ERF:
        return math.erf(x)
    if code == SOFTPLUS:
        return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
    if code == IDENTITY:
        return x
    if code == QUADRATIC:
        return x * x
    if code == COSINE:
        return math.cos(x)
    return _piecewise_linear(parameters, x)


@jit
def activate_derivative(code: int, parameters: Parameters, z: float) -> float:
    """sigma'(z) of the activation `code`, computed in double precision; at a kink, the derivative from the left."""
    x = np.float64(z)
    if code == RELU:
        return 0.0 if x <= 0.0 else 1.0
    if code == LEAKY_RELU:
        return parameters[0] if x <= 0.0 else 1.0
    if code == GELU:
        return 0.5 * math.erfc(-x * _ROOT_HALF) + x * math.exp(-0.5 * x * x) / _ROOT_2PI
    if code == ELU:
        return parameters[0] * math.exp(x) if x <= 0.0 else 1.0
    if code == TANH:
        e = math.exp(-2.0 * abs(x))
        return 4.0 * e / ((1.0 + e) * (1.0 + e))
    if code == ERF:
        return 2.0 / _ROOT_PI * math.exp(-x * x)
    if code == SOFTPLUS:
        e = math.exp(-abs(x))
        return e / (1.0 + e) if x < 0.0 else 1.0 / (1.0 + e)
    if code == IDENTITY:
        return 1.0
    if code == QUADRATIC:
        return 2.0 * x
    if code == COSINE:
        return -math.sin(x)
    return _piecewise_linear_derivative(parameters, x)


@jit
def activate_array(code: int, parameters: Parameters, z: Array) -> None:
    """Overwrite the vector `z` (n,) of any floating type with sigma(z)."""
    for i in range(z.size):
        if code == RELU:
            z[i] = 0.0 if z[i] <= 0.0 else z[i]
        else:
            z[i] = activate(code, parameters, z[i])


@jit
def activate_derivative_array(code: int, parameters: Parameters, z: Array) -> None:
    """Overwrite the vector `z` (n,) of any floating type with sigma'(z)."""
    for i in range(z.size):
        z[i] = activate_derivative(code, parameters, z[i])


@jit
def _segment(parameters: Parameters, x: float) -> int:
    low, high = 0, parameters.size // 2 - 1
    while high - low > 1:
        middle = (low + high) // 2
        if x <= parameters[middle]:
            high = middle
        else:
            low = middle
    return low


@jit
def _piecewise_linear(parameters: Parameters, x: float) -> float:
    n = parameters.size // 2
    if x <= parameters[0]:
        return float(parameters[n])
    if x >= parameters[n - 1]:
        return float(parameters[2 * n - 1])
    i = _segment(parameters, x)
    slope = (parameters[n + i + 1] - parameters[n + i]) / (parameters[i + 1] - parameters[i])
    return float(parameters[n + i] + slope * (x - parameters[i]))


@jit
def _piecewise_linear_derivative(parameters: Parameters, x: float) -> float:
    n = parameters.size // 2
    if x <= parameters[0] or x > parameters[n - 1]:
        return 0.0
    i = _segment(parameters, x)
    return float((parameters[n + i + 1] - parameters[n + i]) / (parameters[i + 1] - parameters[i]))
