"""Orders of convergence of the gradient flow: four between changes of patterns, one across them."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.phase_diagram.gradient_flow import GradientFlow
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.network import draw
from mfpde.systems.phase_diagram.system import PhasePoint


def slope(errors):
    return float(np.polyfit(np.log(0.5) * np.arange(len(errors)), np.log(errors), 1)[0])


def displacements(point, initial, t, rho):
    constants = {"kappa": 1.0, "kappa_prime": 0.8, "kappa_forward": 20.0 / len(initial.c), "config": {"arguments": {}}}
    flow = GradientFlow(point, initial, rho=rho, **constants)
    state = flow.unpack(mf.solve(flow, [t]).final_state)
    return np.column_stack([state["da"], state["dw"]])


@pytest.mark.parametrize("x", [None, np.array([[0.3, -0.2, 0.1], [0.1, 0.4, -0.5], [-0.3, 0.2, 0.6]])])
def test_flow_is_of_order_four_where_no_pattern_changes(x):
    """Neurons far from the lines of all points, so that the motion is smooth."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=x, y=None if x is None else np.array([0.3, -0.1, 0.2]))
    drawn = draw(point, 200, 0)
    w = drawn.w[:200].copy()
    w[:, -1] = np.copysign(np.abs(w[:, -1]) + 2.0 * np.sum(np.abs(w[:, :-1]), axis=1) + 1.0, w[:, -1])
    initial = Initial.of(drawn.a[:200], w, np.ones(200), True)
    exact = displacements(point, initial, 0.5, 0.02)
    assert np.array_equal((initial.w + exact[:, 1:]) @ point.inputs.T > 0.0, initial.w @ point.inputs.T > 0.0)
    errors = [np.linalg.norm(displacements(point, initial, 0.5, rho) - exact) for rho in (1.0, 0.5, 0.25, 0.125)]
    assert 3.7 < slope(errors) < 4.3


def test_flow_is_of_order_one_across_changes_of_patterns():
    """Half a step in a wrong pattern is an error of O(h) for the neurons that change, and there are always some."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    initial = draw(point, 300, 0)
    exact = displacements(point, initial, 3.0, 0.25 / 64)
    assert np.any((initial.w + exact[:, 1:]) @ point.inputs.T * (initial.w @ point.inputs.T) < 0.0)
    errors = [np.linalg.norm(displacements(point, initial, 3.0, rho) - exact) for rho in (1.0, 0.5, 0.25, 0.125)]
    assert 0.7 < slope(errors) < 2.0
