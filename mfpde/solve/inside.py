"""The state inside a step, as exact as the state at its end.

SciPy's interpolants of its Runge-Kutta methods are of lower order than the steps: at rtol 1e-10 the logistic equation
loses a factor 37 between RK45's steps, 7 between DOP853's and 30 between Radau's. So a Runge-Kutta method here takes one shorter
step of its own formula from the step's start. The steps themselves never depend on the times asked for.
The interpolants of BDF and LSODA are the methods' own polynomials and lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import BDF, DOP853, LSODA, RK45, Radau

from mfpde.flow import Array

Velocity = Callable[[float, Array], Array]


def explicit_inside(solver: Any, velocity: Velocity, t: float) -> Array:
    """The state (n,) at `t` by one step of the solver's own tableau from the start of its last step."""
    h = t - solver.t_old
    stages = np.empty((solver.n_stages, solver.n))
    stages[0] = solver.K[0]
    for i in range(1, solver.n_stages):
        stages[i] = velocity(solver.t_old + solver.C[i] * h, solver.y_old + h * (stages[:i].T @ solver.A[i, :i]))
    state: Array = solver.y_old + h * (stages.T @ solver.B)
    return state


def radau_inside(solver: Any, velocity: Velocity, t: float) -> Array:
    """The state (n,) at `t` by a Radau step from the start of the last step, with the Jacobian at hand."""
    step = t - solver.t_old
    side = Radau(velocity, solver.t_old, solver.y_old, t, rtol=solver.rtol, atol=solver.atol, first_step=step, jac=lambda _t, _y: solver.J)
    while side.status == "running":
        side.step()
    state: Array = side.y if side.status == "finished" else solver.dense_output()(t)
    return state


def interpolant_inside(solver: Any, _velocity: Velocity, t: float) -> Array:
    """The state (n,) at `t` by the solver's interpolant."""
    state: Array = solver.dense_output()(t)
    return state


METHODS: dict[str, tuple[Any, Callable[[Any, Velocity, float], Array]]] = {
    "RK45": (RK45, explicit_inside),
    "DOP853": (DOP853, explicit_inside),
    "Radau": (Radau, radau_inside),
    "BDF": (BDF, interpolant_inside),
    "LSODA": (LSODA, interpolant_inside),
}
