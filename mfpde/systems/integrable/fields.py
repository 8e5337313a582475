"""Compiled passes over the fields of a layer: bias, activation and derivative in one go, in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels import activation as kernel
from mfpde.kernels.jit import jit, jit_fast

Array = npt.NDArray[np.floating[Any]]

LINEAR = -1
"""Code of sigma(z) = slope z, the slope being the first parameter; -q stands for relu(z)^q, q >= 2."""


@jit_fast
def _relu(h: Array, scale: np.floating[Any], bias: Array, gate: Array) -> None:
    zero, one = h.dtype.type(0), h.dtype.type(1)
    for i in range(h.shape[0]):
        b = bias[i]
        for j in range(h.shape[1]):
            z = h[i, j] * scale + b
            h[i, j] = zero if z <= zero else z
            gate[i, j] = one if z > zero else zero


@jit
def activate_fields(code: int, parameters: npt.NDArray[np.float64], h: Array, scale: np.floating[Any], bias: Array, gate: Array) -> None:
    """Overwrite `h` (m, n) with sigma(z) and `gate` (m, n) with sigma'(z), z = scale h + bias; `bias` (m,), `scale` of the type of h."""
    if code == kernel.RELU:
        _relu(h, scale, bias, gate)
        return
    for i in range(h.shape[0]):
        b = bias[i]
        for j in range(h.shape[1]):
            z = h[i, j] * scale + b
            if code == LINEAR:
                h[i, j] = parameters[0] * z
                gate[i, j] = parameters[0]
            elif code < LINEAR:
                r = max(z, 0.0 * z)
                gate[i, j] = -code * r ** (-code - 1)
                h[i, j] = r ** (-code)
            else:
                h[i, j] = kernel.activate(code, parameters, z)
                gate[i, j] = kernel.activate_derivative(code, parameters, z)


@jit_fast
def gate_fields(d: Array, scale: np.floating[Any], gate: Array) -> None:
    """Overwrite `d` (m, n) with scale d gate; `scale` of the type of d."""
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] *= scale * gate[i, j]
