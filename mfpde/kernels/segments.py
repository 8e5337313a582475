"""Exact radial integrals of piecewise-linear fields.

Along a ray x = r u the feature is F = g r, so a second layer f(F) (profile.py), and its error D = f - relu(1 - r), are piecewise linear
in r, and every integral against the radial law is a sum over segments of differences of its partial moments M_0, M_1, M_2. Derived in
docs/depth_separation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit
from mfpde.kernels.profile import Profile, particle_sums, profile
from mfpde.kernels.radial import MomentTable, Scalars, ascending_moments, radial_moments, scalars

Vector = npt.NDArray[Any]


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
