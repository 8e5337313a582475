"""The passes over a layer's fields against the activations element by element, and against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.systems.integrable import activation
from mfpde.systems.integrable.fields import LINEAR, activate_fields, gate_fields

Z = np.concatenate([np.linspace(-30, 30, 4001), np.linspace(-1, 1, 2001), [-1e-20, 0.0, 1e-20, -200.0, 200.0, -1e18, 1e18]])
NAMES = ("relu", "relu^2", "relu^3", "tanh", "elu", "gelu", "erf", "leaky_relu", "identity", "quadratic")


def fields(code, parameters, z, scale=1.0, bias=0.0):
    h = np.tile(z, (3, 1))
    gate = np.full_like(h, np.nan)
    activate_fields(code, parameters, h, h.dtype.type(scale), np.full(3, bias, h.dtype), gate)
    np.testing.assert_array_equal(h[0], h[2])
    return h[1], gate[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives(name, dtype):
    sigma = activation.get(name)
    z = Z.astype(dtype) if name in ("relu", "tanh", "elu", "gelu", "leaky_relu") else Z[np.abs(Z) < 50].astype(dtype)
    h, gate = fields(sigma.code, sigma.compiled_parameters, z)
    exact = z.astype(np.float64)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(h, sigma(exact), rtol=8 * eps, atol=4 * eps)
    np.testing.assert_allclose(gate, sigma.derivative(exact), rtol=8 * eps, atol=4 * eps)


def test_the_lower_tail_of_gelu_in_single_precision():
    """Relative accuracy down to e^{-z^2/2} = 1e-14, where rounding z^2/2 alone costs 4e-6."""
    sigma = activation.get("gelu")
    z = np.linspace(-8.0, 0.0, 2001)[:-1].astype(np.float32)
    h, gate = fields(sigma.code, sigma.compiled_parameters, z)
    np.testing.assert_allclose(h, sigma(z.astype(np.float64)), rtol=1e-5)
    np.testing.assert_allclose(gate, sigma.derivative(z.astype(np.float64)), rtol=1e-5, atol=2e-7)


def test_scale_and_bias_come_before_the_activation():
    sigma = activation.get("tanh")
    h, gate = fields(sigma.code, sigma.compiled_parameters, Z, scale=0.25, bias=-0.5)
    np.testing.assert_allclose(h, np.tanh(0.25 * Z - 0.5), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(gate, 1.0 - np.tanh(0.25 * Z - 0.5) ** 2, rtol=0, atol=1e-15)


def test_a_line_has_its_slope():
    h, gate = fields(LINEAR, np.array([0.5]), Z, scale=2.0, bias=1.0)
    np.testing.assert_allclose(h, 0.5 * (2.0 * Z + 1.0), rtol=1e-15)
    np.testing.assert_array_equal(gate, 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_nan_comes_out(name, dtype):
    sigma = activation.get(name)
    assert np.isnan(fields(sigma.code, sigma.compiled_parameters, np.array([np.nan], dtype))[0][0])


def test_gates():
    rng = np.random.default_rng(0)
    d, gate = rng.standard_normal((2, 4, 5))
    out = d.copy()
    gate_fields(out, np.float64(3.0), gate)
    np.testing.assert_allclose(out, 3.0 * d * gate, rtol=1e-14)
