"""The infinite-width limit against reference digits and closed forms, and the network against the limit."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

import mfpde as mf
from mfpde.datafiles import reference_rows


def _reference_cases():
    rows = reference_rows("depth_separation_concentrated.csv")
    keys = sorted({(int(r["d"]), int(r["p"]), float(r["rho0"])) for r in rows})
    return [(key, [r for r in rows if (int(r["d"]), int(r["p"]), float(r["rho0"])) == key]) for key in keys]


@pytest.mark.parametrize(("case", "rows"), _reference_cases(), ids=lambda x: str(x) if isinstance(x, tuple) else "")
def test_concentrated_limit_reproduces_the_reference(case, rows):
    d, p, rho0 = case
    limit = mf.DepthSeparation(d=d, homogeneity=p, sigma_1=rho0, sigma_r=0.01).limit(second_layer="concentrated")
    times = sorted({float(r["t"]) for r in rows})
    run = mf.solve(limit, t_eval=times, rtol=1e-10, atol=1e-14, method="DOP853")
    for r in rows:
        value = run.observables[r["observable"]][times.index(float(r["t"]))]
        assert value == pytest.approx(float(r["value"]), rel=1e-7, abs=_half_last_digit(r["value"])), r


def _half_last_digit(printed):
    return 0.5 * 10.0 ** Decimal(printed).as_tuple().exponent


def test_gauss_hermite_nodes_converge():
    """8 to 64 nodes agree to 1e-6 in the loss for t <= 600."""
    system = mf.DepthSeparation(d=100, sigma_1=0.5, sigma_2=0.01, sigma_r=0.01)
    times = [0.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0]
    losses = [mf.solve(system.limit(nodes=n), t_eval=times, rtol=1e-10, atol=1e-13).observables["loss"] for n in (8, 16, 32, 64)]
    for loss in losses[:-1]:
        np.testing.assert_allclose(loss, losses[-1], rtol=1e-6)


def test_refinement_states_the_error_of_the_nodes():
    """The estimate is small while the field is smooth, and covers the true error after kinks have crossed, within a factor 3."""
    system, times = mf.DepthSeparation(d=100, sigma_1=0.5), [300.0, 600.0, 900.0]
    estimate = mf.refinement(system.limit(nodes=8), times, rtol=1e-9, atol=1e-13)["loss"]
    losses = [mf.solve(system.limit(nodes=n), times, rtol=1e-10, atol=1e-14).observables["loss"] for n in (8, 128)]
    error = np.abs(losses[0] - losses[1])
    assert np.all(estimate[:2] < 1e-6 * losses[1][:2])
    assert estimate[2] / losses[1][2] > 1e-4
    assert error[2] / 3.0 < estimate[2] < 3.0 * error[2]


def _losses(system, times, **arguments):
    return mf.solve(system.limit(**arguments), t_eval=times, rtol=1e-8, atol=1e-11).observables["loss"]


def test_quantile_nodes_approach_gauss_hermite():
    system, times = mf.DepthSeparation(d=100, sigma_1=0.5, sigma_2=0.05), [0.0, 100.0, 200.0]
    exact = _losses(system, times, nodes=32)
    errors = [np.max(np.abs(_losses(system, times, second_layer="quantile", nodes=n) - exact)) for n in (25, 100, 400)]
    assert errors[2] < errors[1] / 2.5 < errors[0] / 6.25
    assert errors[2] < 2e-6


def test_random_second_layers_scatter_about_gauss_hermite():
    """The loss at t = 150 over 10 draws: centred on the limit, with a spread that falls like n^(-1/2)."""
    system, times = mf.DepthSeparation(d=100, sigma_1=0.5, sigma_2=0.05), [0.0, 150.0]
    exact = _losses(system, times, nodes=32)[-1]
    draws = {n: np.array([_losses(system, times, second_layer="random", nodes=n, rng=k)[-1] for k in range(10)]) for n in (16, 256)}
    assert 2.0 < draws[16].std() / draws[256].std() < 8.0
    assert abs(draws[256].mean() - exact) < 4.0 * draws[256].std(ddof=1) / np.sqrt(10)


@pytest.mark.parametrize("p", [1, 2])
def test_stall_stays_at_the_best_constant(p):
    """rho0 < sqrt(p) mean w2(0): the network never leaves the best constant."""
    system = mf.DepthSeparation(d=100, homogeneity=p, sigma_1=0.05)
    start = mf.measures.GaussianInit([0.062, 0.01], [1.0, 0.0]).quantiles(128)
    run = mf.solve(system.limit(second_layer=start), t_eval=[0.0, 100.0, 1000.0, 5000.0], rtol=1e-8, atol=1e-11)
    assert run.complete
    assert run.observables["loss"][-1] == pytest.approx(system.best_constant_loss(), rel=1e-6)
    assert run.observables["rho"][-1] < (1e-12 if p == 1 else 0.05)
    assert np.all(run.observables["rho"] >= 0.0)


@pytest.mark.parametrize("dynamics", ["flow", "gd"])
def test_particles_of_a_stalled_network_stop_at_the_origin(dynamics):
    """p = 1, every w2 = .3 > rho0: each neuron of the first layer reaches 0 and stays; the loss is the best constant's."""
    system = mf.DepthSeparation(d=20, homogeneity=1, sigma_1=0.05)
    steps = {"dt": 0.05} if dynamics == "gd" else {}
    network = system.network(m1=4, m2=64, directions=256, rng=1, dynamics=dynamics, **steps)
    y0 = network.pack(**(network.unpack(network.state0) | {"w2": np.full(64, 0.3)}))
    run = mf.solve(network, [0.0, 5.0, 20.0, 30.0], y0=y0, **({} if dynamics == "gd" else {"rtol": 1e-4, "atol": 1e-5}))
    assert run.observables["rho"][1] > 0.01
    assert np.all(run.observables["rho"][2:] == 0.0)
    np.testing.assert_allclose(run.observables["loss"][-1], system.best_constant_loss(), rtol=1e-6)


