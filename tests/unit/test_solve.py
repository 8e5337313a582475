"""The time loop: what it returns, why it stops, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.solve import refinement, solve, times
from tests import toys

_METHODS = ["RK45", "DOP853", "Radau", "BDF", "LSODA"]


def test_rows_carry_times_states_and_observables() -> None:
    run = solve(toys.logistic(), [0, 1, 2.5], rtol=1e-10, atol=1e-12)
    assert run.t.tolist() == [0, 1, 2.5]
    assert run.states[:, 0] == pytest.approx(toys.logistic_exact(run.t), rel=1e-9)
    assert run.observables["first"].tolist() == run.states[:, 0].tolist()
    assert (run.complete, run.message, run.clock) == (True, "complete: t = 2.5 reached", "time")
    assert run.config["solve"] == {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12, "y0": None, "t_eval": [0, 1, 2.5]}
    assert run.config["parameters"] == {"rate": 1.0}


def test_first_time_may_be_late_and_zero_alone_needs_no_step() -> None:
    assert solve(toys.oscillator(), [3.0], rtol=1e-10, atol=1e-12).states[0] == pytest.approx([np.cos(3), -np.sin(3)], abs=1e-8)
    run = solve(toys.oscillator(), [0])
    assert run.states.tolist() == [[1, 0]]
    assert run.complete
    assert run.stats["steps"] == 0


def test_evaluations_are_counted_and_rejected_trials_told_from_them() -> None:
    flow = toys.logistic()
    run = solve(flow, [20], rtol=1e-6, atol=1e-9, method="RK45")
    assert run.stats["evaluations"] == flow.calls
    # 1 to check the start, 2 to choose the first step, 6 a trial; the one row is a step end.
    assert run.stats["evaluations"] == 3 + 6 * (run.stats["steps"] + run.stats["rejected"])
    assert run.stats["rejected"] > 0


def test_y0_replaces_the_initial_state_and_is_part_of_the_configuration() -> None:
    run = solve(toys.logistic(), [0, 1], y0=[0.5])
    assert run.states[0, 0] == 0.5
    assert run.config["solve"]["y0"].startswith("sha256:")
    assert run.config["solve"]["y0"] != solve(toys.logistic(), [0, 1], y0=[0.25]).config["solve"]["y0"]


def test_a_velocity_that_reuses_its_array_changes_nothing() -> None:
    buffer = np.empty(2)

    def rhs(t: float, y: np.ndarray) -> np.ndarray:
        buffer[:] = y[1], -y[0]
        return buffer

    for method in _METHODS:
        run, reference = (solve(f, [0, 1, 7], method=method) for f in (toys.Toy(rhs, [1.0, 0.0]), toys.oscillator()))
        assert run.states.tobytes() == reference.states.tobytes()


def test_steps_land_on_their_multiples() -> None:
    flow = toys.NoisySteps(dt=0.1, noise=0.0)
    run = solve(flow, [0, 0.3, 0.7, 1.2])
    assert run.t.tolist() == [0, 0.3, 0.7, 1.2]
    assert run.states[:, 0] == pytest.approx([0.9**k for k in (0, 3, 7, 12)], rel=1e-6)
    assert run.states.dtype == np.float32
    assert run.stats["steps"] == 12


@pytest.mark.parametrize("method", _METHODS)
def test_blow_up_keeps_the_last_good_state(method: str) -> None:
    flow = toys.Toy(lambda t, y: np.where(t > 1, np.nan, -y), [1.0])
    run = solve(flow, [0, 0.5, 2], method=method)
    assert run.message.startswith("blow-up: velocity or state is not finite after t = ")
    assert not run.complete
    assert run.t[:2].tolist() == [0, 0.5]
    assert 0.5 < run.t[2] <= 1
    assert run.states[2, 0] == pytest.approx(np.exp(-run.t[2]), rel=1e-4)


def test_blow_up_in_finite_time_says_where() -> None:
    run = solve(toys.Toy(lambda t, y: y * y, [1.0]), [0, 0.5, 2], rtol=1e-10, atol=1e-12)
    assert "DOP853 failed after t = 1.0000000" in run.message
    assert run.t[2] == pytest.approx(1, abs=1e-9)
    assert np.isfinite(run.states).all()


def test_blow_up_of_steps_keeps_the_state_before() -> None:
    run = solve(toys.NoisySteps(dt=0.5, explode_at=5), [0, 0.5, 20])
    assert run.message == "blow-up: the state after step 5 (t = 2.5, dt = 0.5) is not finite"
    assert run.t.tolist() == [0, 0.5, 2.5]
    assert run.final_state.tobytes() == solve(toys.NoisySteps(dt=0.5), [2.5]).final_state.tobytes()


def test_steady_state_stops() -> None:
    for method in _METHODS:
        run = solve(toys.logistic(), [0, 1, 1e6], steady_state=1e-5, method=method)
        assert "steady state" in run.message
        assert not run.complete
        assert abs(run.final_state[0] * (1 - run.final_state[0])) <= 1e-5
        assert run.t[2] < 30
    assert solve(toys.Toy(lambda t, y: 0 * y, [1.0]), [1.0], steady_state=1e-5).t.tolist() == [0]


def test_limits_stop() -> None:
    assert "max_steps = 3 steps made" in solve(toys.logistic(), [0, 20], max_steps=3).message
    run = solve(toys.NoisySteps(), [0, 1e6], max_seconds=0.05)
    assert "max_seconds = 0.05 passed" in run.message
    assert run.t[1] == 0.5 * run.stats["steps"]


def test_progress_bar_ends_at_the_last_time(capsys: pytest.CaptureFixture[str]) -> None:
    solve(toys.logistic(), [0, 20], progress=True)
    assert "t = 20/20" in capsys.readouterr().err


def _refused(words: str, flow: object = None, t_eval: object = (0, 1), **arguments: object) -> None:
    with pytest.raises(ValueError, match=words):
        solve(toys.logistic() if flow is None else flow, t_eval, **arguments)


def test_impossible_times_are_refused() -> None:
    _refused(r"t_eval has shape \(0,\)", t_eval=[])
    _refused(r"t_eval has shape \(1, 2\)", t_eval=[[0, 1]])
    _refused(r"t_eval\[1\] = nan", t_eval=[0, np.nan])
    _refused(r"t_eval\[0\] = -1.0", t_eval=[-1, 1])
    _refused(r"t_eval\[2\] = 1.0 does not exceed t_eval\[1\] = 1.0", t_eval=[0, 1, 1])
    _refused(r"t_eval has 0.7, no multiple of dt = 0.5: the nearest is 0.5", toys.NoisySteps(dt=0.5), [0, 0.7])


def test_impossible_arguments_are_refused() -> None:
    _refused("method = 'Euler': give one of RK45, DOP853", method="Euler")
    _refused("rtol = 1e-16", rtol=1e-16)
    _refused("rtol = nan", rtol=np.nan)
    _refused("atol = -1.0", atol=-1.0)
    _refused(r"y0 has shape \(2,\): this flow's state has shape \(1,\)", y0=[1, 2])
    _refused(r"y0\[0\] = inf", y0=[np.inf])
    _refused("max_steps = 0", max_steps=0)
    _refused("max_seconds = -1", max_seconds=-1)
    _refused("steady_state = 0", steady_state=0)
    _refused("velocity at t = 0 is not finite", toys.Toy(lambda t, y: y * np.nan, [1.0]))
    _refused("give a flow, such as", object())
    steps = toys.NoisySteps()
    _refused("rtol = 1e-06: a flow in steps", steps, rtol=1e-6)
    _refused("atol = 1e-06: a flow in steps", steps, atol=1e-6)
    _refused("method = 'RK45': a flow in steps", steps, method="RK45")
    _refused("steady_state = 1: a flow in steps", steps, steady_state=1)


def test_observables_must_keep_their_names() -> None:
    flow = toys.logistic()
    flow.observe = lambda t, y: {"a" if t < 0.5 else "b": 0.0}  # type: ignore[method-assign]
    _refused(r"observe reports \{'b': \(\)\} at t = 1: it reported \{'a': \(\)\} at first", flow)


def test_times() -> None:
    assert times.linear(0, 2, 5).tolist() == [0, 0.5, 1, 1.5, 2]
    assert times.log(0.01, 100, 6) == pytest.approx([0, 0.01, 0.1, 1, 10, 100])
    assert times.log(0.01, 100, 6, step=0.5).tolist() == [0, 1, 10, 100]
    assert times.linear(0, 1, 4, step=0.25).tolist() == [0, 0.25, 0.75, 1]
    for words, call in (
        ("start < stop", lambda: times.linear(2, 1, 3)),
        ("n >= 2", lambda: times.linear(0, 1, 1)),
        ("0 < first", lambda: times.log(0, 1, 5)),
        ("step = -1", lambda: times.log(1, 2, 5, step=-1)),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_steps_in_chunks_are_the_same_steps():
    """A flow that takes up to 7 steps at a call: the rows, the last step and the bits are those of single steps."""
    times = [0, 2.0, 2.5, 9.0, 20.0]
    single, chunked = solve(toys.NoisySteps(), times), toys.NoisySteps()
    chunked.chunk = 7
    calls = []
    steps = chunked.steps
    chunked.steps = lambda k, n, y: calls.append(n) or steps(k, n, y)
    run = solve(chunked, times)
    np.testing.assert_array_equal(run.states, single.states)
    assert calls == [4, 1, 7, 6, 7, 7, 7, 1]
    stopped = solve(chunked, times, max_steps=9)
    assert stopped.stats["steps"] == 9
    np.testing.assert_array_equal(stopped.final_state, solve(toys.NoisySteps(), [4.5]).final_state)


def test_a_flow_at_its_own_pace_runs_until_it_has_finished() -> None:
    run = solve(toys.OwnPace())
    assert run.t.tolist() == [0, 0.1, 1, 5, run.t[-1]]
    assert run.t[-1] == pytest.approx(np.log(1e3), rel=1e-13)
    assert run.observables["value"] == pytest.approx(np.exp(-run.t), rel=1e-12)
    assert (run.complete, run.message) == (True, "complete: 0.001 reached at t = 6.90776")
    assert run.config["solve"] == {"method": None, "rtol": None, "atol": None, "y0": None, "t_eval": None}


def test_a_flow_at_its_own_pace_that_does_not_finish_says_so() -> None:
    run = solve(toys.OwnPace(give_up=6.0))
    assert (run.complete, run.message) == (False, "gave up at t = 6: the flow had not finished")
    assert run.t.tolist() == [0, 0.1, 1, 5, 6]


def test_with_times_given_a_flow_at_its_own_pace_goes_on() -> None:
    run = solve(toys.OwnPace(), [2, 10])
    assert run.t.tolist() == [2, 10]
    assert run.observables["value"] == pytest.approx(np.exp(-run.t), rel=1e-12)
    assert run.complete


def test_a_flow_that_stands_still_or_overshoots_is_stopped() -> None:
    for wrong in (0.0, 200.0):
        flow = toys.OwnPace()
        flow.advance = lambda t, y, t_stop, wrong=wrong: (t + wrong, y)  # type: ignore[method-assign]
        run = solve(flow)
        assert not run.complete
        assert run.message.startswith("stuck: a step from t = 0 on the way to 0.1")


def test_observables_may_be_arrays_of_one_shape() -> None:
    flow = toys.OwnPace()
    run = solve(flow)
    assert run.observables["powers"].shape == (5, 3)
    assert run.observables["table"].shape == (5, 2, 2)
    assert run.observables["powers"][:, 2] == pytest.approx(run.observables["value"] ** 2)
    flow.observe = lambda t, y: {"powers": np.ones(3 if t == 0 else 4)}  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="names and shapes must stay"):
        solve(flow)


def test_only_flows_at_their_own_pace_go_without_times() -> None:
    with pytest.raises(ValueError, match="t_eval is missing"):
        solve(toys.logistic())
    with pytest.raises(ValueError, match="rtol = 1e-06"):
        solve(toys.OwnPace(), rtol=1e-6)
    with pytest.raises(ValueError, match="no velocity"):
        solve(toys.OwnPace(), steady_state=1e-3)


def test_refinement_of_a_flow_with_steps_of_its_own() -> None:
    class Halved(toys.NoisySteps):
        def refined(self) -> toys.NoisySteps:
            return toys.NoisySteps(dt=self.dt / 2, noise=self.noise)

    error = refinement(Halved(noise=0.0), [0, 1, 2])
    coarse, fine = (1 - dt for dt in (0.5, 0.25))
    assert error["b2"] == pytest.approx([0, abs(coarse**2 - fine**4), abs(coarse**4 - fine**8)], abs=1e-6)


def test_times_beyond_the_last_step_are_refused() -> None:
    flow = toys.NoisySteps()
    flow.count = 4
    assert solve(flow, [0, 2]).complete
    with pytest.raises(ValueError, match=r"t_eval ends at 2.5: this flow has 4 steps of 0.5"):
        solve(flow, [0, 2.5])
