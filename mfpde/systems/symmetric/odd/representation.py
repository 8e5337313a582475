"""A finite symmetric data set with given moments: on it a paired network is the population's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.flow import Array
from mfpde.laws import Law
from mfpde.systems.symmetric.odd.subspace import whole

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget


def mirrored(x: Array, y: Array) -> tuple[Array, Array]:
    """The rows and their images under (x, y) -> (-x, -y)."""
    return np.concatenate([x, -x]), np.concatenate([y, -y])


def mean_labels(system: OddTarget) -> tuple[Array, Array]:
    """2d points and the mean of the labels at each: all that a gradient sees of :func:`symmetric_data`."""
    found = whole(system)
    x = np.sqrt(system.d * found.variances)[:, None] * found.basis.T
    return mirrored(x, np.sqrt(system.d / found.variances) * found.cross)


def symmetric_data(system: OddTarget) -> tuple[Array, Array]:
    """The points and labels behind :meth:`OddTarget.symmetric_data`."""
    x, y = mean_labels(system)
    spread = np.sqrt(2.0 * system.minimal_loss)
    if spread == 0.0:
        return x, y
    return np.concatenate([x, x]), np.concatenate([y + spread, y - spread])


class PointsOfMoments(Law):
    """The law of the points of :func:`symmetric_data`, made when it is first sampled: the inputs where only moments are given."""

    def __init__(self, system: OddTarget) -> None:
        self.d, self._system = system.d, system

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent draws (n, d) of the 2d points."""
        x, _ = mean_labels(self._system)
        rows: Array = x[np.floor(rng.random(n) * len(x)).astype(np.intp)]
        return rows

    def atoms(self) -> tuple[Array, Array]:
        """The 2d points (2d, d), all of the same probability (2d,)."""
        x, _ = mean_labels(self._system)
        return x, np.full(len(x), 1.0 / len(x))

    def second_moment(self) -> Array:
        """C."""
        return self._system.C

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"law": "PointsOfMoments", "moments": self._system.config()}
