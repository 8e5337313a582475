"""What limit and network report of the moments: the same names, from w* - w, E a^2 and E b b^T in an orthonormal basis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.flow import Array
from mfpde.systems.symmetric.odd.subspace import Subspace

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget


def observables(system: OddTarget, space: Subspace, gap: Array, second: float, first: Array, even: float) -> dict[str, Any]:
    """The observables of w = w* - gap; `even` is E of the predictor's even part squared. What overflows is infinite or NaN.

    Parameters
    ----------
    gap : array (r,)
        w* - w in the basis of `space`.
    second : float
        E a^2.
    first : array (r, r)
        E b b^T in that basis; across it, E b b^T is I/d.
    """
    best = space.cross / space.variances
    w = best - gap
    distance = float(np.linalg.norm(gap))
    least = float(np.linalg.eigvalsh(first)[0]) if np.isfinite(first).all() else math.nan
    if len(gap) < system.d:
        least = float(np.minimum(least, 1.0 / system.d))
    loss = system.minimal_loss + 0.5 * float(space.variances @ gap**2) + 0.5 * even
    return {
        "loss": loss,
        "w": space.basis @ w,
        "w_ratio": float(np.linalg.norm(w) / np.linalg.norm(best)),
        "distance": distance,
        "second_layer_moment": second,
        "rate": _rate(space, gap / distance, second, first) if distance > 0.0 else math.nan,
        "rate_bound": system.rate_bound,
        "smallest_eigenvalue": 0.25 * (second + least),
        "nonlinearity": math.sqrt(even),
    }


def _rate(space: Subspace, e: Array, second: float, first: Array) -> float:
    """-d log|w* - w|/dt = e.H C e along the unit vector e of the gap, H = (E a^2 I + E b b^T)/4."""
    g = space.variances * e
    return 0.25 * float(e @ (second * g + first @ g))
