"""First and second moments of initial laws, in the coordinates of a neuron (a, w) or in (a, |w|)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from mfpde.flow import Array
from mfpde.measures import Ensemble, GaussianInit, InitialLaw, ProductInit, SphereInit


@dataclass(frozen=True)
class Statistics:
    """E z (q,), E z z^T (q, q) of the initial neurons, and whether their law is Gaussian."""

    mean: Array
    second: Array
    gaussian: bool


def statistics(initial: InitialLaw | Ensemble) -> Statistics:
    """The moments of an initial law.

    Raises
    ------
    ValueError
        If they are not known.
    """
    if isinstance(initial, Ensemble):
        mean = initial.mean()
        return Statistics(mean, np.einsum("m,mp,mq->pq", initial.weights, initial.points, initial.points), False)
    if isinstance(initial, GaussianInit):
        mean, cov = np.array(initial.mean), np.array(initial.cov)
        spread = cov if cov.ndim == 2 else np.diag(np.broadcast_to(cov, mean.shape))
        return Statistics(mean, np.outer(mean, mean) + spread, True)
    if isinstance(initial, SphereInit):
        return Statistics(np.zeros(initial.d), np.eye(initial.d) * (initial.radius**2 / initial.d), False)
    if isinstance(initial, ProductInit):
        parts = [statistics(part) for part in initial.parts]
        mean = np.concatenate([part.mean for part in parts])
        second, at = np.outer(mean, mean), 0
        for part in parts:
            block = slice(at, at + len(part.mean))
            second[block, block], at = part.second, block.stop
        return Statistics(mean, second, all(part.gaussian for part in parts))
    raise ValueError(f"{type(initial).__name__} has no known moments: use method='nodes' with nodes=mf.Ensemble(points, weights)")


def with_unit_weights(of: Statistics) -> Statistics:
    """The moments of (1, w) from those of w."""
    mean = np.concatenate([[1.0], of.mean])
    second = np.outer(mean, mean)
    second[1:, 1:] = of.second
    return Statistics(mean, second, of.gaussian)


def mean_radius(initial: InitialLaw | Ensemble) -> float | None:
    """E |w| of a rotation-invariant law of w, None for any other."""
    if isinstance(initial, SphereInit):
        return initial.radius
    if isinstance(initial, GaussianInit) and not any(initial.mean):
        cov = np.array(initial.cov)
        spread = np.diag(cov) if cov.ndim == 2 else np.broadcast_to(cov, initial.dim)
        if np.ptp(spread) == 0.0 and (cov.ndim < 2 or not np.any(cov - np.diag(spread))):
            d = initial.dim
            return float(math.sqrt(2.0 * spread[0]) * np.exp(gammaln(0.5 * (d + 1)) - gammaln(0.5 * d)))
    return None
