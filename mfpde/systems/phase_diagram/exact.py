"""Exponents of the relative displacements, and their closed forms where training is linear and where the neurons have condensed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.phase_diagram.coordinates import ON_THE_LINE


class Exponents(NamedTuple):
    """S = lim d log RD / d log m of the neurons' relative displacements.

    Attributes
    ----------
    s_w, s_a, s_theta : float
        Of w, of a and of both together.
    region : {1, 2, 3, 4, 5}
        The row of the table in docs/phase_diagram.
    open : bool
        Whether the values are unsettled as m tends to infinity: region 5, where they describe kappa m down to about 0.1.
    """

    s_w: float
    s_a: float
    s_theta: float
    region: int
    open: bool


def region(gamma: float, gamma_prime: float) -> int:
    """The region of :func:`exponents`; a point on a border belongs to any of its neighbours, whose exponents agree there."""
    if gamma <= 1.0:
        return 1 if gamma_prime <= 0.0 else 2
    if gamma_prime >= gamma - 1.0 - ON_THE_LINE:
        return 3
    return 4 if gamma_prime >= 1.0 - gamma - ON_THE_LINE else 5


def exponents(gamma: float, gamma_prime: float) -> Exponents:
    """The leading exponents of RD_w, RD_a and RD_theta; continuous in the plane. Derived in docs/phase_diagram."""
    excess = gamma - 1.0
    s_w, s_a = {
        1: (excess, excess + 2.0 * gamma_prime),
        2: (excess - 2.0 * gamma_prime, excess),
        3: (2.0 * (excess - gamma_prime), excess),
        4: (0.5 * (excess - gamma_prime), 0.5 * (excess + gamma_prime)),
        5: (excess, 2.0 * (excess + gamma_prime)),
    }[found := region(gamma, gamma_prime)]
    return Exponents(s_w, s_a, max(s_w, s_a), found, found == 5)


def kernels(X: npt.ArrayLike) -> tuple[Array, Array]:
    """K_a = E relu(w.X_i) relu(w.X_j) and K_w = E a^2 1[w.X_i > 0] 1[w.X_j > 0] X_i.X_j for standard Gaussian a, w; each (n, n).

    With t the angle of X_i and X_j: |X_i||X_j| (sin t + (pi - t) cos t) / (2 pi) and X_i.X_j (pi - t) / (2 pi) (Cho, Saul 2009).
    """
    rows = np.asarray(X, np.float64)
    sizes = np.linalg.norm(rows, axis=1)
    units = rows / sizes[:, None]
    # An angle by the arc cosine would lose half its digits between close points.
    apart = np.linalg.norm(units[:, None] - units, axis=2)
    t = 2.0 * np.arctan2(apart, np.linalg.norm(units[:, None] + units, axis=2))
    k_a = np.outer(sizes, sizes) * (np.sin(t) + (np.pi - t) * np.cos(t)) / (2.0 * np.pi)
    k_w = rows @ rows.T * (np.pi - t) / (2.0 * np.pi)
    return k_a, k_w


def linear_end(
    X: npt.ArrayLike, y: npt.ArrayLike, kappa_m: float, kappa_prime: float, copies: int, time: float = math.inf
) -> tuple[float, float]:
    """(RD_w, RD_a) of training where the kernel stays what it is at the start, kappa m tending to infinity.

    With M = K_a / kappa' + kappa' K_w and h = M^-1 (1 - exp(-copies kappa m M time / n)) y: RD_w = kappa' sqrt(h.K_w h / p) / (copies
    kappa m), RD_a = sqrt(h.K_a h) / (copies kappa m kappa'). Derived in docs/phase_diagram.

    Parameters
    ----------
    X : array (n, p)
    y : array (n,)
        Labels; without antisymmetric copies, minus the outputs at the start.
    kappa_m, kappa_prime : float
    copies : {1, 2}
        2 with antisymmetric copies.
    time : float
        kappa t, the time on the clock of the infinite-width law; the default is the end of training.
    """
    k_a, k_w = kernels(X)
    labels = np.asarray(y, np.float64)
    rates, modes = np.linalg.eigh(k_a / kappa_prime + kappa_prime * k_w)
    fitted = -np.expm1(-copies * kappa_m / len(labels) * rates * time)
    h = modes @ (fitted / rates * (modes.T @ labels))
    rd_w = kappa_prime * math.sqrt(h @ k_w @ h / np.shape(X)[1]) / (copies * kappa_m)
    return rd_w, math.sqrt(h @ k_a @ h) / (copies * kappa_m * kappa_prime)


def condensed_end(amplitude: float, p: int, kappa_m: float, kappa_prime: float, copies: int) -> tuple[float, float]:
    """(RD_w, RD_a) at the end of training where neurons have grown far beyond their start, kappa m tending to 0.

    sum |w_k|^2 = kappa' L / kappa and sum a_k^2 = L / (kappa kappa') over all copies, because gradient flow keeps kappa'^2 a_k^2 - |w_k|^2:
    RD_w = sqrt(kappa' L / (copies p kappa m)), RD_a = sqrt(L / (copies kappa m kappa')). Derived in docs/phase_diagram.

    Parameters
    ----------
    amplitude : float
        L = kappa sum_k |a_k||w_k| at the end, over all copies.
    p : int
        The length of w, bias included.
    kappa_m, kappa_prime : float
    copies : {1, 2}
    """
    share = amplitude / (copies * kappa_m)
    return math.sqrt(kappa_prime * share / p), math.sqrt(share / kappa_prime)
