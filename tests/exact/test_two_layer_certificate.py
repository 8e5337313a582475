"""The optimality certificate of laws of neurons: closed forms, the bound itself, and laws that are optimal."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.two_layer import Teacher

GaussianInit = mf.measures.GaussianInit


def at(flow, t):
    return mf.solve(flow, [t], rtol=1e-11, atol=1e-13).final_state


@pytest.mark.parametrize("b", [0.8, -0.5])
def test_cosine(b):
    """Psi = -(b - z) cos w with mean -(b - z) z: for b > 0 the certificate is 2 (b - z)(1 - z)."""
    limit = mf.CosineCircle(b=b).limit(method="nodes", nodes=64)
    y = at(limit, 1.0)
    z = limit.observe(1.0, y)["z"]
    assert limit.certificate(y) == pytest.approx(2.0 * (abs(b - z) - (b - z) * z), abs=1e-10)
    assert limit.certificate(y) > (b - z) ** 2


def test_linear_with_a_ridge():
    """Psi = lam |w|^2/2 - <w, g>, least at g / lam; R + lam M is least for one atom at (S + lam)^{-1} S b."""
    s, b, lam = np.array([1.0, 4.0]), np.array([1.0, -2.0]), 0.3
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2, s), target=mf.targets.Linear(b), activation="identity", initial=GaussianInit([0.5, 0.0], 1.0), ridge=lam,
        clock=0.5,
    )  # fmt: skip
    limit = system.limit(method="nodes", nodes=6)
    y = at(limit, 0.2)
    theta = limit.unpack(y)["theta"]
    mean, second = limit.weights @ theta[:, 1:], limit.weights @ np.sum(theta[:, 1:] ** 2, axis=1)
    g = s * (b - mean)
    certificate = limit.certificate(y)
    assert certificate == pytest.approx(2.0 * (0.5 * lam * second - mean @ g + g @ g / (2.0 * lam)), rel=1e-10)
    best = s * b / (s + lam)
    least = np.sum(s * (b - best) ** 2) + lam * np.sum(best**2)
    assert certificate > limit.observe(0.2, y)["risk"] + lam * second - least > 0.0


def test_without_a_lower_bound():
    law, target = mf.laws.Gaussian(2), mf.targets.Linear([1.0, 0.0])
    fixed = mf.TwoLayer(law=law, target=target, activation="identity", initial=GaussianInit([0.0, 0.0], 1.0))
    limit = fixed.limit(method="nodes", nodes=3)
    assert limit.certificate(limit.state0) == math.inf
    trained = mf.TwoLayer(law=law, target=target, activation="erf", second_layer="trained", initial=GaussianInit(np.zeros(3), 1.0))
    limit = trained.limit(nodes=3)
    with pytest.raises(ValueError, match="without ridge"):
        limit.certificate(limit.state0)


def student(teacher, initial, **options):
    options = {"clock": 0.5, **options}
    target = Teacher(teacher, "erf")
    return mf.TwoLayer(law=mf.laws.Gaussian(2), target=target, activation="erf", initial=initial, **options)


def test_the_teacher_itself_is_optimal_and_everything_else_is_bounded():
    """A teacher with a = 1 is a law of neurons of risk 0: the certificate bounds the risk of every other law."""
    teacher = mf.Ensemble(np.array([[1.0, 1.0, 0.5], [1.0, -0.3, 2.0]]))
    system = student(teacher, GaussianInit([0.0, 0.0], 1.0))
    known = system.limit(nodes=teacher)
    assert known.certificate(known.state0) == pytest.approx(0.0, abs=1e-9)
    limit = system.limit(nodes=5)
    for t in (0.0, 1.0, 8.0):
        y = at(limit, t) if t else limit.state0
        assert limit.certificate(y) >= limit.observe(t, y)["risk"] > 0.0


def test_scale_and_second_layers_of_several_weights():
    """alpha f with a / alpha is f: one risk, one certificate; and each weight has an infimum of its own, here opposite ones."""
    points = np.array([[2.0, 0.4, 0.1], [-2.0, 0.3, 0.6], [2.0, -0.2, 0.5], [0.0, 9.0, 9.0]])
    teacher = mf.Ensemble(np.array([[1.0, 1.0, 0.0]]))
    values = []
    for scale in (1.0, 4.0):
        nodes = mf.Ensemble(points * [1.0 / scale, 1.0, 1.0], [0.3, 0.3, 0.3, 0.1])
        system = student(teacher, nodes, scale=scale)
        limit = system.limit()
        values.append(limit.certificate(limit.state0))
    assert values[0] == pytest.approx(values[1], rel=1e-8)
    angles = np.linspace(0.0, 2.0 * math.pi, 73)
    grid = np.concatenate([r * np.column_stack([np.cos(angles), np.sin(angles)]) for r in np.linspace(0.0, 12.0, 97)])
    least = [np.min(limit.psi(limit.state0, np.column_stack([np.full(len(grid), a), grid]))) for a in (0.5, -0.5)]
    on_grid = 0.6 * least[0] + 0.3 * least[1]
    mean = limit.weights @ limit.psi(limit.state0, limit.unpack(limit.state0)["theta"])
    assert values[1] >= 2.0 * 16.0 * (mean - on_grid) - 1e-12
    assert values[1] == pytest.approx(2.0 * 16.0 * (mean - on_grid), rel=0.02)


def test_candidates_find_what_the_search_has_not():
    """An activation whose least Psi lies behind a plateau: seen if it is named."""
    law = mf.laws.Empirical(np.array([[1.0]]), np.array([-1.0]))
    sigma = mf.activations.piecewise_linear(knots=[-1.0, 0.0, 1.0, 50.0, 51.0, 52.0], values=[1.0, 0.0, 1.0, 1.0, -3.0, 1.0])
    system = mf.TwoLayer(law=law, activation=sigma, initial=mf.Ensemble(np.array([[1.0, 0.2]])))
    limit = system.limit()
    found, named = (limit.certificate(limit.state0, candidates) for candidates in (None, [[1.0, 50.8]]))
    f = 0.2
    assert found == pytest.approx(2.0 * (f + 1.0) * f, abs=1e-6)
    assert named == pytest.approx(2.0 * (f + 1.0) * (f + 3.0), abs=1e-6)
    with pytest.raises(ValueError, match="2 columns"):
        limit.certificate(limit.state0, [[1.0, 2.0, 3.0]])
