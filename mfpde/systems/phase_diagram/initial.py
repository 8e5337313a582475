"""The neurons that a flow starts from: their two copies, their weights, and tracers that weigh nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfpde.flow import Array


@dataclass(frozen=True)
class Initial:
    """Initial neurons (a, w) with weights.

    Attributes
    ----------
    a : array (M,)
    w : array (M, p)
    c : array (M,)
        1 for the neurons of a network, quadrature weights for the nodes of a law, 0 for a tracer.
    first : int
        The first copy is the first so many rows; displacements are measured on it alone.
    antisymmetric : bool
        Whether every neuron (a, w) has a partner (-a, w) of equal weight, so that f = 0 at the start.
    tracers : int
        How many rows at the end are tracers.
    """

    a: Array
    w: Array
    c: Array
    first: int
    antisymmetric: bool
    tracers: int = 0

    @staticmethod
    def of(a: Array, w: Array, c: Array, antisymmetric: bool) -> Initial:
        """The neurons (a, w) with weights c, and after them their copy (-a, w) if `antisymmetric`."""
        if not antisymmetric:
            return Initial(a, w, c, len(a), False)
        return Initial(np.concatenate([a, -a]), np.concatenate([w, w]), np.concatenate([c, c]), len(a), True)

    def with_tracers(self, a: Array, w: Array) -> Initial:
        """The same neurons, and after them the tracers (a, w), which move with them and weigh nothing."""
        return Initial(
            np.concatenate([self.a, a]),
            np.concatenate([self.w, w]),
            np.concatenate([self.c, np.zeros(len(a))]),
            self.first,
            self.antisymmetric,
            self.tracers + len(a),
        )
