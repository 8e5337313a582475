"""The closed forms for a cross moment that is an eigenvector of the covariance. Derived in docs/odd_target."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array


class Line(NamedTuple):
    """The motion along e = Xbar/|Xbar|, C e = v e: A = |Xbar|, V = 1 + 1/d, B = v V/4 and S = sqrt(A^2 + B^2), the exact rate."""

    d: int
    v: float
    A: float

    @property
    def V(self) -> float:
        """1 + 1/d."""
        return 1.0 + 1.0 / self.d

    @property
    def B(self) -> float:
        """v V/4, the rate of the paper's bound."""
        return 0.25 * self.v * self.V

    @property
    def S(self) -> float:
        """sqrt(A^2 + B^2): |w - w*| falls like exp(-S t)."""
        return math.hypot(self.A, self.B)


class Clock(NamedTuple):
    """The solution of y' = A - B sinh y, y(0) = 0, at the times (n_t,).

    Attributes
    ----------
    y : array (n_t,)
        int_0^t |g|, the clock on which a neuron turns.
    ratio, gap : arrays (n_t,)
        |w|/|w*| = (B/A) sinh y, and 1 - |w|/|w*| without cancellation.
    """

    y: Array
    ratio: Array
    gap: Array


def clock(line: Line, t: npt.ArrayLike) -> Clock:
    """y, |w|/|w*| and 1 - |w|/|w*| at the times `t` >= 0 (n_t,), each to its last digits at any time.

    u = e^y = (u_- z + R u_+)/(z + R), z = e^{-St}, u_+ = (A + S)/B = -1/u_-, R = (1 - u_-)/(u_+ - 1), from which
    u - 1 = (1 - u_-)(1 - z)/(z + R), sinh y = (u - 1)(u + 1)/(2u) and 1 - |w|/|w*| = (S/A)(1 + 1/(u u_+)) z/(z + R).
    """
    A, B, S = line.A, line.B, line.S
    times = np.asarray(t, np.float64)
    z = np.exp(-S * times)
    top = (A + S) / B
    excess = (A + A * A / (S + B)) / B
    ratio_0 = (1.0 + 1.0 / top) / excess
    delta = (1.0 + 1.0 / top) * -np.expm1(-S * times) / (z + ratio_0)
    u = 1.0 + delta
    ratio: Array = B / A * delta * (u + 1.0) / (2.0 * u)
    gap: Array = S / A * (1.0 + 1.0 / (u * top)) * z / (z + ratio_0)
    return Clock(np.log1p(delta), ratio, gap)


def rate(line: Line, y: Array) -> Array:
    """-d log|w - w*|/dt = B cosh y, which rises from B to S."""
    rates: Array = line.B * np.cosh(y)
    return rates


def second_layer_moment(line: Line, y: Array) -> Array:
    """E a^2 = cosh^2(y/2) + sinh^2(y/2)/d."""
    moment: Array = np.cosh(0.5 * y) ** 2 + np.sinh(0.5 * y) ** 2 / line.d
    return moment


def neurons(e: Array, y: float, start: Array) -> Array:
    """The neurons (a, b) that were `start` (m, d + 1) at time 0: a hyperbolic rotation by y/2 in the plane of a and b.e."""
    a, along = start[:, 0], start[:, 1:] @ e
    cosh, sinh = math.cosh(0.5 * y), math.sinh(0.5 * y)
    moved = start.copy()
    moved[:, 0] = cosh * a + sinh * along
    moved[:, 1:] += np.outer((cosh - 1.0) * along + sinh * a, e)
    return moved


def descent_ratio(line: Line, lr: float, steps: npt.ArrayLike) -> Array:
    """|w_k|/|w*| of gradient descent with step `lr` after k = `steps` (n_t,) steps, increasing.

    p_{k+1} = p_k (1 + lr g_k/2), q_{k+1} = q_k (1 - lr g_k/2), p_0 = q_0 = 1, |w_k| = (V/8)(p_k^2 - q_k^2), g_k = A - v |w_k|.
    """
    ratios, p, q, k = [], 1.0, 1.0, 0
    for stop in np.asarray(steps).tolist():
        while k < stop:
            turn = 0.5 * lr * (line.A - line.v * 0.125 * line.V * (p * p - q * q))
            p, q, k = p * (1.0 + turn), q * (1.0 - turn), k + 1
        ratios.append(0.125 * line.V * (p * p - q * q) * line.v / line.A)
    return np.array(ratios)
