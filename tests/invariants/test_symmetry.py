"""Symmetries of data, target and neurons are kept by the dynamics; the check that says so, and what it refuses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mfpde as mf
from mfpde.flow import Field, Packing, VelocityFlow
from mfpde.laws import Law
from mfpde.systems.symmetric.odd import OddTarget
from mfpde.systems.symmetric.symmetry import check_invariance, symmetry_residual
from mfpde.targets import Custom, Linear, OddCubic

D = 3


class Silent(VelocityFlow):
    """Neither predicts nor has particles."""

    clock, config = "time", {}
    packing, state0 = Packing((Field("y", (1,), ("place",)),)), np.zeros(1)

    def velocity(self, t, y):
        return -y

    def observe(self, t, y):
        return {"y": float(y[0])}


PERMUTATIONS = [np.eye(D)[list(order)] for order in itertools.permutations(range(D))]
FLIPS = [np.diag(signs) for signs in itertools.product([1.0, -1.0], repeat=D)]
GROUPS = {
    "x to -x, odd": [(np.eye(D), 1), (-np.eye(D), -1)],
    "x to -x, even": [(np.eye(D), 1), (-np.eye(D), 1)],
    "permutations": [(T, 1) for T in PERMUTATIONS],
    "signed permutations": [(T, round(np.linalg.det(T))) for T in PERMUTATIONS],
    "sign flips": [(T, 1) for T in FLIPS],
    # Of two coordinates: an odd number of sign changes with s = -1 would leave relu networks at 0.
    "signed flips": [(T, round(np.linalg.det(T))) for T in FLIPS if T[2, 2] == 1.0],
}
HOST = OddTarget.cubic(D)


def orbit_run(group, steps=1000, spoil=0.0):
    """Gradient descent of free ReLU neurons on data, both lists invariant under the group (up to `spoil`)."""
    rng = np.random.default_rng(5)
    points, labels = rng.standard_normal((6, D)), rng.standard_normal(6)
    signs, directions = np.sign(rng.standard_normal(4)), rng.standard_normal((4, D)) / 2
    x, y = np.vstack([points @ T.T for T, _ in group]), np.concatenate([s * labels for _, s in group])
    a, b = np.concatenate([s * signs for _, s in group]), np.vstack([directions @ T.T for T, _ in group])
    b[0] += spoil
    network = HOST.network(m=len(a), dynamics="gd", lr=0.02, data=(x, y), paired=False)
    return network, mf.solve(network, [0, steps // 10, steps], y0=network.pack(a=a, b=b))


@pytest.mark.parametrize("name", GROUPS)
def test_descent_keeps_the_symmetry_of_data_and_neurons(name):
    network, run = orbit_run(GROUPS[name])
    assert np.max(np.abs(run.states[-1] - run.states[0])) > 0.1
    for T, s in GROUPS[name]:
        assert symmetry_residual(network, run, T, s).largest() <= 1e-13


def test_a_neuron_out_of_place_is_seen():
    network, run = orbit_run(GROUPS["permutations"], steps=100, spoil=1e-6)
    residual = symmetry_residual(network, run, PERMUTATIONS[1])
    assert np.all(residual.predictor > 1e-9)
    assert np.all(residual.particles["neurons"] > 1e-7)
    assert not np.any(symmetry_residual(network, run, np.eye(D)).particles["neurons"])


def test_residual_is_what_it_says():
    network = HOST.network(m=3, paired=False, rng=1)
    run = mf.solve(network, [0.0, 0.5])
    T, x = PERMUTATIONS[3], np.random.default_rng(0).standard_normal((7, D))
    residual = symmetry_residual(network, run, T, -1, inputs=x)
    for row, y in enumerate(run.states):
        points = network.particles(y)["neurons"]
        image = np.array([[-p[0], *(T @ p[1:])] for p in points])
        farthest = max(min(np.linalg.norm(p - q) for p in points) for q in image)
        assert residual.particles["neurons"][row] == pytest.approx(farthest, rel=1e-14)
        turned = np.array([T @ v for v in x])
        assert residual.predictor[row] == pytest.approx(np.max(np.abs(network.predict(y, turned) + network.predict(y, x))), rel=1e-12)


def test_free_neurons_break_oddness_and_pairs_do_not():
    for paired in (True, False):
        network = HOST.network(m=64, dynamics="sgd", lr=0.05, batch=32, paired=paired, rng=0)
        residual = symmetry_residual(network, mf.solve(network, [0, 200]), -np.eye(D), -1)
        assert (residual.largest() < 1e-13) == paired


def test_limit_has_the_symmetries_of_the_problem():
    """z = 1: coordinates may change places; any orthogonal map that fixes w keeps the predictor."""
    limit = HOST.limit()
    run = mf.solve(limit, [0.0, 1.0, 10.0])
    assert symmetry_residual(limit, run, PERMUTATIONS[4]).largest() < 1e-14
    assert symmetry_residual(limit, run, -np.eye(D), -1).largest() < 1e-14
    assert symmetry_residual(limit, run, np.diag([-1.0, 1.0, 1.0])).largest() > 0.1


def test_other_systems_have_particles_too():
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2), target=Linear((1.0, 0.5)), activation="relu", second_layer="trained", clock=0.5,
        initial=mf.measures.GaussianInit(np.zeros(3), 0.8),
    )  # fmt: skip
    network = system.network(m=8, dynamics="particles", rng=0)
    theta = network.particles(network.state0)["neurons"].copy()
    theta[4:] = -theta[:4]
    run = mf.solve(network, [0.0, 1.0], y0=theta.ravel())
    assert symmetry_residual(network, run, -np.eye(2), -1).largest() < 1e-12
    depth = mf.DepthSeparation(d=4).limit()
    found = symmetry_residual(depth, mf.solve(depth, [0.0, 1.0]), np.eye(4)[[1, 0, 3, 2]])
    assert found.predictor is not None
    assert found.largest() < 1e-12


@pytest.mark.parametrize(("transform", "sign", "message"), [
    (2 * np.eye(D), 1, "not orthogonal"),
    (np.eye(D)[:2], 1, "shape"),
    (np.full((D, D), np.nan), 1, "finite"),
    (np.eye(D), 2, "sign = 2"),
    (np.eye(D), True, "sign = True"),
])  # fmt: skip
def test_bad_maps_are_refused(transform, sign, message):
    limit = HOST.limit()
    with pytest.raises(ValueError, match=message):
        symmetry_residual(limit, mf.solve(limit, [0.0]), transform, sign)


def test_bad_inputs_and_flows_are_refused():
    limit = HOST.limit()
    run = mf.solve(limit, [0.0])
    with pytest.raises(ValueError, match="inputs have shape"):
        symmetry_residual(limit, run, np.eye(D), inputs=np.ones((4, D + 1)))
    silent = Silent()
    with pytest.raises(ValueError, match="neither predict"):
        symmetry_residual(silent, mf.solve(silent, [0.0]), np.eye(D))


# Whether a law and a target have a symmetry.


class Exponential(Law):
    """Centred exponential coordinates: mean 0, not symmetric."""

    d = 2

    def sample(self, n, rng):
        return rng.exponential(size=(n, 2)) - 1.0

    def second_moment(self):
        return np.eye(2)

    def config(self):
        return {"law": "Exponential"}


class Uniform(Exponential):
    """Uniform on the square: symmetric under flips and a quarter turn."""

    def sample(self, n, rng):
        return rng.uniform(-np.sqrt(3), np.sqrt(3), (n, 2))


QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])
EIGHTH = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
ZERO = Custom(lambda x: 0.0 * x[:, 0])
MIXED = mf.laws.Mixture([mf.laws.Gaussian(2, (1.0, 2.0)), mf.laws.Gaussian(2, (2.0, 1.0))], [0.5, 0.5])
SQUARE = mf.laws.Empirical([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], [1.0, -1.0, -1.0, 1.0])


@pytest.mark.parametrize(("law", "T"), [
    (mf.laws.Gaussian(2), EIGHTH), (mf.laws.Sphere(2), EIGHTH), (mf.laws.Gaussian(2, (1.0, 2.0)), np.diag([-1.0, 1.0])),
    (MIXED, QUARTER), (Uniform(), QUARTER), (SQUARE, QUARTER), (mf.laws.Bessel(4).capped(4.0), np.eye(4)[[1, 0, 2, 3]]),
])  # fmt: skip
def test_invariant_laws_pass(law, T):
    check_invariance(law, ZERO, T, 1)


@pytest.mark.parametrize(("law", "T"), [
    (Exponential(), -np.eye(2)), (Uniform(), EIGHTH), (SQUARE, EIGHTH), (mf.laws.Gaussian(2, (1.0, 2.0)), QUARTER), (MIXED, EIGHTH),
    (mf.laws.Empirical([[1.0, 0.0], [-0.999, 0.0]]), -np.eye(2)), (mf.laws.Empirical(SQUARE.x, weights=[0.3, 0.3, 0.2, 0.2]), QUARTER),
])  # fmt: skip
def test_other_laws_are_refused(law, T):
    with pytest.raises(ValueError, match="not invariant under T"):
        check_invariance(law, ZERO, T, 1)


def test_targets_and_labels():
    check_invariance(SQUARE, None, QUARTER, -1)
    with pytest.raises(ValueError, match="labels"):
        check_invariance(SQUARE, None, QUARTER, 1)
    check_invariance(mf.laws.Gaussian(2), OddCubic((1.0, 1.0)), -QUARTER @ -QUARTER, -1)
    with pytest.raises(ValueError, match="target"):
        check_invariance(mf.laws.Gaussian(2), OddCubic((1.0, 2.0)), np.eye(2)[::-1], 1)
