"""Training at a point of the phase diagram: the recipe to the letter, moments against plain steps, the flow against what it conserves."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.flow import Array
from mfpde.kernels.relu_moments import descend_by_moments
from mfpde.kernels.relu_training import REACHED, ROSE, WENT_ON, descend
from mfpde.streams import stream
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.gradient_flow import GradientFlow
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.moments import pays
from mfpde.systems.phase_diagram.network import draw, make_network
from mfpde.systems.phase_diagram.recipe import fresh_record, search
from mfpde.systems.phase_diagram.system import PhasePoint
from mfpde.systems.phase_diagram.training import train

BENT = np.array([0.9, -0.7, 0.1, 0.45, -0.2, -1.0, 0.7])
ALTERNATING = np.array([0.3, -0.4, 0.5, -0.2, 0.4, 0.1, -0.3])


def network(point, m, dynamics="paper", rng=0, dtype="float64", redraw=False):
    return make_network(point, m=m, dynamics=dynamics, rng=rng, dtype=dtype, redraw=redraw)


def blocks_of(point, initial, m, dtype="float64", kappa_forward=None):
    constants = {"kappa": point.kappa(m), "kappa_prime": point.kappa_prime(m), "kappa_forward": kappa_forward or point.kappa(m)}
    return Blocks(initial, point.inputs, point.labels, f0=np.zeros(len(point.labels)), dtype=dtype, **constants)


# The recipe.


def recipe_in_raw_parameters(point, initial, beta_1, beta_2, alpha):
    """The paper's loop on its own parameters, in NumPy: (lr0, tries, steps, loss, a, w) of the accepted try."""
    x, y, lr0 = point.inputs, point.labels, 10.0
    for tries in range(1, 60):
        lr = lr0 * alpha * np.sqrt(beta_1 * beta_2)
        a, w, before, steps = beta_1 * initial.a, beta_2 * initial.w, np.inf, 0
        while True:
            h = w @ x.T
            e = a @ np.maximum(h, 0.0) / alpha - y
            loss = np.mean(e**2)
            if loss < 1e-6:
                return lr0, tries, steps, loss, a, w
            if not loss <= before:
                break
            slope = 2.0 * e / (len(y) * alpha)
            a, w = a - lr * np.maximum(h, 0.0) @ slope, w - lr * a[:, None] * ((h > 0.0) * slope) @ x
            before, steps = loss, steps + 1
        lr0 /= 2.0
    raise AssertionError("no rate")


@pytest.mark.parametrize(("gamma", "gamma_prime", "beta_1"), [(0.6, 0.0, 0.3), (1.0, 0.0, 2.0), (1.75, 0.0, 1.0), (1.2, 0.4, 1.0)])
def test_recipe_is_the_papers_loop_in_any_units(gamma, gamma_prime, beta_1):
    """Set-ups with equal kappa and kappa' make the same run, the step being lr0 alpha sqrt(beta_1 beta_2) of a loss without 1/2."""
    m, point = 150, PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
    beta_2 = beta_1 / point.kappa_prime(m)
    alpha = beta_1 * beta_2 / point.kappa(m)
    initial = draw(point, m, 3)
    lr0, tries, steps, loss, a, w = recipe_in_raw_parameters(point, initial, beta_1, beta_2, alpha)
    found = train(point, m, 3, beta_1=beta_1)
    assert (found.lr0, found.tries, found.steps, found.converged) == (lr0, tries, steps, True)
    assert found.loss == pytest.approx(loss, rel=1e-9)
    da, dw = (a / beta_1 - initial.a)[:m], (w / beta_2 - initial.w)[:m]
    assert found.rd_w == pytest.approx(np.linalg.norm(dw) / np.linalg.norm(initial.w[:m]), rel=1e-10)
    assert found.rd_a == pytest.approx(np.linalg.norm(da) / np.linalg.norm(initial.a[:m]), rel=1e-10)
    both = np.linalg.norm(np.column_stack([da, dw])) / np.linalg.norm(np.column_stack([initial.a, initial.w])[:m])
    assert found.rd_theta == pytest.approx(both, rel=1e-10)


