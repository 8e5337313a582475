"""Pairs of piecewise-linear neurons under a standard Gaussian input; the contract of the kernels is that of :mod:`mfpde.kernels.dual`.

sigma(z) = base + sum_k jumps_k (z - knots_k)_+. With X, Y standard normals of correlation r = cos p and s = sin p, the tail
L(h, g) = P(X > h, Y > g) comes from Owen's T function, which keeps full absolute accuracy as |r| -> 1. Where |r| <= 3/4, as nearly
everywhere in high dimension, an integral over correlations from 0 to r takes its place, ten times faster.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit

Array = npt.NDArray[np.floating[Any]]

_FAR = 40.0  # beyond it a normal variable has no mass in double precision, and infinite thresholds need no care
_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_TURN = 1.0 / (2.0 * math.pi)

_rule = np.polynomial.legendre.leggauss(20)
_SQUARES = (0.5 * (1.0 + _rule[0])) ** 2
_WEIGHTS = 0.5 * _rule[1]

# Correlations up to each bound, the nodes on [0, 1] that give them 4e-17, and the weights.
_BOUNDS = np.array([0.2, 0.4, 0.6, 0.75])
_COUNTS = np.array([6, 8, 12, 16])
_rules = [np.polynomial.legendre.leggauss(n) for n in _COUNTS]
_PLACES = np.array([np.pad(0.5 * (1.0 + x), (0, 16 - x.size)) for x, _ in _rules])
_SHARES = np.array([np.pad(0.5 * w, (0, 16 - w.size)) for _, w in _rules])


@jit
def normal_density(x: float) -> float:
    """phi(x)."""
    return math.exp(-0.5 * x * x) * _DENSITY


@jit
def normal_tail(x: float) -> float:
    """Phi(-x)."""
    return 0.5 * math.erfc(x * _ROOT_HALF)


@jit
def owen(h: float, t: float) -> float:
    """Owen's T(h, t / h) = (1 / 2 pi) int_0^{t / h} e^{-h^2 (1 + x^2) / 2} / (1 + x^2) dx, within 1e-16; not for h = t = 0.

    Where |t| > |h| by T(h, a) + T(a h, 1 / a) = (Q(h) + Q(t)) / 2 - Q(h) Q(t) for positive h and a, Q(x) = Phi(-x) (Owen
    1956): the remaining integral is over [0, 1] of a function analytic far beyond it, and has 20 Gauss-Legendre nodes.
    """
    x, y = abs(h), abs(t)
    negative = (h < 0.0) != (t < 0.0)
    low, high = min(x, y), max(x, y)
    if low == 0.0 and y < x:
        return 0.0
    total = 0.0
    if high < _FAR:
        ratio = low / high
        exponent = 0.5 * low * low
        for i in range(_SQUARES.size):
            total += _WEIGHTS[i] * math.exp(-exponent * _SQUARES[i]) / (1.0 + ratio * ratio * _SQUARES[i])
        total *= ratio * math.exp(-0.5 * high * high) * _TURN
    if y > x:
        q, p = normal_tail(x), normal_tail(y)
        total = 0.5 * (q + p) - q * p - total
    return -total if negative else total


@jit
def conditional(g: float, h: float, r: float, s: float) -> float:
    """(g - r h) / s, the threshold g of Y in deviations from its mean given X = h; its limit where s = 0.

    The difference is taken as (g - h) + (1 - r) h, with the signs of r: its rounding error over a small s would else spoil half
    the digits of everything near |r| = 1.
    """
    numerator = (g - h) + (1.0 - r) * h if r > 0.0 else (g + h) - (1.0 + r) * h
    if s > 0.0:
        return numerator / s
    return 0.0 if numerator == 0.0 else math.copysign(math.inf, numerator)


@jit
def upper_tail(h: float, g: float, r: float, s: float) -> float:
    """L(h, g) = P(X > h, Y > g) for correlation r and s = sqrt(1 - r^2) >= 0; thresholds within +-40 (Owen 1956)."""
    if h == 0.0 and g == 0.0:
        return 0.5 - _TURN * math.atan2(s, r)
    if s == 0.0:
        return normal_tail(max(h, g)) if r > 0.0 else max(0.0, normal_tail(h) - normal_tail(-g))
    tail = 0.5 * (normal_tail(h) + normal_tail(g)) - owen(h, conditional(g, h, r, s)) - owen(g, conditional(h, g, r, s))
    if (h < 0.0) != (g < 0.0):
        tail -= 0.5
    return tail


@jit
def thresholds(knots: Array, deviation: float, out: Array) -> None:
    """out_k = knots_k / deviation, cut to +-40; a knot at 0 of a neuron w = 0 counts as not passed, as sigma' is the one from the left."""
    for k in range(knots.size):
        if deviation > 0.0:
            out[k] = min(_FAR, max(-_FAR, knots[k] / deviation)) + 0.0  # + 0.0: Owen's signs know no -0
        else:
            out[k] = -_FAR if knots[k] < 0.0 else _FAR


@jit
def expected(knots: Array, jumps: Array, base: float, deviation: float) -> float:
    """E sigma(deviation G), G standard normal."""
    total = base
    for k in range(knots.size):
        if deviation > 0.0:
            h = knots[k] / deviation
            total += jumps[k] * (deviation * normal_density(h) - knots[k] * normal_tail(h))
        else:
            total += jumps[k] * max(0.0, -knots[k])
    return total


