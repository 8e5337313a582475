"""Order of every method, on problems with known answers, at times that are no step ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import DOP853, RK45, OdeSolver, Radau

from mfpde.flow import Field, Packing, StepFlow
from mfpde.solve import solve, times
from tests import toys

_T = np.linspace(0, 20, 38)[1:]
_RTOL = {"RK45": (1e-5, 1e-10), "DOP853": (1e-6, 1e-12), "Radau": (1e-4, 1e-8), "BDF": (1e-5, 1e-9), "LSODA": (1e-5, 1e-10)}


def _slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _runs(method: str) -> tuple[list[float], list[float], list[float]]:
    """Tolerances, numbers of steps and largest errors for the oscillator."""
    rtols = [float(r) for r in np.geomspace(*_RTOL[method], 6)]
    runs = [solve(toys.oscillator(), _T, rtol=r, atol=r, method=method) for r in rtols]
    return rtols, [run.stats["steps"] for run in runs], [float(np.abs(run.states[:, 0] - np.cos(_T)).max()) for run in runs]


@pytest.mark.parametrize(("method", "order"), [("RK45", 5), ("DOP853", 8), ("Radau", 5)])
def test_error_falls_with_the_number_of_steps_at_the_order_of_the_method(method: str, order: int) -> None:
    _, steps, errors = _runs(method)
    assert -_slope(steps, errors) == pytest.approx(order, abs=0.4)


@pytest.mark.parametrize("method", list(_RTOL))
def test_error_is_proportional_to_the_tolerance(method: str) -> None:
    rtols, _, errors = _runs(method)
    assert 0.75 < _slope(rtols, errors) < 1.3


@pytest.mark.parametrize(("method", "rtol", "bound"), [("RK45", 1e-10, 1e-10), ("DOP853", 1e-10, 5e-11), ("Radau", 1e-8, 3e-10)])
def test_rows_inside_steps_are_as_exact_as_steps(method: str, rtol: float, bound: float) -> None:
    """The methods' own interpolants miss these bounds by factors of 10, 2 and 5."""
    t = np.linspace(0, 20, 401)
    run = solve(toys.logistic(), t, rtol=rtol, atol=rtol * 1e-3, method=method)
    assert run.stats["steps"] < 300
    assert np.abs(run.states[:, 0] - toys.logistic_exact(t)).max() < bound


@pytest.mark.parametrize(("method", "rtol"), [(RK45, 1e-10), (DOP853, 1e-10), (Radau, 1e-7)])
def test_rows_of_a_velocity_that_depends_on_time_are_as_exact_as_steps(method: type[OdeSolver], rtol: float) -> None:
    """y' = y cos t: y = exp(sin t); the error at the rows against the error at the ends of SciPy's own steps."""
    flow, t = toys.Toy(lambda t, y: y * np.cos(t), [1.0]), np.linspace(0, 20, 101)
    solver, at_ends = method(flow.velocity, 0.0, flow.state0, 20.0, rtol=rtol, atol=rtol), 0.0
    while solver.status == "running":
        solver.step()
        at_ends = max(at_ends, abs(float(solver.y[0]) - np.exp(np.sin(solver.t))))
    run = solve(flow, t, rtol=rtol, atol=rtol, method=method.__name__)
    assert np.abs(run.states[:, 0] - np.exp(np.sin(t))).max() < 1.05 * at_ends


@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "BDF", "LSODA"])
def test_steps_do_not_depend_on_the_times_asked_for(method: str) -> None:
    few, many = (solve(toys.pendulum(), times.linear(0, 20, n), method=method) for n in (2, 200))
    assert few.final_state.tobytes() == many.final_state.tobytes()
    assert few.stats["steps"] == many.stats["steps"]


class _Euler(StepFlow):
    """y' = -y as gradient descent makes it: y <- y - dt y."""

    clock = "time"

    def __init__(self, dt: float) -> None:
        self.dt = dt
        self.state0 = np.ones(1)
        self.packing = Packing((Field("q", (1,), ("component",)),))
        self.config = toys.config("euler", dt=dt)

    def step(self, k: int, y: np.ndarray) -> np.ndarray:
        return np.asarray(y - self.dt * y)

    def observe(self, t: float, y: np.ndarray) -> dict[str, float]:
        return {"q": float(y[0])}


def test_fixed_steps_follow_the_flow_at_first_order() -> None:
    steps = [0.1 / 2**i for i in range(6)]
    errors = [float(np.abs(run.states[:, 0] - np.exp(-run.t)).max()) for run in (solve(_Euler(dt), [0, 0.5, 1, 2]) for dt in steps)]
    assert _slope(steps, errors) == pytest.approx(1, abs=0.05)
