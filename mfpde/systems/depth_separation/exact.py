"""What the dynamics of the infinite-width network predicts in closed form. Derived in docs/depth_separation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

from mfpde.kernels.radial import MomentTable, radial_moments

if TYPE_CHECKING:
    from mfpde.systems.depth_separation.system import DepthSeparation


def kappa(d: int) -> float:
    """E relu(u.e) = Gamma(d/2) / (2 sqrt(pi) Gamma((d + 1)/2)) for u uniform on the unit sphere of R^d."""
    return float(np.exp(gammaln(d / 2) - gammaln((d + 1) / 2)) / (2.0 * np.sqrt(np.pi)))


def best_constant_loss(table: MomentTable) -> float:
    """1/2 Var f* = 1/2 (M_0 - 2 M_1 + M_2 - (M_0 - M_1)^2) at r = 1."""
    m0, m1, m2 = radial_moments(table, 1.0)
    return 0.5 * (m0 - 2.0 * m1 + m2 - (m0 - m1) ** 2)


def alignment(table: MomentTable) -> float:
    """M = E[f* r] - E f* E r < 0, the drift of w2 once b2 = E f*."""
    m0, m1, m2 = radial_moments(table, 1.0)
    _, mean, _ = radial_moments(table, table.cap)
    return (m1 - m2) - (m0 - m1) * mean


def growth_rate(system: DepthSeparation) -> float:
    """The rate kappa_d |M| sqrt(eta_1 eta_w) of rho = rho_0 cosh(rate t) in the alignment phase at p = 1 and w2(0) = 0."""
    eta_1, eta_w, _ = system.rates
    return float(system.kappa * abs(alignment(system.moments)) * np.sqrt(eta_1 * eta_w))


def escape_time(system: DepthSeparation) -> float:
    """The blow-up time of the alignment phase at p = 2, w2(0) = 0.

    With b2 = E f*, rho' = -2 eta_1 kappa rho w |M| and w' = -eta_w kappa rho^2 |M|; on the invariant's level set
    rho = rho_0 / cos(kappa |M| rho_0 sqrt(2 eta_1 eta_w) t).

    Raises
    ------
    ValueError
        If p = 1, whose growth is exponential (see :func:`growth_rate`).
    """
    if system.homogeneity != 2:
        raise ValueError("homogeneity = 1 has no blow-up time: its alignment phase grows like cosh(growth_rate t)")
    return float(np.pi / 2.0 / (np.sqrt(2.0) * system.sigma_1 * growth_rate(system)))


def fixed_point(system: DepthSeparation) -> tuple[float, float]:
    """(rho, w2) at f = f*: kappa rho^p |w2| = 1 on the invariant's level set, from w2(0) = 0."""
    p, (eta_1, eta_w, _) = system.homogeneity, system.rates
    level = system.sigma_1**2 / (p * eta_1)

    def excess(log_rho: float) -> float:
        rho = np.exp(log_rho)
        return float(rho**2 / (p * eta_1) - (system.kappa * rho**p) ** -2 / eta_w - level)

    rho = float(np.exp(brentq(excess, np.log(1e-12), np.log(1e12), xtol=1e-14)))
    return rho, -1.0 / (system.kappa * rho**p)


def late_rate(system: DepthSeparation) -> float:
    """lambda, the smallest eigenvalue of the linearisation at f = relu(b - s r), b = s = 1.

    [db; ds]' = -[[eta_b P1, -eta_b m1], [-Gamma m1, Gamma m2]] [db; ds] with P1, m1, m2 = M_0, M_1, M_2 at r = 1 and
    Gamma = eta_w a^2 + eta_1 (p kappa rho^(p-1) w)^2.
    """
    rho, w = fixed_point(system)
    p, (eta_1, eta_w, eta_b) = system.homogeneity, system.rates
    m0, m1, m2 = radial_moments(system.moments, 1.0)
    gain = eta_w * (system.kappa * rho**p) ** 2 + eta_1 * (p * system.kappa * rho ** (p - 1) * w) ** 2
    matrix = np.array([[eta_b * m0, -eta_b * m1], [-gain * m1, gain * m2]])
    return float(np.min(np.linalg.eigvals(matrix).real))
