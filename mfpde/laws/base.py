"""What every law of the input offers, and the checks of its arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


class Law(ABC):
    """A frozen probability law of the input x in R^d.

    Attributes
    ----------
    d : int
        Dimension of the input.
    """

    d: int

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples (n, d); the first m rows of n equal the m-row sample of a generator in the same state."""

    def atoms(self) -> tuple[Array, Array] | None:
        """The points (n, d) and their probabilities (n,) of a law on finitely many points; None of any other."""
        return None

    @abstractmethod
    def second_moment(self) -> Array:
        """E x x^T, shape (d, d); ValueError where it is infinite."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The law as JSON values."""


def checked_weights(weights: npt.ArrayLike | None, count: int, of: str) -> Array:
    """`count` weights that sum to 1 (equal ones for None), or ValueError if one is negative, NaN, or their number is wrong."""
    if weights is None:
        return np.full(count, 1.0 / count)
    w = np.array(weights, np.float64)
    if w.shape != (count,):
        raise ValueError(f"weights have shape {w.shape}: give one weight for each of the {count} {of}")
    if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise ValueError("weights: every weight must be finite and >= 0, and one of them > 0")
    normalised: Array = w / w.sum()
    return normalised