@pytest.mark.parametrize(("dtype", "x"), [("float64", None), ("float32", None), ("float64", BENT), ("float64", np.eye(3))])
def test_solve_makes_the_run_of_the_search(dtype, x):
    point = PhasePoint(gamma=0.9, gamma_prime=0.1, x=x, y=None if x is None else np.sum(x.reshape(len(x), -1)[:, :2] ** 2, axis=1))
    flow, found = network(point, 100, dtype=dtype), train(point, 100, 0, dtype=dtype)
    run = mf.solve(flow)
    assert run.complete
    assert "loss 1e-06 reached" in run.message
    assert run.t[-1] == pytest.approx(found.steps * found.dt, rel=1e-12)
    assert (flow.run.tries, flow.dt, flow.lr0) == (found.tries, found.dt, found.lr0)
    rel = 1e-12 if dtype == "float64" else 1e-5
    for name in ("loss", "rd_w", "rd_a", "rd_theta", "sup_rd_w", "sup_rd_a", "sup_rd_theta"):
        assert run.observables[name][-1] == pytest.approx(getattr(found, name), rel=rel if name != "loss" else 100 * rel), name
    assert run.observables["invariant_drift"][-1] == pytest.approx(found.invariant_drift, rel=1e-9 if dtype == "float64" else 1e-3)
    assert run.states.dtype == dtype


def test_rows_do_not_change_the_bits_of_a_recipe():
    flow = network(PhasePoint(gamma=1.0, gamma_prime=0.0), 60)
    t = 40 * flow.dt
    assert np.array_equal(mf.solve(flow, [t]).final_state, mf.solve(flow, [flow.dt, 7 * flow.dt, t]).final_state)


def test_a_row_between_two_steps_holds_the_nearest():
    flow = network(PhasePoint(gamma=1.0, gamma_prime=0.0), 60)
    steps = mf.solve(flow, flow.dt * np.arange(5))
    between = mf.solve(flow, flow.dt * np.array([0.4, 0.6, 1.45, 3.7]))
    np.testing.assert_array_equal(between.states, steps.states[[0, 1, 1, 4]])


def test_a_recipe_goes_on_past_the_tolerance_when_rows_are_asked_for():
    flow = network(PhasePoint(gamma=1.0, gamma_prime=0.0), 60)
    run = mf.solve(flow, [flow.run.steps * flow.dt, (flow.run.steps + 300) * flow.dt])
    assert run.observables["loss"][0] < 1e-6
    assert run.observables["loss"][1] < 0.5 * run.observables["loss"][0]


def test_redraw_takes_new_neurons_for_every_try():
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    kept, redrawn = network(point, 50), network(point, 50, redraw=True)
    assert kept.run.tries > 1
    assert np.array_equal(kept.a0, draw(point, 50, 0).a)
    assert np.array_equal(redrawn.a0, draw(point, 50, 0, redrawn.run.tries - 1).a)
    assert not np.array_equal(redrawn.a0, kept.a0)


def test_first_neurons_of_a_wider_network():
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    small, wide = draw(point, 30, 5), draw(point, 70, 5)
    assert np.array_equal(small.a[:30], wide.a[:30])
    assert np.array_equal(small.w[:30], wide.w[:30])
    assert np.array_equal(wide.a[70:], -wide.a[:70])


def test_an_unfinished_search_says_so():
    point, m = PhasePoint(gamma=1.0, gamma_prime=0.0), 50
    initial = draw(point, m, 0)
    run = search(lambda j: initial, lambda i: blocks_of(point, i, m), 2.0 / point.kappa(m), most=20)
    assert not run.converged
    assert (run.steps, run.loss > 1e-6) == (20, True)


