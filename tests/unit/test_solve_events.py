"""Events on which a flow changes its own state."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.flow import Event
from mfpde.solve import solve
from tests import toys

_METHODS = ["RK45", "DOP853", "Radau", "BDF", "LSODA"]


@pytest.mark.parametrize("method", _METHODS)
def test_ball_bounces_at_its_known_times(method: str) -> None:
    """Dropped from 1 under gravity 2 it lands at 1, then, at half the speed each time, at 2, 2.5, 2.75."""
    t = np.array([0.0, 0.25, 0.9, 1.3, 1.5, 1.9, 2.25, 2.4, 2.6, 2.7])
    run = solve(toys.ball(), t, rtol=1e-10, atol=1e-12, method=method)
    start = np.select([t < 1, t < 2, t < 2.5], [0, 1, 2], 2.5)
    speed = np.select([t < 1, t < 2, t < 2.5], [0, 1, 0.5], 0.25)
    height = np.where(t < 1, 1 - t**2, speed * (t - start) - (t - start) ** 2)
    assert np.abs(run.states[:, 0] - height).max() < (1e-12 if method in ("RK45", "DOP853") else 1e-8)
    assert run.stats["event landing"] == 3


def test_event_time_is_exact_where_the_velocity_jumps_behind_it() -> None:
    """y' = -y + 0.1 meets 0.5 at log(0.9/0.4); behind that the flow goes another way, which must not leak in."""
    stop = Event("half", lambda t, y, y_start: y[0] - 0.5, lambda t, y: np.array([0.5, t]))
    run = solve(toys.Toy(lambda t, y: np.array([0.1 - y[0], 0.0]), [1.0, 0.0], [stop]), [3.0], rtol=1e-10, atol=1e-12)
    assert run.final_state[1] == pytest.approx(np.log(9 / 4), abs=1e-11)


def test_state_sticks_at_zero() -> None:
    """|y| falls at unit speed and rests at 0, as a norm does that a plain solver would carry through to -1."""
    rest = Event("rest", lambda t, y, y_start: y[0], lambda t, y: np.zeros(1))
    run = solve(toys.Toy(lambda t, y: np.where(y == 0, 0.0, -1.0), [1.0], [rest]), [0.5, 1.5, 2], rtol=1e-10)
    assert run.states[:, 0] == pytest.approx([0.5, 0, 0], abs=1e-15)
    assert run.final_state[0] == 0
    assert run.stats["event rest"] == 1


def test_earliest_event_of_a_step_comes_first() -> None:
    """Two components reach 0 at t = 3 and 3.2 within one long step; each then rests."""
    seen = []

    def rests(i: int) -> Event:
        def apply(t: float, y: np.ndarray) -> np.ndarray:
            seen.append((i, t))
            return np.where(np.arange(2) == i, 0.0, y)

        return Event(f"rest {i}", lambda t, y, y_start: y[i], apply)

    run = solve(toys.Toy(lambda t, y: np.where(y == 0, 0.0, -1.0), [3.0, 3.2], [rests(1), rests(0)]), [0, 9])
    assert [i for i, _ in seen] == [0, 1]
    assert [t for _, t in seen] == pytest.approx([3, 3.2], abs=1e-12)
    assert run.final_state.tolist() == [0, 0]


def test_value_sees_the_state_at_the_start_of_the_step() -> None:
    starts = []

    def value(t: float, y: np.ndarray, y_start: np.ndarray) -> float:
        starts.append((t, y[0], y_start[0]))
        return float(y[0] @ y_start[0] if y.ndim > 1 else y[0] * y_start[0])

    run = solve(toys.Toy(lambda t, y: [-1.0], [1.0], [Event("turn", value, lambda t, y: np.array([1.0]))]), [2.5])
    assert run.stats["event turn"] == 2
    assert run.final_state[0] == pytest.approx(0.5)
    assert all(y_start >= y for _, y, y_start in starts)


def test_event_that_repeats_without_end_stops_the_run() -> None:
    again = Event("again", lambda t, y, y_start: y[0], lambda t, y: np.array([1e-300]))
    run = solve(toys.Toy(lambda t, y: [-1.0], [1.0], [again]), [0, 2])
    assert "event 'again' repeats without end at t = 1" in run.message
    assert not run.complete
