"""Few inputs in many dimensions: the problem within their span, exact in law.

The first layer moves within the span of the inputs only. With an orthonormal basis Q (p, r) of it, u = Q^T w is Gaussian in r dimensions,
w.X_i = u.(Q^T X_i) and |dw| = |du|: a network on the inputs X Q is the network on X. What is orthogonal to the span never moves; only
its square counts, in |w(0)|.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.streams import stream
from mfpde.systems.phase_diagram.training import Training

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint


@dataclass(frozen=True, eq=False)
class Rotation:
    """A point of the phase diagram and the same point on its inputs' span.

    Attributes
    ----------
    point : PhasePoint
        On the inputs X Q (n, r), without a bias of its own.
    basis : array (p, r)
        Q.
    frozen : int
        p - r, the dimensions of w that never move.
    """

    point: PhasePoint
    basis: Array
    frozen: int

    def whole(self, training: Training, frozen_square: float) -> Training:
        """The training of the whole network: relative displacements whose |w(0)|^2 has `frozen_square` more."""
        w = training.square_w
        of_w = math.sqrt(w / (w + frozen_square))
        of_all = math.sqrt((w + training.square_a) / (w + training.square_a + frozen_square))
        return replace(
            training,
            rd_w=training.rd_w * of_w,
            sup_rd_w=training.sup_rd_w * of_w,
            rd_theta=training.rd_theta * of_all,
            sup_rd_theta=training.sup_rd_theta * of_all,
            square_w=w + frozen_square,
        )

    def frozen_square(self, m: int, seed: int) -> float:
        """The sum of squares of what never moves in m neurons, chi^2 with m (p - r) degrees of freedom."""
        return float(stream(seed, "frozen").chisquare(m * self.frozen)) if self.frozen else 0.0

    def sizes_and_cosines(self, direction: npt.ArrayLike, u: Array, seed: int) -> tuple[Array, Array]:
        """|w| and its cosine with `direction` (p,), each (m,), for neurons u (m, r) within the span.

        The direction's part outside the span meets one frozen Gaussian number of each neuron, the rest of w a chi^2 number. Neuron k
        has the same ones at every call.
        """
        unit = np.asarray(direction, np.float64)
        unit = unit / np.linalg.norm(unit)
        inside = self.basis.T @ unit
        outside = np.sqrt(max(0.0, 1.0 - float(inside @ inside)))
        one = stream(seed, "frozen direction").standard_normal(len(u)) if self.frozen else np.zeros(len(u))
        rest = stream(seed, "frozen rest").chisquare(self.frozen - 1, len(u)) if self.frozen > 1 else np.zeros(len(u))
        size: Array = np.sqrt(np.einsum("kj,kj->k", u, u) + one**2 + rest)
        cosine: Array = (u @ inside + outside * one) / size
        return size, cosine


def rotate(point: PhasePoint) -> Rotation | None:
    """The point on the span of its inputs; None if they span everything, or lie on the line, where solvers know more."""
    inputs = point.inputs
    n, p = inputs.shape
    if p == 2:
        return None
    _, sizes, directions = np.linalg.svd(inputs, full_matrices=False)
    rank = int(np.count_nonzero(sizes > sizes[0] * max(n, p) * np.finfo(float).eps))
    if rank == p:
        return None
    basis = np.ascontiguousarray(directions[:rank].T)
    return Rotation(replace(point, x=inputs @ basis, bias=False), basis, p - rank)
