"""The velocity of the radial mean field of two isotropic Gaussian classes, from a table of the mean activation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast

Array = npt.NDArray[np.floating[Any]]


class MeanTable(NamedTuple):
    """q(t) for t >= 0 by polynomials of degree 5 on equal cells of v = t / (t + scale) in [0, 1].

    Attributes
    ----------
    cells : array (n, 6)
        Coefficients in the cell's coordinate in [0, 1], lowest power first.
    scale : float
        The t that is mapped to v = 1/2.
    flat, start, pull : float
        q(t) = start + pull t exactly for t <= flat; pull is 0 unless flat is. Negative t, inside a step that ends on the event
        of a radius reaching 0, continue q as this line.
    """

    cells: Array
    scale: float
    flat: float
    start: float
    pull: float


@jit_fast
def lookup(table: MeanTable, t: float) -> tuple[float, float]:
    """q(t) and q'(t)."""
    if t <= table.flat:
        return table.start + table.pull * t, table.pull
    cells = table.cells
    n = cells.shape[0]
    inverse = 1.0 / (t + table.scale)
    place = t * inverse * n
    i = min(int(place), n - 1)
    x = place - i
    a0, a1, a2, a3, a4, a5 = cells[i, 0], cells[i, 1], cells[i, 2], cells[i, 3], cells[i, 4], cells[i, 5]
    value = a0 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * a5))))
    slope = a1 + x * (2.0 * a2 + x * (3.0 * a3 + x * (4.0 * a4 + x * (5.0 * a5))))
    return value, slope * n * table.scale * inverse * inverse


@jit
def lookup_all(table: MeanTable, t: Array, value: Array, slope: Array) -> None:
    """Write q and q' at every t (n,) into `value` and `slope` (n,)."""
    for i in range(t.size):
        value[i], slope[i] = lookup(table, t[i])


@jit_fast
def radial_fields(table: MeanTable, r: Array, weights: Array, stretch: Array, fields: Array, slopes: Array) -> None:
    """f_k = sum_j weights_j q(r_j stretch_k) into `fields` (K,), and q'(r_j stretch_k) stretch_k into `slopes` (J, K).

    `stretch` (K,) holds tau chi of both classes.
    """
    fields[:] = 0.0
    for j in range(r.size):
        w = weights[j]
        for k in range(stretch.size):
            value, slope = lookup(table, r[j] * stretch[k])
            fields[k] += w * value
            slopes[j, k] = slope * stretch[k]


@jit_fast
def radial_force(slopes: Array, residual: Array, force: Array) -> None:
    """-psi'(r_j) = -sum_k residual_k slopes_jk into `force` (J,), where residual = (probability of node k) (f_k - y_k)."""
    for j in range(force.size):
        total = 0.0
        for k in range(residual.size):
            total += residual[k] * slopes[j, k]
        force[j] = -total
