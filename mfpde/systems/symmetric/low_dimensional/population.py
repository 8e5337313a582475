"""The population loss of a finite network and its gradient, all expectations over x ~ N(0, I) in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mfpde.flow import Array
from mfpde.kernels.dual import relu_gradients, relu_values
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, modes_for
from mfpde.systems.symmetric.low_dimensional.neurons import norms
from mfpde.threads import run_blocks

if TYPE_CHECKING:
    from mfpde.systems.symmetric.low_dimensional.system import LowDimensionalTarget

_ROWS = 128
_TOLERANCE = 1e-13
_MOST_MODES = 2048


class Population:
    """(1/2) E (f* - f)^2 = E f*^2 / 2 - (1/m) sum_j a_j T(b_j) + (1/2m^2) sum_jk a_j a_k k(b_j, b_k).

    T(b) = E[f* relu(b.x)] = |b| T(theta_b) in the basis of the reduced kernel, k(b, b') = E relu(b.x) relu(b'.x) the full arc-cosine
    kernel of Cho, Saul 2009, eq. (6): the pairs of neurons know nothing of the reduction.
    """

    def __init__(self, system: LowDimensionalTarget) -> None:
        self.d_h, self.half_second_moment = system.d_h, 0.5 * system.radial.second_moment
        self.basis = JacobiBasis(system.d, system.d_h, modes_for(system.d, system.d_h, _TOLERANCE, _MOST_MODES))
        self.coefficients = system.radial.coefficients(self.basis)

    def loss(self, a: Array, b: Array) -> float:
        """The loss of the neurons a (m,), b (m, d)."""
        pairs = self._values(a, b)
        return self.half_second_moment - float(a @ (self._target(b)[0] - 0.5 * pairs)) / a.size

    def velocity(self, a: Array, b: Array) -> tuple[Array, Array]:
        """a' = E[R relu(b.x)] (m,) and b' = a E[R 1{b.x > 0} x] (m, d), R = f* - f."""
        value, slope = self._target(b)
        return value - self._values(a, b), a[:, None] * (slope - self._slopes(a, b))

    def _target(self, b: Array) -> tuple[Array, Array]:
        """T(b_j) (m,) and its gradient (m, d)."""
        lengths, head = norms(b), norms(b[:, : self.d_h])
        inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
        share = (head * inverse) ** 2
        value, slope = self.basis.series(self.coefficients, 2.0 * share - 1.0)
        gradient = (value - 4.0 * slope * share)[:, None] * b
        gradient[:, : self.d_h] += (4.0 * slope)[:, None] * b[:, : self.d_h]
        return lengths * value, gradient * inverse[:, None]

    def _values(self, a: Array, b: Array) -> Array:
        """(1/m) sum_k a_k k(b_j, b_k), (m,)."""
        m, (table, idle) = a.size, _table(b)
        out = np.zeros(m)

        def work(block: int) -> None:
            rows = slice(block * _ROWS, min(m, (block + 1) * _ROWS))
            left = np.ascontiguousarray(table[:, rows])
            relu_values(b[rows] @ b.T, left, table, idle[rows], a, out[rows], np.zeros(m))

        run_blocks(work, -(-m // _ROWS))
        return out / m

    def _slopes(self, a: Array, b: Array) -> Array:
        """(1/m) sum_k a_k grad_{b_j} k(b_j, b_k), (m, d)."""
        m, (table, idle) = a.size, _table(b)
        out, weighted = np.empty_like(b), a[:, None] * b

        def work(block: int) -> None:
            rows = slice(block * _ROWS, min(m, (block + 1) * _ROWS))
            left, products, along = np.ascontiguousarray(table[:, rows]), b[rows] @ b.T, np.zeros(rows.stop - rows.start)
            relu_gradients(products, left, table, idle[rows], a, along, np.zeros(m))
            out[rows] = along[:, None] * b[rows] + products @ weighted

        run_blocks(work, -(-m // _ROWS))
        return out / m


def _table(b: Array) -> tuple[Array, Array]:
    """What the kernels want of every neuron, (3, m), and coefficients 0 (m,): every pair is counted from both its sides."""
    lengths = norms(b)
    positive = lengths > 0.0
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=positive)
    return np.stack([lengths, inverse, positive.astype(np.float64)]), np.zeros(lengths.size)
