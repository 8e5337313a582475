"""The rates that systems state, against ensembles of networks; the intervals must cover them and exclude their neighbours."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.papers.drift_clock import phase_point
from mfpde.streams import stream
from mfpde.systems.depth_separation.observables import non_sphericity

WIDTHS = [32, 256, 2048]


def _agree(found, names, t):
    """Every name is stated, its interval contains what is stated, and nothing as far as 1/4 from it."""
    for name in names:
        rate = found.rate(name, t=t, level=0.999)
        stated = rate.predicted.exponent
        assert rate.low <= stated <= rate.high, (name, stated, rate.low, rate.high)
        assert rate.low > stated - 0.25, (name, rate.low)
        assert rate.high < stated + 0.25, (name, rate.high)


def _phase(system, t):
    arguments = {"network": {"dynamics": "flow"}, "limit": {"nodes": 4}, "coupling": "independent"}
    return mf.drift(system, widths={"m": WIDTHS}, replicas=40, t_eval=[0.0, t], **arguments)


@pytest.mark.parametrize(("gamma", "gamma_prime", "output", "neuron"), [
    (1.0, 0.0, 1.5, 2.5),
    (0.75, 0.0, 1.0, 1.75),
    (0.5, 0.0, 0.5, 1.0),
    (1.0, -0.5, 1.0, 1.5),
    (1.0, 0.5, 1.0, 1.5),
])  # fmt: skip
def test_what_phase_points_state(gamma, gamma_prime, output, neuron):
    stated = mf.PhasePoint(gamma=gamma, gamma_prime=gamma_prime).predicted_rates()
    assert {name: rate["exponent"] for name, rate in stated.items()} == {"loss": output, "function_distance": output, "neurons_rms": neuron}


@pytest.mark.parametrize(("gamma", "gamma_prime"), [(0.5, 0.0), (1.0, -0.5), (1.0, 0.5)])
def test_phase_points_at_a_fixed_time(gamma, gamma_prime):
    """The exponents are linear in gamma and |gamma'|: one point a corner."""
    _agree(_phase(mf.PhasePoint(gamma=gamma, gamma_prime=gamma_prime), 0.25), ("loss", "function_distance", "neurons_rms"), 0.25)


def test_without_copies_the_output_at_the_start_is_the_gap():
    found = _phase(mf.PhasePoint(gamma=0.75, gamma_prime=0.0, antisymmetric=False), 0.25)
    assert found.predicted["loss"][0].exponent == 0.25  # its square is as large at these widths
    _agree(found, ("function_distance", "neurons_rms"), 0.25)


@pytest.mark.parametrize(("point", "given"), [
    ("training speeds up", {"gamma": 0.5, "gamma_prime": 0.25}),
    ("neurons outgrow themselves", {"gamma": 1.0, "gamma_prime": 1.25}),
    ("f(0) of size 1", {"gamma": 0.5, "gamma_prime": 0.0, "antisymmetric": False}),
])  # fmt: skip
def test_nothing_is_stated_where_no_rate_is_known(point, given):
    assert mf.PhasePoint(**given).predicted_rates() == {}


def test_no_rate_of_neurons_is_stated_where_kinks_part_them():
    """gamma' = 2 gamma - 1, where training takes the same time at every width: displacements of m^(gamma - 1) beside m^-1/2."""
    stated = {gamma: set(mf.PhasePoint(gamma=gamma, gamma_prime=2.0 * gamma - 1.0).predicted_rates()) for gamma in (0.5, 0.75, 1.0)}
    assert stated == {0.5: {"loss", "function_distance", "neurons_rms"}, 0.75: {"loss", "function_distance"}, 1.0: stated[0.75]}


def test_phase_points_on_the_clock_of_their_kernel():
    """Trained to the same loss at every width."""
    gamma, neuron = 0.75, 0.75
    found = _phase(phase_point(gamma=gamma), 3.0)
    losses = np.mean(found.observables["loss"][..., 1], axis=1)
    assert np.ptp(losses) < 0.1 * losses.mean() < 0.1 * 0.4 * np.mean(found.observables["loss"][..., 0])
    _agree(found, ("loss", "function_distance"), 3.0)
    # True so early only, and therefore not stated.
    assert "neurons_rms" not in found.predicted
    rate = found.rate("neurons_rms", t=3.0, level=0.999)
    assert neuron - 0.25 < rate.low <= neuron <= rate.high < neuron + 0.25


