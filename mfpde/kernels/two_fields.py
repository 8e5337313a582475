"""Radial integrals of the difference between two second layers, each above a first layer of its own."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mfpde.kernels.jit import jit
from mfpde.kernels.profile import Profile
from mfpde.kernels.radial import MomentTable, Scalars, panel_moments, scalars, tail_moments

Vector = npt.NDArray[Any]


@jit
def _square(alpha: float, beta: float, m0: float, m1: float, m2: float) -> float:
    """The integral of (alpha + beta r)^2 over a segment; what rounding leaves below 0 is 0."""
    return max(0.0, alpha * (alpha * m0 + 2.0 * beta * m1) + beta * beta * m2)


@jit
def compare(table: MomentTable, p: Profile, g: float, other: Profile, a: float) -> tuple[float, float, float, float]:
    """Two fields along one ray: f = p at F = g r and h = other at F = a r.

    Returns (1/2 E (f - f*)^2, 1/2 E (h - f*)^2, 1/2 E (f - h)^2, E (f - h)(h - f*)); the first is the sum of the rest.
    """
    first, second = (p.kinks, p.slope, p.intercept), (other.kinks, other.slope, other.intercept)
    return _compare(table.panels, table.tail, table.tail_reach, scalars(table), *first, g, *second, a)


@jit
def compare_rays(table: MomentTable, p: Profile, g: Vector, other: Profile, a: float, out: Vector) -> None:
    """:func:`compare` along every ray g (n,), into out (n, 4)."""
    first, second = (p.kinks, p.slope, p.intercept), (other.kinks, other.slope, other.intercept)
    _compare_rays(table.panels, table.tail, table.tail_reach, scalars(table), *first, g, *second, a, out)


@jit
def _compare_rays(
    panels: Vector, tail: Vector, reach: Vector, numbers: Scalars, kinks: Vector, slope: Vector, intercept: Vector, g: Vector,
    kinks_h: Vector, slope_h: Vector, intercept_h: Vector, a: float, out: Vector,
) -> None:
    for i in range(len(g)):
        parts = _compare(panels, tail, reach, numbers, kinks, slope, intercept, g[i], kinks_h, slope_h, intercept_h, a)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = parts


@jit
def _compare(
    panels: Vector, tail: Vector, reach: Vector, numbers: Scalars, kinks: Vector, slope: Vector, intercept: Vector, g: float,
    kinks_h: Vector, slope_h: Vector, intercept_h: Vector, a: float,
) -> tuple[float, float, float, float]:
    n, k = len(kinks), len(kinks_h)
    cap, boundary = numbers.cap, numbers.boundary
    full = base = gap = cross = 0.0
    lo0 = lo1 = lo2 = 0.0
    inside = 1.0
    s = l = 0  # noqa: E741
    while True:
        edge = cap
        which = 0
        if s < n and kinks[s] < g * edge:
            edge = kinks[s] / g
            which = 1
        if l < k and kinks_h[l] < a * edge:
            edge = kinks_h[l] / a
            which = 2
        if inside > 0.0 and edge >= 1.0:
            edge = 1.0
            which = 3
        if edge >= cap:
            hi0, hi1, hi2 = numbers.full
        elif edge >= boundary:
            hi0, hi1, hi2 = tail_moments(tail, reach, numbers, edge)
        else:
            hi0, hi1, hi2 = panel_moments(panels, numbers.per_length, edge)
        m0, m1, m2 = hi0 - lo0, hi1 - lo1, hi2 - lo2
        alpha_h = intercept_h[l] - inside
        beta_h = slope_h[l] * a + inside
        alpha_gap = intercept[s] - intercept_h[l]
        beta_gap = slope[s] * g - slope_h[l] * a
        alpha, beta = intercept[s] - inside, slope[s] * g + inside
        full += 0.5 * _square(alpha, beta, m0, m1, m2)
        base += 0.5 * _square(alpha_h, beta_h, m0, m1, m2)
        gap += 0.5 * _square(alpha_gap, beta_gap, m0, m1, m2)
        cross += alpha_gap * (alpha_h * m0 + beta_h * m1) + beta_gap * (alpha_h * m1 + beta_h * m2)
        lo0, lo1, lo2 = hi0, hi1, hi2
        if which == 0:
            return full, base, gap, cross
        if which == 1:
            s += 1
        elif which == 2:
            l += 1  # noqa: E741
        else:
            inside = 0.0
