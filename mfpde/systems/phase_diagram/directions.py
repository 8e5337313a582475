"""Directions of neurons on data on the line: the rays on which a neuron's set of active inputs changes, and the cells between them."""

from __future__ import annotations

import numpy as np

from mfpde.flow import Array


def rays(X: Array) -> Array:
    """The unit vectors v with X_i.v = 0 for some i, in the order of their angles; (2 n, 2) for X (n, 2), +1 and -1 for X (n, 1).

    Raises
    ------
    ValueError
        If X has more than two columns.
    """
    if X.shape[1] == 1:
        return np.array([[-1.0], [1.0]])
    if X.shape[1] != 2:
        raise ValueError(f"X has {X.shape[1]} columns: rays are those of one input, with or without a bias")
    normals = np.column_stack([X[:, 1], -X[:, 0]]) / np.linalg.norm(X, axis=1, keepdims=True)
    both = np.concatenate([normals, -normals])
    return both[np.argsort(angles(both))]


def angles(w: Array) -> Array:
    """atan2(w_2, w_1) of the rows of w (m, 2): the bias over the input weight."""
    return np.arctan2(w[:, 1], w[:, 0])


def cell_middles(X: Array) -> Array:
    """One unit vector inside every cell between two neighbouring rays, (2 n, 2), for X (n, 2) without parallel rows."""
    theta = angles(rays(X))
    middle = 0.5 * (theta + np.append(theta[1:], theta[0] + 2.0 * np.pi))
    return np.column_stack([np.cos(middle), np.sin(middle)])


def cell_maxima(X: Array, mu: Array) -> tuple[Array, Array]:
    """The unit vectors v at which |sum_i mu_i relu(v.X_i)| is locally largest, and these values; (k, p) and (k,), for p <= 2.

    In the cell of an active set the sum is g.v with g = sum_{active} mu_i X_i: its extremes are +-g/|g| if they lie in the cell, else
    at its ends.
    """
    ends = rays(X)
    candidates = [ends]
    if X.shape[1] == 2:
        g = (X @ cell_middles(X).T > 0.0).T @ (mu[:, None] * X)
        g = g[np.linalg.norm(g, axis=1) > 0.0]
        g /= np.linalg.norm(g, axis=1, keepdims=True)
        candidates += [g, -g]
    found = np.concatenate(candidates)
    values: Array = np.abs(np.maximum(found @ X.T, 0.0) @ mu)
    return found, values
