"""Impossible arguments of the target of |x_H|: one line that names the assumption that fails."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget
from mfpde.targets import Custom, Linear, ProjectedNorm, Radial, Sum

SMALL = LowDimensionalTarget(d=6, d_h=2)


def refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("parameters", "message"), [
    ({"d": 5, "d_h": 5}, "d_h = 5 and d = 5: the reduction needs directions outside of H; give 1 <= d_h <= d - 1 = 4"),
    ({"d": 5, "d_h": 7}, "d_h = 7 and d = 5: the reduction needs directions outside of H"),
    ({"d": 5, "d_h": 0}, "d_h = 0: give an integer >= 1"),
    ({"d": 5, "d_h": -1}, "d_h = -1: give an integer >= 1"),
    ({"d": 5, "d_h": 2.0}, "d_h = 2.0: give an integer >= 1"),
    ({"d": 1, "d_h": 1}, "d = 1: give an integer >= 2"),
    ({"d": True, "d_h": 1}, "d = True: give an integer >= 2"),
    ({"target": "abs"}, "target = 'abs': give 'norm', a function g(r)"),
    ({"target": 3.0}, "target = 3.0: give 'norm', a function g(r)"),
    ({"target": Radial(np.sin)}, "is not covered by the reduction: it depends on x_perp, the coordinates after the first d_h = 2"),
    ({"target": ProjectedNorm(3)}, "is not covered by the reduction: it depends on x_perp"),
    ({"target": ProjectedNorm(1)}, "is not covered by the reduction: it changes under rotations of H, the first d_h = 2 coordinates"),
    ({"target": Linear((1.0, 1.0, 0.0, 0.0, 0.0, 0.0))}, "is not covered by the reduction: it changes under rotations of H"),
    ({"d_h": 1, "target": Linear((1.0, 0.0, 0.0, 0.0, 0.0, 0.0))}, "is not covered by the reduction: it changes under rotations of H"),
    ({"target": Custom(lambda x: x[:, :2], outputs=2)}, "has several outputs: the reduction covers one"),
    ({"target": lambda x: x[:, 0]}, "give a vectorised g(r)"),
    ({"target": lambda r: 1.0}, "target: g returned shape ()"),
    ({"target": lambda r: np.where(r > 1.0, np.nan, r)}, "is not finite: E f*^2 must be finite"),
])  # fmt: skip
def test_bad_parameters(parameters, message):
    refused(lambda: LowDimensionalTarget(**{"d": 6, "d_h": 2, **parameters}), message)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"nodes": 1}, "nodes = 1: give an integer >= 2"),
    ({"nodes": 8.0}, "nodes = 8.0: give an integer >= 2"),
    ({"modes": 1}, "modes = 1: give an integer >= 2"),
])  # fmt: skip
def test_bad_limit(arguments, message):
    refused(lambda: SMALL.limit(**arguments), message)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"m": 0}, "m = 0: give an integer >= 1"),
    ({"dynamics": "flow"}, "dynamics = 'flow': give one of"),
    ({"lr": 0.1}, "lr = 0.1: dynamics='particles' chooses its own steps"),
    ({"dynamics": "gd", "batch": 8}, "batch = 8: dynamics='gd' draws no batches"),
    ({"dynamics": "sgd", "samples": 8}, "samples = 8: dynamics='sgd' has no fixed sample"),
    ({"dynamics": "sgd", "lr": 0.0}, "lr = 0.0: give a finite number > 0"),
    ({"dynamics": "sgd", "batch": 0}, "batch = 0: give an integer >= 1"),
    ({"dynamics": "gd", "samples": 1.5}, "samples = 1.5: give an integer >= 1"),
    ({"rng": -1}, "rng = -1: give an integer seed >= 0"),
])  # fmt: skip
def test_bad_network(arguments, message):
    refused(lambda: SMALL.network(**{"m": 4, **arguments}), message)


def test_what_belongs_to_the_norm_alone():
    other = LowDimensionalTarget(d=6, d_h=2, target=np.square)
    refused(lambda: other.alpha, "alpha is the final mass for the target 'norm' only")
    refused(other.overshoot_time, "alpha is the final mass for the target 'norm' only")
    refused(lambda: SMALL.kernel([0.1, np.nan], 0.0), "theta holds a NaN or an infinity")


def test_targets_that_are_covered():
    for target in (ProjectedNorm(2), Sum((ProjectedNorm(2), Custom(lambda x: x[:, 0] ** 2 + x[:, 1] ** 2)))):
        system = LowDimensionalTarget(d=6, d_h=2, target=target)
        x = np.random.default_rng(0).standard_normal((5, 6))
        np.testing.assert_allclose(system.radial(x), target(x), rtol=1e-13)


def test_shapes():
    assert SMALL.kernel(0.3, 0.4).shape == ()
    assert SMALL.kernel(np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)
    assert SMALL.initial_velocity(0.3).shape == ()
    limit, x = SMALL.limit(nodes=4), np.ones((3, 6))
    assert limit.predict(limit.state0, x).shape == (3,)
    assert limit.particles(limit.state0)["neurons"].shape == (0, 7)
    assert mf.solve(limit, [0.0, 0.1]).states.shape == (2, 16)
