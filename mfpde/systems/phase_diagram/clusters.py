"""Groups of neurons that point the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.phase_diagram.directions import angles

LEAST_AMPLITUDE = 0.1
"""Neurons below this share of the largest amplitude belong to no cluster."""

LARGEST_GAP = 0.03
"""Neighbouring angles of one cluster are at most so far apart, in radians."""

LEAST_COSINE = 0.99
"""In more dimensions, the cosine with the strongest neuron of the cluster."""


@dataclass(frozen=True)
class Cluster:
    """Neurons of about one direction.

    Attributes
    ----------
    members : int array (k,)
        Their rows.
    direction : array (p,)
        The unit vector of their mean w / |w|, weighted with amplitudes.
    angle : float
        atan2(w_2, w_1) of that direction; NaN unless p = 2.
    spread : float
        Root mean square angle between a member and the direction, in radians.
    share : float
        Of the amplitude of all neurons.
    sign : float
        Amplitude-weighted mean of sign(a): 1 or -1 if all agree.
    """

    members: npt.NDArray[np.intp]
    direction: Array
    angle: float
    spread: float
    share: float
    sign: float


def find_clusters(a: Array, w: Array, shares: Array) -> list[Cluster]:
    """The clusters of the neurons (a (m,), w (m, p)), largest share first.

    Members have at least a tenth of the largest amplitude |a||w|. On the line (p = 2) angles are sorted and cut at gaps above 0.03; in
    more dimensions the strongest neuron left takes all with a cosine above 0.99 (rules of ours).

    Parameters
    ----------
    shares : array (m,)
        Weighted amplitudes, summing to 1.
    """
    amplitudes = np.abs(a) * np.linalg.norm(w, axis=1)
    active = np.flatnonzero((amplitudes > LEAST_AMPLITUDE * amplitudes.max()) & (shares > 0.0))
    units = w[active] / np.linalg.norm(w[active], axis=1, keepdims=True)
    groups = _by_gaps(units) if w.shape[1] == 2 else _by_cosine(units, amplitudes[active])
    found = [_cluster(active[g], units[g], shares[active[g]], np.sign(a[active[g]])) for g in groups]
    return sorted(found, key=lambda cluster: -cluster.share)


def _by_gaps(units: Array) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(angles(units), kind="stable")
    theta = angles(units)[order]
    gaps = np.diff(np.append(theta, theta[0] + 2.0 * np.pi))
    cuts = np.flatnonzero(gaps > LARGEST_GAP) + 1
    if cuts.size == 0:
        return [order]
    # Start behind the first cut, so that no cluster is split where the angle jumps from pi to -pi.
    return np.split(np.roll(order, -cuts[0]), cuts[1:] - cuts[0])


def _by_cosine(units: Array, amplitudes: Array) -> list[npt.NDArray[np.intp]]:
    groups, left = [], np.argsort(-amplitudes, kind="stable")
    while left.size:
        near = units[left] @ units[left[0]] > LEAST_COSINE
        # The strongest belongs to its own cluster, whatever the rounding of its norm.
        near[0] = True
        groups.append(left[near])
        left = left[~near]
    return groups


def _cluster(members: npt.NDArray[np.intp], units: Array, shares: Array, signs: Array) -> Cluster:
    weights = shares / shares.sum()
    mean = weights @ units
    direction = mean / np.linalg.norm(mean)
    # Twice the arc sine of half the chord keeps small angles exact.
    apart = 2.0 * np.arcsin(np.minimum(1.0, 0.5 * np.linalg.norm(units - direction, axis=1)))
    angle = float(np.arctan2(direction[1], direction[0])) if len(direction) == 2 else float("nan")
    return Cluster(members, direction, angle, float(np.sqrt(weights @ apart**2)), float(shares.sum()), float(weights @ signs))
