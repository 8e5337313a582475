"""Odd targets: the moment equation against its closed form, paired networks against the recursion, a symmetry that must be kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mfpde.measures import Ensemble
from mfpde.selfcheck.check import Check
from mfpde.solve import solve
from mfpde.systems.symmetric.odd import OddTarget, exact
from mfpde.systems.symmetric.symmetry import symmetry_residual


def flow() -> Check:
    """The loss while w turns."""
    system = OddTarget.cubic(60)
    loss = solve(system.limit(), [40.0], rtol=1e-12, atol=1e-14).observables["loss"][0]
    return Check("odd target: loss of the moment flow at t = 40", abs(float(loss - system.closed_form(40.0).loss[0])), 1e-11)


def late() -> Check:
    """The distance to w*, seven orders of magnitude down, in relative terms."""
    system = OddTarget.cubic(60)
    distance = solve(system.limit(), [120.0], rtol=1e-12, atol=0.0).observables["distance"][0]
    return Check("odd target: |w - w*| at t = 120, relative", abs(float(distance / system.closed_form(120.0).distance[0] - 1.0)), 1e-10)


def descent() -> Check:
    """Gradient descent of infinite width."""
    system = OddTarget.cubic(60)
    ratio = solve(system.limit(dynamics="gd", lr=0.01), [3000]).observables["w_ratio"][0]
    return Check("odd target: |w|/|w*| after 3000 steps", abs(float(ratio - exact.descent_ratio(system.line, 0.01, [3000])[0])), 1e-12)


def paired() -> Check:
    """2000 steps of a ReLU network whose neurons come in pairs, against the recursion of its second moments."""
    system = _skew()
    network = system.network(m=64, dynamics="gd", lr=0.1)
    start = Ensemble(network.particles(network.state0)["neurons"])
    w = [solve(f, [20, 2000]).observables["w"] for f in (network, system.limit(dynamics="gd", lr=0.1, neurons=start))]
    return Check("odd target: paired network minus moment recursion", float(np.max(np.abs(w[0] - w[1]))), 1e-12)


def symmetry() -> Check:
    """f(-x) = -f(x) and the pairs of neurons, after 1000 steps."""
    network = _skew().network(m=64, dynamics="gd", lr=0.1)
    residual = symmetry_residual(network, solve(network, [1000]), -np.eye(3), -1)
    return Check("odd target: oddness kept for 1000 steps", residual.largest(), 1e-13)


def _skew() -> OddTarget:
    return OddTarget(cross_moment=[0.5, 0.5, 0.1], covariance=np.diag([2.0, 0.5, 0.1]), second_moment=1.0)


CASES: list[Callable[[], Check]] = [flow, late, descent, paired, symmetry]
