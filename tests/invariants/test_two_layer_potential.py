"""The potential Psi that every two-layer flow reports: its gradient is the force, its mean follows from the risk."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.two_layer.limits.density import DensityLimit
from mfpde.targets import Norm, Polynomial

GaussianInit = mf.measures.GaussianInit
LINEAR = {"law": mf.laws.Gaussian(3), "target": mf.targets.Linear((1.0, -0.5, 0.2)), "clock": 0.5}
PLACES = np.random.default_rng(0).standard_normal((7, 4))
UNIT = np.column_stack([np.ones(7), PLACES[:, 1:]])


def neurons(activation="erf", **options):
    initial = options.pop("initial", GaussianInit(np.zeros(4), 0.8))
    return mf.TwoLayer(**{**LINEAR, "activation": activation, "second_layer": "trained", "initial": initial, **options})


def one_weight(activation, **options):
    return neurons(activation, second_layer="fixed", initial=GaussianInit(np.zeros(3), 0.3), **options)


def solved(flow, t=0.4):
    steps = isinstance(flow, mf.flow.StepFlow)
    run = mf.solve(flow, [t]) if steps else mf.solve(flow, [t], rtol=1e-10, atol=1e-12)
    return flow, run.final_state


def differences(flow, y, places, h=1e-4):
    gradient = np.zeros_like(places)
    for k in range(places.shape[1]):
        step = np.zeros(places.shape[1])
        step[k] = h
        far, near = (flow.psi(y, places + sign * 2 * step) - flow.psi(y, places - sign * 2 * step) for sign in (1.0, 0.5))
        gradient[:, k] = (8.0 * near - far) / (12.0 * h)
    return gradient


QUADRATIC = {"target": Polynomial(0.3, [0.2, 0.0, 0.0], np.diag([1.0, 0.5, 0.2]))}
LIMITS = [
    (neurons(ridge=0.2).limit(nodes=3), PLACES, 0),
    (neurons("identity", ridge=0.2).limit(), PLACES, 0),
    (neurons("identity", beta=4.0).limit(), PLACES, 0),
    (one_weight("quadratic", **QUADRATIC, ridge=0.1).limit(), UNIT, 1),
    (one_weight("quadratic", **QUADRATIC, centred=True).limit(), UNIT, 1),
    (neurons("relu", target=Norm(1.0), second_layer="fixed", initial=mf.measures.SphereInit(3, 0.5)).limit(), PLACES, 1),
    (mf.IsotropicGaussians(d=3, delta=0.5).limit(), PLACES, 1),
    (mf.CosineCircle(b=0.8).limit(), PLACES[:, :2], 1),
    (mf.CosineCircle(b=0.8, beta=10.0).limit(), PLACES[:, :2], 1),
    (mf.CosineCircle(b=0.8, beta=10.0, clock=0.5).limit(method="density", cells=64, dt=0.05), PLACES[:, :2], 1),
    (neurons("erf", scale=3.0).limit(nodes=3), PLACES, 0),
]


@pytest.mark.parametrize(("limit", "places", "moving"), LIMITS)
def test_the_force_is_minus_the_gradient_of_psi(limit, places, moving):
    flow, y = solved(limit)
    force = flow.force(y, places)
    np.testing.assert_allclose(differences(flow, y, places)[:, moving:], -force[:, moving:], rtol=0.0, atol=1e-7)
    assert np.max(np.abs(force)) > 0.01


def test_moments_and_nodes_have_one_potential():
    for system, places in ((neurons("identity", ridge=0.2), PLACES), (one_weight("quadratic", **QUADRATIC), UNIT)):
        values = [flow.psi(y, places) for flow, y in (solved(system.limit(method=method)) for method in ("moments", "nodes"))]
        np.testing.assert_allclose(values[0], values[1], rtol=0.0, atol=1e-8)
    system = neurons("relu", target=Norm(1.0), second_layer="fixed", initial=mf.measures.SphereInit(3, 0.5))
    limit, y = solved(system.limit())
    cloud = mf.Ensemble(np.column_stack([np.ones(4000), mf.measures.SphereInit(3, 0.5).sample(4000, np.random.default_rng(0))]))
    nodes, z = solved(system.limit(method="nodes", nodes=cloud))
    np.testing.assert_allclose(limit.psi(y, PLACES), nodes.psi(z, PLACES), rtol=0.0, atol=0.01)


@pytest.mark.parametrize("places", [np.ones((3, 2)), np.ones(3)])
def test_places_of_another_shape_are_refused(places):
    limit, y = solved(neurons("identity").limit(method="moments"))
    with pytest.raises(ValueError, match=r"theta has shape .*: give places \(m, \d\), a first"):
        limit.psi(y, places)


def test_mean_of_psi_follows_from_the_risk():
    """int Psi drho = R - E y^2 - int V drho."""
    system = mf.IsotropicGaussians(d=40, delta=0.5)
    limit, y = solved(system.limit())
    r, weights = limit.law(y)
    places = np.zeros((len(r), 41))
    places[:, 0], places[:, 1] = 1.0, r
    external = system.field.psi(places, places, np.zeros(len(r)))
    assert weights @ limit.psi(y, places) == pytest.approx(limit.observe(0.4, y)["risk"] - 1.0 - weights @ external, abs=1e-8)


@pytest.mark.parametrize("dynamics", ["nonlinear", "particles", "gd", "sgd"])
def test_networks_report_the_potential_of_their_own_neurons(dynamics):
    system = neurons("erf")
    step = {"eps": 0.01} if dynamics in ("gd", "sgd") else {}
    more = {"limit": {"nodes": 3}} if dynamics == "nonlinear" else {}
    network = system.network(m=6, dynamics=dynamics, rng=1, **step, **more)
    flow, y = solved(network, 0.1)
    theta = flow.particles(y)["neurons"]
    expected = system.field.potential.psi(PLACES, theta, np.full(6, 1.0 / 6.0))
    np.testing.assert_allclose(flow.psi(y, PLACES), expected, rtol=0.0, atol=1e-13)


def test_tracers_see_the_limit():
    system = neurons("relu")
    network = system.network(m=3, dynamics="particles")
    limit, (coupled, y) = system.limit(nodes=3), solved(system.coupled_limit(network, nodes=3))
    np.testing.assert_array_equal(coupled.psi(y, PLACES), limit.psi(coupled.inner(y), PLACES))


def test_a_density_has_the_potential_of_its_cells():
    law = mf.laws.Empirical(np.array([[-1.0], [0.3], [1.0]]), np.array([0.2, -0.4, 1.0]))
    system = mf.TwoLayer(law=law, activation="tanh", initial=GaussianInit([0.1], 0.3), ridge=0.5, beta=8.0, clock=0.5)
    limit, y = solved(system.limit(method="density", cells=64, reach=5.0, eps=0.05), 0.2)
    assert isinstance(limit, DensityLimit)
    cells = np.column_stack([np.ones(64), limit.inner.grid.points])
    np.testing.assert_allclose(limit.psi(y, cells), limit.inner.psi(y), rtol=0.0, atol=1e-12)
    assert math.isfinite(limit.observe(0.2, y)["risk"])


@pytest.mark.parametrize(("system", "columns"), [
    (mf.IsotropicGaussians(d=math.inf, delta=0.5, clock=0.5), [1]),
    (mf.AnisotropicGaussians(delta=0.5, gamma=0.25, clock=0.5), [1, 2]),
    (mf.AnisotropicGaussians(delta=0.5, gamma=0.25, activation="relu", clock=0.5), [0, 1, 2, 3]),
])  # fmt: skip
def test_at_infinite_dimension_the_velocity_is_minus_the_gradient_of_psi(system, columns):
    """Places are the numbers a neuron is known by; a = 1 where it is fixed."""
    flow, y = solved(system.limit())
    own = flow.unpack(y)["theta"] if len(columns) == 4 else np.concatenate([[1.0], y])[None]
    velocity = flow.velocity(0.4, y).reshape(len(own), -1)
    np.testing.assert_allclose(differences(flow, y, own)[:, columns], -velocity, rtol=0.0, atol=1e-8)
    assert np.max(np.abs(velocity)) > 0.01


def test_mean_of_psi_at_infinite_dimension():
    """psi = E (f - y) q at the one atom that makes f."""
    system = mf.IsotropicGaussians(d=math.inf, delta=0.5)
    limit, y = solved(system.limit())
    q = system.mean_activation.value(y[0] * np.array([1.5, 0.5]))
    assert limit.psi(y, np.array([[1.0, y[0]]]))[0] == pytest.approx(0.5 * (q[0] * (q[0] - 1.0) + q[1] * (q[1] + 1.0)), abs=1e-14)
