"""Brownian paths of neurons, the same in every dynamics that is started from the same seed."""

from __future__ import annotations

import numpy as np

from mfpde.flow import Array
from mfpde.streams import step_stream
from mfpde.systems.two_layer.dynamics.clock import Clock


class BrownianPaths:
    """Increments of one Brownian path a neuron and coordinate, keyed by (seed, fine step); the first rows do not depend on the width.

    Parameters
    ----------
    fine : int
        Fine steps that make a step: a run with twice the step and twice `fine` follows the same paths.
    """

    def __init__(self, seed: int, fine: int) -> None:
        self.seed, self.fine = seed, fine

    def increment(self, clock: Clock, eps: float, k: int, shape: tuple[int, int]) -> Array:
        """The sum over the fine steps of step `k` of sqrt(ds) g, ds their lengths on the flow clock, g standard normal (m, p)."""
        total = np.zeros(shape)
        lengths = clock.step_sizes(eps / self.fine, k * self.fine, self.fine)
        for i, length in enumerate(lengths):
            total += np.sqrt(length) * step_stream(self.seed, "noise", k * self.fine + i, 0).standard_normal(shape)
        return total
