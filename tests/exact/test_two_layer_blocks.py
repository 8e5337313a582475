"""Pair sums of two-layer potentials in blocks: whole matrices, a network beside its copy, any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde import activations
from mfpde.laws import Gaussian
from mfpde.measures import Ensemble
from mfpde.systems.two_layer import QuadraturePotential, Teacher, potential_for
from mfpde.systems.two_layer.potentials.pairs import Neurons, _count
from mfpde.targets import Polynomial
from mfpde.threads import set_threads

RAMP = activations.piecewise_linear(knots=[0.5, 1.5], values=[-2.5, 7.5])
ZERO = Polynomial()


def neurons(m, seed, phase):
    """m neurons (a, w) or (a, w, b) on inputs of dimension 3."""
    return np.random.default_rng(seed).standard_normal((m, 4 + phase))


def numpy_twin(name, w, b, v, e, c):
    """The gradients in w and b of sum_j c_j u(w_i, v_j), from whole matrices."""
    q, p, s = w @ v.T, np.sum(w * w, 1), np.sum(v * v, 1)
    if name == "erf":
        f = 4 / np.pi / np.sqrt(np.multiply.outer(1 + 2 * p, 1 + 2 * s) - 4 * q**2) * c
        return f @ v - ((2 * q * f).sum(1) / (1 + 2 * p))[:, None] * w, np.zeros(len(w))
    if name == "relu":
        cosine = np.clip(q / np.sqrt(np.multiply.outer(p, s)), -1, 1)
        along = (np.sqrt(1 - cosine**2) * np.sqrt(s) * c).sum(1) / np.sqrt(p)
        return (along[:, None] * w + ((np.pi - np.arccos(cosine)) * c) @ v) / (2 * np.pi), np.zeros(len(w))
    near = 0.5 * c * np.exp(q - 0.5 * np.add.outer(p, s))
    far = 0.5 * c * np.exp(-q - 0.5 * np.add.outer(p, s))
    minus, plus = np.subtract.outer(b, e), np.add.outer(b, e)
    gradient = (near * np.cos(minus) - far * np.cos(plus)) @ v - (near * np.cos(minus) + far * np.cos(plus)).sum(1)[:, None] * w
    return gradient, -(near * np.sin(minus) + far * np.sin(plus)).sum(1)


@pytest.mark.parametrize("name", ["erf", "relu", "cosine"])
def test_blocks_against_whole_matrices(name):
    """Sizes that are no multiples of a block; weightless neurons move nothing."""
    phase = name == "cosine"
    rng = np.random.default_rng(3)
    theta, points = rng.standard_normal((301, 8 + phase)) / 2, rng.standard_normal((2501, 8 + phase)) / 2
    weights = rng.random(2501) * (rng.random(2501) > 0.3)
    gradient = potential_for(Gaussian(7), ZERO, name, phase=phase).psi_gradient(theta, points, weights)
    c = weights * points[:, 0]
    wanted, turning = numpy_twin(name, theta[:, 1:8], theta[:, -1], points[:, 1:8], points[:, -1], c)
    np.testing.assert_allclose(gradient[:, 1:8], theta[:, :1] * wanted, rtol=0, atol=1e-12)
    if phase:
        np.testing.assert_allclose(gradient[:, -1], theta[:, 0] * turning, rtol=0, atol=1e-12)


@pytest.mark.parametrize("m", [3, 64, 65, 301, 1100])
@pytest.mark.parametrize("activation", ["erf", "relu", "cosine", RAMP])
def test_pairs_of_a_network_with_itself_are_those_with_a_copy(activation, m):
    """Every pair of blocks is computed once for both sides: one block, two, an odd number, and blocks of the largest size."""
    if activation is RAMP and m > 100:
        return
    phase = activation == "cosine"
    points, weights = neurons(m, 6, phase), np.random.default_rng(7).random(m) / m
    teacher = Teacher(Ensemble(neurons(4, 8, phase)), activation, phase=phase)
    potential = potential_for(Gaussian(3, [1.0, 0.5, 2.0]), teacher, activation, "trained", phase=phase)
    np.testing.assert_allclose(potential.psi(points, points, weights), potential.psi(points.copy(), points, weights), rtol=0, atol=2e-13)
    own, copied = potential.psi_gradient(points, points, weights), potential.psi_gradient(points.copy(), points, weights)
    np.testing.assert_allclose(own, copied, rtol=0, atol=2e-13)


@pytest.mark.parametrize("d", [60, 300])
@pytest.mark.parametrize("name", ["erf", "relu"])
def test_blocks_of_several_parts(name, d):
    """Wide neurons: a block of the network is divided once more where that makes the products faster, d = 60, and not at d = 300."""
    rng = np.random.default_rng(5)
    w, c = rng.standard_normal((1700, d)) / np.sqrt(d), rng.standard_normal(1700) / 1700
    theta = np.column_stack([np.ones(1700), w])
    gradient = potential_for(Gaussian(d), ZERO, name).psi_gradient(theta, theta, c)
    q = np.einsum("mk,mk->m", w, w)
    if name == "erf":
        wanted, _ = numpy_twin(name, w, q, w, q, c)
    else:  # rounding of the cosine of a neuron with itself: see the kernel
        wanted = potential_for(Gaussian(d), ZERO, name).psi_gradient(theta, theta.copy(), c)[:, 1:]
    np.testing.assert_allclose(gradient[:, 1:], wanted, rtol=0, atol=1e-13)
    neurons = Neurons(w, q[None], c)
    assert (len(neurons.block(slice(0, neurons.largest()))) == 2) == (d == 60)


def test_rounds_of_many_blocks_have_an_even_number_of_pairs():
    for m in range(4400, 30000, 311):
        count = _count(m, 316)
        assert count % 4 < 2
        assert m <= 316 * count


@pytest.mark.parametrize("activation", ["erf", "relu", "quadratic", RAMP, "tanh"])
def test_bits_do_not_depend_on_threads(activation):
    rng = np.random.default_rng(4)
    theta = rng.standard_normal((300, 4))
    if activation == "tanh":
        potential = QuadraturePotential(rng.standard_normal((700, 3)), rng.standard_normal(700), None, activation, "trained")
    else:
        potential = potential_for(Gaussian(3, np.diag([1.0, 2.0, 3.0]) + 0.1), ZERO, activation, "trained")
    weights = np.full(300, 1 / 300)
    results = []
    try:
        for threads in (1, 2, 5):
            set_threads(threads)
            results.append(np.append(potential.psi_gradient(theta, theta, weights), potential.risk(theta, weights)))
    finally:
        set_threads(None)
    for other in results[1:]:
        assert np.array_equal(results[0], other)