@pytest.mark.parametrize("p", [1, 2])
def test_just_beyond_the_escape_condition_it_learns(p):
    """The same start with the mean moved below rho0/sqrt(p): the stall above is the condition's, not the solver's."""
    system = mf.DepthSeparation(d=100, homogeneity=p, sigma_1=0.5)
    start = mf.measures.GaussianInit([0.8 * 0.5 / np.sqrt(p), 0.01], [1e-4, 0.0]).quantiles(32)
    run = mf.solve(system.limit(second_layer=start), t_eval=[0.0, 3000.0], rtol=1e-8, atol=1e-11)
    assert run.observables["loss"][-1] < 0.1 * system.best_constant_loss()


def test_escape_time():
    """p = 2, rho0 = .005, w2(0) = 0: the loss is half the best constant's within 2 % of the predicted time."""
    system = mf.DepthSeparation(d=100, sigma_1=0.005)
    predicted = system.escape_time()
    times = np.linspace(0.9, 1.1, 201) * predicted
    loss = mf.solve(system.limit(second_layer="concentrated"), t_eval=times, rtol=1e-9, atol=1e-13).observables["loss"]
    half = 0.5 * system.best_constant_loss()
    assert loss[0] > half > loss[-1]
    assert np.interp(-half, -loss, times) == pytest.approx(predicted, rel=0.02)


@pytest.mark.parametrize(("p", "rates"), [(1, (1.0, 1.0, 1.0)), (2, (1.0, 1.0, 1.0)), (2, (0.5, 2.0, 1.5))])
def test_late_rate(p, rates):
    """The loss falls like exp(-2 lambda t), within 2 %, once it is small and far above rounding."""
    system = mf.DepthSeparation(d=100, homogeneity=p, sigma_1=0.5, rates=rates)
    span = 16.0 / system.late_rate()
    times = np.linspace(0.0, span, 400)
    loss = mf.solve(system.limit(second_layer="concentrated"), t_eval=times, rtol=1e-11, atol=1e-15).observables["loss"]
    late = (loss < 1e-7) & (loss > 1e-11)
    assert late.sum() >= 10
    slope = np.polyfit(times[late], np.log(loss[late]), 1)[0]
    assert slope == pytest.approx(-2.0 * system.late_rate(), rel=0.02)


def test_growth_at_homogeneity_one():
    """rho = rho0 cosh(kappa |M| t) while b2 = E f* and the error is the best constant's."""
    from mfpde.systems.depth_separation import exact

    system = mf.DepthSeparation(d=100, homogeneity=1, sigma_1=1e-4)
    start = mf.Ensemble([[0.0, float(2 * system.moments.full[0] - 2 + _mean_target(system))]])
    times = np.linspace(0.0, 3.0, 4) / exact.growth_rate(system)
    rho = mf.solve(system.limit(second_layer=start), t_eval=times, rtol=1e-10, atol=1e-16).observables["rho"]
    np.testing.assert_allclose(rho, 1e-4 * np.cosh([0.0, 1.0, 2.0, 3.0]), rtol=1e-5)


def _mean_target(system):
    from mfpde.kernels.radial import radial_moments

    m0, m1, _ = radial_moments(system.moments, 1.0)
    return m0 - m1


