"""Quadrature nodes: the trapezoidal rule in up to three Gaussians, accurate to rounding for analytic activations."""

from __future__ import annotations

import math

import numpy as np

from mfpde.flow import Array
from mfpde.systems.integrable.gaussians import Gaussians
from mfpde.systems.integrable.recursion import Problem
from mfpde.systems.integrable.recursion_nodes import LayerNodes, NodeRecursion

LARGEST = 3
SPACING = {1: 0.1, 2: 0.1, 3: 0.15}
ANALYTIC = ("tanh", "erf", "gelu", "softplus", "identity", "quadratic", "cosine")
_RANGE = 9.0
_NEGLIGIBLE = 1e-20


def variables(problem: Problem) -> int:
    """The largest number of Gaussians that the fields of one layer depend on."""
    gaussians = Gaussians.of(problem)
    return max(sum(gaussians.ranks(layer)) for layer in range(1, problem.depth + 1))


def make_trapezoid(problem: Problem, spacing: float) -> NodeRecursion:
    """The recursion on product grids of [-9, 9] with the given `spacing`, less points of negligible weight."""
    gaussians = Gaussians.of(problem)
    one, one_weight = _grid(1, spacing)

    def nodes(replica: int) -> list[LayerNodes]:
        layers = []
        for layer in range(1, problem.depth + 1):
            forward, backward = gaussians.ranks(layer)
            points, weight = _grid(forward + backward, spacing)
            layers.append(LayerNodes(points[:forward], points[forward:], weight, (one[0], one_weight)))
        return layers

    return NodeRecursion("trapezoid", problem, gaussians, 1, nodes)


def _grid(dimension: int, spacing: float) -> tuple[Array, Array]:
    """Nodes (dimension, N) and weights (N,) of the standard normal law."""
    half = math.ceil(_RANGE / spacing)
    z = spacing * np.arange(-half, half + 1)
    w = np.exp(-0.5 * z * z) * (spacing / math.sqrt(2.0 * math.pi))
    points, weight = np.zeros((0, 1)), np.ones(1)
    for _ in range(dimension):
        points = np.concatenate([np.repeat(points, len(z), axis=1), np.tile(z, points.shape[1])[None]])
        weight = np.repeat(weight, len(z)) * np.tile(w, len(weight))
        kept = weight > _NEGLIGIBLE
        points, weight = points[:, kept], weight[kept]
    return points, weight
