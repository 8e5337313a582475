"""E[f* x], E[x x^T] and E f*^2 of a symmetric law and an odd target: closed forms, sums over data, or regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mfpde.flow import Array
from mfpde.laws import Empirical, Gaussian, Law, Sphere
from mfpde.streams import stream
from mfpde.targets import Linear, OddCubic, Sum, Target

_SAMPLES, _ROWS = 2**20, 2**14


class DataMoments(NamedTuple):
    """Xbar = E[f* x] (d,), C = E[x x^T] (d, d) and E f*^2, and the standard errors of Xbar and E f*^2, 0 where these are exact."""

    cross: Array
    covariance: Array
    square: float
    cross_error: Array
    square_error: float


def data_moments(law: Law, target: Target | None) -> DataMoments:
    """The moments of `target`, None for the labels of an Empirical law.

    Exact for data and for sums of Linear and OddCubic under a Gaussian law or on a sphere; otherwise by regression on 2^20 samples,
    with standard errors. C is the law's own in every case.
    """
    covariance, none = law.second_moment(), np.zeros(law.d)
    if isinstance(law, Empirical):
        y, q = labels(law, target), law.weights
        return DataMoments((y * q) @ law.x, covariance, float(q @ y**2), none, 0.0)
    coefficients = _coefficients(target, law.d)
    fourth = _fourth_moments(law)
    if coefficients is not None and fourth is not None:
        linear, cubic = coefficients
        cubes, sixth = fourth
        cross = covariance @ linear + cubic @ cubes
        square = linear @ covariance @ linear + 2.0 * cubic @ cubes @ linear + cubic @ sixth @ cubic
        return DataMoments(cross, covariance, float(square), none, 0.0)
    assert target is not None
    return _sampled(law, target, covariance)


def labels(law: Empirical, target: Target | None) -> Array:
    """The labels (n,) of the data: the target's values, or those that came with the data.

    Raises
    ------
    ValueError
        If there are none, or several a row.
    """
    y = law.y if target is None else target(law.x)
    if y is None or y.ndim != 1:
        raise ValueError("law: these data have no labels (n,); give Empirical(x, y), or a target")
    return y


def _coefficients(target: Target | None, d: int) -> tuple[Array, Array] | None:
    """(b, z) with f* = sum_k b_k x_k + z_k x_k^3, or None for another target."""
    if isinstance(target, Sum):
        linear, cubic = np.zeros(d), np.zeros(d)
        for term in target.terms:
            found = _coefficients(term, d)
            if found is None:
                return None
            linear, cubic = linear + found[0], cubic + found[1]
        return linear, cubic
    if isinstance(target, Linear):
        return np.array(target.b), np.zeros(d)
    if isinstance(target, OddCubic):
        return np.zeros(d), np.array(target.z)
    return None


def _fourth_moments(law: Law) -> tuple[Array, Array] | None:
    """E x_k^3 x_l and E x_k^3 x_l^3, both (d, d), or None where they are not known.

    Gaussian (Wick): 3 C_kk C_kl and 9 C_kk C_ll C_kl + 6 C_kl^3. A sphere has the directions of the Gaussian of equal C but not its
    radii, for which E r^4 and E r^6 are larger by (d + 2)/d and (d + 2)(d + 4)/d^2.
    """
    if not isinstance(law, (Gaussian, Sphere)):
        return None
    c = law.second_moment()
    variances = np.diagonal(c)
    cubes = 3.0 * variances[:, None] * c
    sixth = 9.0 * np.outer(variances, variances) * c + 6.0 * c**3
    if isinstance(law, Sphere):
        d = law.d
        cubes, sixth = cubes * d / (d + 2), sixth * d * d / ((d + 2) * (d + 4))
    return cubes, sixth


def _sampled(law: Law, target: Target, covariance: Array) -> DataMoments:
    """C beta and beta.C beta + E r^2 of the regression f* = beta.x + r on samples: without error where f* is linear.

    The standard errors come from the spread of the blocks' own regressions.
    """
    rng = stream(0, "moments of an odd target")
    blocks = _SAMPLES // _ROWS
    products, each = np.zeros((law.d + 1, law.d + 1)), np.empty((blocks, law.d + 1))
    for block in range(blocks):
        x = law.sample(_ROWS, rng)
        both = np.column_stack([x, target(x)])
        gram = both.T @ both / _ROWS
        products += gram / blocks
        each[block] = _regression(gram, covariance)
    means, errors = _regression(products, covariance), each.std(axis=0, ddof=1) / np.sqrt(blocks)
    return DataMoments(means[:-1], covariance, float(means[-1]), errors[:-1], float(errors[-1]))


def _regression(gram: Array, covariance: Array) -> Array:
    """C beta, then beta.C beta + mean r^2, of the second moments `gram` of (x, y)."""
    cross = gram[:-1, -1]
    beta = np.linalg.solve(gram[:-1, :-1], cross)
    return np.append(covariance @ beta, beta @ covariance @ beta + gram[-1, -1] - beta @ cross)
