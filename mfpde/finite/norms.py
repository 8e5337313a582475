"""Distances between a network and its limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mfpde.flow import Array


def function_distance(network: Any, limit: Any, y: Array, y_limit: Array, x: Array) -> float:
    """The root mean square of f_network - f_limit over the inputs `x` (n, d)."""
    error = network.predict(y, x) - limit.predict(y_limit, x)
    return float(np.sqrt(np.mean(error**2)))


def particle_distances(particles: Mapping[str, Array], tracers: Mapping[str, Array]) -> dict[str, float]:
    """For every layer ``<layer>_rms`` and ``<layer>_max``: the distance of each neuron (m, p) from its own characteristic."""
    values = {}
    for name, layer in particles.items():
        distance = np.linalg.norm(layer - tracers[name], axis=1)
        values[f"{name}_rms"] = float(np.sqrt(np.mean(distance**2)))
        values[f"{name}_max"] = float(np.max(distance))
    return values
