"""How far the neurons have condensed on a few directions: order parameters of one state, and of a whole run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfpde.checks import number
from mfpde.flow import Array, Trajectory
from mfpde.systems.phase_diagram.clusters import Cluster, find_clusters
from mfpde.systems.phase_diagram.directions import angles, rays
from mfpde.systems.phase_diagram.particles import ParticleFlow

PINNED = 1e-3
"""A neuron closer to a ray than this, in radians, counts as pinned."""

_PAIRS = 2**22


@dataclass(frozen=True)
class Condensation:
    """Order parameters of a state; p_k is the share of neuron k in sum_k c_k |a_k||w_k|.

    Attributes
    ----------
    amplitude : float
        L = kappa_forward sum_k c_k |a_k||w_k| over all copies.
    n_eff : float
        1/Q, Q = sum_kl p_k p_l 1[angle(w_k, w_l) < delta]: the number of directions; pi/delta for uniform ones in the plane.
    active_share : float
        (sum c A)^2 / (sum c sum c A^2): the share of neurons that carry the amplitude; 1/2 at a Gaussian start on the line.
    clusters : list of Cluster
        Largest share first.
    pinned_share : float
        Share within 1e-3 rad of a ray, on which a neuron's set of active inputs changes; NaN unless the inputs are on the line.
    effective_rank : float
        exp of the entropy of the eigenvalues of sum_k p_k w_k w_k^T / |w_k|^2 (Roy, Vetterli 2007).
    """

    amplitude: float
    n_eff: float
    active_share: float
    clusters: list[Cluster]
    pinned_share: float
    effective_rank: float

    def top_share(self, k: int) -> float:
        """The share of the `k` largest clusters."""
        return float(sum(cluster.share for cluster in self.clusters[:k]))


def condensation(flow: ParticleFlow, y: Array, *, copy: str = "first", delta: float = 0.02) -> Condensation:
    """The order parameters of the state `y`; tracers do not count.

    Parameters
    ----------
    copy : {"first", "second", "both"}
        Which neurons, of antisymmetric copies.
    delta : float
        Angle below which two neurons have the same direction. For inputs off the line all pairs are compared, m^2 p operations.

    Raises
    ------
    ValueError
        If the copy is unknown or the flow has none, or `delta` is not in (0, pi).
    """
    if number("delta", delta, positive=True) >= math.pi:
        raise ValueError(f"delta = {delta!r}: give an angle below pi")
    a, w, c = _chosen(flow, y, copy)
    amplitudes, shares = _shares(a, w, c)
    units = w / np.linalg.norm(w, axis=1, keepdims=True)
    planar = w.shape[1] == 2
    every_a, every_w = flow.neurons(y)
    return Condensation(
        amplitude=flow.kappa_forward * float(flow.c @ (np.abs(every_a) * np.linalg.norm(every_w, axis=1))),
        n_eff=1.0 / (_coincidence_in_the_plane(angles(w), shares, delta) if planar else _coincidence(units, shares, delta)),
        active_share=float((c @ amplitudes) ** 2 / (c.sum() * (c @ amplitudes**2))),
        clusters=find_clusters(a, w, shares),
        pinned_share=_near_rays(angles(w), shares, angles(rays(flow.X))) if planar else math.nan,
        effective_rank=_effective_rank(units, shares),
    )


def directions_over_time(flow: ParticleFlow, trajectory: Trajectory, *, copy: str = "first", delta: float = 0.02) -> Array:
    """n_eff of :func:`condensation` at every saved row, shape (n_t,)."""
    return np.array([condensation(flow, y, copy=copy, delta=delta).n_eff for y in trajectory.states])


def condensation_time(flow: ParticleFlow, trajectory: Trajectory, *, copy: str = "first", delta: float = 0.02) -> float | None:
    """The first time at which n_eff is half its start, None if it never is; log n_eff is interpolated linearly between saved rows."""
    halved = np.log(directions_over_time(flow, trajectory, copy=copy, delta=delta))
    halved -= halved[0] - math.log(2.0)
    below = np.flatnonzero(halved <= 0.0)
    if below.size == 0:
        return None
    j = int(below[0])
    t0, t1 = trajectory.t[j - 1], trajectory.t[j]
    return float(t0 + (t1 - t0) * halved[j - 1] / (halved[j - 1] - halved[j]))


def early_alignment(flow: ParticleFlow, y: Array, *, copy: str = "first") -> float:
    """Amplitude-weighted mean of cos(w_k, -sign(a_k) g), g = (1/n) sum_{i active at the start} e_i(0) X_i.

    What a small initialisation does first is to turn neurons along this field (Maennel, Bousquet, Gelly 2018). Neurons that no input
    activates at the start are left out.
    """
    a, w, c = _chosen(flow, y, copy)
    a0, w0, _ = _chosen(flow, flow.state0, copy)
    _, shares = _shares(a, w, c)
    field = (w0 @ flow.X.T > 0.0) @ (flow.X * (flow.f0 - flow.y)[:, None] / flow.n)
    size = np.linalg.norm(field, axis=1)
    felt = size > 0.0
    cosine = -np.sign(a0[felt]) * np.einsum("kj,kj->k", w[felt], field[felt]) / (np.linalg.norm(w[felt], axis=1) * size[felt])
    return float(shares[felt] @ cosine / shares[felt].sum())


def cosine_matrix(flow: ParticleFlow, y: Array, *, copy: str = "first", most: int = 400) -> Array:
    """cos(w_k, w_l) of the members of all clusters, ordered by cluster, strongest first within each; of the `most` strongest neurons."""
    a, w, c = _chosen(flow, y, copy)
    amplitudes, shares = _shares(a, w, c)
    kept = np.sort(np.argsort(-amplitudes, kind="stable")[:most])
    members = [kept[cluster.members] for cluster in find_clusters(a[kept], w[kept], shares[kept])]
    rows = np.concatenate([group[np.argsort(-amplitudes[group], kind="stable")] for group in members])
    units = w[rows] / np.linalg.norm(w[rows], axis=1, keepdims=True)
    cosines: Array = units @ units.T
    return cosines


def _chosen(flow: ParticleFlow, y: Array, copy: str) -> tuple[Array, Array, Array]:
    """(a, w, c) of the neurons asked for; without tracers."""
    first, counted = flow.initial.first, len(flow.c) - flow.initial.tracers
    kept = {"first": slice(0, first), "second": slice(first, counted), "both": slice(0, counted)}
    if copy not in kept:
        raise ValueError(f"copy = {copy!r}: give one of {', '.join(kept)}")
    if copy == "second" and counted == first:
        raise ValueError("copy = 'second': this flow has the first copy only, as every law does; use 'first'")
    a, w = flow.neurons(y)
    return a[kept[copy]], w[kept[copy]], flow.c[kept[copy]]


def _shares(a: Array, w: Array, c: Array) -> tuple[Array, Array]:
    amplitudes = np.abs(a) * np.linalg.norm(w, axis=1)
    weighted = c * amplitudes
    return amplitudes, weighted / weighted.sum()


def _coincidence_in_the_plane(theta: Array, shares: Array, delta: float) -> float:
    """sum_kl p_k p_l 1[|theta_k - theta_l| < delta] on the circle, by sums over sorted angles."""
    order = np.argsort(theta, kind="stable")
    sorted_theta, p = theta[order], shares[order]
    around = np.concatenate([sorted_theta - 2.0 * np.pi, sorted_theta, sorted_theta + 2.0 * np.pi])
    cumulative = np.concatenate([[0.0], np.cumsum(np.tile(p, 3))])
    low = np.searchsorted(around, sorted_theta - delta, side="right")
    high = np.searchsorted(around, sorted_theta + delta, side="left")
    return float(p @ (cumulative[high] - cumulative[low]))


def _coincidence(units: Array, shares: Array, delta: float) -> float:
    """The same for unit vectors (m, p), pair by pair."""
    total, size = 0.0, max(1, _PAIRS // len(units))
    for start in range(0, len(units), size):
        k = slice(start, start + size)
        total += float(shares[k] @ ((units[k] @ units.T > math.cos(delta)) @ shares))
    return total


def _near_rays(theta: Array, shares: Array, ray_angles: Array) -> float:
    apart = np.abs((theta[:, None] - ray_angles + np.pi) % (2.0 * np.pi) - np.pi).min(axis=1)
    return float(shares[apart < PINNED].sum())


def _effective_rank(units: Array, shares: Array) -> float:
    values = np.linalg.eigvalsh(units.T @ (shares[:, None] * units))
    positive = values[values > 0.0]
    return float(np.exp(-positive @ np.log(positive)))
