"""Radial partial moments M_k(r) = int_0^r s^k p(s) ds and the density p, from a table, for any r >= 0.

Up to `boundary` the moments are polynomials on equal panels; beyond it a smooth series plus an oscillation of known
amplitude and phase (mfpde/laws/tail.py derives both). All values belong to the law conditioned on ||x|| <= cap.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast, jit_inline

Vector = npt.NDArray[np.float64]

COEFFICIENTS = 14
"""Of a panel's polynomials, an even number."""
_FREE_OF_SWING = 1e-17


class MomentTable(NamedTuple):
    """The moments of a radial law conditioned on ||x|| <= cap, as arrays and floats that kernels take.

    Attributes
    ----------
    cap, mass : float
        The cap and the unconditioned probability of ||x|| <= cap.
    full : floats (3,)
        M_0 = 1, M_1 and M_2 at the cap (infinite where they are).
    panels : array (n, COEFFICIENTS, 3)
        Coefficients of M_0, M_1, M_2 in t in [-1, 1], the local coordinate of a panel, lowest power first.
    per_length, boundary : float
        Panels a unit length, and the radius where the last one ends.
    edges : array (n + 1,)
        M_0 at the edges of the panels.
    guide : array of int64
        ``guide[i]`` is the panel that holds the quantile of i / (size - 1).
    tail_wavenumber, tail_shift : float
        Beyond the boundary, with v = boundary / r, the phase is ``tail_wavenumber r - tail_shift + v phase(v^2)``.
    tail_start : floats (3,)
        M_0 at infinity, M_1 at the boundary without its series, and the factor of ln(1 / v) in M_1.
    tail : array (n_terms, 10)
        Series in v^2, lowest power first: phase; smooth parts of M_0, M_1, M_2; what multiplies the cosine of the phase in
        each; what multiplies its sine.
    tail_reach : array (n_terms,)
        Largest v^2 at which the terms from this one on no longer count; decreasing towards the first.
    """

    cap: float
    mass: float
    full: tuple[float, float, float]
    panels: npt.NDArray[np.float64]
    per_length: float
    boundary: float
    edges: Vector
    guide: npt.NDArray[np.int64]
    tail_wavenumber: float
    tail_shift: float
    tail_start: tuple[float, float, float]
    tail: npt.NDArray[np.float64]
    tail_reach: Vector


class Scalars(NamedTuple):
    """The numbers among the fields of a :class:`MomentTable`.

    Kernels that look up many moments take these and the arrays `panels`, `tail` and `tail_reach` as arguments of their own: every
    array taken out of a tuple costs a count of its references, which takes as long as the look-up.
    """

    cap: float
    full: tuple[float, float, float]
    per_length: float
    boundary: float
    wavenumber: float
    shift: float
    start: tuple[float, float, float]


@jit_inline
def scalars(table: MomentTable) -> Scalars:
    """The numbers of `table`."""
    return Scalars(
        table.cap, table.full, table.per_length, table.boundary, table.tail_wavenumber, table.tail_shift, table.tail_start
    )


@jit
def radial_moments(table: MomentTable, r: float) -> tuple[float, float, float]:
    """M_0(r), M_1(r), M_2(r); 0 for r <= 0, the full moments for r >= cap, NaN for NaN."""
    if r >= table.cap:
        return table.full
    if r >= table.boundary:
        return tail_moments(table.tail, table.tail_reach, scalars(table), r)
    return panel_moments(table.panels, table.per_length, r)


@jit_fast
def radial_density(table: MomentTable, r: float) -> float:
    """The density p(r) of the radius; 0 outside [0, cap], NaN for NaN."""
    if r != r:
        return r
    if r <= 0.0 or r > table.cap or r == math.inf:
        return 0.0
    if r >= table.boundary:
        return tail_mass(table, table.boundary / r)[1] * table.boundary / r / r
    x = r * table.per_length
    i = min(int(x), table.panels.shape[0] - 1)
    return panel_mass(table, i, 2.0 * (x - i) - 1.0)[1] * 2.0 * table.per_length


@jit
def moments_of(table: MomentTable, r: Vector, out: npt.NDArray[np.float64]) -> None:
    """Write the three moments at every radius of `r` (n,) into `out` (n, 3)."""
    for i in range(r.size):
        out[i, 0], out[i, 1], out[i, 2] = radial_moments(table, r[i])


@jit
def densities_of(table: MomentTable, r: Vector, out: Vector) -> None:
    """Write the density at every radius of `r` (n,) into `out` (n,)."""
    for i in range(r.size):
        out[i] = radial_density(table, r[i])


@jit_fast
def panel_moments(panels: Vector, per_length: float, r: float) -> tuple[float, float, float]:
    """The moments at r < boundary."""
    if not r > 0.0:
        value = r if r != r else 0.0
        return value, value, value
    x = r * per_length
    i = min(int(x), panels.shape[0] - 1)
    return panel_values(panels[i], 2.0 * (x - i) - 1.0)


