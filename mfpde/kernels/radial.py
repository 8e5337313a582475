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

_FREE_OF_SWING = 1e-17


class MomentTable(NamedTuple):
    """The moments of a radial law conditioned on ||x|| <= cap, as arrays and floats that kernels take.

    Attributes
    ----------
    cap, mass : float
        The cap and the unconditioned probability of ||x|| <= cap.
    full : floats (3,)
        M_0 = 1, M_1 and M_2 at the cap (infinite where they are).
    panels : array (n, degree + 1, 3)
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


@jit_inline
def radial_moments(table: MomentTable, r: float) -> tuple[float, float, float]:
    """M_0(r), M_1(r), M_2(r); 0 for r <= 0, the full moments for r >= cap, NaN for NaN."""
    if r >= table.cap:
        moments = table.full
    elif r >= table.boundary:
        moments = _tail_moments(table, r)
    else:
        moments = _panel_moments(table.panels, table.per_length, r)
    return moments


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
def _panel_moments(panels: npt.NDArray[np.float64], per_length: float, r: float) -> tuple[float, float, float]:
    if not r > 0.0:
        value = r if r != r else 0.0
        return value, value, value
    x = r * per_length
    i = min(int(x), panels.shape[0] - 1)
    t = 2.0 * (x - i) - 1.0
    j = panels.shape[1] - 1
    m0, m1, m2 = panels[i, j, 0], panels[i, j, 1], panels[i, j, 2]
    while j > 0:
        j -= 1
        m0 = m0 * t + panels[i, j, 0]
        m1 = m1 * t + panels[i, j, 1]
        m2 = m2 * t + panels[i, j, 2]
    return m0, m1, m2


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
def _tail_phase(table: MomentTable, v: float) -> float:
    w = v * v
    phase = 0.0
    for j in range(table.tail.shape[0] - 1, -1, -1):
        phase = phase * w + table.tail[j, 0]
    return table.tail_wavenumber * (table.boundary / v) - table.tail_shift + v * phase


@jit_fast
def _tail_moments(table: MomentTable, r: float) -> tuple[float, float, float]:
    v = table.boundary / r
    w = v * v
    s0 = s1 = s2 = 0.0
    for j in range(table.tail.shape[0] - 1, -1, -1):
        s0 = s0 * w + table.tail[j, 1]
        s1 = s1 * w + table.tail[j, 2]
        s2 = s2 * w + table.tail[j, 3]
    m0 = table.tail_start[0] - v * s0
    m1 = table.tail_start[1] + table.tail_start[2] * math.log(r / table.boundary) + s1
    m2 = s2 * (r / table.boundary)
    if v > _FREE_OF_SWING:
        phase = _tail_phase(table, v)
        c, s = math.cos(phase), math.sin(phase)
        swing0 = swing1 = swing2 = 0.0
        for j in range(table.tail.shape[0] - 1, -1, -1):
            swing0 = swing0 * w + (v * c * table.tail[j, 4] + s * table.tail[j, 7])
            swing1 = swing1 * w + (v * c * table.tail[j, 5] + s * table.tail[j, 8])
            swing2 = swing2 * w + (v * c * table.tail[j, 6] + s * table.tail[j, 9])
        m0 += swing0 * w
        m1 += swing1 * v
        m2 += swing2
    return m0, m1, m2


@jit_fast
def tail_mass(table: MomentTable, v: float) -> tuple[float, float]:
    """M_0 beyond the boundary and minus its derivative in v = boundary / r."""
    w = v * v
    smooth, slope, cosine, sine = 0.0, 0.0, 0.0, 0.0
    for j in range(table.tail.shape[0] - 1, -1, -1):
        smooth = smooth * w + table.tail[j, 1]
        slope = slope * w + (2 * j + 1) * table.tail[j, 1]
        cosine = cosine * w + table.tail[j, 4]
        sine = sine * w + table.tail[j, 7]
    if v <= _FREE_OF_SWING:
        return table.tail_start[0] - v * smooth, slope
    phase = _tail_phase(table, v)
    c, s = math.cos(phase), math.sin(phase)
    return table.tail_start[0] - v * smooth + w * (v * c * cosine + s * sine), slope * (1.0 + c)
