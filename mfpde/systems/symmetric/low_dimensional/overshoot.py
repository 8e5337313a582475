"""When the mass of tau^+ passes its final value."""

from __future__ import annotations

import numpy as np

from mfpde.solve.loop import solve
from mfpde.systems.symmetric.low_dimensional.limit import ReducedLimit

_STEP = 0.125
_NEWTON_STEPS = 3
_RTOL, _ATOL = 1e-12, 1e-13


def overshoot_time(limit: ReducedLimit, mass: float, give_up: float) -> float:
    """The first time at which mass_plus = `mass`: by Newton's method, d mass_plus / dt = sum_j w_j c_j 2 G(theta_j) over tau^+.

    Raises
    ------
    ValueError
        If the mass stays below until `give_up`.
    """
    times = np.arange(0.0, give_up + _STEP, _STEP)
    run = solve(limit, times, _RTOL, _ATOL)
    above = np.flatnonzero(run.observables["mass_plus"] > mass)
    if not above.size:
        raise ValueError(f"mass_plus stays below alpha = {mass:.6g} until t = {run.t[-1]:g}: give a larger give_up")
    t, y = float(run.t[above[0] - 1]), run.states[above[0] - 1]
    for _ in range(_NEWTON_STEPS):
        state = limit.unpack(y)
        c = limit.weights * np.exp(state["log_c_plus"])
        rate = 2.0 * float(c @ limit.fields(y, state["theta_plus"])[0])
        step = (mass - float(c.sum())) / rate
        if step <= 0.0:
            return t + step
        t, y = t + step, solve(limit, [step], _RTOL, _ATOL, y0=y).final_state
    return t