@jit_fast
def ascending_moments(panels: Vector, tail: Vector, reach: Vector, numbers: Scalars, radii: Vector, n: int, out: Vector) -> None:
    """The moments at the first n of the increasing `radii`, all > 0 and below the cap, into out (3, >= n); SIMD within a panel."""
    per_length, boundary = numbers.per_length, numbers.boundary
    first = 0
    while first < n and radii[first] < boundary:
        i = min(int(radii[first] * per_length), panels.shape[0] - 1)
        stop = first + 1
        while stop < n and radii[stop] * per_length < i + 1:
            stop += 1
        p = panels[i]
        for j in range(first, stop):
            out[0, j], out[1, j], out[2, j] = panel_values(p, 2.0 * (radii[j] * per_length - i) - 1.0)
        first = stop
    for j in range(first, n):
        out[0, j], out[1, j], out[2, j] = tail_moments(tail, reach, numbers, radii[j])


@jit_inline
def panel_values(p: Vector, t: float) -> tuple[float, float, float]:
    """The polynomials p (COEFFICIENTS, 3) at t."""
    # Even and odd powers apart: short chains of sums take half the time of a long one.
    w = t * t
    even0, even1, even2 = p[COEFFICIENTS - 2, 0], p[COEFFICIENTS - 2, 1], p[COEFFICIENTS - 2, 2]
    odd0, odd1, odd2 = p[COEFFICIENTS - 1, 0], p[COEFFICIENTS - 1, 1], p[COEFFICIENTS - 1, 2]
    for j in range(COEFFICIENTS - 4, -1, -2):
        even0 = even0 * w + p[j, 0]
        even1 = even1 * w + p[j, 1]
        even2 = even2 * w + p[j, 2]
        odd0 = odd0 * w + p[j + 1, 0]
        odd1 = odd1 * w + p[j + 1, 1]
        odd2 = odd2 * w + p[j + 1, 2]
    return even0 + t * odd0, even1 + t * odd1, even2 + t * odd2


@jit_fast
def panel_mass(table: MomentTable, i: int, t: float) -> tuple[float, float]:
    """M_0 and its derivative in t on panel `i`."""
    panels = table.panels
    j = panels.shape[1] - 1
    value, slope = panels[i, j, 0], 0.0
    while j > 0:
        j -= 1
        slope = slope * t + value
        value = value * t + panels[i, j, 0]
    return value, slope


@jit_fast
def tail_moments(tail: Vector, reach: Vector, numbers: Scalars, r: float) -> tuple[float, float, float]:
    """The moments at r >= boundary."""
    boundary, start = numbers.boundary, numbers.start
    v = boundary / r
    w = v * v
    n = len(reach)
    while n > 1 and w <= reach[n - 1]:
        n -= 1
    p = s0 = s1 = s2 = c0 = c1 = c2 = d0 = d1 = d2 = 0.0
    for j in range(n - 1, -1, -1):
        p = p * w + tail[j, 0]
        s0 = s0 * w + tail[j, 1]
        s1 = s1 * w + tail[j, 2]
        s2 = s2 * w + tail[j, 3]
        c0 = c0 * w + tail[j, 4]
        c1 = c1 * w + tail[j, 5]
        c2 = c2 * w + tail[j, 6]
        d0 = d0 * w + tail[j, 7]
        d1 = d1 * w + tail[j, 8]
        d2 = d2 * w + tail[j, 9]
    m0 = start[0] - v * s0
    m1 = start[1] + start[2] * math.log(r / boundary) + s1
    m2 = s2 * (r / boundary)
    if v > _FREE_OF_SWING:
        phase = numbers.wavenumber * r - numbers.shift + v * p
        c, s = v * math.cos(phase), math.sin(phase)
        m0 += (c * c0 + s * d0) * w
        m1 += (c * c1 + s * d1) * v
        m2 += c * c2 + s * d2
    return m0, m1, m2


@jit_fast
def tail_mass(table: MomentTable, v: float) -> tuple[float, float]:
    """M_0 beyond the boundary and minus its derivative in v = boundary / r."""
    w = v * v
    tail = table.tail
    p, smooth, slope, cosine, sine = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(tail.shape[0] - 1, -1, -1):
        p = p * w + tail[j, 0]
        smooth = smooth * w + tail[j, 1]
        slope = slope * w + (2 * j + 1) * tail[j, 1]
        cosine = cosine * w + tail[j, 4]
        sine = sine * w + tail[j, 7]
    if v <= _FREE_OF_SWING:
        return table.tail_start[0] - v * smooth, slope
    phase = table.tail_wavenumber * (table.boundary / v) - table.tail_shift + v * p
    c, s = math.cos(phase), math.sin(phase)
    return table.tail_start[0] - v * smooth + w * (v * c * cosine + s * sine), slope * (1.0 + c)
