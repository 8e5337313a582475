"""Compiled sweeps over ReLU neurons against their NumPy twins; the layout in blocks; the patterns and their margins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mfpde.kernels.relu_inputs import gram_inputs, stage_inputs
from mfpde.kernels.relu_line import BLOCK, euler4, gram, stage, stage4
from mfpde.kernels.relu_moments import FEW, split
from mfpde.kernels.relu_patterns import BINS, classify, move_cell, turned
from mfpde.kernels.relu_training import FOUR_POINTS, INPUTS, LINE, LINE_CHANGES
from mfpde.streams import stream
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.initial import Initial

KAPPA_PRIME = 0.7


def velocity(inputs, residual, a, w, kappa_prime=KAPPA_PRIME):
    """(va (M,), vw (M, p)) for residuals kappa e / n."""
    h = w @ inputs.T
    return -np.maximum(h, 0.0) @ residual / kappa_prime, -kappa_prime * a[:, None] * ((h > 0.0) * residual) @ inputs


def outputs(inputs, a, w):
    return a @ np.maximum(w @ inputs.T, 0.0)


def neurons(m, p, antisymmetric=True, seed=0, weights=None):
    rng = stream(seed, "test neurons")
    a, w = rng.standard_normal(m), rng.standard_normal((m, p))
    return Initial.of(a, w, np.ones(m) if weights is None else weights, antisymmetric)


def data(n, p, seed=1):
    rng = stream(seed, "test data")
    if p == 2:
        return np.column_stack([rng.permutation(np.linspace(-1.0, 1.0, n)), np.ones(n)]), rng.standard_normal(n)
    return rng.standard_normal((n, p)), rng.standard_normal(n)


def blocks_of(initial, inputs, labels, dtype="float64", kappa_forward=0.1):
    constants = {"kappa": 0.1, "kappa_prime": KAPPA_PRIME, "kappa_forward": kappa_forward}
    return Blocks(initial, inputs, labels, f0=np.zeros(len(labels)), dtype=dtype, **constants)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 3, 4])
def test_euler_step_on_four_points(n, dtype):
    initial, (inputs, labels) = neurons(700, 2), data(n, 2)
    blocks, tight = blocks_of(initial, inputs, labels, dtype), 1e-13 if dtype == "float64" else 3e-5
    da, dw = 0.1 * initial.w[:, 0], 0.1 * np.column_stack([initial.a, initial.a])
    room, problem = blocks.room(da, dw), blocks.problem
    residual = np.zeros(4)
    residual[:n] = 0.05 * labels
    euler4(problem.line, residual.astype(dtype), problem.rates, problem.z, room.d, 0, len(room.sums), room.sums)
    va, vw = velocity(inputs, residual[:n], initial.a + da, initial.w + dw)
    moved_a, moved_w = blocks.scatter(room.d)
    np.testing.assert_allclose(moved_a, da + va, rtol=tight, atol=tight)
    np.testing.assert_allclose(moved_w, dw + vw, rtol=tight, atol=tight)
    expected = outputs(inputs, initial.a + da + va, initial.w + dw + vw)
    np.testing.assert_allclose(room.sums[:, :n].sum(axis=0), expected, rtol=tight, atol=300 * tight)
    first = room.sums[: problem.measured, 4:].sum(axis=0)
    np.testing.assert_allclose(first, [np.sum((da + va)[:700] ** 2), np.sum((dw + vw)[:700] ** 2)], rtol=tight)


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize(("n", "p"), [(4, 2), (3, 2), (4, 3), (7, 2), (12, 2), (9, 5)])
def test_stage_of_every_sweep(n, p, changes):
    """All sweeps make the stage s = d + ahead v + final total, total = keep total + weight v, at the stage z + s they come from."""
    initial, (inputs, labels) = neurons(500, p), data(n, p)
    blocks = blocks_of(initial, inputs, labels)
    da, dw = 0.1 * initial.w[:, 0], 0.2 * np.repeat(initial.a[:, None], p, axis=1)
    sa, sw = 1.5 * da, 0.3 * initial.w
    room, problem = blocks.room(da, dw, order=4), blocks.problem
    room.s[:], room.total[:] = blocks.gather(sa, sw), blocks.gather(da, sw)
    residual, method = np.zeros(max(n, len(problem.line))), np.array([1.0, 0.3, 0.4, 1.0])
    residual[:n] = 0.05 * labels
    if p != 2:
        for k, (start, moved) in enumerate(zip(_rows(problem.z, 1 + p), _rows(room.s, 1 + p), strict=True)):
            room.h[n * BLOCK * k : n * BLOCK * (k + 1)] = (inputs @ (start + moved)[1:]).ravel()
        arrays = (problem.z, room.d, room.s, room.total, room.h)
        stage_inputs(problem.inputs, residual, problem.rates, method, *arrays, 0, len(room.sums), room.sums)
    elif n <= 4 and not changes:
        stage4(problem.line, residual, problem.rates, method, problem.z, room.d, room.s, room.total, 0, len(room.sums), room.sums)
    else:
        arrays = (problem.z, room.d, room.s, room.total)
        stage(problem.line, residual, problem.rates, method, changes, *arrays, 0, len(room.sums), room.sums)
    va, vw = velocity(inputs, residual[:n], initial.a + sa, initial.w + sw)
    ta, tw = da + 0.3 * va, sw + 0.3 * vw
    ea, ew = da + 0.4 * va + ta, dw + 0.4 * vw + tw
    for found, expected in zip((*blocks.scatter(room.s), *blocks.scatter(room.total)), (ea, ew, ta, tw), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)
    f = outputs(inputs, initial.a + ea, initial.w + ew)
    if changes and p == 2:
        f -= outputs(inputs, initial.a, initial.w)
    np.testing.assert_allclose(room.sums[:, :n].sum(axis=0), f, atol=1e-11)


def test_changes_keep_the_digits_of_a_small_motion():
    initial, (inputs, labels) = neurons(300, 2), data(4, 2)
    blocks = blocks_of(initial, inputs, labels, kappa_forward=1e12)
    assert blocks.problem.code == LINE_CHANGES
    rng = stream(5, "motion")
    da, dw = 1e-30 * rng.standard_normal(600), 1e-30 * rng.standard_normal((600, 2))
    room, problem = blocks.room(da, dw), blocks.problem
    room.s[:] = room.d
    arrays = (problem.z, room.d, room.s, np.zeros_like(room.d))
    stage(problem.line, np.zeros(4), problem.rates, np.zeros(4), True, *arrays, 0, len(room.sums), room.sums)
    h = initial.w @ inputs.T
    np.testing.assert_allclose(room.sums.sum(axis=0)[:4], da @ np.maximum(h, 0) + initial.a @ ((h > 0) * (dw @ inputs.T)), rtol=1e-12)


@pytest.mark.parametrize(("n", "p"), [(4, 2), (6, 2), (5, 4)])
def test_gram_matrix(n, p):
    initial, (inputs, labels) = neurons(500, p), data(n, p)
    blocks = blocks_of(initial, inputs, labels)
    room, problem = blocks.room(0.1 * initial.a, 0.1 * initial.w, order=4), blocks.problem
    room.s[:] = room.d
    if p == 2:
        gram(problem.line, problem.rates, problem.z, room.s, 0, len(room.sums), room.grams)
    else:
        arrays = (problem.z, room.d, room.s, np.zeros_like(room.d), np.zeros_like(room.h))
        stage_inputs(problem.inputs, np.zeros(n), problem.rates, np.zeros(4), *arrays, 0, len(room.sums), room.sums)
        gram_inputs(problem.inputs, problem.rates, problem.z, room.s, arrays[-1], 0, len(room.sums), room.grams)
    a, h = 1.1 * initial.a, 1.1 * initial.w @ inputs.T
    active = (h > 0.0) * a[:, None]
    expected = np.maximum(h, 0).T @ np.maximum(h, 0) / KAPPA_PRIME + KAPPA_PRIME * (active.T @ active) * (inputs @ inputs.T)
    np.testing.assert_allclose(np.tril(room.grams.sum(axis=0)[:n, :n]), np.tril(expected), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("p", [2, 4])
def test_blocks_give_back_their_rows(p):
    weights = np.abs(stream(3, "weights").standard_normal(BLOCK + 5))
    initial = neurons(BLOCK + 5, p, weights=weights).with_tracers(np.arange(3.0), np.ones((3, p)))
    inputs, labels = data(4, p)
    blocks = blocks_of(initial, inputs, labels)
    assert (blocks.problem.measured, blocks.problem.counted, blocks.problem.z.size) == (2, 4, (1 + p) * 5 * BLOCK)
    a, w = blocks.scatter(blocks.problem.z)
    np.testing.assert_allclose(a, initial.a, rtol=1e-15)
    np.testing.assert_allclose(w, initial.w, rtol=1e-15)
    squares = initial.a**2 + np.sum(initial.w**2, axis=1)
    np.testing.assert_allclose(np.sum(blocks.problem.z**2), initial.c @ squares + np.sum(squares[-3:]))


def test_sweep_follows_from_data_and_prefactor():
    initial = neurons(10, 2)
    assert blocks_of(initial, *data(4, 2)).problem.code == FOUR_POINTS
    assert blocks_of(initial, *data(5, 2)).problem.code == LINE
    assert blocks_of(initial, *data(4, 2), kappa_forward=1e6).problem.code == LINE_CHANGES
    assert blocks_of(neurons(10, 3), *data(4, 3)).problem.code == INPUTS


def test_patterns_and_margins():
    x = np.array([-0.8, -0.1, 0.3, 0.9])
    initial = neurons(2000, 2, antisymmetric=False)
    z, cells, margins = blocks_of(initial, np.column_stack([x, np.ones(4)]), np.zeros(4)).problem.z, *np.zeros((2, 6 * BLOCK), np.int16)
    classify(x, z, np.zeros_like(z), cells, margins)
    h = initial.w @ np.vstack([x, np.ones(4)])
    active = h > 0.0
    count = active.sum(axis=1)
    assert np.array_equal(cells[:2000], np.where(active[:, 0], count, np.where(count > 0, 4 + count, 0)))
    distance = np.min(np.abs(h) / np.sqrt(1 + x**2), axis=1) / np.linalg.norm(np.column_stack([initial.a, initial.w]), axis=1)
    assert np.all((margins[:2000] / BINS) ** 2 <= distance * (1 + 1e-12))
    assert np.all(((margins[:2000] + 1) / BINS) ** 2 > distance * (1 - 1e-12))
    assert np.all(margins[2000:] == BINS - 1)


def test_neurons_off_the_moments_are_those_of_least_margin():
    """Of every cell at least the share asked for is explicit, the rest keeps the edge; cells of few neurons are explicit as a whole."""
    x, share, edge = np.array([-0.8, -0.1, 0.3, 0.9]), np.full(8, 0.1), np.zeros(8)
    initial = neurons(3000, 2, antisymmetric=False)
    few = (initial.w @ np.vstack([x, np.ones(4)]) > 0.0).sum(axis=1) == 4
    few[np.flatnonzero(few)[: FEW - 1]] = False
    initial = Initial.of(initial.a[~few], initial.w[~few], np.ones(np.sum(~few)), False)
    z = blocks_of(initial, np.column_stack([x, np.ones(4)]), np.zeros(4)).problem.z
    cells, margins = np.zeros(z.size // 3, np.int16), np.zeros(z.size // 3, np.int16)
    classify(x, z, np.zeros_like(z), cells, margins)
    home, m = cells.copy(), len(initial.a)
    split(4, share, cells, margins, edge)
    distance = np.min(np.abs(initial.w @ np.vstack([x, np.ones(4)])) / np.sqrt(1 + x**2), axis=1)
    distance /= np.linalg.norm(np.column_stack([initial.a, initial.w]), axis=1)
    explicit = cells[:m] < 0
    assert np.array_equal(np.where(cells < 0, -1 - cells, cells), home)
    assert np.all(explicit[home[:m] == 4])
    assert edge[4] == 0.0
    for s in (0, 1, 2, 3, 5, 6, 7):
        here = home[:m] == s
        assert 0.1 <= np.mean(explicit[here]) < 0.2
        assert edge[s] > 0.0
        assert np.all(distance[here & ~explicit] >= edge[s])
        assert np.all(distance[here & explicit] < edge[s] * (1 + 1e-8))


def test_no_neuron_within_its_margin_has_switched():
    """Neurons of one cell, moved by a common map, against the bound; and the bound is not idle: those it does not cover do switch."""
    x, psi = np.array([-0.8, -0.1, 0.3, 0.9]), np.zeros((3, 3))
    inputs = np.column_stack([x, np.ones(4)])
    initial = neurons(20000, 2, antisymmetric=False)
    rows = np.column_stack([initial.a, initial.w])
    rows = rows[(initial.w @ inputs.T > 0).sum(axis=1) == 4]
    for _ in range(20):
        move_cell(psi, 0.01, -0.012, 1 / KAPPA_PRIME, KAPPA_PRIME)
    step = np.array([[0, -0.01 / KAPPA_PRIME, 0.012 / KAPPA_PRIME], [-0.01 * KAPPA_PRIME, 0, 0], [0.012 * KAPPA_PRIME, 0, 0]])
    np.testing.assert_allclose(np.eye(3) + psi, np.linalg.matrix_power(np.eye(3) + step, 20), rtol=1e-13, atol=1e-14)
    margin = np.min(rows[:, 1:] @ inputs.T / np.sqrt(1 + x**2), axis=1) / np.linalg.norm(rows, axis=1)
    kept = np.all((rows + rows @ psi.T)[:, 1:] @ inputs.T > 0.0, axis=1)
    bound = turned(x, psi)
    assert np.all(kept[margin > bound])
    assert not np.all(kept[margin > 0.5 * bound])


def _rows(blocks, columns):
    return [blocks[i:j].reshape(columns, BLOCK) for i, j in pairwise(range(0, blocks.size + 1, columns * BLOCK))]
