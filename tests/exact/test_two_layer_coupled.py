"""The limit beside networks: tracers with the network's own noise, and what that noise leaves of the gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mfpde as mf

GaussianInit = mf.measures.GaussianInit
NOISY = mf.TwoLayer(
    law=mf.laws.Gaussian(2, [1.0, 4.0]), target=mf.targets.Linear([1.0, -2.0]), activation="identity",
    initial=GaussianInit([0.0, 0.0], 1.0), ridge=0.1, beta=10.0, clock=0.5,
)  # fmt: skip
CIRCLE = mf.CosineCircle(b=0.8, beta=10.0, clock=0.5)


def one_weight(**options):
    law = mf.laws.Empirical(np.array([[-1.0], [0.3], [1.0]]), np.array([0.2, -0.4, 1.0]))
    return mf.TwoLayer(law=law, activation="tanh", initial=GaussianInit([0.1], 0.3), ridge=0.5, beta=8.0, clock=0.5, **options)


@pytest.mark.parametrize("dynamics", ["particles", "gd", "sgd"])
@pytest.mark.parametrize("system", [NOISY, CIRCLE])
def test_noisy_tracers_are_the_nonlinear_dynamics_of_the_same_seed(system, dynamics):
    network, nonlinear = (system.network(m=7, dynamics=name, eps=0.01, rng=3) for name in (dynamics, "nonlinear"))
    coupled = system.coupled_limit(network)
    y, z = (mf.solve(flow, [0.0, 0.1]).final_state for flow in (coupled, nonlinear))
    np.testing.assert_array_equal(y, z)
    np.testing.assert_array_equal(coupled.particles(coupled.state0)["neurons"], network.particles(network.state0)["neurons"])
    assert coupled.observe(0.1, y) == coupled.limit.observe(0.1, coupled.inner(y))
    assert coupled.observe(0.1, y)["risk"] != nonlinear.observe(0.1, z)["risk"]
    x = system.field.samples.draw(4, np.random.default_rng(0))[0]
    np.testing.assert_array_equal(coupled.predict(y, x), coupled.limit.predict(coupled.inner(y), x))
    places = nonlinear.particles(z)["neurons"]
    np.testing.assert_array_equal(coupled.psi(y, places), coupled.limit.psi(coupled.inner(y), places))


def test_linear_neurons_share_their_noise():
    """PD - ND: every neuron's noise cancels but for the mean's, and all neurons are apart by one vector, less than either moved."""
    network = NOISY.network(m=50, dynamics="particles", eps=0.01)
    coupled = NOISY.coupled_limit(network)
    apart = [flow.particles(mf.solve(flow, [0.5]).final_state)["neurons"] for flow in (network, coupled)]
    difference = (apart[0] - apart[1])[:, 1:]
    np.testing.assert_allclose(difference, np.tile(difference[0], (50, 1)), atol=1e-12)
    assert 0.0 < np.linalg.norm(difference[0]) < 0.5


def test_linear_gap_is_exact():
    """w_i - w_i^ND is the same for all i: with K = S + lam it is a sum over steps of (1 - h K)^n - (1 - h lam)^n times the mean of the
    start, of variance 1/N, or of the noise, 2 h/(beta N), in every coordinate; coordinates of equal S are independent copies."""
    m, s, h, copies = 3, 0.5, 0.025, 100
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2 * copies, np.repeat([1.0, 4.0], copies)), target=mf.targets.Linear(np.ones(2 * copies)),
        activation="identity", initial=GaussianInit(np.zeros(2 * copies), 1.0), ridge=0.1, beta=1.0, clock=0.5,
    )  # fmt: skip
    network = system.network(m=m, dynamics="particles", eps=h, rng=5)
    flows = (network, system.coupled_limit(network))
    one, other = (flow.particles(mf.solve(flow, [s]).final_state)["neurons"][0, 1:] for flow in flows)
    squares = m * (one - other).reshape(2, copies) ** 2
    k, steps = np.array([1.1, 4.1]), round(s / h)
    memory = (1.0 - h * k) ** np.arange(steps + 1)[:, None] - (1.0 - h * 0.1) ** np.arange(steps + 1)[:, None]
    expected = memory[steps] ** 2 + 2.0 * h * np.sum(memory[:steps] ** 2, axis=0)
    error = np.std(squares, axis=1, ddof=1) / math.sqrt(copies)
    assert np.all(np.abs(np.mean(squares, axis=1) - expected) < 4.0 * error)
    assert np.all(error < 0.2 * expected)


def test_particles_leave_their_tracers_like_the_root_of_the_width_with_noise():
    study = mf.drift(CIRCLE, widths={"m": [32, 64, 128, 256, 512]}, replicas=24, t_eval=[0.0, 0.5], dynamics="particles",
                     network={"eps": 0.01}, rng=1)  # fmt: skip
    rate = study.rate("neurons_rms")
    assert rate.low < 0.5 < rate.high
    assert rate.high - rate.low < 0.3


def test_a_density_takes_the_step_of_the_network():
    system, density = one_weight(), {"cells": 64, "reach": 5.0}
    network = system.network(m=6, dynamics="gd", eps=0.05)
    coupled = system.coupled_limit(network, **density)
    assert coupled.limit.dt == 0.05
    y = mf.solve(coupled, [0.1]).final_state
    alone = mf.solve(system.limit(**density, eps=0.05), [0.1]).final_state
    np.testing.assert_array_equal(coupled.inner(y), alone)
    with pytest.raises(ValueError, match="give both the same step"):
        system.coupled_limit(network, **density, eps=0.1)


@pytest.mark.parametrize("d", [20, 40])
def test_tracers_of_the_two_classes(d):
    """Neurons stay on their rays, |w|' = -psi'(|w|): the radii of tracers are the quantiles of the law at the levels they started at."""
    system = mf.IsotropicGaussians(d=d, delta=0.8)
    network = system.network(m=6, dynamics="particles")
    coupled = system.coupled_limit(network)
    y = mf.solve(coupled, [0.5], rtol=1e-10, atol=1e-12).final_state
    radii = [np.linalg.norm(coupled.particles(state)["neurons"][:, 1:], axis=1) for state in (coupled.state0, y)]
    levels = coupled.limit.start.level(radii[0])
    np.testing.assert_allclose(radii[1], coupled.line(y).quantile(levels), atol=1e-7)
    assert np.max(np.abs(radii[1] - radii[0])) > 0.05


def test_a_step_too_long_for_the_modes_is_refused():
    network = mf.CosineCircle(b=0.8, beta=1.0, clock=0.5).network(m=3, dynamics="gd", eps=0.2)
    with pytest.raises(ValueError, match="fastest mode"):
        mf.CosineCircle(b=0.8, beta=1.0, clock=0.5).coupled_limit(network)


def test_networks_of_another_system_are_refused():
    quiet = mf.CosineCircle(b=0.8, clock=0.5).network(m=3, dynamics="particles")
    with pytest.raises(ValueError, match="paths of a noisy network"):
        CIRCLE.coupled_limit(quiet)
    with pytest.raises(ValueError, match="2 columns: this system's have 3"):
        NOISY.coupled_limit(quiet)


@pytest.mark.parametrize(("system", "method"), [
    (mf.IsotropicGaussians(d=40, delta=0.5), "panels"), (mf.IsotropicGaussians(d=math.inf, delta=0.5), "atom"),
    (mf.AnisotropicGaussians(delta=0.5, gamma=0.25), "blocks"), (mf.CosineCircle(b=0.8), "modes"), (NOISY, "moments"),
])  # fmt: skip
def test_every_limit_says_its_method(system, method):
    limit = system.limit()
    assert limit.config["arguments"]["method"] == method
    assert system.limit(method=method).config == limit.config
    with pytest.raises(ValueError, match="method = 'guess'"):
        system.limit(method="guess")
