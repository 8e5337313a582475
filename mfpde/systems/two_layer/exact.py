"""Two-layer problems solved in closed form, all in the flow clock s (theta' = -grad Psi). Derived in docs/two_layer.

The problems, with inputs x ~ N(0, S) or N(0, I) and no label noise unless it is named:

- linear: sigma* = <w, x>, y = <b, x>; with ridge and noise :func:`noisy_linear`.
- bilinear: sigma* = a <w, x>, a trained, y = b x_1, E[a w_j] = E[w_1 w_j] = 0 for j > 1; at a scale alpha :func:`bilinear_scaled`.
- quadratic: sigma* = <w, x>^2, y = b |x|^2, Cov w = mu I; :func:`centred_quadratic` with <w, x>^2 - |w|^2, y = <x, B x> - tr B.
- radial relu: sigma* = a relu(<w, x>), y = b |x|, rotation-invariant initial law.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.two_layer.limits.families import kappa


def linear(s: float, cov: npt.ArrayLike, b: npt.ArrayLike, m0: npt.ArrayLike) -> tuple[Array, float]:
    """The mean m = b + e^{-S s} (m0 - b) of the neurons, and R = |S^{1/2} (m - b)|^2."""
    cov, target = np.asarray(cov, float), np.asarray(b, float)
    error = _decay(cov, s) @ (np.asarray(m0, float) - target)
    return target + error, float(error @ cov @ error)


class LinearGaps(NamedTuple):
    """N (E R_N - R) of the particles and of the nonlinear dynamics, and N E |w_particle - w_nonlinear|^2."""

    particles: float
    nonlinear: float
    distance: float


def linear_gaps(s: float, cov: npt.ArrayLike, start_cov: npt.ArrayLike) -> LinearGaps:
    """The exact constants at every width: tr(S e^{-Ss} C0 e^{-Ss}), tr(S C0) and tr((I - e^{-Ss})^2 C0)."""
    cov, c0 = np.asarray(cov, float), np.asarray(start_cov, float)
    decay = _decay(cov, s)
    rest = np.eye(len(cov)) - decay
    return LinearGaps(float(np.trace(cov @ decay @ c0 @ decay)), float(np.trace(cov @ c0)), float(np.trace(rest @ rest @ c0)))


class Descent(NamedTuple):
    """r = E |mean - b|^2 after k steps of sgd, of gd and in the flow, and E |w_sgd - w_gd|^2 (the same vector for every neuron)."""

    sgd: float
    gd: float
    flow: float
    distance: float


def linear_descent(k: int, eps: float, d: int, r0: float, label_variance: float = 0.0) -> Descent:
    """The linear problem with S = I, xi = 1 (s = 2t), labels of variance v around <b, x>, k steps of one sample each.

    r_{k+1} = (1 - 4 eps + 4 eps^2 (d + 2)) r_k + 4 eps^2 d v for sgd, (1 - 2 eps)^{2k} r0 for gd, e^{-4 k eps} r0 for the flow.
    """
    factor, source = 1.0 - 4.0 * eps + 4.0 * eps**2 * (d + 2), 4.0 * eps**2 * d * label_variance
    fixed = source / (1.0 - factor)
    sgd, gd = fixed + factor**k * (r0 - fixed), (1.0 - 2.0 * eps) ** (2 * k) * r0
    return Descent(sgd, gd, math.exp(-4.0 * k * eps) * r0, sgd - gd)


def bilinear(s: float, b: float, p0: float = 1.0, q0: float = 1.0) -> tuple[float, float]:
    """m = E[a w_1] and R = (b - m)^2, from P = E (a + w_1)^2 / 2 and Q = E (a - w_1)^2 / 2 > 0 at the start.

    With c = sqrt(PQ), conserved, D = sqrt(b^2 + c^2) and y = P/c: (y - y_+)/(y - y_-) decays by e^{-2 D s}, y_+- = (b +- D)/c.
    """
    c = math.sqrt(p0 * q0)
    root = math.hypot(b, c)
    high, low = (b + root) / c, (b - root) / c
    ratio = (p0 / c - high) / (p0 / c - low) * math.exp(-2.0 * root * s)
    y = (high - low * ratio) / (1.0 - ratio)
    m = 0.5 * c * (y - 1.0 / y)
    return m, (b - m) ** 2


class ScaledBilinear(NamedTuple):
    """u^alpha, its limit u*, and the coefficients of 1/alpha and (exact at x0 = 0 only) 1/alpha^2 in u^alpha - u*."""

    residual: float
    limit: float
    first: float
    second: float


def bilinear_scaled(t: float, alpha: float, b0: float, c: float, x0: float) -> ScaledBilinear:
    """The bilinear problem with the target (alpha m0 + b0) x_1, m0 = c sinh x0, P0 = c e^{x0}, Q0 = c e^{-x0}, in rescaled time.

    u^alpha = b0 - alpha (m - m0), u* = b0 E with E = e^{-2Ct}, C = c cosh x0.
    """
    m0, rate = c * math.sinh(x0), c * math.cosh(x0)
    m, _ = bilinear(t, m0 + b0 / alpha, c * math.exp(x0), c * math.exp(-x0))
    e = math.exp(-2.0 * rate * t)
    first = m0 * (b0 / rate) ** 2 * e * (1.0 - e - 2.0 * rate * t)
    second = c * (b0 / c) ** 3 * e * (0.75 - e + 0.25 * e * e - c * t)
    return ScaledBilinear(b0 - alpha * (m - m0), b0 * e, first, second)


def quadratic(s: float, d: int, b: float, mu0: float) -> tuple[float, float]:
    """mu = b / (1 + (b/mu0 - 1) e^{-4 (d + 2) b s}) and R = d (d + 2) (mu - b)^2."""
    mu = b / (1.0 + (b / mu0 - 1.0) * math.exp(-4.0 * (d + 2) * b * s))
    return mu, d * (d + 2) * (mu - b) ** 2


def centred_quadratic(s: float, form: npt.ArrayLike, start: npt.ArrayLike) -> tuple[Array, float]:
    """M = E w w^T = e^{4Bs} M0 [I + B^{-1} (e^{8Bs} - I) M0]^{-1} e^{4Bs} and R = 2 |M - B|_F^2; exact at every width."""
    b, m0 = np.asarray(form, float), np.asarray(start, float)
    values, vectors = np.linalg.eigh(b)
    grown = (vectors * np.exp(4.0 * values * s)) @ vectors.T
    integral = (vectors * _expm1_over(values, 8.0 * s)) @ vectors.T
    m: Array = grown @ m0 @ np.linalg.solve(np.eye(len(b)) + integral @ m0, grown)
    return m, float(2.0 * np.sum((m - b) ** 2))


class NoisyLinear(NamedTuple):
    """Mean (d,) and variances (d,) of the neurons, R, F and the constant c = N (E R_N - R), exact at every width."""

    mean: Array
    variance: Array
    risk: float
    free_energy: float
    drift: float


def noisy_linear(
    s: float, cov: npt.ArrayLike, b: npt.ArrayLike, ridge: float, beta: float, m0: npt.ArrayLike, start_variance: npt.ArrayLike
) -> NoisyLinear:
    """The linear problem with ridge > 0 and noise, S and Cov w diagonal, given by their diagonals (d,); s may be infinite."""
    cov, target, m0, c0 = (np.asarray(v, float) for v in (cov, b, m0, start_variance))
    rate = cov + ridge
    rest, decay, shrink = cov * target / rate, np.exp(-rate * s), math.exp(-2.0 * ridge * s)
    mean = rest + decay * (m0 - rest)
    variance = shrink * c0 + (1.0 - shrink) / (beta * ridge)
    risk = float(np.sum(cov * (mean - target) ** 2))
    entropy = 0.5 * float(np.sum(np.log(2.0 * math.pi * math.e * variance)))
    energy = 0.5 * risk + 0.5 * ridge * float(np.sum(mean**2 + variance)) - entropy / beta
    drift = float(np.sum(cov * (c0 * decay**2 + (1.0 - decay**2) / (beta * rate))))
    return NoisyLinear(mean, variance, risk, energy, drift)


def noisy_quadratic(s: float, b: float, ridge: float, beta: float, mu0: float) -> float:
    """mu of w ~ N(0, mu I) for the centred quadratic problem with B = b I: mu' = -8 mu^2 + (8b - 2 lam) mu + 2/beta; s may be infinite."""
    root = math.sqrt((4.0 * b - ridge) ** 2 + 16.0 / beta)
    high, low = (4.0 * b - ridge + root) / 8.0, (4.0 * b - ridge - root) / 8.0
    ratio = (mu0 - high) / (mu0 - low) * math.exp(-2.0 * root * s)
    return (high - low * ratio) / (1.0 - ratio)


