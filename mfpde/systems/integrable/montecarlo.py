"""Monte Carlo nodes: independent replicas, one stream a layer, antithetic in both Gaussians."""

from __future__ import annotations

import numpy as np

from mfpde.flow import Array
from mfpde.streams import stream
from mfpde.systems.integrable.gaussians import Gaussians
from mfpde.systems.integrable.recursion import Problem
from mfpde.systems.integrable.recursion_nodes import LayerNodes, NodeRecursion

SAMPLES = 65536
FEWEST = 1024
_MEMORY = 2**30
_FORWARD_SIGNS, _BACKWARD_SIGNS = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])


def default_samples(problem: Problem, replicas: int) -> int:
    """65536 samples a layer and replica, or the power of two, at least 1024, whose fields fit into 1 GiB."""
    fields = 16 * replicas * problem.depth * sum(len(rows) for rows in problem.rows)
    fitting = 2 ** int(np.log2(max(1.0, _MEMORY / fields)))
    return int(min(SAMPLES, max(FEWEST, fitting)))


def make_monte_carlo(problem: Problem, samples: int, replicas: int, seed: int) -> NodeRecursion:
    """The recursion on `samples` nodes a layer, in `replicas` independent copies.

    A quarter of the nodes are drawn; the rest are their images under changes of sign of the forward and of the backward
    variables. Layers and replicas share no draws, because expectations of one layer are coefficients in the next.
    """
    gaussians = Gaussians.of(problem)
    quarter = samples // 4

    def draws(rows: int, signs: Array, *key: str | int) -> Array:
        z = stream(seed, "integrable", *key).standard_normal((rows, quarter))
        return np.concatenate([sign * z for sign in signs], axis=1)

    def nodes(replica: int) -> list[LayerNodes]:
        spread = draws(1, _FORWARD_SIGNS, replica, "spread")[0]
        layers = []
        for layer in range(1, problem.depth + 1):
            forward, backward = gaussians.ranks(layer)
            layers.append(
                LayerNodes(
                    draws(forward, _FORWARD_SIGNS, replica, layer, "forward"),
                    draws(backward, _BACKWARD_SIGNS, replica, layer, "backward"),
                    1.0 / samples,
                    spread,
                )
            )
        return layers

    def fresh(replica: int, step: int, rows: int) -> Array:
        return draws(rows, _FORWARD_SIGNS, replica, "tie", step)

    return NodeRecursion("mc", problem, gaussians, replicas, nodes, fresh)