@jit
def product(knots: Array, jumps: Array, base: float, one: float, two: float, q: float) -> float:
    """u = E sigma(X) sigma(Y) for variances one^2 and two^2 and covariance q.

    With c, e the knots and h = c / one, g = e / two: E (X - c)_+ (Y - e)_+ = (q + c e) L(h, g) - e one phi(h) Phi((r h - g) / s)
    - c two phi(g) Phi((r g - h) / s) + one two s phi(h) phi((g - r h) / s).
    """
    n = knots.size
    h, g = np.empty(n), np.empty(n)
    thresholds(knots, one, h)
    thresholds(knots, two, g)
    scale = one * two
    r = min(1.0, max(-1.0, q / scale)) if scale > 0.0 else 0.0
    s = math.sqrt((1.0 - r) * (1.0 + r))
    u = base * (expected(knots, jumps, base, one) + expected(knots, jumps, base, two) - base)
    for k in range(n):
        density = normal_density(h[k])
        for m in range(n):
            t, v = conditional(g[m], h[k], r, s), conditional(h[k], g[m], r, s)
            pair = (r * scale + knots[k] * knots[m]) * upper_tail(h[k], g[m], r, s)
            pair -= knots[m] * one * density * normal_tail(t) + knots[k] * two * normal_density(g[m]) * normal_tail(v)
            u += jumps[k] * jumps[m] * (pair + scale * s * density * normal_density(t))
    return u


@jit
def bridge(jumps: Array, h: Array, g: Array, r: float) -> tuple[float, float]:
    """What the correlation r, at most 3/4 in absolute value, adds to E sigma' sigma' and, of two unit variances, to E sigma sigma.

    d^2/dr^2 E sigma sigma = d/dr E sigma' sigma' = sum_kl jumps_k jumps_l p_r(h_k, g_l), p_r the bivariate normal density (Plackett
    1954): the integrals of it and of (r - p) times it over the correlations p from 0 to r.
    """
    rule = 0
    while abs(r) > _BOUNDS[rule]:
        rule += 1
    mixed, lifted = 0.0, 0.0
    for i in range(_COUNTS[rule]):
        p = r * _PLACES[rule, i]
        inverse = 1.0 / ((1.0 - p) * (1.0 + p))
        half = 0.5 * inverse
        total = 0.0
        for k in range(h.size):
            for m in range(g.size):
                total += jumps[k] * jumps[m] * math.exp(half * (2.0 * p * h[k] * g[m] - h[k] * h[k] - g[m] * g[m]))
        total *= _SHARES[rule, i] * math.sqrt(inverse)
        mixed += total
        lifted += (r - p) * total
    return r * _TURN * mixed, r * _TURN * lifted


@jit
def piecewise_values(
    q: Array,
    left: Array,
    right: Array,
    c_left: Array,
    c_right: Array,
    knots: Array,
    jumps: Array,
    base: float,
    out_left: Array,
    out_right: Array,
) -> None:
    """u by :func:`bridge` or :func:`product`; `left` (3, rows) and `right` (3, columns) hold |w|, E sigma and E sigma'."""
    h, g = np.empty(knots.size), np.empty(knots.size)
    for i in range(q.shape[0]):
        one = left[0, i]
        thresholds(knots, one, h)
        for j in range(q.shape[1]):
            two = right[0, j]
            scale = one * two
            if scale > 0.0 and abs(q[i, j]) <= _BOUNDS[-1] * scale:
                thresholds(knots, two, g)
                _, lifted = bridge(jumps, h, g, min(_BOUNDS[-1], max(-_BOUNDS[-1], q[i, j] / scale)))
                u = left[1, i] * right[1, j] + q[i, j] * left[2, i] * right[2, j] + scale * lifted
            else:
                u = product(knots, jumps, base, one, two, q[i, j])
            out_left[i] += c_right[j] * u
            out_right[j] += c_left[i] * u


@jit
def piecewise_gradients(
    q: Array,
    left: Array,
    right: Array,
    c_left: Array,
    c_right: Array,
    knots: Array,
    jumps: Array,
    base: float,
    along_left: Array,
    along_right: Array,
) -> None:
    """u_12 = sum_kl jumps_k jumps_l L, A = sum_k jumps_k phi(h_k) / |w_i| E(sigma(Y) | X = knots_k).

    Both from the same rounded correlation, so that the errors of order 1e-8 that each has near |r| = 1 cancel in the gradient.
    """
    n = knots.size
    h, g = np.empty(n), np.empty(n)
    for i in range(q.shape[0]):
        one = left[0, i]
        thresholds(knots, one, h)
        for j in range(q.shape[1]):
            two = right[0, j]
            thresholds(knots, two, g)
            r = min(1.0, max(-1.0, q[i, j] / (one * two))) if one * two > 0.0 else 0.0
            s = math.sqrt((1.0 - r) * (1.0 + r))
            if one * two > 0.0 and abs(r) <= _BOUNDS[-1]:
                mixed = left[2, i] * right[2, j] + bridge(jumps, h, g, r)[0]
            else:
                mixed = 0.0
                for k in range(n):
                    for m in range(n):
                        mixed += jumps[k] * jumps[m] * upper_tail(h[k], g[m], r, s)
            q[i, j] = mixed
            if one > 0.0:
                along_left[i] += c_right[j] * _curvature(knots, jumps, base, h, g, two, r, s) / one
            if two > 0.0:
                along_right[j] += c_left[i] * _curvature(knots, jumps, base, g, h, one, r, s) / two


@jit
def _curvature(knots: Array, jumps: Array, base: float, h: Array, g: Array, two: float, r: float, s: float) -> float:
    """sum_k jumps_k phi(h_k) E(sigma(Y) | X = knots_k), Y of deviation `two` and with the thresholds g."""
    total = 0.0
    for k in range(knots.size):
        mean = base
        for m in range(knots.size):
            t = conditional(g[m], h[k], r, s)
            mean += jumps[m] * (two * s * normal_density(t) + (r * two * h[k] - knots[m]) * normal_tail(t))
        total += jumps[k] * normal_density(h[k]) * mean
    return total
