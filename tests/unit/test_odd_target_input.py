"""What odd targets refuse, what they record, and the shapes they report."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mfpde as mf
from mfpde.laws import Empirical, Gaussian
from mfpde.systems.symmetric.odd import OddTarget
from mfpde.targets import Custom, Linear

MOMENTS = {"cross_moment": [0.5, 0.1], "covariance": np.diag([2.0, 0.5]), "second_moment": 1.0}
PLAIN, CUBIC = OddTarget(**MOMENTS), OddTarget.cubic(4)
ASYMMETRIC = Empirical([[1.0, 0.0], [-2.0, 1.0], [0.5, 0.5]], [1.0, 2.0, 3.0])
EVEN_LABELS = Empirical([[1.0, 0.5], [-1.0, -0.5]], [1.0, 1.0])


@pytest.mark.parametrize(("arguments", "message"), [
    ({}, "either the three moments or a law and a target"),
    ({**MOMENTS, "law": Gaussian(2), "target": Linear((1.0, 0.0))}, "either"),
    ({"cross_moment": [1.0]}, "got only"),
    ({**MOMENTS, "cross_moment": [0.0, 0.0]}, "nothing to solve"),
    ({**MOMENTS, "cross_moment": [np.nan, 0.0]}, "cross_moment"),
    ({**MOMENTS, "cross_moment": [[1.0, 0.0]]}, "cross_moment has shape"),
    ({**MOMENTS, "covariance": np.eye(3)}, r"covariance has shape \(3, 3\)"),
    ({**MOMENTS, "covariance": [[1.0, 0.2], [0.3, 1.0]]}, "covariance is not symmetric"),
    ({**MOMENTS, "covariance": [[1.0, 2.0], [2.0, 1.0]]}, "not positive definite: its smallest eigenvalue is -1"),
    ({**MOMENTS, "covariance": np.diag([1.0, 0.0])}, "not positive definite"),
    ({**MOMENTS, "covariance": -1.0}, "covariance = -1.0"),
    ({**MOMENTS, "second_moment": 0.1}, "no target has less"),
    ({**MOMENTS, "second_moment": float("inf")}, "second_moment"),
    ({"law": Gaussian(2)}, "target = None"),
    ({"target": Linear((1.0, 0.0))}, "law = None"),
    ({"law": "gaussian", "target": Linear((1.0, 0.0))}, "law = 'gaussian'"),
    ({"law": Gaussian(2), "target": 3}, "target = 3"),
    ({"law": Gaussian(2), "target": Custom(lambda x: x, "two", outputs=2)}, "2 outputs"),
    ({"law": Gaussian(2), "target": lambda x: x[:, 0] ** 2}, r"odd target.*target: f\*\(T x\)"),
    ({"law": Gaussian(2), "target": lambda x: x[:, 0] + 1e-6}, r"odd target.*target: f\*\(T x\)"),
    ({"law": ASYMMETRIC, "target": Linear((1.0, 0.0))}, "symmetric law.*x and T x have different laws"),
    ({"law": ASYMMETRIC}, "symmetric law"),
    ({"law": EVEN_LABELS}, "its labels"),
    ({"law": Empirical([[1.0], [-1.0]])}, "no labels"),
    ({"law": Empirical([[1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0])}, "not positive definite"),
])  # fmt: skip
def test_impossible_systems_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        OddTarget(**arguments)


@pytest.mark.parametrize("z", [np.zeros(4), np.ones(3), [1.0, np.inf, 0.0, 0.0]])
def test_bad_weights_of_the_cubic_are_refused(z):
    with pytest.raises(ValueError, match="give 4 finite numbers"):
        OddTarget.cubic(4, z)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"dynamics": "sgd"}, "'flow' and 'gd'"),
    ({"dynamics": "gd"}, "needs a step"),
    ({"lr": 0.1}, "chooses its own steps"),
    ({"dynamics": "gd", "lr": 0.0}, "lr = 0.0"),
    ({"neurons": np.ones((3, 3))}, "give a mf.Ensemble"),
    ({"neurons": mf.Ensemble(np.ones((3, 2)))}, r"points \(m, 3\)"),
])  # fmt: skip
def test_bad_limits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PLAIN.limit(**arguments)


@pytest.mark.parametrize(("system", "arguments", "message"), [
    (PLAIN, {"m": 3}, "even width"),
    (PLAIN, {"m": 0}, "m = 0"),
    (PLAIN, {"dynamics": "langevin"}, "dynamics = 'langevin'"),
    (PLAIN, {"dynamics": "gd"}, "needs a step"),
    (PLAIN, {"lr": 0.1}, "chooses its own steps"),
    (PLAIN, {"batch": 4}, "draws no samples"),
    (PLAIN, {"paired": False}, "give the system law and target"),
    (PLAIN, {"paired": 1}, "paired = 1"),
    (PLAIN, {"activation": "tanh"}, "activation = 'tanh'"),
    (PLAIN, {"dynamics": "sgd", "lr": 0.1}, "samples need a law"),
    (CUBIC, {"dynamics": "sgd", "lr": 0.1, "batch": 5}, "even batch"),
    (PLAIN, {"data": np.ones((3, 2))}, "give a pair"),
    (PLAIN, {"data": (np.ones((3, 4)), np.ones(3))}, "give inputs"),
    (PLAIN, {"data": (np.ones((3, 2)), np.ones(4))}, "y has shape"),
    (PLAIN, {"rng": -1}, "rng = -1"),
])  # fmt: skip
def test_bad_networks_are_refused(system, arguments, message):
    with pytest.raises(ValueError, match=message):
        system.network(**arguments)


def test_other_limits():
    with pytest.raises(ValueError, match="eigenvector"):
        PLAIN.closed_form(1.0)
    with pytest.raises(ValueError, match="finite times"):
        CUBIC.closed_form([-1.0])
    with pytest.raises(ValueError, match="this system's have 3 columns"):
        PLAIN.coupled_limit(CUBIC.network(m=2))


class Square(mf.laws.Law):
    """Uniform on a square: symmetric, but neither Gaussian nor radial."""

    d = 2

    def sample(self, n, rng):
        return rng.uniform(-1.0, 1.0, (n, 2))

    def second_moment(self):
        return np.eye(2) / 3.0

    def config(self):
        return {"law": "Square"}


def test_laws_without_closed_form_have_sgd_and_pairs_only():
    system = OddTarget(law=Square(), target=Linear((1.0, 2.0)))
    np.testing.assert_allclose(system.Xbar, [1 / 3, 2 / 3], atol=1e-13)
    with pytest.raises(ValueError, match="exact gradients of free neurons"):
        system.network(m=4, paired=False)
    run = mf.solve(system.network(m=4, paired=False, dynamics="sgd", lr=0.1, batch=7), [0, 20])
    assert run.observables["nonlinearity"][0] > 0.0
    assert mf.solve(system.network(m=4), [1.0]).complete


@pytest.mark.parametrize("arguments", [{}, {"dynamics": "gd", "lr": 0.1}])
@pytest.mark.parametrize("role", [PLAIN.limit, PLAIN.network])
def test_observables_have_the_same_names_and_shapes(role, arguments):
    flow = role(**arguments)
    values = mf.solve(flow, [0, 1, 3]).observables
    assert list(values) == [
        "loss", "w", "w_ratio", "distance", "second_layer_moment", "rate", "rate_bound", "smallest_eigenvalue", "nonlinearity",
    ]  # fmt: skip
    assert values["w"].shape == (3, 2)
    assert all(v.shape == (3,) for name, v in values.items() if name != "w")
    assert json.loads(json.dumps(flow.config)) == flow.config
    assert flow.clock == ("time" if flow.config["arguments"]["dynamics"] == "flow" else "steps")


def test_limit_is_exact():
    limit = PLAIN.limit()
    assert limit.refined() is limit
    assert limit.particles(limit.state0)["neurons"].shape == (0, 3)


@pytest.mark.parametrize("paired", [True, False])
def test_wider_networks_begin_with_the_narrower(paired):
    wide, narrow = (CUBIC.network(m=m, paired=paired, rng=7) for m in (10, 4))
    np.testing.assert_array_equal(wide.particles(wide.state0)["neurons"][:4], narrow.particles(narrow.state0)["neurons"])
    rows = wide.particles(wide.state0)["neurons"]
    np.testing.assert_allclose(np.linalg.norm(rows[:, 1:], axis=1), 1.0, rtol=1e-14)
    assert set(np.abs(rows[:, 0])) == {1.0}
    assert np.array_equal(rows[1], -rows[0]) == paired


def test_batches_do_not_depend_on_the_width():
    wide, narrow = (CUBIC.network(m=m, dynamics="sgd", lr=0.1, batch=6, paired=False, rng=3) for m in (10, 4))
    np.testing.assert_array_equal(wide.source(5).x, narrow.source(5).x)
    assert not np.array_equal(wide.source(5).x, wide.source(6).x)
    data = (np.arange(12.0).reshape(6, 2) + 1.0, np.arange(6.0))
    drawn = PLAIN.network(m=4, dynamics="sgd", lr=0.1, batch=8, data=data, rng=3).source(0)
    pairs = {(*x, y) for x, y in zip(data[0].tolist(), data[1].tolist(), strict=True)}
    assert {(*x, y) for x, y in zip(drawn.x[:4].tolist(), drawn.y[:4].tolist(), strict=True)} <= pairs
    np.testing.assert_array_equal(drawn.x[4:], -drawn.x[:4])


def test_law_of_given_moments():
    x = PLAIN.law.sample(200, np.random.default_rng(0))
    points, _ = PLAIN.symmetric_data()
    assert {tuple(row) for row in np.round(x, 12)} == {tuple(row) for row in np.round(points, 12)}
    np.testing.assert_array_equal(PLAIN.law.second_moment(), PLAIN.C)
    assert PLAIN.law.config()["moments"] == PLAIN.config()


def test_a_large_isotropic_problem_is_small():
    system = OddTarget(cross_moment=np.ones(20000), covariance=1.0, second_moment=3e4)
    assert mf.solve(system.limit(), [1.0]).observables["w"].shape == (1, 20000)
    assert system.limit().packing.size == 3
