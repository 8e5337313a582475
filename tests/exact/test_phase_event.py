"""The event flow of two-layer ReLU networks: frozen patterns against NumPy, sliding, invariants, and a brute-force reference."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.kernels.pattern_events import TALLY, _release, _switch
from mfpde.kernels.pattern_field import OFF, ON, PINNED, Neurons, frozen_velocity, normal_speeds, residuals
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.training import train

CELLS = [(1.0, 0.0), (1.75, 0.0), (1.4, -0.4), (0.6, 0.4)]


def end(flow):
    return mf.solve(flow, t_eval=None)


def neurons_of(a, w, x, y, forward=1.0, kappa=1.0, ratio=1.0):
    a, w, x, y = (np.array(v, float) for v in (a, w, x, y))
    lines = x @ w.T
    f0 = forward * (np.maximum(lines, 0.0) @ a)
    return Neurons(a, np.ascontiguousarray(w.T), np.ones(len(a)), lines, x, y, f0, forward, kappa, ratio)


# Patterns frozen.


@pytest.mark.parametrize("p", [2, 4])
def test_velocity_of_frozen_patterns_against_numpy(p):
    rng = np.random.default_rng(3)
    m, n = 30, 5
    problem = neurons_of(rng.normal(size=m), rng.normal(size=(m, p)), rng.normal(size=(n, p)), rng.normal(size=n), 0.3, 0.7, 1.9)
    problem = problem._replace(c=rng.uniform(0.5, 2.0, m))
    pattern = rng.choice([ON, OFF], size=(m, n))
    pattern[::3, 1] = PINNED
    pattern[::6, 4] = PINNED
    da, dw = rng.normal(size=m), rng.normal(size=(m, p))
    z, e, out = np.vstack([da, dw.T]), np.empty(n), np.empty((1 + p, m))
    frozen_velocity(problem, np.ascontiguousarray(pattern.T), z, e, out)

    a, w, on = problem.a0 + da, problem.w0.T + dw, pattern == ON
    start = np.maximum(problem.lines, 0.0) @ (problem.c * problem.a0)
    now = (on * (w @ problem.x.T)).T @ (problem.c * a)
    error = problem.f0 - problem.y + 0.3 * (now - start)
    np.testing.assert_allclose(e, error, rtol=1e-12)
    g = (on * error / n) @ problem.x
    for k in range(m):
        held = problem.x[pattern[k] == PINNED]
        if len(held):
            q = np.linalg.qr(held.T)[0][:, : np.linalg.matrix_rank(held)]
            g[k] -= q @ (q.T @ g[k])
    np.testing.assert_allclose(out[0], -0.7 / 1.9 * np.sum(g * w, axis=1), atol=1e-12)
    np.testing.assert_allclose(out[1:].T, -0.7 * 1.9 * a[:, None] * g, atol=1e-12)


def test_residuals_lose_no_digits_of_a_small_displacement():
    problem = neurons_of([1.0, -2.0], [[1.0, 0.5], [0.3, 1.0]], [[0.2, 1.0]], [0.0], forward=1e12)
    problem = problem._replace(f0=np.zeros(1))
    z, e = np.zeros((3, 2)), np.empty(1)
    z[0, 0] = 1e-14
    residuals(problem, np.ones((1, 2)), z, e)
    assert e[0] == pytest.approx(0.7e-2, rel=1e-13)


def test_normal_speeds_by_hand():
    """v_off = -a g.X_i and v_on = v_off - (a/n) e_i |X_i|^2, g without point i."""
    x, e, row = np.array([[0.5, 1.0], [-1.0, 1.0], [2.0, 1.0]]), np.array([0.3, -0.2, 0.5]), np.array([OFF, ON, ON])
    g = (e[1] * x[1] + e[2] * x[2]) / 3.0
    off, on = normal_speeds(x, e, row, 0, 1.7, np.empty(2), np.empty((2, 2)))
    assert off == pytest.approx(-1.7 * g @ x[0], rel=1e-14)
    assert on == pytest.approx(off - 1.7 / 3.0 * 0.3 * (x[0] @ x[0]), rel=1e-14)
    other_side = normal_speeds(x, e, np.array([ON, ON, ON]), 0, 1.7, np.empty(2), np.empty((2, 2)))
    assert other_side == (off, on)


@pytest.mark.parametrize(("start", "errors", "next_flag"), [
    (OFF, (-0.5, -1.0), ON),
    (ON, (0.5, 1.0), OFF),
    (OFF, (1.0, -0.1), PINNED),
    (ON, (1.0, -0.1), PINNED),
])  # fmt: skip
def test_next_pattern_follows_the_speeds_on_both_sides(start, errors, next_flag):
    """A neuron just past the line of X_0, X_1 active: v_off = -a e_1 / 2, v_on = v_off - a e_0 / 2."""
    depth = 1e-9 if start == OFF else -1e-9
    problem = neurons_of([1.0], [[1.0, -depth]], [[0.0, 1.0], [1.0, 1.0]], [0.0, 0.0])
    z, pattern, counts, e = np.array([[0.0], [0.0], [2 * depth]]), np.array([[start], [ON]]), np.zeros(len(TALLY)), np.empty(2)
    residuals(problem, pattern, z, e)
    problem = problem._replace(y=e - np.array(errors))
    _switch(problem, pattern, z, e, counts)
    assert pattern[:, 0].tolist() == [next_flag, ON]
    assert problem.w0[1, 0] + z[2, 0] == pytest.approx(0.0, abs=1e-24)
    assert counts[TALLY.pinnings if next_flag == PINNED else TALLY.crossings] == 1 == counts.sum()


@pytest.mark.parametrize(("a", "flag", "ambiguous"), [(1.0, PINNED, 0), (-1.0, ON, 1)])
def test_a_neuron_whose_a_changed_sign_is_let_go_and_counted(a, flag, ambiguous):
    """v_off = -a e_1 / 2 > 0 > v_on at a > 0; at a < 0 both sides lead away, and theta = v_off / (v_off - v_on) = .6 says on."""
    x, e = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([1.0, -0.6])
    row, counts = np.array([PINNED, ON]), np.zeros(len(TALLY))
    _release(_bare(x), row, a, e, np.empty(2), np.empty((2, 2)), counts)
    assert row[0] == flag
    assert counts[TALLY.ambiguous] == ambiguous == counts[TALLY.releases]


def _bare(x):
    return neurons_of([1.0], [[1.0, 0.0]], x, np.zeros(len(x)))


# Whole runs.


@pytest.mark.parametrize(("gamma", "gamma_prime"), CELLS)
def test_displacements_are_reproducible_and_the_invariant_is_kept(gamma, gamma_prime):
    flow = PhasePoint(gamma=gamma, gamma_prime=gamma_prime).network(m=60, dynamics="event")
    coarse, fine = end(flow), end(flow.refined())
    assert coarse.complete
    assert "1e-06 reached" in coarse.message
    for name in ("rd_w", "rd_a", "rd_theta", "sup_rd_w"):
        assert coarse.observables[name][-1] == pytest.approx(fine.observables[name][-1], rel=1e-8)
    assert np.max(coarse.observables["invariant_drift"]) < 1e-9
    assert coarse.observables["loss"][-1] == pytest.approx(1e-6, rel=1e-8)
    assert coarse.t[-1] == pytest.approx(fine.t[-1], rel=1e-8)


@pytest.mark.parametrize(("gamma", "gamma_prime"), CELLS)
def test_agrees_with_runge_kutta_steps_that_see_the_kinks(gamma, gamma_prime):
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
    exact = {name: v[-1] for name, v in end(point.network(m=60, dynamics="event")).observables.items()}
    steps = train(point, 60, 0, "flow", rho=0.02)
    assert exact["rd_w"] == pytest.approx(steps.rd_w, rel=3e-4)
    assert exact["rd_a"] == pytest.approx(steps.rd_a, rel=3e-4)
    assert exact["switches"] > 0 or gamma < 1


def test_brute_force_reference_with_sliding_neurons():
    """Explicit Euler with the pattern of every step: its error, chatter about the lines included, is halved with the step."""
    flow = PhasePoint(gamma=1.75, gamma_prime=0.0).network(m=100, dynamics="event")
    t_end = 0.9 * float(end(flow).t[-1])
    run = mf.solve(flow, t_eval=[0.0, t_end])
    a, w = flow.neurons(run.final_state)
    assert run.observables["pinned"][-1] > 0.0
    errors = []
    for steps in (4000, 8000, 16000):
        b, v, h = flow.a0.copy(), flow.w0.copy(), t_end / steps
        for _ in range(steps):
            lines = v @ flow.X.T
            e = flow.kappa * (np.maximum(lines, 0.0).T @ b) - flow.y
            pull = (lines > 0.0) * e / flow.n
            b, v = b - h * flow.kappa * np.sum(pull * lines, axis=1), v - h * flow.kappa * b[:, None] * (pull @ flow.X)
        errors.append(np.linalg.norm(np.column_stack([b - a, v - w])) / np.linalg.norm(np.column_stack([a - flow.a0, w - flow.w0])))
    assert errors[2] < 2e-3
    assert errors[2] < 0.4 * errors[0]


def test_pinned_neurons_lie_on_their_lines():
    flow = PhasePoint(gamma=1.75, gamma_prime=0.0).network(m=100, dynamics="event")
    y = end(flow).final_state
    _, w = flow.neurons(y)
    k, i = np.nonzero(flow.unpack(y)["pattern"] == PINNED)
    assert len(k) > 10
    distance = np.abs(np.sum(w[k] * flow.X[i], axis=1)) / (np.linalg.norm(w[k], axis=1) * np.linalg.norm(flow.X[i], axis=1))
    assert np.max(distance) < 1e-12
    lines, pattern = w @ flow.X.T, flow.unpack(y)["pattern"]
    free = (pattern != PINNED) & (np.abs(lines) > 1e-12)
    assert np.array_equal(lines[free] > 0.0, pattern[free] == ON)


@pytest.mark.parametrize(("gamma", "gamma_prime"), [(1.75, 0.0), (1.4, -0.4)])
def test_no_neuron_is_held_longer_than_both_sides_push(gamma, gamma_prime):
    """At the end of every step v_off >= 0 >= v_on for all pinned neurons, up to where the release was located."""
    flow = PhasePoint(gamma=gamma, gamma_prime=gamma_prime).network(m=100, dynamics="event")
    t, y, checked = 0.0, flow.state0, 0
    while flow.finished(t, y) is None:
        t, y = flow.advance(t, y, float(flow.times[-1]))
        pattern, e, (a, _) = flow.unpack(y)["pattern"], flow.outputs(y) - flow.y, flow.neurons(y)
        size = np.abs(e).max() * np.abs(a).max()
        for k, i in zip(*np.nonzero(pattern == PINNED), strict=True):
            off, on = normal_speeds(flow.X, e, pattern[k], i, a[k], np.empty(2), np.empty((2, 2)))
            assert off > -1e-10 * size
            assert on < 1e-10 * size
            checked += 1
    assert checked > 100
    assert flow.unpack(y)["tally"][TALLY.releases] > 5


def test_a_neuron_that_slides_into_the_origin_stays_there():
    flow = PhasePoint(gamma=1.4, gamma_prime=-0.4).network(m=100, dynamics="event")
    run = end(flow)
    absorbed = np.all(flow.unpack(run.final_state)["pattern"] == PINNED, axis=1)
    assert run.observables["absorbed"][-1] == absorbed.sum() > 0
    a, w = flow.neurons(run.final_state)
    assert not w[absorbed].any()
    # Where |w| = 0 the invariant leaves a^2 = a0^2 - |w0|^2 / kappa'^2.
    expected = flow.a0[absorbed] ** 2 - np.sum(flow.w0[absorbed] ** 2, axis=1) / flow.kappa_prime**2
    np.testing.assert_allclose(a[absorbed] ** 2, expected, rtol=1e-9)


def test_inputs_in_the_plane():
    """Two inputs and a bias: neurons can be held by two lines at once; compared with small Runge-Kutta steps."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, 2))
    point = PhasePoint(gamma=1.3, gamma_prime=0.0, x=x, y=np.abs(x[:, 0]))
    flow = point.network(m=30, dynamics="event")
    run, steps = end(flow), train(point, 30, 0, "flow", rho=0.02)
    assert run.complete
    assert run.observables["invariant_drift"][-1] < 1e-9
    assert run.observables["rd_w"][-1] == pytest.approx(steps.rd_w, rel=2e-3)


