"""A finite symmetric data set with given moments: on it a paired network is the population's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mfpde.flow import Array
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
