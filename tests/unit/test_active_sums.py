"""Sums over active samples by tables, against the matrix product with a gated matrix in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.kernels.active_sums import SAMPLES, active_signs, add_active, aligned, subset_tables


def _signs(h):
    signs = np.full((-(-len(h) // SAMPLES), h.shape[1]), 2**32 - 1, np.uint32)
    active_signs(h, signs)
    return signs


@pytest.mark.parametrize(("dtype", "accuracy"), [("float64", 1e-14), ("float32", 5e-6)])
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (31, 5, 3), (32, 2, 16), (33, 7, 17), (100, 40, 33)])
def test_sum_over_the_active_samples(dtype, accuracy, n, m, d):
    rng = np.random.default_rng(n)
    x, w, c = (rng.standard_normal(shape).astype(dtype) for shape in ((n, d), (m, d), n))
    h = x @ w.T
    total = aligned((m, d), x.dtype)
    total[:] = 0.0
    before = rng.standard_normal((m, d)).astype(dtype)
    total[:, :d] = before
    add_active(_signs(h), c, x, subset_tables(d, x.dtype), total)
    expected = before + (c[:, None] * (h > 0.0)).T @ x
    np.testing.assert_allclose(total[:, :d], expected, rtol=0, atol=accuracy * np.sqrt(n))
    assert np.all(total[:, d:] == 0.0)


def test_signs_of_zeros_and_nan_are_off():
    h = np.array([[0.0, -0.0, np.nan, 1e-300, -1.0, np.inf]])
    np.testing.assert_array_equal(_signs(h), [[0, 0, 0, 1, 0, 1]])


def test_every_sample_has_its_own_bit():
    own = np.array([[1 << i if i < SAMPLES else 0 for i in range(40)], [0 if i < SAMPLES else 1 << i - SAMPLES for i in range(40)]])
    np.testing.assert_array_equal(_signs(np.eye(40)), own)


def test_an_inactive_sample_never_counts():
    """Even an infinite one: what a neuron does not see can't spoil it."""
    x = np.array([[1.0, 2.0], [np.inf, 3.0]])
    h = np.array([[1.0], [-1.0]])
    total = aligned((1, 2), x.dtype)
    total[:] = 0.0
    add_active(_signs(h), np.ones(2), x, subset_tables(2, x.dtype), total)
    np.testing.assert_array_equal(total[0, :2], [1.0, 2.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 1), (2, 5, 17), (4, 16), (1, 100)])
def test_rows_start_on_cache_lines(dtype, shape):
    a = aligned(shape, np.dtype(dtype))
    assert a.shape[:-1] == shape[:-1]
    assert 0 <= a.shape[-1] - shape[-1] < 64 // a.itemsize
    assert a.ctypes.data % 64 == 0
    assert all(stride % 64 == 0 for stride in a.strides[:-1])
