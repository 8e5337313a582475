"""Every activation against mpmath, its derivative against mpmath's, dtypes, extremes, and bad input."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from mfpde import activations as act
from mfpde.kernels.activation import activate, activate_derivative

SMOOTH = {
    "gelu": lambda z: z * mp.ncdf(z),
    "tanh": mp.tanh,
    "erf": mp.erf,
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "identity": lambda z: z,
    "quadratic": lambda z: z * z,
    "cosine": mp.cos,
}
KINKED = [
    (act.relu, lambda z: max(z, mp.mpf(0))),
    (act.leaky_relu(0.2), lambda z: z if z > 0 else mp.mpf(0.2) * z),
    (act.elu(1.5), lambda z: z if z > 0 else mp.mpf(1.5) * mp.expm1(z)),
]
CASES = [(act.get(name), f) for name, f in SMOOTH.items()] + KINKED
Z = np.array([-30.0, -12.5, -3.7, -1.0, -1e-3, -1e-9, 1e-9, 1e-3, 0.8, 2.0, 5.5, 25.0])
HAT = act.piecewise_linear(knots=(-1.0, 0.5, 2.0, 3.0), values=(2.0, -1.0, 0.5, 0.25))


@pytest.mark.parametrize(("activation", "exact"), CASES, ids=lambda c: getattr(c, "name", ""))
def test_value_and_derivative_agree_with_mpmath(activation, exact):
    with mp.workdps(60):
        values = [float(exact(mp.mpf(z))) for z in Z]
        derivatives = [float(mp.diff(exact, mp.mpf(z), h=mp.mpf(10) ** -25)) for z in Z]
    np.testing.assert_allclose(activation(Z), values, rtol=2e-13, atol=1e-300)
    np.testing.assert_allclose(activation.derivative(Z), derivatives, rtol=1e-12, atol=1e-24)


def test_piecewise_linear_interpolates_and_is_flat_outside():
    z = np.array([-5.0, -1.0, -0.25, 0.5, 1.25, 2.0, 2.5, 3.0, 9.0])
    np.testing.assert_allclose(HAT(z), np.interp(z, (-1.0, 0.5, 2.0, 3.0), (2.0, -1.0, 0.5, 0.25)), rtol=1e-15)
    np.testing.assert_allclose(HAT.derivative(z), [0, 0, -2, -2, 1, 1, -0.25, -0.25, 0], atol=1e-15)


def test_at_a_kink_the_derivative_is_the_one_from_the_left():
    assert [a.derivative(0.0) for a in (act.relu, act.leaky_relu(0.3), act.elu(2.0))] == [0.0, 0.3, 2.0]


@pytest.mark.parametrize("activation", [*map(act.get, SMOOTH), *(one for one, _ in KINKED), act.leaky_relu(1.0), act.elu(), HAT])
def test_kinked_says_whether_the_derivative_jumps(activation):
    z = np.array([0.0, 2.0])[:, None] + np.array([-1e-9, 1e-9])
    assert activation.kinked == bool((np.abs(np.diff(activation.derivative(z))) > 1e-3).any())


@pytest.mark.parametrize("activation", [*(c[0] for c in CASES), HAT], ids=lambda a: a.name)
def test_the_compiled_scalar_the_array_and_both_precisions_agree(activation):
    for compiled, array in ((activate, activation), (activate_derivative, activation.derivative)):
        scalars = [compiled(activation.code, activation.compiled_parameters, z) for z in Z]
        np.testing.assert_array_equal(array(Z), scalars)
        single = array(Z.astype(np.float32).reshape(3, 4))
        assert single.dtype == np.float32
        assert single.shape == (3, 4)
        np.testing.assert_allclose(single.ravel(), array(Z.astype(np.float32).astype(float)), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("activation", [*(c[0] for c in CASES), HAT], ids=lambda a: a.name)
def test_huge_arguments_do_not_overflow_and_nan_is_kept(activation):
    z = np.array([-1e150, -1e4, -800.0, 800.0, 1e4, 1e150])
    assert np.all(np.isfinite(activation(z)))
    assert np.all(np.isfinite(activation.derivative(z)))
    assert np.isnan(activation(np.nan))


@pytest.mark.parametrize("activation", [*(c[0] for c in CASES), HAT], ids=lambda a: a.name)
def test_homogeneity_is_what_is_stated(activation):
    q = activation.homogeneity
    scaled = activation(3.0 * Z)
    if q is None:
        assert np.max(np.abs(scaled - 3.0 * activation(Z))) > 0.1
    else:
        np.testing.assert_allclose(scaled, 3.0**q * activation(Z), rtol=1e-14)


def test_the_input_is_left_as_it_was_and_integers_become_floats():
    z = np.array([[1.0, -2.0], [-3.0, 4.0]]).T
    before = z.copy()
    np.testing.assert_array_equal(act.relu(z), np.maximum(before, 0))
    np.testing.assert_array_equal(z, before)
    assert act.quadratic([1, 2]).dtype == np.float64


def test_get_and_bad_input():
    assert act.get("tanh") is act.tanh
    assert act.get(HAT) is HAT
    assert all(act.get(name).name == name for name in act.names if name != "piecewise_linear")
    with pytest.raises(ValueError, match=r"'swish': known are relu, leaky_relu, .*piecewise_linear"):
        act.get("swish")
    with pytest.raises(ValueError, match="needs its knots"):
        act.get("piecewise_linear")
    with pytest.raises(ValueError, match="strictly increasing"):
        act.piecewise_linear([0, 0], [1, 2])
    with pytest.raises(ValueError, match="slope contains nan"):
        act.leaky_relu(float("nan"))
