"""The observables of the depth-separation system, under the same names for limit and network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.first_layer import arc_cosine_sum
from mfpde.threads import run_blocks

Array = npt.NDArray[Any]

_ROWS = 256
GROUPS = 16


def moments_of_state(
    norms: Array, p1: Array, w2: Array, b2: Array, p2: Array, kappa: float, power: int, rates: tuple[float, float, float]
) -> dict[str, float]:
    """rho, slope, the moments of (w2, b2) and the invariant, from |w1| (n1,) with weights p1 and (w2, b2) with weights p2.

    invariant = E |w1|^2 / (p eta_1) - E w2^2 / eta_w, exactly conserved by the flow at any width.
    """
    w_mean, b_mean = p2 @ w2, p2 @ b2
    square = p1 @ norms**2
    return {
        "rho": float(np.sqrt(square)),
        "slope": float(kappa * (p1 @ norms**power)),
        "w2_mean": float(w_mean),
        "b2_mean": float(b_mean),
        "w2_std": float(np.sqrt(p2 @ (w2 - w_mean) ** 2)),
        "b2_std": float(np.sqrt(p2 @ (b2 - b_mean) ** 2)),
        "mass_positive": float(p2 @ (w2 > 0.0)),
        "invariant": float(square / (power * rates[0]) - (p2 @ w2**2) / rates[1]),
    }


def losses(parts: Array) -> dict[str, float]:
    """The loss, its standard error and its decomposition, from the four integrals of `compare` on every direction (n, 4).

    L = 1/2 E (f_s - f*)^2 + 1/2 E (f - f_s)^2 + E (f - f_s)(f_s - f*), f_s the network with F replaced by slope |x|. The
    standard error comes from 16 groups of consecutive directions: orthogonal within a group, nearly independent between.
    """
    full, perfect, gap, cross = parts.mean(axis=0)
    groups = np.array([g.mean() for g in np.array_split(parts[:, 0], GROUPS)])
    return {
        "loss": float(full),
        "loss_stderr": float(groups.std(ddof=1) / np.sqrt(GROUPS)),
        "loss_perfect_first_layer": float(perfect),
        "loss_discretisation": float(gap),
        "loss_cross": float(cross),
    }


def non_sphericity(w1: Array, p1: Array, kappa: float, power: int) -> float:
    """sqrt(E_u (G_u / a - 1)^2) over the sphere, exact through the arc-cosine kernel of the rows of w1 (n1, d).

    G_u = sum_i p1_i |w1_i|^(p-1) relu(w1_i.u) and a = E_u G_u; E_u G_u^2 = sum_ij p_i p_j |w_i|^p |w_j|^p k(t_ij) / d with
    k(t) = (sin t + (pi - t) cos t) / 2 pi. Cost O(n1^2 d).
    """
    norms = np.linalg.norm(w1, axis=1)
    units = w1 / np.where(norms > 0.0, norms, 1.0)[:, None]
    mass = p1 * norms**power
    total = mass.sum()
    if total == 0.0:
        return 0.0
    mass = mass / total
    blocks = range(0, len(w1), _ROWS)
    sums = np.zeros(len(blocks))

    def work(block: int) -> None:
        rows = slice(block * _ROWS, (block + 1) * _ROWS)
        sums[block] = arc_cosine_sum(units[rows] @ units[rows].T, mass[rows], mass[rows])
        for first in range(rows.stop, len(w1), 16 * _ROWS):
            columns = slice(first, first + 16 * _ROWS)
            sums[block] += 2.0 * arc_cosine_sum(units[rows] @ units[columns].T, mass[rows], mass[columns])

    run_blocks(work, len(blocks))
    return float(np.sqrt(max(0.0, sums.sum() / (w1.shape[1] * kappa**2) - 1.0)))
