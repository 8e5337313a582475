"""What the cosine model on the circle does in closed form, in the flow clock s. Derived in docs/two_layer_exact."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import i0e, i1e

Array = npt.NDArray[np.float64]


def travel_time(z: float, b: float) -> float:
    """The time s at which the noise-free order parameter, started at 0, reaches z between 0 and min(b, 1), b > 0.

    The integral of 2 dz / ((b - z) (1 - z^2)).
    """
    if b == 1.0:
        return z / (1.0 - z) + math.atanh(z)
    return -2.0 * math.log1p(-z / b) / (1.0 - b * b) + math.log1p(-z) / (1.0 - b) + math.log1p(z) / (1.0 + b)


def order_parameter(s: float, b: float) -> float:
    """z(s) = E cos w from the uniform law, without noise: z' = (b - z)(1 - z^2)/2. Odd in b."""
    if b == 0.0 or s == 0.0:
        return 0.0
    if b < 0.0:
        return -order_parameter(s, -b)
    top = math.nextafter(min(b, 1.0), 0.0)
    if travel_time(top, b) <= s:
        return top
    return float(brentq(lambda z: travel_time(z, b) - s, 0.0, top, xtol=1e-300, rtol=1e-15))


def neuron(w0: npt.ArrayLike, z: float) -> Array:
    """The angle in [-pi, pi] of a neuron that started at w0, at the time when the order parameter is z.

    tan(w/2) = tan(w0/2) (1 - z)/(1 + z), without noise and from the uniform law.
    """
    half = 0.5 * np.asarray(w0, np.float64)
    angle: Array = 2.0 * np.arctan2((1.0 - z) * np.sin(half), (1.0 + z) * np.cos(half))
    return np.remainder(angle + np.pi, 2.0 * np.pi) - np.pi


def gibbs_order_parameter(b: float, beta: float) -> float:
    """z of the Gibbs law proportional to exp(beta (b - z) cos w): the root of z = I_1(k)/I_0(k), k = beta (b - z)."""
    if b == 0.0:
        return 0.0
    if b < 0.0:
        return -gibbs_order_parameter(-b, beta)

    def excess(z: float) -> float:
        k = beta * (b - z)
        return float(z - i1e(k) / i0e(k))

    return float(brentq(excess, 0.0, min(b, 1.0), xtol=1e-300, rtol=1e-15))


def gibbs_free_energy(b: float, beta: float) -> float:
    """(b - z)^2 / 2 + [k z - log(2 pi I_0(k))] / beta at the Gibbs law, the least of all free energies."""
    z = gibbs_order_parameter(b, beta)
    k = beta * (b - z)
    return 0.5 * (b - z) ** 2 + (k * z - math.log(2.0 * math.pi * i0e(k)) - abs(k)) / beta


@dataclass(frozen=True)
class Fluctuation:
    """Leading corrections at width N from N independent uniform angles, without noise; arrays (n_s,) over the times.

    Attributes
    ----------
    drift : N (E R_N - R)
    variance_real, variance_imaginary : N Var of Re z and Im z
    mean : N (E Re z_N - z)
    """

    drift: Array
    variance_real: Array
    variance_imaginary: Array
    mean: Array


def fluctuation(s: npt.ArrayLike, b: float, modes: int = 40) -> Fluctuation:
    """The corrections at the times `s`, by the linear equations of `modes` Fourier modes of the fluctuation.

    With z_k(N) - z^k = N^(-1/2) (g_k + i h_k) + mu_k/N and H = b - z,

        g_k'  = (k/2) [H (g_(k-1) - g_(k+1)) + g_1 (z^(k+1) - z^(k-1))]
        h_k'  = (k/2) [H (h_(k-1) - h_(k+1)) - h_1 (z^(k-1) + z^(k+1))]
        mu_k' = (k/2) [H (mu_(k-1) - mu_(k+1)) + mu_1 (z^(k+1) - z^(k-1)) - E(g_1 g_(k-1) - h_1 h_(k-1)) + E(g_1 g_(k+1) + h_1 h_(k+1))]

    from E g_j g_k = E h_j h_k = delta_jk / 2 and mu = 0. The modes needed grow as z approaches 1.
    """
    times = np.asarray(s, np.float64)
    k, n = np.arange(1, modes + 1), modes
    shift = np.zeros((n, n))
    shift[np.arange(1, n), np.arange(n - 1)] = 1.0
    transport = 0.5 * k[:, None] * (shift - shift.T)

    def velocity(_: float, y: Array) -> Array:
        z, g, h, mu = y[0], y[1 : 1 + n * n].reshape(n, n), y[1 + n * n : 1 + 2 * n * n].reshape(n, n), y[1 + 2 * n * n :]
        below, above = 0.5 * k * z ** (k - 1), 0.5 * k * z ** (k + 1)
        real, imaginary = (b - z) * transport, (b - z) * transport
        real[:, 0] += above - below
        imaginary[:, 0] -= above + below
        pair = np.zeros(n + 1)
        pair[:n] = g[0] + h[0]
        source = 0.5 * k * (pair[1:] - np.concatenate([[0.0], (g[0] - h[0])[:-1]]))
        return np.concatenate([
            [0.5 * (b - z) * (1.0 - z * z)],
            (real @ g + g @ real.T).ravel(),
            (imaginary @ h + h @ imaginary.T).ravel(),
            real @ mu + source,
        ])

    start = np.concatenate([[0.0], (0.5 * np.eye(n)).ravel(), (0.5 * np.eye(n)).ravel(), np.zeros(n)])
    grid = np.unique(np.append(times, 0.0))
    if len(grid) == 1:
        grid = np.array([0.0, 1.0])
    found = solve_ivp(velocity, (0.0, grid[-1]), start, "DOP853", grid, rtol=1e-12, atol=1e-14)
    y = found.y[:, np.searchsorted(grid, times)]
    z, g, h, mu = y[0], y[1], y[1 + n * n], y[1 + 2 * n * n]
    return Fluctuation(g + h - 2.0 * (b - z) * mu, g, h, mu)
