"""Passes over the arrays of a layer, in place: bias, activation and derivative together, gates, sums of weights.

NumPy's tanh, exp and expm1 are vectorised where the compiled scalar functions are not; what stands around them is compiled here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels import activation as kernel
from mfpde.kernels.jit import jit, jit_fast

Array = npt.NDArray[np.floating[Any]]
Parameters = npt.NDArray[np.float64]

LINEAR = -1
"""Code of sigma(z) = slope z, the slope being the first parameter; -q stands for relu(z)^q, q >= 2."""


def activate_fields(code: int, parameters: Parameters, h: Array, scale: np.floating[Any], bias: Array, gate: Array) -> None:
    """Overwrite `h` (m, n) with sigma(z) and `gate` (m, n) with sigma'(z), z = scale h + bias; `bias` (m,), `scale` of the type of h."""
    if code == kernel.RELU:
        _relu(h, scale, bias, gate)
    elif code == kernel.TANH:
        _affine(h, scale, bias)
        np.tanh(h, out=h)
        _tanh_gate(h, gate)
    elif code == kernel.ELU:
        _affine(h, scale, bias)
        np.minimum(h, 0, out=gate)
        np.expm1(gate, out=gate)
        _elu(h, h.dtype.type(parameters[0]), gate)
    elif code == kernel.GELU and h.dtype == np.float32:
        _affine(h, scale, bias)
        np.multiply(h, h, out=gate)
        gate *= np.float32(-0.5)
        np.exp(gate, out=gate)
        _gelu(h, gate, _mills())
    else:
        _others(code, parameters, h, scale, bias, gate)


@jit_fast
def gate_fields(d: Array, scale: np.floating[Any], gate: Array) -> None:
    """Overwrite `d` (m, n) with scale d gate; `scale` of the type of d."""
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            d[i, j] *= scale * gate[i, j]


@jit_fast
def add_weights(out: Array, old: Array) -> np.floating[Any]:
    """Add `old` (m, n) to `out` (m, n); the sum of all |out|, which is not finite if a weight is not."""
    total = out.dtype.type(0)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += old[i, j]
            total += abs(out[i, j])
    return total


@jit_fast
def _relu(h: Array, scale: np.floating[Any], bias: Array, gate: Array) -> None:
    zero, one = h.dtype.type(0), h.dtype.type(1)
    for i in range(h.shape[0]):
        b = bias[i]
        for j in range(h.shape[1]):
            z = h[i, j] * scale + b
            h[i, j] = zero if z <= zero else z
            gate[i, j] = one if z > zero else zero


@jit_fast
def _affine(h: Array, scale: np.floating[Any], bias: Array) -> None:
    for i in range(h.shape[0]):
        b = bias[i]
        for j in range(h.shape[1]):
            h[i, j] = h[i, j] * scale + b


@jit_fast
def _tanh_gate(h: Array, gate: Array) -> None:
    one = h.dtype.type(1)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            gate[i, j] = (one - h[i, j]) * (one + h[i, j])


@jit_fast
def _elu(h: Array, alpha: np.floating[Any], gate: Array) -> None:
    """`h` holds z, `gate` e^min(z, 0) - 1."""
    zero, one = h.dtype.type(0), h.dtype.type(1)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            z, e = h[i, j], gate[i, j]
            h[i, j] = alpha * e if z <= zero else z
            gate[i, j] = alpha * (e + one) if z <= zero else one


@jit_fast
def _gelu(h: Array, gate: Array, mills: Array) -> None:
    """`h` holds z, `gate` e^{-z^2/2}; P(N < -|z|) = e^{-z^2/2} times the polynomial `mills` in 4 / (2 + |z|) - 1."""
    zero, one, two, four = h.dtype.type(0), h.dtype.type(1), h.dtype.type(2), h.dtype.type(4)
    density = h.dtype.type(0.3989422804014327)
    # Written out, because a loop over the coefficients would keep the loop over j from being vectorised.
    a, b, c, d, f, g = mills[0], mills[1], mills[2], mills[3], mills[4], mills[5]
    p, q, r, s, t, v = mills[6], mills[7], mills[8], mills[9], mills[10], mills[11]
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            z, e = h[i, j], gate[i, j]
            u = four / (two + abs(z)) - one
            high = ((((a * u + b) * u + c) * u + d) * u + f) * u + g
            tail = e * ((((((high * u + p) * u + q) * u + r) * u + s) * u + t) * u + v)
            below = tail if z <= zero else one - tail
            h[i, j] = z * below
            gate[i, j] = below + z * e * density


@lru_cache(maxsize=1)
def _mills() -> npt.NDArray[np.float32]:
    """P(N < -x) e^{x^2/2} = erfcx(x/sqrt 2)/2 as a polynomial in u = 4/(2+x) - 1, highest power first."""
    from numpy.polynomial import Chebyshev, Polynomial
    from scipy.special import erfcx

    fitted = Chebyshev.interpolate(lambda u: 0.5 * erfcx((4.0 / np.maximum(1.0 + u, 1e-9) - 2.0) * np.sqrt(0.5)), 11)
    return fitted.convert(kind=Polynomial).coef[::-1].astype(np.float32)


@jit
def _others(code: int, parameters: Parameters, h: Array, scale: np.floating[Any], bias: Array, gate: Array) -> None:
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
