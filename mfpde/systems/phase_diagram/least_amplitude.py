"""The least amplitude L with which a two-layer ReLU network can interpolate given data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.phase_diagram.directions import cell_maxima, cell_middles, rays

_ROUNDS = 60
_CERTIFIED = 1e-14


@dataclass(frozen=True)
class LeastAmplitude:
    """An interpolating network of (nearly) the least amplitude.

    Attributes
    ----------
    amplitude : float
        L = sum_j |A_j|, an upper bound of the infimum.
    certificate : float
        L minus a lower bound of the infimum, from the dual of the linear programme.
    directions : array (k, p)
        Its unit vectors.
    weights : array (k,)
        A, with sum_j A_j relu(v_j.X_i) = y_i.
    """

    amplitude: float
    certificate: float
    directions: Array
    weights: Array


def least_amplitude(X: npt.ArrayLike, y: npt.ArrayLike) -> LeastAmplitude:
    """min sum_j |A_j| over all measures A on unit vectors v with sum_j A_j relu(v_j.X_i) = y_i for all i.

    A linear programme whose columns are exchanged: for multipliers mu the dual constraint |sum_i mu_i relu(v.X_i)| <= 1 is linear in
    v between two neighbouring rays X_i.v = 0, so its worst violations are known in closed form, and they join as new columns. The
    multipliers divided by the worst violation are feasible, which certifies the result.

    Parameters
    ----------
    X : array (n, 1 or 2)
        Inputs, bias included: data on the line.
    y : array (n,)

    Raises
    ------
    ValueError
        If X has more than two columns, whose directions cannot be enumerated so, or no network interpolates the data.
    """
    from scipy.optimize import linprog

    inputs, labels = np.asarray(X, np.float64), np.asarray(y, np.float64)
    directions = rays(inputs)
    if inputs.shape[1] == 2:
        # The rays alone need not interpolate.
        directions = np.concatenate([directions, cell_middles(inputs)])
    best: LeastAmplitude | None = None
    for _ in range(_ROUNDS):
        columns = np.maximum(inputs @ directions.T, 0.0)
        solved: Any = linprog(np.ones(2 * len(directions)), A_eq=np.hstack([columns, -columns]), b_eq=labels, method="highs")
        if solved.status != 0:
            raise ValueError(f"y: no network interpolates these labels ({solved.message})")
        found, violations = cell_maxima(inputs, solved.eqlin.marginals)
        amplitude = float(solved.fun)
        gap = amplitude * (1.0 - 1.0 / max(1.0, float(violations.max())))
        if best is not None and gap >= best.certificate:
            return best
        weights = solved.x[: len(directions)] - solved.x[len(directions) :]
        used = weights != 0.0
        best = LeastAmplitude(amplitude, gap, directions[used], weights[used])
        if gap <= _CERTIFIED * amplitude:
            return best
        directions = np.concatenate([directions, found[violations > 1.0]])
    assert best is not None
    return best
