"""The plane of (gamma, gamma'): its regimes, the critical line, and how far a point is from it."""

from __future__ import annotations

import math

ON_THE_LINE = 1e-12
"""Coordinates closer than this to the critical line are on it: 1.1 - 1 is not 0.1 in binary."""


def regime(gamma: float, gamma_prime: float) -> str:
    """The regime of Luo, Xu, Ma, Zhang 2021.

    "linear" for gamma < 1 or gamma' > gamma - 1, "condensed" for gamma > 1 and gamma' < gamma - 1, "critical" between them.
    """
    edge = max(0.0, gamma_prime)
    if abs(gamma - 1.0 - edge) <= ON_THE_LINE:
        return "critical"
    return "linear" if gamma - 1.0 < edge else "condensed"


def nearest_critical(gamma: float, gamma_prime: float) -> tuple[float, float]:
    """The point of the critical line nearest to (gamma, gamma').

    The line is {gamma = 1, gamma' <= 0} with {gamma' = gamma - 1, gamma >= 1}.
    """
    along = max(0.0, 0.5 * (gamma - 1.0 + gamma_prime))
    ends = [(1.0, min(gamma_prime, 0.0)), (1.0 + along, along)]
    return min(ends, key=lambda end: math.hypot(end[0] - gamma, end[1] - gamma_prime))


def distance_to_critical(gamma: float, gamma_prime: float) -> float:
    """The Euclidean distance of (gamma, gamma') from the critical line."""
    if regime(gamma, gamma_prime) == "critical":
        return 0.0
    nearest = nearest_critical(gamma, gamma_prime)
    return math.hypot(nearest[0] - gamma, nearest[1] - gamma_prime)


def critical_rate_exponent(gamma: float, gamma_prime: float) -> float | None:
    """The exponent q with which lr_w / lr_a, multiplied by m^q, puts the point on the critical line; None if no ratio does.

    The ratio moves gamma' alone, to gamma' - q/2, because kappa' = (beta_1 / beta_2) sqrt(lr_w / lr_a). A point with gamma < 1 is linear
    whatever the ratio; one with gamma = 1 is critical for every gamma' <= 0, and the least change is returned.
    """
    if gamma - 1.0 < -ON_THE_LINE:
        return None
    if regime(gamma, gamma_prime) == "critical":
        return 0.0
    return 2.0 * (gamma_prime - max(0.0, gamma - 1.0))
