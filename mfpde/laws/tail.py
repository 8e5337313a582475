r"""The Bessel law beyond the panels: moments as a smooth series plus an oscillation.

With z = K r and N(z) = J_nu(z)^2 + Y_nu(z)^2, J_nu(z)^2 = N(z) / 2 (1 + cos 2 theta(z)), theta'(z) = 2 / (pi z N(z)). Both N and
theta' are series in 1 / z^2 (DLMF 10.18.17; theta' is a reciprocal of series):

    pi z N(z) / 2 = sum_j a_j z^{-2j},   a_j / a_{j-1} = (2 j - 1) / (8 j) (4 nu^2 - (2 j - 1)^2),
    theta(z) = z - (nu / 2 + 1 / 4) pi - sum_{j>=1} t_j z^{1-2j} / (2 j - 1),   1 / sum_j a_j z^{-2j} = sum_j t_j z^{-2j}.

Since dM_k/dz = d K^{-k} z^{k-1} J^2, the smooth part of M_k integrates d / (pi K^k) sum_j a_j z^{k-2-2j} term by term. The
oscillating part is Re[h_k(z) e^{2 i theta}] with h_k' + 2 i theta' h_k = d / (pi K^k) sum_j a_j z^{k-2-2j}, and the series
h_k = sum_n h_{k,n} z^{k-2-n} gives

    2 i h_{k,n} = d / (pi K^k) [n even] a_{n/2} - (k - 1 - n) h_{k,n-1} - 2 i sum_{j>=1} t_j h_{k,n-2j},

imaginary for even n and real for odd n. M_0 tends to 1. M_2 has no constant, because z^2 (J_nu^2 - J_{nu-1} J_{nu+1}) has none.
The constant of M_1 is fixed where the series meet the panels. Everything is scaled to v = z_b / z <= 1, z_b the boundary.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

TERMS = 14
_COUNTS = 1e-17


class Tail(NamedTuple):
    """Phase and series of the tail in v = z_b / z; :class:`mfpde.kernels.radial.MomentTable` says what `series` (n_terms, 10) holds."""

    shift: float
    log_rate: float
    series: npt.NDArray[np.float64]

    def reach(self) -> npt.NDArray[np.float64]:
        """(n_terms,): the largest v^2 at which no term from this one on has 1e-17 of the largest coefficient of its column; 0 at first."""
        size = np.abs(self.series).max(axis=0)
        share = np.divide(np.abs(self.series), size, out=np.zeros_like(self.series), where=size > 0.0).max(axis=1)[1:]
        with np.errstate(divide="ignore"):
            each = np.where(share > 0.0, (_COUNTS / share) ** (1.0 / np.arange(1, TERMS)), np.inf)
        return np.append(0.0, np.minimum.accumulate(each[::-1])[::-1])


def bessel_tail(d: int, wavenumber: float, z_b: float) -> Tail:
    """The series of the Bessel law of dimension `d` and `wavenumber` K for K r >= `z_b`."""
    nu = d / 2
    a, t = np.zeros(TERMS), np.zeros(TERMS)
    a[0] = t[0] = 1.0
    for j in range(1, TERMS):
        a[j] = a[j - 1] * (2 * j - 1) / (8 * j) * (4 * nu**2 - (2 * j - 1) ** 2) / z_b**2
        t[j] = -math.fsum(a[i] * t[j - i] for i in range(1, j + 1))
    odd = 2 * np.arange(TERMS) - 1
    smooth, cos, sin = np.zeros((TERMS, 3)), np.zeros((TERMS, 3)), np.zeros((TERMS, 3))
    for k in range(3):
        rate = d / (math.pi * wavenumber**k)
        powers = k - 1 - 2 * np.arange(TERMS)
        smooth[:, k] = rate * z_b ** (k - 1) * np.where(powers == 0, 0.0, a / np.where(powers == 0, 1, powers))
        h = np.zeros(2 * TERMS, complex)
        for n in range(2 * TERMS):
            source = rate * z_b ** (k - 2) * a[n // 2] if n % 2 == 0 else 0.0
            before = (k - 1 - n) * h[n - 1] / z_b if n > 0 else 0.0
            folded = sum(t[j] * h[n - 2 * j] for j in range(1, n // 2 + 1))
            h[n] = (source - before) / 2j - folded
        cos[:, k], sin[:, k] = h[1::2].real, -h[0::2].imag
    smooth[:, 0] *= -1.0  # the kernels subtract it: M_0 = 1 - v smooth_0(v^2)
    phase = np.append(-2 * z_b * t[1:] / odd[1:], 0.0)
    return Tail((nu + 0.5) * math.pi, d / (math.pi * wavenumber), np.column_stack([phase, smooth, cos, sin]))