def test_particles_on_the_sphere_approach_the_reduction():
    """Interacting first-layer particles against rho(t) over t <= 100, particles and directions refined together.

    The non-sphericity, 0 in the reduction, falls like n1^(-1/2); the largest loss gap is mostly the directions'.
    """
    system = mf.DepthSeparation(d=10, sigma_1=0.5)
    times = np.linspace(0.0, 100.0, 11)
    exact = _losses(system, times, second_layer="concentrated")
    gaps, shapes = [], []
    for n1, directions in ((20, 80), (80, 320), (320, 1280)):
        arguments = {"first_layer": "particles", "n1": n1, "directions": directions, "second_layer": "concentrated"}
        runs = [mf.solve(system.limit(**arguments, rng=k), t_eval=times, rtol=1e-4) for k in range(3)]
        gaps.append(np.mean([np.max(np.abs(run.observables["loss"] - exact)) for run in runs]))
        shapes.append(np.mean([run.observables["non_sphericity"][-1] for run in runs]))
    assert gaps[0] > 1.5 * gaps[1] > 2.25 * gaps[2]
    assert gaps[2] < 2e-4
    slope = np.polyfit(np.log([20, 80, 320]), np.log(shapes), 1)[0]
    assert -0.6 < slope < -0.4


def test_orthogonal_particles_beat_random_ones():
    system = mf.DepthSeparation(d=20, sigma_1=0.5)
    random = mf.Ensemble(system.first_layer.sample(160, np.random.default_rng(0)))
    shape = []
    for first in ({"first_layer": random}, {"first_layer": "particles", "n1": 160}):
        limit = system.limit(second_layer="concentrated", directions=64, rng=0, **first)
        shape.append(limit.observe(0.0, limit.state0)["non_sphericity"])
    assert shape[1] < 0.7 * shape[0]


def test_weighted_first_layer_equals_the_duplicated_one():
    """Particles that break rotation invariance, with weights 1/6, 2/6, 3/6, against one, two and three copies."""
    system = mf.DepthSeparation(d=5, sigma_1=0.5, homogeneity=2)
    points = np.array([[1.0, 0, 0, 0, 0], [0, -0.4, 0.3, 0, 0], [0.1, 0.2, 0, -0.7, 0.5]])
    weighted = system.limit(first_layer=mf.Ensemble(points, [1 / 6, 2 / 6, 3 / 6]), nodes=4, directions=200, rng=0)
    copies = system.limit(first_layer=mf.Ensemble(np.repeat(points, [1, 2, 3], axis=0)), nodes=4, directions=200, rng=0)
    a, b = (flow.unpack(flow.velocity(0.0, flow.state0)) for flow in (weighted, copies))
    np.testing.assert_allclose(a["w1"], b["w1"][[0, 1, 3]], rtol=0, atol=1e-13)
    np.testing.assert_allclose(a["w2"], b["w2"], rtol=0, atol=1e-13)


def test_sgd_networks_follow_the_limit():
    """d = 100, m1 = 512, m2 = 128 at t = 100 and 200: the mean over seeds 0 to 7 within 2 %, each within 5 %."""
    system = mf.DepthSeparation(d=100, sigma_1=0.5, sigma_2=0.01, sigma_r=0.01)
    times = [0.0, 100.0, 200.0]
    exact = mf.solve(system.limit(), t_eval=times, rtol=1e-9, atol=1e-12).observables["loss"][1:]
    runs = [mf.solve(system.network(dynamics="sgd", dt=0.5, batch=1024, rng=seed, dtype="float32"), t_eval=times) for seed in range(8)]
    ratio = np.array([run.observables["loss"][1:] for run in runs]) / exact
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)
    np.testing.assert_allclose(ratio.mean(axis=0), 1.0, atol=0.02)


def test_networks_approach_the_limit_as_both_widths_grow():
    """The mean absolute loss gap over 8 replicas after the escape (t = 100), both widths times 4 and times 16."""
    system = mf.DepthSeparation(d=10, sigma_1=0.5)
    exact = mf.solve(system.limit(), t_eval=[0.0, 100.0], rtol=1e-8).observables["loss"][-1]
    gaps = []
    for m1, m2 in ((16, 8), (64, 32), (256, 128)):
        networks = [system.network(m1=m1, m2=m2, dynamics="gd", dt=0.25, directions=256, rng=k) for k in range(8)]
        runs = [mf.solve(network, t_eval=[0.0, 100.0]) for network in networks]
        gaps.append(np.mean([abs(run.observables["loss"][-1] - exact) for run in runs]))
    assert gaps[0] > 1.4 * gaps[1] > 1.96 * gaps[2]


def test_loss_floor_is_the_first_layers_and_falls_like_one_over_m1():
    """SGD to t = 700: the floor times m1 is constant within 25 % over m1 = 128, 512, 2048, and is the discretisation error."""
    system = mf.DepthSeparation(d=100, sigma_1=0.5, sigma_2=0.01, sigma_r=0.01)
    floors = []
    for m1 in (128, 512, 2048):
        network = system.network(m1=m1, dynamics="sgd", dt=0.5, batch=512, rng=0, dtype="float32")
        values = {name: v[-1] for name, v in mf.solve(network, t_eval=[0.0, 700.0]).observables.items()}
        assert values["loss_perfect_first_layer"] < 0.1 * values["loss"]
        assert values["loss_discretisation"] == pytest.approx(values["loss"], rel=0.1)
        floors.append(m1 * values["loss"])
    assert max(floors) < 1.25 * min(floors)
