"""Working memory that stays with its thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

import mfpde as mf
from mfpde.systems.depth_separation.kept import kept


def test_equal_requests_share_an_array_and_others_do_not():
    first = kept("test", np.empty, (3, 4), np.float32)
    assert first.shape == (3, 4)
    assert first.dtype == np.float32
    assert kept("test", np.empty, (3, 4), "float32") is first
    for make, shape, dtype in ((np.empty, (4, 3), np.float32), (np.empty, (3, 4), np.float64), (np.zeros, (3, 4), np.float32)):
        first = kept("test", np.empty, (3, 4), np.float32)
        assert kept("test", make, shape, dtype) is not first
        assert kept("other", np.empty, (3, 4), np.float32) is not first


def test_threads_share_nothing():
    barrier = Barrier(2)

    def request(_):
        array = kept("test", np.empty, (3, 4), np.float32)
        barrier.wait()
        return array

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(request, range(2))
    assert one is not two


def test_large_arrays_are_given_back():
    large = kept("test", np.empty, (2**21 + 1,), np.float64)
    assert kept("test", np.empty, (2**21 + 1,), np.float64) is not large


def test_flows_may_run_on_several_threads_at_once():
    """Each thread gets the velocities that it gets alone."""
    network = mf.DepthSeparation(d=20).network(m1=96, m2=17, directions=600)
    states = [network.state0 * factor for factor in (1.0, 1.1, 1.2, 1.3)]
    alone = [network.velocity(0.0, y) for y in states]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda y: [network.velocity(0.0, y) for _ in range(10)], states))
    for velocity, repeated in zip(alone, together, strict=True):
        for other in repeated:
            np.testing.assert_array_equal(other, velocity)
