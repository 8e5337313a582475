"""Samples of radial laws: radii by the inverse distribution function of a moment table (safeguarded Newton), and directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast
from mfpde.kernels.radial import MomentTable, panel_mass, tail_mass

Array = npt.NDArray[np.floating[Any]]

_RESIDUAL = 1e-13  # below the promised 1e-12, so that rounding does not break the promise
_ITERATIONS = 80


@jit
def sample_radii(table: MomentTable, u: Array, out: Array) -> None:
    """Write into `out` the radii r with |M_0(r) - u| <= 1e-12, for the probabilities `u` (n,) in [0, 1].

    u <= 0 gives 0 and u >= 1 gives the cap.
    """
    for i in range(u.size):
        if u[i] <= 0.0:
            out[i] = 0.0
        elif u[i] >= 1.0:
            out[i] = table.cap
        elif u[i] <= table.edges[-1]:
            out[i] = min(_panel_quantile(table, u[i]), table.cap)
        else:
            out[i] = min(_tail_quantile(table, u[i]), table.cap)


@jit_fast
def place_on_spheres(normals: Array, radii: Array, out: Array) -> None:
    """Write into `out` (n, d) the last d columns of `normals` (n, d + 1), scaled to the norms `radii` (n,)."""
    n, d = out.shape
    for i in range(n):
        square = 0.0
        for j in range(d):
            square += normals[i, j + 1] * normals[i, j + 1]
        scale = radii[i] / math.sqrt(square)
        for j in range(d):
            out[i, j] = normals[i, j + 1] * scale


@jit
def _panel_quantile(table: MomentTable, u: float) -> float:
    edges = table.edges
    i = table.guide[int(u * (table.guide.size - 1))]
    while edges[i + 1] < u:
        i += 1
    low, high = -1.0, 1.0
    t = 2.0 * (u - edges[i]) / (edges[i + 1] - edges[i]) - 1.0
    for _ in range(_ITERATIONS):
        value, slope = panel_mass(table, i, t)
        residual = value - u
        if abs(residual) <= _RESIDUAL:
            break
        if residual > 0.0:
            high = t
        else:
            low = t
        t = _newton_or_middle(t, residual, slope, low, high)
    radius: float = (i + 0.5 * (t + 1.0)) / table.per_length
    return radius


@jit
def _tail_quantile(table: MomentTable, u: float) -> float:
    # In v = boundary / r the smooth part is nearly linear, and the oscillation moves its root by less than a radian.
    missing = table.tail_start[0] - u
    v = missing / table.tail[0, 1]
    for _ in range(2):
        smooth = 0.0
        for j in range(table.tail.shape[0] - 1, -1, -1):
            smooth = smooth * v * v + table.tail[j, 1]
        v = min(missing / smooth, 1.0)
    radians = table.tail_wavenumber * table.boundary / v
    low, high = v * radians / (radians + 4.0), min(v * radians / (radians - 4.0), 1.0)
    for _ in range(_ITERATIONS):
        value, slope = tail_mass(table, v)
        residual = value - u
        if abs(residual) <= _RESIDUAL:
            break
        if residual > 0.0:
            low = v
        else:
            high = v
        v = _newton_or_middle(v, residual, -slope, low, high)
    radius: float = table.boundary / v
    return radius


@jit
def _newton_or_middle(x: float, residual: float, slope: float, low: float, high: float) -> float:
    """The Newton step from `x`, or the middle of the bracket where the step leaves it (the density has zeros)."""
    if slope != 0.0:
        step = x - residual / slope
        if low < step < high:
            return step
    return 0.5 * (low + high)