def test_the_clock_changes_nothing_else():
    """The same states as the point's own flow at m^(1/2) times the time, and the reason to end."""
    system, point = phase_point(gamma=0.75), mf.PhasePoint(gamma=0.75, gamma_prime=0.0)
    slow, own = system.network(m=64, dynamics="flow", rng=1), point.network(m=64, dynamics="flow", rng=1)
    np.testing.assert_array_equal(mf.solve(slow, [1.0, 2.0]).states, mf.solve(own, [8.0, 16.0]).states)
    end, other = mf.solve(slow), mf.solve(own)
    assert end.complete
    assert end.t[-1] == pytest.approx(other.t[-1] / 8.0, rel=1e-12)
    np.testing.assert_array_equal(end.final_state, other.final_state)
    with pytest.raises(ValueError, match=r"gamma = 0.75, gamma_prime = 0: the limit depends on the width"):
        system.limit()
    limit = phase_point().limit(nodes=2)
    np.testing.assert_array_equal(limit.state0, mf.PhasePoint(gamma=1.0, gamma_prime=0.0).limit(nodes=2).state0)
    settings = {"widths": {"m": [16]}, "replicas": 1, "t_eval": [2.0], "network": {"dynamics": "flow"}, "limit": {"nodes": 2}}
    alone, coupled = (mf.drift(phase_point(), tracers=tracers, **settings) for tracers in (False, True))
    assert alone.gaps["loss"] == pytest.approx(coupled.gaps["loss"], rel=1e-6)


@pytest.mark.parametrize(("homogeneity", "m1", "d"), [(1, 4, 7), (2, 32, 3)])
def test_the_constant_of_the_non_sphericity(homogeneity, m1, d):
    """m1 E non_sphericity^2 at t = 0 is the stated constant squared, exactly, at every width."""
    system, squares = mf.DepthSeparation(d=d, homogeneity=homogeneity), np.empty(600)
    for seed in range(len(squares)):
        network = system.network(m1=m1, m2=1, directions=16, rng=seed)
        w1 = network.unpack(network.state0)["w1"]
        squares[seed] = m1 * non_sphericity(w1, network.weights_1, system.kappa, homogeneity) ** 2
    constant, error = system.predicted_rates()["non_sphericity"]["constant"], squares.std(ddof=1) / np.sqrt(len(squares))
    assert abs(squares.mean() - constant**2) < 4.0 * error
    assert error < 0.03 * constant**2


def test_the_floor_of_the_first_layer():
    """The non-sphericity as m1^-1/2 at the start and later in training, half the square of what it makes as 1/m1."""
    system = mf.DepthSeparation(d=5, sigma_2=0.0)
    found = mf.drift(
        system, widths={"m1": [8, 32, 128]}, fixed={"m2": 1}, replicas=30, t_eval=[0.0, 10.0], dynamics="gd",
        network={"directions": 64}, limit={"nodes": 8}, coupling="independent", tracers=False,
    )  # fmt: skip
    _agree(found, ["non_sphericity"], 0.0)
    _agree(found, ["non_sphericity", "loss_discretisation"], 10.0)


def test_the_second_layer_beside_an_infinite_first():
    """Random second layers of m2 neurons in the spherical limit against its Gauss-Hermite nodes."""
    system, sizes, tolerances = mf.DepthSeparation(d=5, sigma_2=0.1), [16, 128, 1024], (1e-5, 1e-8)
    exact = mf.solve(system.limit(), [0.0, 20.0]).observables["loss"][1]
    gaps = np.empty((3, 24))
    for i, m2 in enumerate(sizes):
        for replica in range(24):
            seed = int(stream(i, "replica", replica).integers(2**31))
            made = system.limit(second_layer="random", nodes=m2, rng=seed)
            gaps[i, replica] = mf.solve(made, [20.0], *tolerances).observables["loss"][0] - exact
    rate = mf.finite.fit_rate(sizes, gaps, level=0.999)
    stated = system.predicted_rates()["loss"]
    assert stated["width"] == "m2"
    assert rate.covers(stated["exponent"])
    assert rate.high - rate.low < 0.6
    assert "loss" not in mf.DepthSeparation(d=5, sigma_2=0.0).predicted_rates()
