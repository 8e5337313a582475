"""How far a law of neurons is at most from the best one: a certificate from the convexity of the risk in the law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mfpde.flow import Array
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.threads import single_threaded_blas

_STRETCHED = np.array([1.0, 0.0, 0.25, 0.5, 2.0, 4.0, 16.0])
_DESCENTS = 6
_SEARCH: Any = {"maxiter": 100, "ftol": 1e-14, "gtol": 1e-10}
_ROUNDING = 1e-14  # a psi below it everywhere is one that vanishes
_FAR = 1e5  # where a descent has come that far in units of its start and still falls, Psi is taken to have no lower bound


def certificate(field: NeuronField, points: Array, weights: Array, candidates: Array | None = None) -> float:
    """2 alpha^2 [int Psi drho - inf Psi] of rho = sum_j weights_j delta_{points_j}, in the units of the field's psi.

    R + lam M is convex in rho with first variation 2 alpha^2 psi: this bounds R + lam M - inf (R + lam M) from above, the infimum over all
    laws, with a fixed second layer over those with the same law of a (derived in docs/two_layer). inf Psi is searched for: at the points,
    at their multiples in the coordinates that move, at the `candidates`, and by descent from the lowest of these; it is a bound as far as
    the search has found the infimum.

    Parameters
    ----------
    candidates : array (n, p), optional
        Further places to look at; with a fixed second layer only their moving coordinates count.

    Returns
    -------
    float
        Infinity where Psi has no lower bound.

    Raises
    ------
    ValueError
        If candidates have another number of columns, or the second layer is trained without ridge: then Psi is linear in a.
    """
    trained = field.potential.second_layer == "trained"
    if trained and field.ridge == 0.0:
        raise ValueError("second_layer = 'trained' without ridge: Psi is linear in a and has no lower bound; give a ridge")
    if candidates is not None and (candidates.ndim != 2 or candidates.shape[1] != points.shape[1]):
        raise ValueError(f"candidates have shape {candidates.shape}: give neurons of {points.shape[1]} columns, a first")
    mean = float(np.sum(weights * field.psi(points, points, weights)))
    stretched = np.concatenate([_stretched(field, points), np.empty((0, points.shape[1])) if candidates is None else candidates])
    if trained:
        lowest = _lowest(field, stretched, points, weights)
    else:
        lowest = 0.0
        for a in np.unique(points[:, 0]):
            stretched[:, 0] = a
            share = float(np.sum(weights[points[:, 0] == a]))
            lowest += share * _lowest(field, stretched, points, weights) if share > 0.0 else 0.0
    return 2.0 * field.scale**2 * (mean - lowest)


def _stretched(field: NeuronField, points: Array) -> Array:
    places = np.tile(points, (len(_STRETCHED), 1))
    places[:, field.moving] *= np.repeat(_STRETCHED, len(points))[:, None]
    return places


def _lowest(field: NeuronField, starts: Array, points: Array, weights: Array) -> float:
    """The least psi found from `starts`, minus infinity if it falls without end."""
    from scipy.optimize import minimize

    moving = field.moving
    values = field.psi(starts, points, weights)
    lowest, size, unit = float(values.min()), 1.0 + float(np.abs(starts).max()), float(np.abs(values).max())
    if unit < _ROUNDING:
        return lowest

    def psi(x: Array, place: Array) -> tuple[float, Array]:
        place[0, moving] = x
        return float(field.psi(place, points, weights)[0]) / unit, -field.force(place, points, weights)[0, moving] / unit

    for i in np.argsort(values, kind="stable")[:_DESCENTS]:
        place = starts[i : i + 1].copy()
        with single_threaded_blas():
            found = minimize(psi, place[0, moving], (place,), method="L-BFGS-B", jac=True, options=_SEARCH)
        if np.abs(found.x).max() > _FAR * size and unit * found.fun < lowest - unit * size * float(np.abs(found.jac).max()):
            return -math.inf
        lowest = min(lowest, unit * float(found.fun))
    return lowest
