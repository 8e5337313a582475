"""Wasserstein distances between particles: exact in one dimension, by assignment or by random slices in more."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.measures.directions import orthogonal_directions
from mfpde.measures.ensemble import Ensemble

Array = npt.NDArray[np.floating[Any]]
Particles = Ensemble | npt.ArrayLike


def wasserstein_1d(
    a: npt.ArrayLike, b: npt.ArrayLike, p: int = 1, weights_a: npt.ArrayLike | None = None, weights_b: npt.ArrayLike | None = None
) -> float:
    """W_p of two weighted measures on the line, (int_0^1 |Q_a(u) - Q_b(u)|^p du)^{1/p}, exact.

    Parameters
    ----------
    a, b : array (m,), array (n,)
        Positions; Q_a, Q_b are their quantile functions.
    p
        1 or 2.
    weights_a, weights_b
        Summing to 1; equal by default.

    Raises
    ------
    ValueError
        If `p` is neither 1 nor 2, or positions or weights are no measure on the line.
    """
    _check_order(p)
    first = Ensemble(np.asarray(a, np.float64).reshape(-1, 1), weights_a)
    second = Ensemble(np.asarray(b, np.float64).reshape(-1, 1), weights_b)
    return float(_line(first.points[:, 0], first.weights, second.points[:, 0], second.weights, p) ** (1.0 / p))


def wasserstein(a: Particles, b: Particles, p: int = 2) -> float:
    """W_p with Euclidean cost of two sets of equally many, equally weighted particles (m, k), by optimal assignment.

    Time O(m^3), memory O(m^2): meant for m up to a few thousand.

    Raises
    ------
    ValueError
        If the shapes differ, an ensemble's weights are not equal, or `p` is neither 1 nor 2.
    """
    from scipy.optimize import linear_sum_assignment

    _check_order(p)
    first, second = _ensemble(a), _ensemble(b)
    if first.points.shape != second.points.shape:
        raise ValueError(f"particles of shapes {first.points.shape} and {second.points.shape}: the assignment needs equal shapes")
    if max(np.ptp(first.weights), np.ptp(second.weights)) > 1e-12:
        raise ValueError("the weights are not equal: use wasserstein_1d or sliced_wasserstein, which take weights")
    cost = np.zeros((first.m, first.m))
    for k in range(first.p):
        cost += (first.points[:, k, None] - second.points[None, :, k]) ** 2
    if p == 1:
        cost = np.sqrt(cost)
    return float(np.mean(cost[linear_sum_assignment(cost)]) ** (1.0 / p))


def sliced_wasserstein(a: Particles, b: Particles, n_directions: int, rng: np.random.Generator, p: int = 2) -> float:
    """(mean over directions u of W_p(u.a, u.b)^p)^{1/p} over `n_directions` orthogonal directions; weights and sizes may differ.

    Raises
    ------
    ValueError
        If the particles have unequally many coordinates, or `p` is neither 1 nor 2.
    """
    _check_order(p)
    first, second = _ensemble(a), _ensemble(b)
    if first.p != second.p:
        raise ValueError(f"particles with {first.p} and {second.p} coordinates: they must have equally many")
    # Opposite directions give equal distances: every other row is enough.
    directions = orthogonal_directions(2 * n_directions, first.p, rng)[::2]
    powers = [
        _line(_project(first.points, u), first.weights, _project(second.points, u), second.weights, p) for u in directions
    ]
    return float(np.mean(powers) ** (1.0 / p))


def _line(a: Array, weights_a: Array, b: Array, weights_b: Array, p: int) -> float:
    order_a, order_b = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    levels_a, levels_b = np.cumsum(weights_a[order_a]), np.cumsum(weights_b[order_b])
    levels = np.sort(np.concatenate([levels_a[:-1], levels_b[:-1], [1.0]]))
    lengths = np.diff(levels, prepend=0.0)
    gap = _quantiles(a[order_a], levels_a, levels) - _quantiles(b[order_b], levels_b, levels)
    return float(np.sum(np.maximum(lengths, 0.0) * np.abs(gap) ** p))


def _quantiles(x: Array, levels: Array, u: Array) -> Array:
    return x[np.minimum(np.searchsorted(levels, u), len(x) - 1)]


def _project(points: Array, direction: Array) -> Array:
    values: Array = np.einsum("mk,k->m", points, direction)
    return values


def _ensemble(particles: Particles) -> Ensemble:
    return particles if isinstance(particles, Ensemble) else Ensemble(particles)


def _check_order(p: int) -> None:
    if p not in (1, 2):
        raise ValueError(f"p = {p!r}: 1 and 2 are available")
