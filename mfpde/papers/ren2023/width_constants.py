"""How far layers of m1 and m2 neurons are from infinite width, to leading order, over training.

Derived in docs/finite_width_depth_separation: the part of degree l of the first layer's random error, a spherical harmonic, decays on its
own, the faster the lower its degree; of the second layer's neurons only the mean of w2 at the start counts.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, VelocityFlow
from mfpde.measures import Ensemble
from mfpde.papers.ren2023.wide_layers import Steps
from mfpde.solve import solve
from mfpde.systems.depth_separation import DepthSeparation
from mfpde.systems.depth_separation.limit import SphericalLimit

_DEGREES = (1, *range(2, 41, 2))
_STEP = 1e-4
_SHIFT = 0.01


class WidthConstants(NamedTuple):
    """m1 times the leading order, at the times t (n_t,).

    Attributes
    ----------
    t : array (n_t,)
    tau : array (n_t,)
        int_0^t rho^2 ell''(a) ds along the limit.
    square : array (n_t,)
        V(t) = m1 E non_sphericity^2.
    floor : array (n_t,)
        m1 E loss_discretisation = V a^2 E_r[G^2 r^2] / 2.
    """

    t: Array
    tau: Array
    square: Array
    floor: Array


def width_constants(
    system: DepthSeparation, t_eval: npt.ArrayLike, *, dt: float | None = None, nodes: int = 32
) -> WidthConstants:
    """The constants of the first layer's 1/m1 laws for independent neurons and a second layer of infinite width.

    Along the gradient flow, or along its explicit Euler steps of length `dt`. V(t) = sum_{l >= 1} V_l exp(-2 eta_1 Lambda_l tau(t)), with
    the shares V_l and rates Lambda_l of :func:`harmonics`; degrees above 40 count as if they did not decay.

    Raises
    ------
    ValueError
        If the first layer's homogeneity is not 2, for which this is derived.
    """
    if system.homogeneity != 2:
        raise ValueError(f"homogeneity = {system.homogeneity}: the constants are derived for homogeneity = 2")
    flow = _Decay(system, nodes)
    run = solve(flow, t_eval, rtol=1e-6, atol=1e-9) if dt is None else solve(Steps(flow, dt), t_eval)
    shares, rates = harmonics(system.d)
    total = 1.0 / (2.0 * system.d * system.kappa**2) - 1.0
    tau = run.states[:, -1]
    lost = shares * -np.expm1(-2.0 * system.rates[0] * np.outer(tau, rates))
    square = total - lost.sum(axis=1)
    return WidthConstants(run.t, tau, square, 0.5 * square * np.array([_gain(flow.limit, y[:-1]) for y in run.states]))


def second_layer_constant(system: DepthSeparation, t_eval: npt.ArrayLike, *, nodes: int = 32) -> Array:
    """sqrt(m2) times the root mean square loss gap of m2 independent second-layer neurons, at the times (n_t,), first layer infinite.

    sigma_2 |dL(t) / d mean w2(0)|: the gap is linear in the mean of w2(0), N(0, sigma_2^2 / m2), up to relative O(sigma_2) and O(m2^-1/2).

    Raises
    ------
    ValueError
        If sigma_2 is 0: all neurons are then alike, and there is no gap.
    """
    if system.sigma_2 == 0.0:
        raise ValueError("sigma_2 = 0.0: all second-layer neurons are alike and have no gap; give sigma_2 > 0")
    law, shift = system.second_layer.gauss_hermite(nodes), _SHIFT * system.sigma_2
    losses = []
    for sign in (1.0, -1.0):
        shifted = Ensemble(law.points + np.array([sign * shift, 0.0]), law.weights)
        losses.append(solve(system.limit(second_layer=shifted, rng=0), t_eval, rtol=1e-8, atol=1e-11).observables["loss"])
    return np.asarray(np.abs(losses[0] - losses[1]) / (2.0 * _SHIFT))


def harmonics(d: int) -> tuple[Array, Array]:
    """Shares V_l = N_l lambda_l^2 / kappa^2 and rates Lambda_l = lambda_l^2 (4 + l (l + d - 2)) of the degrees l = 1, 2, 4, ..., 40.

    N_l harmonics of degree l on the sphere of R^d; lambda_l = E relu(t) P_l(t) is what relu multiplies them by (Funk, Hecke), 1/(2 d) for
    l = 1 and 0 for every other odd l.
    """
    factors = np.array([_factor(degree, d) for degree in _DEGREES])
    counts = np.array([math.comb(n + d - 1, n) - (math.comb(n + d - 3, n - 2) if n > 1 else 0) for n in _DEGREES], float)
    degrees = np.array(_DEGREES, float)
    kappa = math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / (2.0 * math.sqrt(math.pi))
    return counts * factors**2 / kappa**2, factors**2 * (4.0 + degrees * (degrees + d - 2))


def _factor(degree: int, d: int) -> float:
    """|lambda_l|, by Rodrigues' formula and l integrations by parts, which turn relu into a derivative of the delta function at 0."""
    if degree == 1:
        return 0.5 / d
    half, power = (degree - 2) // 2, degree + 0.5 * (d - 3)
    logs = math.lgamma(degree - 1) + math.lgamma(power + 1.0) - math.lgamma(half + 1) - math.lgamma(power - half + 1.0)
    logs += math.lgamma(0.5 * d) - math.lgamma(power + 1.0) - degree * math.log(2.0)
    return math.exp(logs) / math.sqrt(math.pi)


class _Decay(VelocityFlow):
    """The spherical limit with tau as the last entry of its state."""

    clock = "time"

    def __init__(self, system: DepthSeparation, nodes: int) -> None:
        limit: Any = system.limit(nodes=nodes, rng=0)
        self.limit: SphericalLimit = limit
        self.packing, self.config = Packing((*limit.packing.fields, Field("tau", (), ()))), limit.config
        self.state0 = np.append(limit.state0, 0.0)

    def velocity(self, t: float, y: Array) -> Array:
        """The limit's, and rho^2 ell''(a) by central differences of the exact ell'(a)."""
        inside, s = y[:-1], self.limit.system
        near = [inside.copy() for _ in range(2)]
        for one, sign in zip(near, (1.0, -1.0), strict=True):
            one[0] *= 1.0 + sign * _STEP
        above, below = (-self.limit.velocity(t, one)[0] / (2.0 * s.rates[0] * s.kappa * one[0]) for one in near)
        return np.append(self.limit.velocity(t, inside), (above - below) / (4.0 * s.kappa * _STEP))

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """tau."""
        return {"tau": float(y[-1])}


def _gain(limit: SphericalLimit, y: Array) -> float:
    """a^2 E_r[G^2 r^2]: G = f'(a r) is constant between the kinks."""
    fit, a, law = limit.second_layer(y), limit.slope(y), limit.system.law
    edges = np.concatenate([[0.0], np.minimum(fit.kinks / a, limit.system.cap), [limit.system.cap]])
    return float(a**2 * (fit.slope**2 @ np.diff(law.partial_moment(2, edges))))
