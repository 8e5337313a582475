"""Distances between a network and its limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mfpde.flow import Array
from mfpde.laws import Law
from mfpde.measures.distances import sliced_wasserstein, wasserstein, wasserstein_1d
from mfpde.streams import stream
from mfpde.threads import single_threaded_blas

ASSIGNED = 2048
"""The most particles whose Wasserstein distance is found by assignment, in time m^3."""
_SAMPLES = 4096
_SLICES = 64
_BLOCK = 1024
_FEW = 8


Inputs = tuple[Array, Array]
"""Inputs (n, d) and their weights (n,), which sum to 1."""


def inputs_of(law: Law, rng: np.random.Generator) -> Inputs:
    """The inputs over which outputs are compared: all points of a law that has at most 4096, else 4096 samples of equal weight."""
    atoms = law.atoms()
    if atoms is not None and len(atoms[1]) <= _SAMPLES:
        return atoms
    return law.sample(_SAMPLES, rng), np.full(_SAMPLES, 1.0 / _SAMPLES)


def function_distance(network: Any, limit: Any, y: Array, y_limit: Array, inputs: Inputs) -> float:
    """(E (f_network - f_limit)^2)^{1/2} under the weights of the inputs; of outputs (n, k) the Euclidean norm."""
    x, weights = inputs
    error = network.predict(y, x) - limit.predict(y_limit, x)
    return float(np.sqrt(weights @ np.sum(error.reshape(len(x), -1) ** 2, axis=1)))


def particle_distances(particles: Mapping[str, Array], tracers: Mapping[str, Array]) -> dict[str, float]:
    """For every layer ``<layer>_rms`` and ``<layer>_max``: the distance of each neuron (m, p) from its own characteristic."""
    values = {}
    for name, layer in particles.items():
        distance = np.linalg.norm(layer - tracers[name], axis=1)
        values[f"{name}_rms"] = float(np.sqrt(np.mean(distance**2)))
        values[f"{name}_max"] = float(np.max(distance))
    return values


def law_distances(a: Mapping[str, Array], b: Mapping[str, Array], methods: Mapping[str, str]) -> dict[str, float]:
    """For every layer ``<layer>_w1``, ``<layer>_w2`` and ``<layer>_energy`` between two samples (m, p) of equal size.

    Parameters
    ----------
    methods
        "assignment" or "sliced" (64 fixed directions) for each layer's Wasserstein distances; in one dimension both are exact.

    Returns
    -------
    dict
        In units of the neurons; infinite where the square of a coordinate is.
    """
    values: dict[str, float] = {}
    for name, method in methods.items():
        if not np.isfinite(np.vdot(a[name], a[name]) + np.vdot(b[name], b[name])):
            values |= dict.fromkeys((f"{name}_w1", f"{name}_w2", f"{name}_energy"), np.inf)
            continue
        for p in (1, 2):
            values[f"{name}_w{p}"] = _wasserstein(a[name], b[name], method, p)
        values[f"{name}_energy"] = energy_distance(a[name], b[name])
    return values


def energy_distance(a: Array, b: Array) -> float:
    """(2 E|X - Y| - E|X - X'| - E|Y - Y'|)^{1/2} of the empirical laws of a (m, p) and b (n, p), Euclidean norms.

    The kernel distance (maximum mean discrepancy) of the kernel -|x - y|: 0 only for equal laws (Szekely, Rizzo 2013). The sums run over
    all pairs, a particle and itself included.

    Raises
    ------
    ValueError
        If the particles are none, or have unequally many coordinates.
    """
    first, second = np.shape(a), np.shape(b)
    if len(first) != 2 or len(second) != 2 or first[1] != second[1] or not first[0] * second[0]:
        raise ValueError(f"particles of shapes {first} and {second}: give (m, p) and (n, p), at least one of each")
    centre = np.mean(a, axis=0)
    x, y = np.asarray(a - centre, np.float64), np.asarray(b - centre, np.float64)
    with single_threaded_blas():
        square = 2.0 * _mean_distance(x, y) - _mean_distance(x, x) - _mean_distance(y, y)
    return float(np.sqrt(max(square, 0.0)))


def _wasserstein(a: Array, b: Array, method: str, p: int) -> float:
    if a.shape[1] == 1:
        return wasserstein_1d(a[:, 0], b[:, 0], p)
    if method == "assignment":
        return wasserstein(a, b, p)
    return sliced_wasserstein(a, b, _SLICES, stream(0, "slices"), p)


def _mean_distance(x: Array, y: Array) -> float:
    total = 0.0
    for start in range(0, len(x), _BLOCK):
        square = _squares(x[start : start + _BLOCK], y)
        if x is y:  # rounding would leave a particle at a distance of 1e-8 from itself
            own = np.arange(len(square))
            square[own, start + own] = 0.0
        total += float(np.sum(np.sqrt(np.maximum(square, 0.0))))
    return total / (len(x) * len(y))


def _squares(x: Array, y: Array) -> Array:
    """|x_i - y_j|^2; by a matrix product, which rounds to 1e-16 of |x|^2 + |y|^2, where the coordinates are many."""
    if x.shape[1] > _FEW:
        return np.asarray(np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", y, y) - 2.0 * x @ y.T)
    square = np.zeros((len(x), len(y)))
    for a, b in zip(x.T, y.T, strict=True):
        square += (a[:, None] - b) ** 2
    return square