def radial_relu(s: float, d: int, b: float, radius: float) -> tuple[float, float]:
    """E |w| = b/kappa + (radius - b/kappa) e^{-d kappa^2 s} and R = d (kappa E |w| - b)^2, for a = 1."""
    k = kappa(d)
    mean = b / k + (radius - b / k) * math.exp(-d * k * k * s)
    return mean, d * (k * mean - b) ** 2


def radial_relu_trained(s: float, d: int, b: float, p0: float = 1.0, q0: float = 1.0) -> tuple[float, float]:
    """m = E[a |w|] and R = d (kappa m - b)^2 for |a| <= |w|: the bilinear problem with the clock d kappa^2 s and b/kappa."""
    k = kappa(d)
    m, _ = bilinear(d * k * k * s, b / k, p0, q0)
    return m, d * (k * m - b) ** 2


def _decay(cov: Array, s: float) -> Array:
    values, vectors = np.linalg.eigh(cov)
    decay: Array = (vectors * np.exp(-values * s)) @ vectors.T
    return decay


def _expm1_over(values: Array, t: float) -> Array:
    """(e^{v t} - 1) / v, t at v = 0."""
    safe = np.where(values == 0.0, 1.0, values)
    ratio: Array = np.where(values == 0.0, t, np.expm1(safe * t) / safe)
    return ratio
