"""The law of a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.laws.base import Array, Law, checked_weights


@dataclass(frozen=True, eq=False)
class Empirical(Law):
    """Rows of `x`, drawn with replacement with probabilities `weights`.

    Parameters
    ----------
    x : array (n, d)
        The data, one row a point; copied and made read-only.
    y : array (n,) or (n, k), optional
        Their labels.
    weights : array (n,), optional
        Non-negative; normalised to sum to 1. Default: equal.

    Raises
    ------
    ValueError
        If the data are empty, not of two axes, hold NaN or infinity, or the shapes do not match.
    """

    x: Array
    y: Array | None
    weights: Array
    d: int = field(init=False)

    def __init__(self, x: npt.ArrayLike, y: npt.ArrayLike | None = None, weights: npt.ArrayLike | None = None) -> None:
        points = _finite("x", x)
        if points.ndim != 2 or points.size == 0:
            raise ValueError(f"x has shape {points.shape}: give at least one row of at least one number, (n, d)")
        labels = None if y is None else _finite("y", y)
        if labels is not None and (labels.ndim not in (1, 2) or labels.shape[0] != points.shape[0]):
            raise ValueError(f"y has shape {labels.shape}: give one label for each of the {points.shape[0]} rows of x, (n,) or (n, k)")
        probabilities = checked_weights(weights, points.shape[0], "rows of x")
        probabilities.setflags(write=False)
        for name, value in (("x", points), ("y", labels), ("weights", probabilities), ("d", points.shape[1])):
            object.__setattr__(self, name, value)

    def sample_rows(self, n: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Indices (n,) of `n` independent draws, to take the same rows of x and y; the first m of n equal the m-row sample."""
        cumulative = np.cumsum(self.weights)
        return np.searchsorted(cumulative / cumulative[-1], rng.random(n), side="right")

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples (n, d); the first m rows of n equal the m-row sample."""
        rows: Array = self.x[self.sample_rows(n, rng)]
        return rows

    def atoms(self) -> tuple[Array, Array]:
        """The rows of `x` (n, d) and their probabilities (n,); a row that occurs twice is there twice."""
        return self.x, self.weights

    def second_moment(self) -> Array:
        """sum_i weights_i x_i x_i^T, shape (d, d)."""
        moment: Array = (self.x.T * self.weights) @ self.x
        return moment

    def config(self) -> dict[str, Any]:
        """Sizes and a hash of the data as JSON values: the data themselves are not in it."""
        digest = hashlib.sha256()
        for part in (self.x, self.y, self.weights):
            digest.update(b"none" if part is None else repr(part.shape).encode() + part.tobytes())
        return {"law": "Empirical", "n": self.x.shape[0], "d": self.d, "sha256": digest.hexdigest()}


def _finite(name: str, values: npt.ArrayLike) -> Array:
    """A read-only float copy of `values`; ValueError if one of them is NaN or infinite."""
    array = np.array(values, np.float64, order="C")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a NaN or an infinity: every value must be finite")
    array.setflags(write=False)
    return array
