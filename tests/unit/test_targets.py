"""Targets against their formulas, shapes, configs and bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mfpde import targets

X = np.array([[0.3, -0.4, 0.0], [2.0, 1.0, -2.0], [0.0, 0.0, 0.0]])
R = np.array([0.5, 3.0, 0.0])


def first_two(x):
    return x[:, :2]


@pytest.mark.parametrize(
    ("target", "exact"),
    [
        (targets.RadialHat(), [0.5, 0.0, 1.0]),
        (targets.Linear([1.0, 2.0, -1.0]), [-0.5, 6.0, 0.0]),
        (targets.Radial(np.square), R**2),
        (targets.ProjectedNorm(2), [0.5, np.sqrt(5.0), 0.0]),
        (targets.OddCubic([1.0, 0.0, 2.0]), [0.027, -8.0, 0.0]),
        (targets.Norm(2.0), 2.0 * R),
        (targets.Polynomial(0.5, [1.0, 0.0, 0.0], np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]])), [0.65, 6.5, 0.5]),
        (targets.Sum([targets.RadialHat(), targets.Linear([1.0, 0.0, 0.0])]), [0.8, 2.0, 1.0]),
        (targets.as_target(lambda x: x[:, 0]), X[:, 0]),
        (targets.Custom(first_two, outputs=2), X[:, :2]),
    ],
    ids=lambda t: type(t).__name__,
)
def test_values_precision_and_config(target, exact):
    np.testing.assert_allclose(target(X), exact, rtol=1e-15, atol=1e-16)
    single = target(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=1e-6, atol=1e-7)
    assert json.loads(json.dumps(target.config())) == target.config()


def test_a_target_is_frozen_and_compared_by_value():
    assert targets.Linear(np.array([1.0, 2.0])) == targets.Linear((1, 2))
    assert hash(targets.ProjectedNorm(2)) == hash(targets.ProjectedNorm(2))
    with pytest.raises(AttributeError):
        targets.ProjectedNorm(2).d_h = 3
    assert targets.as_target(targets.RadialHat()) == targets.RadialHat()
    assert targets.as_target(first_two).config()["function"] == "first_two"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"RadialHat got x of shape \(3,\): give inputs of shape \(n, d\)"):
        targets.RadialHat()(np.zeros(3))
    with pytest.raises(ValueError, match="Linear got x with 3 columns: it has 2 coefficients"):
        targets.Linear([1, 2])(X)
    with pytest.raises(ValueError, match="needs at least 4"):
        targets.ProjectedNorm(4)(X)
    with pytest.raises(ValueError, match=r"first_two.*returned shape \(3, 2\): it must be \(3,\)"):
        targets.as_target(first_two)(X)
    with pytest.raises(ValueError, match="d_h = 0"):
        targets.ProjectedNorm(0)
    with pytest.raises(ValueError, match="finite"):
        targets.OddCubic([np.inf])
    with pytest.raises(ValueError, match=r"outputs \[1, 2\]"):
        targets.Sum([targets.RadialHat(), targets.Custom(first_two, outputs=2)])
    with pytest.raises(ValueError, match="target = 3"):
        targets.as_target(3)
