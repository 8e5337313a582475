"""A target of the norm of a projection: the reduced flow against closed forms, identities and an independent predictor."""

from __future__ import annotations

from typing import Any

import numpy as np

from mfpde.selfcheck.check import Check
from mfpde.solve import refinement, solve
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget, exact

_D, _D_H, _T = 30, 5, 5.0


def kernel() -> Check:
    """The Mercer sum at both corners, where it is slowest, against the closed form."""
    ends = np.array([0.0, 0.5 * np.pi])
    known = np.array([exact.corner(_D_H), exact.corner(_D - _D_H)])
    values = LowDimensionalTarget(d=_D, d_h=_D_H).kernel(ends, ends)
    return Check("projected norm: kernel at its corners", float(np.max(np.abs(values - known))), 1e-13)


def initial_loss() -> Check:
    """The loss of the empty network is d_h / 2."""
    limit = LowDimensionalTarget(d=_D, d_h=_D_H).limit()
    return Check("projected norm: loss at t = 0", abs(limit.observe(0.0, limit.state0)["loss"] - 0.5 * _D_H), 1e-12)


def energy() -> Check:
    """The loss falls as fast as the energy identity says, over a short time."""
    limit, h = LowDimensionalTarget(d=_D, d_h=_D_H).limit(), 1e-3
    run = solve(limit, [1.0 - h, 1.0, 1.0 + h], rtol=1e-12, atol=1e-14)
    loss = run.observables["loss"]
    rates = [limit.dissipation(y) for y in run.states]
    lost = h * (rates[0] + 4.0 * rates[1] + rates[2]) / 3.0
    return Check("projected norm: energy identity over .002", abs(float(loss[0] - loss[2]) - lost), 1e-12)


def resolution() -> Check:
    """The change of the loss under twice the nodes and modes."""
    limit = LowDimensionalTarget(d=_D, d_h=_D_H).limit()
    return Check(f"projected norm: loss at t = {_T:g} under refinement", float(refinement(limit, [_T], 1e-11, 1e-12)["loss"][0]), 1e-10)


def rotation() -> Check:
    """A rotation of H rotates the velocity of the network."""
    system = LowDimensionalTarget(d=6, d_h=2)
    network: Any = system.network(m=64)
    state = network.unpack(network.state0)
    turn = np.eye(6)
    turn[:2, :2] = [[0.6, -0.8], [0.8, 0.6]]
    turned = network.unpack(network.velocity(0.0, network.pack(a=state["a"], b=state["b"] @ turn.T)))["b"]
    plain = network.unpack(network.velocity(0.0, network.state0))["b"]
    return Check("projected norm: network under a rotation of H", float(np.max(np.abs(turned - plain @ turn.T))), 1e-13)


CASES = [kernel, initial_loss, energy, resolution, rotation]