def test_one_step_changes_the_invariant_by_its_exact_amount():
    """(kappa dt)^2 [(g.w)^2 - kappa'^2 a^2 |g|^2], g = (1/n) sum of e_i X_i over the active points."""
    m, point = 40, PhasePoint(gamma=1.2, gamma_prime=-0.3)
    initial = draw(point, m, 0)
    kappa, kappa_prime, dt = point.kappa(m), point.kappa_prime(m), 3.0
    blocks = blocks_of(point, initial, m)
    room = blocks.room()
    descend(blocks.problem, room, dt / kappa, 0.0, 1, False, fresh_record())
    da, dw = blocks.scatter(room.d)
    g = ((initial.w @ point.inputs.T > 0.0) * -point.labels) @ point.inputs / len(point.labels)
    exact = dt**2 * (np.sum(g * initial.w, axis=1) ** 2 - kappa_prime**2 * initial.a**2 * np.sum(g**2, axis=1))
    found = kappa_prime**2 * da * (2 * initial.a + da) - np.sum(dw * (2 * initial.w + dw), axis=1)
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-13)


def test_wide_network_beside_the_printed_point():
    """One network of 40000 neurons at (1, 0) against the printed 0.2672, the mean of five; a network's own spread is 0.0016."""
    assert train(PhasePoint(gamma=1.0, gamma_prime=0.0), 40_000, 0).rd_w == pytest.approx(0.2672, abs=0.005)


# Moments of patterns.


def make_moment_steps(problem, room, dt, tolerance, most, watched, record):
    """Steps by moments alone, begun again wherever they are not worth it."""
    share, made, status = np.full(2 * len(problem.labels), 1.0 / 32.0), 0, WENT_ON
    while status == WENT_ON:
        steps, status, loss = descend_by_moments(problem, room, dt, tolerance, most - made, watched, record, share)
        made += steps
        if made == most:
            break
    return made, status, loss


def both_ways(point, m, initial, rate, most, kappa_forward=None, watched=True):
    blocks, results = blocks_of(point, initial, m, kappa_forward=kappa_forward), []
    for plainly in (True, False):
        room, record = blocks.room(), fresh_record()
        arguments = (blocks.problem, room, 2.0 * rate / point.kappa(m), 1e-6, most, watched, record)
        made = descend(*arguments) if plainly else make_moment_steps(*arguments)
        results.append((made, blocks.problem.z + room.d, room.d.copy(), record))
    return results


@pytest.mark.parametrize(
    ("gamma", "gamma_prime", "rate", "m", "most"),
    [
        (0.6, 0.0, 10 / 2**10, 3000, 2000),
        (0.8, 0.0, 10 / 2**8, 3000, 2000),
        (0.7, 0.4, 10 / 2**13, 1000, 3000),
        (1.0, 0.0, 10 / 2**5, 8000, 2000),
        (1.75, 0.0, 10 / 2**3, 1500, 300),
        (1.4, -0.4, 10 / 2**3, 1500, 300),
        (1.0, 0.0, 10 / 2**3, 3000, 2000),
    ],
)
def test_moments_are_plain_steps(gamma, gamma_prime, rate, m, most):
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
    (plain, z, d, record), (made, z_made, d_made, record_made) = both_ways(point, m, draw(point, m, 1), rate, most)
    assert made[:2] == plain[:2]
    assert made[2] == pytest.approx(plain[2], rel=1e-10)
    assert np.max(np.abs(z_made - z)) < 1e-12 * np.max(np.abs(z))
    assert np.linalg.norm(d_made - d) < 1e-12 * np.linalg.norm(d)
    np.testing.assert_allclose(record_made, record, rtol=1e-10)


