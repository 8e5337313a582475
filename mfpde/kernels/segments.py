"""Exact radial integrals of piecewise-linear fields.

A second layer with particles (w_j, b_j) of weights q_j is a piecewise-linear function of the first layer's feature F,

    f(F) = sum_j q_j relu(w_j F + b_j),    G(F) = f'(F) = sum_j q_j w_j 1{w_j F + b_j > 0},

whose kinks are F = -b_j / w_j. Along a ray x = r u the feature is F = g r, so f, and its error D = f - relu(1 - r), are
piecewise linear in r, and every integral against the radial law is a sum over segments of differences of its partial
moments M_0, M_1, M_2. Derived in docs/depth_separation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit
from mfpde.kernels.radial import MomentTable, Scalars, ascending_moments, panel_moments, radial_moments, scalars, tail_moments

Vector = npt.NDArray[Any]


class Profile(NamedTuple):
    """The second layer as a function of F: n sorted positive kinks and n + 1 segments.

    On segment s, f = slope[s] F + intercept[s]; particle j is active on the segments start[j] <= s < stop[j].
    """

    kinks: Vector
    slope: Vector
    intercept: Vector
    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]


@jit
def profile(w: Vector, b: Vector, q: Vector) -> Profile:
    """The profile of particles (w, b) with weights q, each (m,); cost O(m log m).

    A particle with w = 0 has no kink; sums run over the particles that are on, so that nothing cancels.
    """
    m = len(w)
    position = np.empty(m)
    for j in range(m):
        position[j] = -b[j] / w[j] if w[j] != 0.0 else np.inf
        if not (0.0 < position[j] < np.inf):
            position[j] = np.inf
    order = np.argsort(position, kind="mergesort")
    n = 0
    while n < m and position[order[n]] < np.inf:
        n += 1
    kinks = np.empty(n)
    start = np.zeros(m, np.int64)
    stop = np.zeros(m, np.int64)
    for s in range(n):
        j = order[s]
        kinks[s] = position[j]
        if w[j] < 0.0:
            stop[j] = s + 1
        else:
            start[j] = s + 1
            stop[j] = n + 1
    for s in range(n, m):
        j = order[s]
        if b[j] > 0.0 or (b[j] == 0.0 and w[j] > 0.0):
            stop[j] = n + 1
    slope = np.zeros(n + 1)
    intercept = np.zeros(n + 1)
    rising_w = rising_b = falling_w = falling_b = 0.0
    for s in range(n, m):
        j = order[s]
        if stop[j] > 0:
            rising_w += q[j] * w[j]
            rising_b += q[j] * b[j]
    for s in range(n + 1):
        if s > 0 and w[order[s - 1]] > 0.0:
            rising_w += q[order[s - 1]] * w[order[s - 1]]
            rising_b += q[order[s - 1]] * b[order[s - 1]]
        slope[s] = rising_w
        intercept[s] = rising_b
    for s in range(n - 1, -1, -1):
        j = order[s]
        if w[j] < 0.0:
            falling_w += q[j] * w[j]
            falling_b += q[j] * b[j]
        slope[s] += falling_w
        intercept[s] += falling_b
    return Profile(kinks, slope, intercept, start, stop)


@jit
def particle_sums(p: Profile, sums: Vector, out: Vector) -> None:
    """out[j] = sum of sums[s] over the segments on which particle j is active; sums (n + 1,), out (m,)."""
    n = len(sums)
    below = np.zeros(n + 1)
    above = np.zeros(n + 1)
    for s in range(n):
        below[s + 1] = below[s] + sums[s]
        above[n - 1 - s] = above[n - s] + sums[n - 1 - s]
    for j in range(len(out)):
        if p.start[j] == 0:
            out[j] = below[p.stop[j]]
        else:
            out[j] = above[p.start[j]] if p.stop[j] == n else below[p.stop[j]] - below[p.start[j]]


@jit
def sweep_rays(
    table: MomentTable, p: Profile, g: Vector, weight: float, error: Vector, error_f: Vector, derivative: Vector
) -> float:
    """The radial integrals along rays on which F = g r, g (n,) >= 0.

    Adds weight * E[D 1_s] to error[s] and weight * E[D F 1_s] to error_f[s] (a number for each segment), fills derivative (n,) with
    weight * E[D G r], which is weight times the derivative of a ray's loss with respect to g, and returns weight * the sum of the losses
    1/2 E D^2.
    """
    arrays = table.panels, table.tail, table.tail_reach
    numbers, target = scalars(table), radial_moments(table, 1.0)
    return _sweep_rays(*arrays, numbers, target, p.kinks, p.slope, p.intercept, g, weight, error, error_f, derivative)


@jit
def _sweep_rays(
    panels: Vector, tail: Vector, reach: Vector, numbers: Scalars, target: tuple[float, float, float],
    kinks: Vector, slope: Vector, intercept: Vector, g: Vector, weight: float, error: Vector, error_f: Vector, derivative: Vector,
) -> float:
    cap = numbers.cap
    radii, moments = np.empty(len(kinks)), np.empty((3, len(kinks)))
    total = 0.0
    for ray in range(len(g)):
        n = 0
        while n < len(kinks) and kinks[n] < g[ray] * cap:
            radii[n] = kinks[n] / g[ray]
            n += 1
        if n > 0:
            ascending_moments(panels, tail, reach, numbers, radii, n, moments)
        loss = change = lo0 = lo1 = lo2 = 0.0
        inside = 1.0
        s = 0
        while True:
            at_target = inside > 0.0 and (radii[s] if s < n else cap) >= 1.0
            if at_target:
                hi0, hi1, hi2 = target
            elif s < n:
                hi0, hi1, hi2 = moments[0, s], moments[1, s], moments[2, s]
            else:
                hi0, hi1, hi2 = numbers.full
            alpha = intercept[s] - inside
            beta = slope[s] * g[ray] + inside
            i0 = alpha * (hi0 - lo0) + beta * (hi1 - lo1)
            i1 = alpha * (hi1 - lo1) + beta * (hi2 - lo2)
            error[s] += weight * i0
            error_f[s] += weight * g[ray] * i1
            loss += 0.5 * max(0.0, alpha * i0 + beta * i1)
            change += slope[s] * i1
            lo0, lo1, lo2 = hi0, hi1, hi2
            if at_target:
                inside = 0.0
            elif s < n:
                s += 1
            else:
                break
        derivative[ray] = weight * change
        total += weight * loss
    return total


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


@jit
def sample_errors(
    p: Profile, features: Vector, radii: Vector, weight: float, limits: tuple[float, float], error: Vector, error_f: Vector,
    coefficient: Vector,
) -> tuple[int, int]:
    """The second layer's part of a gradient at samples x with features F (n,) and norms |x| (n,); O(log m) a sample.

    Adds weight * clip(D) to error[s] and weight * clip(D F) to error_f[s], s the sample's segment, and fills coefficient
    (n,) with weight * D G. `limits` are the radii of the per-sample projections of D F and D (infinite: none).

    Returns
    -------
    tuple of int
        How often each projection was active.
    """
    clipped_f = clipped = 0
    for i in range(len(features)):
        feature = np.float64(features[i])
        s = np.searchsorted(p.kinks, feature)
        d = p.slope[s] * feature + p.intercept[s] - max(0.0, 1.0 - np.float64(radii[i]))
        coefficient[i] = weight * d * p.slope[s]
        df = d * feature
        if abs(df) > limits[0]:
            clipped_f += 1
            df = limits[0] if df > 0.0 else -limits[0]
        if abs(d) > limits[1]:
            clipped += 1
            d = limits[1] if d > 0.0 else -limits[1]
        error[s] += weight * d
        error_f[s] += weight * df
    return clipped_f, clipped


@jit
def spherical_velocity(
    table: MomentTable, kappa: float, power: int, rates: tuple[float, float, float], q: Vector, y: Vector
) -> Vector:
    """The velocity of (rho, w_1..w_m, b_1..b_m) when the first layer stays uniform on the sphere of radius rho.

    With a = kappa rho^power: w' = -eta_w E[D 1 F], b' = -eta_b E[D 1], rho' = -eta_1 power kappa rho^(power-1) E[D G r].
    rho = 0 stays (relu'(0) = 0); a negative rho, met only inside a step that an event cuts, counts as a = 0.
    """
    m = len(q)
    w, b = y[1 : m + 1], y[m + 1 :]
    rho = y[0]
    p = profile(w, b, q)
    error, error_f = np.zeros(len(p.slope)), np.zeros(len(p.slope))
    g, derivative = np.array([kappa * max(rho, 0.0) ** power]), np.empty(1)
    sweep_rays(table, p, g, 1.0, error, error_f, derivative)
    out = np.empty(2 * m + 1)
    particle_sums(p, error_f, out[1 : m + 1])
    particle_sums(p, error, out[m + 1 :])
    out[1 : m + 1] *= -rates[1]
    out[m + 1 :] *= -rates[2]
    out[0] = -rates[0] * power * kappa * rho ** (power - 1) * derivative[0] if rho != 0.0 else 0.0
    return out
