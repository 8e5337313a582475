"""Mixtures of laws, for problems with classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.laws.base import Array, Law, checked_weights
from mfpde.streams import stream


@dataclass(frozen=True)
class Mixture(Law):
    """A component is drawn with probabilities `weights`, then x from its law.

    Parameters
    ----------
    components : sequence of laws
        At least one, all of the same dimension.
    weights : sequence of numbers
        One a component, non-negative; normalised to sum to 1.

    Raises
    ------
    ValueError
        If there is no component, their dimensions differ, or the weights do not match them.
    """

    components: tuple[Law, ...]
    weights: tuple[float, ...]
    d: int = field(init=False)

    def __init__(self, components: Sequence[Law], weights: npt.ArrayLike) -> None:
        dimensions = sorted({law.d for law in components})
        if len(dimensions) != 1:
            raise ValueError(f"components have dimensions {dimensions}: give at least one law, all of the same dimension")
        object.__setattr__(self, "components", tuple(components))
        object.__setattr__(self, "weights", tuple(checked_weights(weights, len(components), "components").tolist()))
        object.__setattr__(self, "d", dimensions[0])

    def sample_components(self, n: int, rng: np.random.Generator) -> tuple[Array, npt.NDArray[np.intp]]:
        """`n` independent samples (n, d) and the component (n,) each is of; the first m rows of n equal the m-row sample.

        Every component draws from a stream of its own, so that a row does not depend on how many rows follow.
        """
        seed = int(rng.integers(2**63))
        cumulative = np.cumsum(self.weights)
        drawn = np.searchsorted(cumulative / cumulative[-1], stream(seed, "component").random(n), side="right")
        x = np.empty((n, self.d))
        for i, law in enumerate(self.components):
            rows = np.flatnonzero(drawn == i)
            x[rows] = law.sample(rows.size, stream(seed, "x", i))
        return x, drawn

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples (n, d); the first m rows of n equal the m-row sample."""
        return self.sample_components(n, rng)[0]

    def atoms(self) -> tuple[Array, Array] | None:
        """The points (n, d) of all components and their probabilities (n,), if each has finitely many; else None."""
        parts = [law.atoms() for law in self.components]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        weighted = [weight * masses for weight, (_, masses) in zip(self.weights, known, strict=True)]
        return np.concatenate([points for points, _ in known]), np.concatenate(weighted)

    def second_moment(self) -> Array:
        """E x x^T = sum of the components', shape (d, d); ValueError where one is infinite."""
        moment: Array = np.sum([w * law.second_moment() for w, law in zip(self.weights, self.components, strict=True)], axis=0)
        return moment

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"law": "Mixture", "components": [law.config() for law in self.components], "weights": list(self.weights)}