@pytest.mark.parametrize("antisymmetric", [True, False])
def test_moments_of_weighted_neurons_on_other_data(antisymmetric):
    """Seven unsorted points with alternating labels; weights as a law's nodes have them."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=BENT, y=ALTERNATING, antisymmetric=antisymmetric)
    drawn = draw(point, 4000, 2)
    weights = stream(2, "weights").random(4000) / 2000
    initial = Initial.of(drawn.a[:4000], drawn.w[:4000], weights, antisymmetric)
    results = both_ways(point, 1, initial, 0.1, 400, kappa_forward=1.0)
    (plain, z, _, record), (made, z_made, _, record_made) = results
    assert made[:2] == plain[:2] == (400, WENT_ON)
    assert np.max(np.abs(z_made - z)) < 1e-12 * np.max(np.abs(z))
    np.testing.assert_allclose(record_made, record, rtol=1e-10)


def test_moments_see_a_rise_at_the_same_step():
    """At the rate where the loss rises after some hundred steps, and where it rises at once."""
    point = PhasePoint(gamma=1.75, gamma_prime=0.0)
    for rate in (2.5, 10.0):
        (plain, *_), (made, *_) = both_ways(point, 1500, draw(point, 1500, 1), rate, 1000)
        assert plain[1] == ROSE
        assert made[:2] == plain[:2]


def test_moments_are_for_wide_networks_in_double_precision_on_a_line():
    point = PhasePoint(gamma=0.6, gamma_prime=0.0)
    wide, narrow = draw(point, 4000, 0), draw(point, 100, 0)
    assert pays(blocks_of(point, wide, 4000))
    assert not pays(blocks_of(point, narrow, 100))
    assert not pays(blocks_of(point, wide, 4000, dtype="float32"))
    assert not pays(blocks_of(point, wide.with_tracers(narrow.a, narrow.w), 4000))
    assert not pays(blocks_of(point, wide, 4000, kappa_forward=1e9))
    plane = PhasePoint(gamma=0.6, gamma_prime=0.0, x=np.eye(2), y=np.ones(2))
    assert not pays(blocks_of(plane, draw(plane, 4000, 0), 4000))


# The flow.


def law(point: PhasePoint, size: float, seed: int = 0, nodes: int = 300) -> GradientFlow:
    """A law of random nodes with kappa m = `size`, kappa' = 1."""
    drawn = draw(point, nodes, seed)
    initial = Initial.of(drawn.a[:nodes], drawn.w[:nodes], np.full(nodes, 1.0 / nodes), True)
    return GradientFlow(point, initial, kappa=1.0, kappa_prime=1.0, kappa_forward=size, config={"arguments": {}})


def test_flow_ends_at_the_tolerance():
    flow = network(PhasePoint(gamma=1.0, gamma_prime=0.0), 300, dynamics="flow")
    run, found = mf.solve(flow), train(flow.point, 300, 0, dynamics="flow")
    assert run.complete
    assert run.observables["loss"][-1] == pytest.approx(1e-6, rel=1e-3)
    assert run.observables["rd_w"][-1] == pytest.approx(found.rd_w, rel=2e-4)
    assert run.observables["invariant_drift"][-1] < 2e-3


def test_flow_agrees_with_small_steps_of_gradient_descent():
    """Gradient descent is first order: two step lengths extrapolated, at a fixed time."""
    point, m = PhasePoint(gamma=0.6, gamma_prime=0.0), 100
    initial, kappa = draw(point, m, 0), point.kappa(m)
    flow, t = network(point, m, dynamics="flow"), 30.0
    fine = flow.refined().refined().refined().refined()
    assert fine.rho == flow.rho / 16
    ends: list[Array] = []
    for steps in (20_000, 40_000):
        blocks = blocks_of(point, initial, m)
        room = blocks.room()
        descend(blocks.problem, room, t / kappa / steps, 0.0, steps, False, fresh_record())
        ends.append(blocks.scatter(room.d)[1])
    exact = 2.0 * ends[1] - ends[0]
    found = fine.unpack(mf.solve(fine, [t / kappa]).final_state)["dw"]
    assert np.linalg.norm(found - exact) < 1e-4 * np.linalg.norm(exact)
    assert np.linalg.norm(ends[1] - ends[0]) > 1e-5 * np.linalg.norm(exact)


