"""What finite width costs in the families where it is known exactly, in the flow clock s. Derived in docs/two_layer_exact.

Linear: sigma = <w, x>. Bilinear: sigma* = a w x, x of variance 1, label b x, so f = m x with m = E a w. Quadratic:
sigma = w^2 (x^2 - 1), label b (x^2 - 1). The last two see N neurons through chi-square variables alone, so that expectations over the
initial neurons are Gauss-Laguerre sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal

from mfpde.flow import Array

Analytic = Callable[[npt.NDArray[np.complex128]], npt.NDArray[np.complex128]]

_NODES = 100
_CIRCLE = 64


def linear_drift(s: float, inputs: npt.ArrayLike, initial: npt.ArrayLike, ridge: float = 0.0, beta: float = math.inf) -> float:
    """N (E R_N - R) = sum_i S_i [C_i e^{-2 k_i s} + (1 - e^{-2 k_i s})/(beta k_i)], k_i = S_i + ridge, for every N.

    Parameters
    ----------
    inputs, initial : array (d,)
        The variances S of the inputs and C of the initial neurons, along common axes.
    """
    S, C = np.asarray(inputs, np.float64), np.asarray(initial, np.float64)
    k = S + ridge
    return float(np.sum(S * (C * np.exp(-2.0 * k * s) - np.expm1(-2.0 * k * s) / (beta * k))))


def bilinear_slope(s: float, b: float, plus: npt.ArrayLike, minus: npt.ArrayLike) -> npt.NDArray[np.complex128]:
    """m(s) from P = E (a + w)^2/2 and Q = E (a - w)^2/2 at the start, complex arguments allowed.

    With c = sqrt(PQ) and D = sqrt(b^2 + c^2), y = P(s)/c follows (y - y_+)/(y - y_-) proportional to e^{-2 D s}, y_+- = (b +- D)/c.
    """
    p, q = np.asarray(plus, np.complex128), np.asarray(minus, np.complex128)
    c = np.sqrt(p * q)
    root = np.sqrt(b * b + c * c)
    high, low, start = (b + root) / c, (b - root) / c, p / c
    ratio = (start - high) / (start - low) * np.exp(-2.0 * root * s)
    y = (high - ratio * low) / (1.0 - ratio)
    return np.asarray(0.5 * c * (y - 1.0 / y))


def bilinear_drift(s: float, b: float, q: float) -> float:
    """c(s) = q^2 (R_PP + R_QQ) at P = Q = q: N (E R_N - R) for a and w independent N(0, q)."""
    first = second_derivative(lambda p: (b - bilinear_slope(s, b, p, q)) ** 2, q)
    return q * q * (first + second_derivative(lambda p: (b - bilinear_slope(s, b, q, p)) ** 2, q))


def bilinear_variance(s: float, b: float, q: float) -> float:
    """N Var m = 2 q^2 (m_P^2 + m_Q^2) at P = Q = q."""
    slopes = (derivative(lambda p: bilinear_slope(s, b, p, q), q), derivative(lambda p: bilinear_slope(s, b, q, p), q))
    return 2.0 * q * q * (slopes[0] ** 2 + slopes[1] ** 2)


def bilinear_risk(s: float, b: float, q: float, n: int) -> float:
    """E R_N of `n` neurons, a and w independent N(0, q): P and Q are independent q chi^2_n/n."""
    x, w = chi_square_rule(n)
    p = q * x / n
    return float(w @ np.real((b - bilinear_slope(s, b, p[:, None], p)) ** 2) @ w)


def quadratic_size(s: float, b: float, mu0: npt.ArrayLike) -> npt.NDArray[np.complex128]:
    """mu(s) = E w^2 from mu0: mu' = 8 (b - mu) mu."""
    growth, mu = math.exp(8.0 * b * s), np.asarray(mu0, np.complex128)
    return np.asarray(growth * mu / (1.0 + (growth - 1.0) * mu / b))


def quadratic_drift(s: float, b: float, mu0: float) -> float:
    """c(s) = mu0^2 R''(mu0), R = 2 (mu - b)^2: N (E R_N - R) for w ~ N(0, mu0)."""
    return mu0 * mu0 * second_derivative(lambda mu: 2.0 * (quadratic_size(s, b, mu) - b) ** 2, mu0)


def quadratic_risk(s: float, b: float, mu0: float, n: int) -> float:
    """E R_N of `n` neurons w ~ N(0, mu0): the second moment at the start is mu0 chi^2_n/n."""
    x, w = chi_square_rule(n)
    return float(w @ np.real(2.0 * (quadratic_size(s, b, mu0 * x / n) - b) ** 2))


def chi_square_rule(n: int) -> tuple[Array, Array]:
    """Nodes and weights (100,) of the Gauss rule of chi^2 with `n` degrees of freedom, by Golub and Welsch.

    The Jacobi matrix of Gamma(n/2): diagonal 2k + n/2, off-diagonal sqrt(k (k + n/2 - 1)).
    """
    k = np.arange(_NODES, dtype=np.float64)
    nodes, vectors = eigh_tridiagonal(2.0 * k + 0.5 * n, np.sqrt(k[1:] * (k[1:] + 0.5 * n - 1.0)))
    return 2.0 * nodes, vectors[0] ** 2


def derivative(function: Analytic, x: float) -> float:
    """f'(x) of a real analytic function, by Cauchy's integral on the circle of radius x/4."""
    return _cauchy(function, x, 1)


def second_derivative(function: Analytic, x: float) -> float:
    """f''(x) of a real analytic function, by Cauchy's integral on the circle of radius x/4."""
    return 2.0 * _cauchy(function, x, 2)


def _cauchy(function: Analytic, x: float, order: int) -> float:
    turn = np.exp(2j * math.pi * np.arange(_CIRCLE) / _CIRCLE)
    values = function(x + 0.25 * x * turn)
    return float(np.real(np.mean(values * turn**-order))) / (0.25 * x) ** order