# Rows, bits, bad input.


def test_a_run_goes_on_with_the_same_bits():
    point = PhasePoint(gamma=1.75, gamma_prime=0.0)
    flow = point.network(m=30, dynamics="event")
    stop, states = float(flow.times[-1]), [(0.0, flow.state0)]
    while flow.finished(*states[-1]) is None:
        t, y = states[-1]
        kept = y.copy()
        states.append(flow.advance(t, y, stop))
        assert np.array_equal(kept, y)
        assert t < states[-1][0] <= stop
    t, y = states[len(states) // 2]
    again = point.network(m=30, dynamics="event")
    while again.finished(t, y) is None:
        t, y = again.advance(t, y.copy(), stop)
    assert t == states[-1][0]
    assert np.array_equal(y, states[-1][1])


def test_rows_do_not_change_the_answer_and_go_on_past_the_tolerance():
    flow = PhasePoint(gamma=1.0, gamma_prime=0.0).network(m=30, dynamics="event")
    free = end(flow)
    rows = free.t[-1] * np.array([0.0, 0.3, 0.31, 1.0, 1.5])
    cut = mf.solve(flow, t_eval=rows)
    assert np.array_equal(cut.t, rows)
    assert cut.observables["rd_w"][3] == pytest.approx(free.observables["rd_w"][-1], rel=1e-9)
    assert cut.observables["loss"][4] < 0.5e-6


def test_accuracy_is_a_positive_number():
    flow = PhasePoint(gamma=1.0, gamma_prime=0.0).network(m=5, dynamics="event")
    with pytest.raises(ValueError, match="accuracy"):
        type(flow)(flow.point, flow.initial, kappa=1.0, kappa_prime=1.0, kappa_forward=1.0, config=flow.config, accuracy=0.0)