def test_small_displacements_keep_their_digits():
    """In the linear regime displacements are exactly inverse to kappa m: up to 1e120."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    ends = {}
    for size in (1e9, 1e14, 1e120):
        observed = mf.solve(law(point, size)).observables
        ends[size] = np.array([observed[name][-1] for name in ("rd_w", "rd_a", "sup_rd_w", "sup_rd_theta")]) * size
    np.testing.assert_allclose(ends[1e14], ends[1e120], rtol=1e-9)
    np.testing.assert_allclose(ends[1e9], ends[1e120], rtol=1e-6)


def test_tracers_move_like_neurons_and_weigh_nothing():
    point, m = PhasePoint(gamma=1.0, gamma_prime=0.0), 200
    initial = draw(point, m, 0)
    constants = {"kappa": point.kappa(m), "kappa_prime": 1.0, "kappa_forward": point.kappa(m), "config": {"arguments": {}}}
    plain = mf.solve(GradientFlow(point, initial, **constants), [5.0 / point.kappa(m)])
    flow = GradientFlow(point, initial.with_tracers(initial.a[:7], initial.w[:7]), **constants)
    run = mf.solve(flow, [5.0 / point.kappa(m)])
    state = flow.unpack(run.final_state)
    assert np.array_equal(state["dw"][-7:], state["dw"][:7])
    assert np.array_equal(state["da"][:-7], GradientFlow(point, initial, **constants).unpack(plain.final_state)["da"])
    assert run.observables["rd_w"][-1] == plain.observables["rd_w"][-1]


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dynamics": "adam"}, "dynamics = 'adam'"),
        ({"dtype": "float16"}, "dtype = 'float16'"),
        ({"dynamics": "flow", "dtype": "float32"}, "double precision"),
        ({"dynamics": "flow", "redraw": True}, "has no tries"),
        ({"m": 0}, "m = 0"),
        ({"rng": -1}, "rng = -1"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        network(PhasePoint(gamma=1.0, gamma_prime=0.0), **({"m": 10} | arguments))


@pytest.mark.parametrize("rho", [0.0, -1.0, 3.0, np.nan, "small"])
def test_refused_rho(rho):
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    with pytest.raises(ValueError, match="rho"):
        GradientFlow(point, draw(point, 10, 0), rho=rho, kappa=0.1, kappa_prime=1.0, kappa_forward=0.1, config={"arguments": {}})


def test_reached_at_once():
    """Labels that the start already fits: no step is made."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=np.array([0.1, 0.4]), y=np.array([1e-4, -1e-4]))
    found = train(point, 20, 0)
    assert (found.steps, found.tries, found.converged, found.rd_w) == (0, 1, True, 0.0)
    blocks = blocks_of(point, draw(point, 20, 0), 20)
    assert descend(blocks.problem, blocks.room(), 1.0, 1e-6, 5, True, fresh_record())[:2] == (0, REACHED)


@pytest.mark.parametrize("make", [lambda p: p.network(m=20), lambda p: p.network(m=20, dynamics="flow"), lambda p: p.limit()])
def test_a_run_that_starts_below_the_tolerance_ends_there(make):
    run = mf.solve(make(PhasePoint(gamma=1.0, gamma_prime=0.0, x=np.array([0.1, 0.4]), y=np.array([1e-4, -1e-4]))))
    assert run.complete
    assert (run.t.tolist(), run.observables["rd_w"].tolist()) == ([0.0], [0.0])


def test_a_flow_that_starts_below_the_tolerance_goes_on_where_rows_are_asked_for():
    flow = PhasePoint(gamma=1.0, gamma_prime=0.0, x=np.array([0.1, 0.4]), y=np.array([1e-4, 2e-4])).network(m=20, dynamics="flow")
    run = mf.solve(flow, t_eval=[0.0, 1e4 * float(flow.times[1])])
    assert run.complete
    assert run.observables["loss"][-1] < 0.1 * run.observables["loss"][0]
