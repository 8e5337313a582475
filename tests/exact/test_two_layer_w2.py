"""W2 between networks and the law of their limit, where the law lies on a line: closed forms, other quadratures, rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaincinv, ndtri

import mfpde as mf
from mfpde.measures.distances import wasserstein_1d
from mfpde.systems.two_layer.dynamics.line import LineLaw, atoms_law, cells_law, line_w2

GaussianInit = mf.measures.GaussianInit
NORMAL = LineLaw(ndtri)
CIRCLE = mf.CosineCircle(b=0.8)


def linear(**options):
    """y = x at x = 1 and -1."""
    law = mf.laws.Empirical(np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0]))
    return mf.TwoLayer(**{"law": law, "activation": "identity", "initial": GaussianInit([0.3], 0.5), "clock": 0.5, **options})


def at(flow, t):
    tight = {"rtol": 1e-11, "atol": 1e-13} if isinstance(flow, mf.flow.VelocityFlow) else {}
    return mf.solve(flow, [t], **tight).final_state


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.7, 2.0)])
def test_one_atom_and_a_normal_law(mean, deviation):
    law = LineLaw(lambda u: mean + deviation * ndtri(u))
    assert line_w2(np.zeros(1), np.ones(1), law) == pytest.approx(math.hypot(mean, deviation), rel=1e-12)


def test_atoms_and_a_normal_law():
    """W2^2 = sum_i w_i (x_i^2 + ...) with the cells' first moments phi(a) - phi(b): another formula than the quadrature's."""
    rng = np.random.default_rng(0)
    places, weights = rng.standard_normal(40), rng.random(40)
    weights /= weights.sum()
    order = np.argsort(places)
    levels = np.concatenate([[0.0], np.cumsum(weights[order])[:-1], [1.0]])
    density = np.exp(-0.5 * ndtri(levels) ** 2) / math.sqrt(2.0 * math.pi)
    first = density[:-1] - density[1:]
    square = np.sum(weights * places**2) + 1.0 - 2.0 * np.sum(places[order] * first)
    assert line_w2(places, weights, NORMAL) == pytest.approx(math.sqrt(square), rel=1e-10)


def test_atoms_and_atoms():
    rng = np.random.default_rng(1)
    x, y, p, q = rng.standard_normal(30), rng.standard_normal(17), rng.random(30), rng.random(17)
    p, q = p / p.sum(), q / q.sum()
    assert line_w2(x, p, atoms_law(y, q)) == pytest.approx(wasserstein_1d(x, y, 2, p, q), rel=1e-12)


def test_atoms_and_cells():
    """One atom at c and the uniform law of [0, 1]: 1/12 + (c - 1/2)^2; an empty cell counts nothing."""
    law = cells_law(np.array([0.0, 0.25, 0.6, 1.0, 2.0]), np.array([0.25, 0.35, 0.4, 0.0]))
    assert line_w2(np.array([0.3]), np.ones(1), law) == pytest.approx(math.sqrt(1.0 / 12.0 + 0.04), rel=1e-13)


def test_the_circle_is_measured_along_arcs():
    """Opposite points and the uniform law are pi / (2 sqrt(3)) apart, wherever the points lie; near the cut arcs cross it."""
    uniform = CIRCLE.limit().line(np.zeros(1))
    for turn in (0.0, 0.4, 2.9):
        places = np.array([turn, turn + math.pi])
        assert line_w2(places, np.full(2, 0.5), uniform) == pytest.approx(math.pi / math.sqrt(12.0), rel=1e-9)
    edges = np.linspace(-math.pi, math.pi, 201)
    near = cells_law(edges, (edges[1:] > math.pi - 0.1).astype(float), 2.0 * math.pi)
    assert line_w2(np.array([-math.pi + 0.05]), np.ones(1), near) < 0.2


@pytest.mark.parametrize("z", [0.3, -0.6])
def test_quantiles_of_the_poisson_kernel(z):
    limit = CIRCLE.limit()
    y, u = np.array([z]), np.array([0.05, 0.4, 0.93])
    places = limit.line(y).quantile(u)
    below = [quad(lambda w: float(limit.density(y, w)), -math.pi, place, epsabs=1e-12, epsrel=1e-12)[0] for place in places]
    np.testing.assert_allclose(below, u, atol=1e-10)


def test_laws_of_one_limit_agree():
    """Modes, nodes and cells of the noisy and of the noiseless circle give one distance to one sample."""
    neurons = CIRCLE.network(m=200, dynamics="particles")
    modes, nodes = CIRCLE.limit(), CIRCLE.limit(method="nodes", nodes=1024)
    distances = [neurons.w2(neurons.state0, limit, at(limit, 1.0)) for limit in (modes, nodes)]
    assert distances[1] == pytest.approx(distances[0], abs=1e-4)
    noisy = mf.CosineCircle(b=0.8, beta=10.0, clock=0.5)
    modes, cells = noisy.limit(), noisy.limit(method="density", cells=256, dt=1.0 / 256.0)
    states = at(modes, 1.0), at(cells, 1.0)
    distances = [neurons.w2(neurons.state0, limit, y) for limit, y in zip((modes, cells), states, strict=True)]
    assert distances[1] == pytest.approx(distances[0], rel=2e-3)
    assert distances[0] != pytest.approx(neurons.w2(neurons.state0, modes, modes.state0), rel=0.05)


def test_the_law_of_the_radius():
    system = mf.IsotropicGaussians(d=40, delta=0.8)
    limit = system.limit()
    start, u = limit.line(limit.state0), np.array([1e-6, 0.2, 0.5, 0.9, 1.0 - 1e-9])
    np.testing.assert_allclose(start.quantile(u), 0.8 * np.sqrt(gammaincinv(20.0, u) / 20.0), rtol=1e-12)
    y = at(limit, 0.5)
    law, (r, weights) = limit.line(y), limit.law(y)
    nodes, probabilities = np.polynomial.legendre.leggauss(400)
    levels = 0.5 + 0.5 * nodes
    for k in (1, 2):
        assert 0.5 * probabilities @ law.quantile(levels) ** k == pytest.approx(weights @ r**k, abs=1e-5)
    network = system.network(m=300, dynamics="particles")
    exact = network.w2(network.state0, limit, y)
    radii = np.linalg.norm(network.unpack(network.state0)["theta"][:, 1:], axis=1)
    assert exact == pytest.approx(wasserstein_1d(radii, r, 2, None, weights), abs=0.02)


def test_the_gaussian_law_of_a_linear_neuron():
    """Without noise mean 1 - .7 e^{-s} and the variance of the start."""
    system = linear()
    limit = system.limit()
    law = limit.line(at(limit, 0.5))
    expected = 1.0 - 0.7 * math.exp(-0.5) + np.array([0.0, math.sqrt(0.5)])
    np.testing.assert_allclose(law.quantile(np.array([0.5, 0.8413447460685429])), expected, atol=1e-9)
    network = system.network(m=64, dynamics="particles")
    y = at(network, 0.5)
    nodes = system.limit(method="nodes", nodes=120)
    assert network.w2(y, limit, at(limit, 0.5)) == pytest.approx(network.w2(y, nodes, at(nodes, 0.5)), abs=0.03)


def test_a_density_has_the_law_of_its_cells():
    """The noisy linear neuron is Gaussian: cells against the moments."""
    system = linear(beta=4.0, ridge=0.3)
    network = system.network(m=50, dynamics="gd", eps=0.01)
    moments, density = system.limit(), system.limit(method="density", cells=256, reach=6.0, eps=0.005)
    values = [network.w2(network.state0, limit, at(limit, 0.3)) for limit in (moments, density)]
    assert values[1] == pytest.approx(values[0], rel=5e-3)


@pytest.mark.parametrize("dynamics", ["nonlinear", "particles", "gd", "sgd"])
def test_every_dynamics_of_a_sample_is_as_far_as_the_sample(dynamics):
    """Linear neurons move by one vector: with the means equal the distance is that of the centred initial sample for all times."""
    system = linear()
    network = system.network(m=32, dynamics=dynamics, **({"eps": 0.01} if dynamics in ("gd", "sgd") else {}))
    limit, y = system.limit(), at(network, 0.4)
    name = "tracers" if dynamics == "nonlinear" else "theta"
    w, start = network.unpack(y)[name][:, 1], limit.line(at(limit, 0.4))
    centre = start.quantile(np.array([0.5]))[0]
    shift = np.mean(w) - centre
    same = line_w2(w - np.mean(w), np.full(32, 1.0 / 32.0), LineLaw(lambda u: math.sqrt(0.5) * ndtri(u)))
    assert network.w2(y, limit, at(limit, 0.4)) == pytest.approx(math.hypot(same, shift), abs=1e-9)


def test_tracers_have_the_law_of_their_limit():
    network = CIRCLE.network(m=20, dynamics="particles")
    coupled, limit = CIRCLE.coupled_limit(network), CIRCLE.limit()
    y = at(coupled, 1.0)
    sample = network.with_particles(coupled.particles(y))
    assert network.w2(sample, coupled, y) == network.w2(sample, limit, coupled.inner(y))


def test_samples_approach_the_law_like_the_root_of_their_number():
    """On the circle E W2^2 ~ 1/N for a density bounded below (Bobkov, Ledoux 2019)."""
    limit = CIRCLE.limit()
    y, widths = at(limit, 1.0), (32, 512)
    mean = []
    for m in widths:
        networks = [CIRCLE.network(m=m, dynamics="nonlinear", rng=seed) for seed in range(12)]
        squares = [network.w2(at(network, 1.0), limit, y) ** 2 for network in networks]
        mean.append((np.mean(squares), np.std(squares, ddof=1) / math.sqrt(12)))
    (wide, narrow), errors = (mean[1][0] * 512, mean[0][0] * 32), math.hypot(mean[1][1] * 512, mean[0][1] * 32)
    assert abs(wide - narrow) < 4.0 * errors
    assert errors < 0.5 * wide


def test_what_lies_on_no_line_is_refused():
    law, target = mf.laws.Gaussian(2), mf.targets.Linear([1.0, 0.0])
    system = mf.TwoLayer(law=law, target=target, activation="identity", initial=GaussianInit([0.0, 0.0], 1.0))
    network, limit = system.network(m=3, dynamics="particles"), system.limit()
    with pytest.raises(ValueError, match="2 coordinates that move"):
        network.w2(network.state0, limit, limit.state0)
    with pytest.raises(ValueError, match="one moving coordinate"):
        limit.line(limit.state0)
