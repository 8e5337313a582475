"""A measure carried by finitely many weighted particles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """sum_i weights_i delta_{points_i}.

    Attributes
    ----------
    points : array (m, p)
        One particle a row; kept as a read-only copy in double precision.
    weights : array (m,)
        Non-negative, summing to 1; equal by default. A particle of weight 0 is a passive tracer: it moves, and moves
        nothing.

    Raises
    ------
    ValueError
        If a number is not finite, a weight is negative, the weights do not sum to 1 within 1e-9, or the shapes do not fit.
    """

    points: Array
    weights: Array

    def __init__(self, points: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> None:
        x = np.array(points, np.float64, order="C")
        if x.ndim != 2 or 0 in x.shape or not np.all(np.isfinite(x)):
            raise ValueError(f"points has shape {x.shape}: give finite particles of shape (m, p), m and p >= 1")
        q = np.full(len(x), 1.0 / len(x)) if weights is None else np.array(weights, np.float64)
        if q.shape != (len(x),):
            raise ValueError(f"weights has shape {q.shape}: give one weight for each of the {len(x)} particles")
        if not np.all(np.isfinite(q)) or np.any(q < 0.0) or abs(q.sum() - 1.0) > 1e-9:
            raise ValueError(f"weights range from {q.min()} to {q.max()} and sum to {q.sum()}: they must be >= 0 and sum to 1")
        x.flags.writeable = q.flags.writeable = False
        object.__setattr__(self, "points", x)
        object.__setattr__(self, "weights", q)

    @property
    def m(self) -> int:
        """Number of particles."""
        return len(self.points)

    @property
    def p(self) -> int:
        """Number of coordinates of a particle."""
        return int(self.points.shape[1])

    def prefix(self, m: int) -> Ensemble:
        """The first `m` particles, their weights scaled to sum to 1.

        Raises
        ------
        ValueError
            If `m` is not in 1 ... self.m, or the first `m` particles weigh nothing.
        """
        if whole("m", m) > self.m:
            raise ValueError(f"m = {m}: this ensemble has prefixes of 1 to {self.m} particles")
        total = self.weights[:m].sum()
        if total == 0.0:
            raise ValueError(f"m = {m}: the first {m} particles have weight 0; take a longer prefix")
        return Ensemble(self.points[:m], self.weights[:m] / total)

    def duplicate(self, k: int) -> Ensemble:
        """The same measure with every particle written `k` times in a row, each with a k-th of the weight."""
        k = whole("k", k)
        return Ensemble(np.repeat(self.points, k, axis=0), np.repeat(self.weights / k, k))

    def mean(self) -> Array:
        """The mean (p,)."""
        mean: Array = np.einsum("m,mp->p", self.weights, self.points)
        return mean

    def digest(self) -> str:
        """A hash of the particles and weights, the same on every machine."""
        little = [np.ascontiguousarray(a, "<f8").tobytes() for a in (self.points, self.weights)]
        return hashlib.sha256(b"".join([repr(self.points.shape).encode(), *little])).hexdigest()[:32]

    def config(self) -> dict[str, Any]:
        """The ensemble as JSON values: its size and the hash of its content."""
        return {"ensemble": self.digest(), "m": self.m, "p": self.p}
