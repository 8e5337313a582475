"""Laws of a neuron's initial parameters: sampled row by row, and by deterministic nodes where that is exact or spectral."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, roots_hermitenorm

from mfpde.checks import number, whole
from mfpde.measures.ensemble import Ensemble
from mfpde.streams import stream

Array = npt.NDArray[np.floating[Any]]

_MOST_NODES = 2_000_000


class InitialLaw(ABC):
    """A law on R^dim."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Number of coordinates."""

    @abstractmethod
    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """`m` independent particles (m, dim); the first rows of a larger sample from an equal generator are the same."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The law as JSON values."""

    def gauss_hermite(self, nodes: int) -> Ensemble:
        """Gauss-Hermite nodes with their weights, `nodes` on each axis that is not degenerate.

        Raises
        ------
        ValueError
            If the law is not Gaussian, or there would be more than two million nodes.
        """
        raise ValueError(f"{type(self).__name__} has no Gauss-Hermite nodes: give a number of particles, to be sampled")


@dataclass(frozen=True)
class SphereInit(InitialLaw):
    """Uniform on the sphere of that `radius` in R^d."""

    d: int
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", whole("d", self.d))
        object.__setattr__(self, "radius", number("radius", self.radius, positive=True))

    @property
    def dim(self) -> int:
        """Number of coordinates, d."""
        return self.d

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """`m` independent points (m, d) on the sphere."""
        points: Array = rng.standard_normal((m, self.d))
        norms = np.sqrt(np.einsum("mk,mk->m", points, points))
        points *= self.radius  # in place: a million wide neurons would fill gigabytes with temporaries
        points /= norms[:, None]
        return points

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"initial": "SphereInit", "d": self.d, "radius": self.radius}


@dataclass(frozen=True)
class GaussianInit(InitialLaw):
    """Gaussian of the given mean (p,) and covariance: a variance, a variance for each axis, or a matrix (p, p).

    Variances may be 0: such an axis is degenerate, and every particle has its mean there.

    Raises
    ------
    ValueError
        If a number is not finite, the shapes do not fit, or the covariance is not symmetric and positive semi-definite.
    """

    mean: tuple[float, ...]
    cov: float | tuple[float, ...] | tuple[tuple[float, ...], ...]

    def __init__(self, mean: npt.ArrayLike, cov: npt.ArrayLike) -> None:
        centre, c = np.atleast_1d(np.array(mean, np.float64)), np.array(cov, np.float64)
        p = centre.size
        if centre.ndim != 1 or p == 0 or not np.all(np.isfinite(centre)):
            raise ValueError(f"mean = {mean!r}: give one or more finite numbers")
        if c.shape not in ((), (p,), (p, p)) or not np.all(np.isfinite(c)):
            raise ValueError(f"cov of shape {c.shape} for {p} axes: give a finite variance, {p} of them, or a {p} x {p} matrix")
        object.__setattr__(self, "mean", tuple(centre.tolist()))
        object.__setattr__(self, "cov", tuple(map(tuple, c.tolist())) if c.ndim == 2 else c.tolist() if c.ndim == 0 else tuple(c.tolist()))
        if c.ndim == 2 and np.max(np.abs(c - c.T)) > 1e-12 * np.max(np.abs(c)):
            raise ValueError("cov is not symmetric: give a symmetric matrix")
        variances = np.linalg.eigvalsh(c) if c.ndim == 2 else c
        if np.min(variances) < -1e-12 * np.max(np.abs(variances)):
            raise ValueError(f"cov has the variance {np.min(variances)}: variances must be >= 0")

    @property
    def dim(self) -> int:
        """Number of coordinates, p."""
        return len(self.mean)

    @cached_property
    def _axes(self) -> Array:
        """Principal axes that are not degenerate (r, p), each scaled by its standard deviation."""
        c = np.array(self.cov)
        if c.ndim < 2:
            deviations = np.sqrt(np.broadcast_to(c, self.dim))
            diagonal: Array = np.diag(deviations)[deviations > 0.0]
            return diagonal
        variances, vectors = np.linalg.eigh(c)
        kept = variances > 1e-12 * max(variances[-1], 0.0)
        # LAPACK may return either sign of an eigenvector: the largest component is made positive.
        rows = vectors.T[kept]
        rows = rows * np.sign(rows[np.arange(len(rows)), np.argmax(np.abs(rows), axis=1)])[:, None]
        scaled: Array = rows * np.sqrt(variances[kept])[:, None]
        return scaled

    def _place(self, z: Array) -> Array:
        points: Array = np.tile(np.array(self.mean), (len(z), 1))
        if np.ndim(self.cov) < 2:
            points[:, np.any(self._axes > 0.0, axis=0)] += z * self._axes.sum(axis=1)
            return points
        # One axis at a time: a matrix product may round differently for another number of rows.
        for k, axis in enumerate(self._axes):
            points += z[:, k, None] * axis
        return points

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """`m` independent points (m, p)."""
        return self._place(rng.standard_normal((m, len(self._axes))))

    def gauss_hermite(self, nodes: int) -> Ensemble:
        """Gauss-Hermite nodes with their weights, `nodes` on each axis that is not degenerate: exact to degree 2 nodes - 1.

        Raises
        ------
        ValueError
            If `nodes` is below 1, or there would be more than two million nodes.
        """
        nodes, axes = whole("nodes", nodes), len(self._axes)
        if nodes**axes > _MOST_NODES:
            raise ValueError(f"nodes = {nodes} on each of {axes} axes make {nodes**axes}: at most {_MOST_NODES}; sample particles instead")
        x, w = roots_hermitenorm(nodes)
        z = np.stack(np.meshgrid(*[x] * axes, indexing="ij"), axis=-1).reshape(-1, axes) if axes else np.zeros((1, 0))
        q = np.ones(1)
        for _ in range(axes):
            q = np.multiply.outer(q, w / w.sum()).ravel()
        return Ensemble(self._place(z), q / q.sum())

    def quantiles(self, m: int) -> Ensemble:
        """`m` equally weighted particles at the quantiles (i + 1/2)/m of the single axis that is not degenerate.

        Raises
        ------
        ValueError
            If `m` is below 1, or not exactly one axis has a positive variance.
        """
        m = whole("m", m)
        if len(self._axes) != 1:
            raise ValueError(f"quantiles need one axis of positive variance: this law has {len(self._axes)}; use gauss_hermite or sample")
        return Ensemble(self._place(ndtri((np.arange(m) + 0.5) / m)[:, None]))

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"initial": "GaussianInit", "mean": list(self.mean), "cov": np.array(self.cov).tolist()}


@dataclass(frozen=True)
class ProductInit(InitialLaw):
    """Independent parts, their coordinates side by side.

    Raises
    ------
    ValueError
        If there are no parts.
    """

    parts: tuple[InitialLaw, ...]

    def __init__(self, parts: Sequence[InitialLaw]) -> None:
        if not parts:
            raise ValueError("parts is empty: give one or more initial laws")
        object.__setattr__(self, "parts", tuple(parts))

    @property
    def dim(self) -> int:
        """Number of coordinates of all parts together."""
        return sum(part.dim for part in self.parts)

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """`m` independent points (m, dim); each part has a stream of its own, named by one number drawn from `rng`."""
        seed = int(rng.integers(2**63))
        return np.hstack([part.sample(m, stream(seed, "part", i)) for i, part in enumerate(self.parts)])

    def gauss_hermite(self, nodes: int) -> Ensemble:
        """The product of the parts' nodes; ValueError if a part has none, or there would be more than two million."""
        ensembles = [part.gauss_hermite(nodes) for part in self.parts]
        total = int(np.prod([e.m for e in ensembles], dtype=np.float64))
        if total > _MOST_NODES:
            raise ValueError(f"nodes = {nodes} make {total} in all: at most {_MOST_NODES}; sample particles instead")
        points, weights = ensembles[0].points, ensembles[0].weights
        for e in ensembles[1:]:
            points = np.hstack([np.repeat(points, e.m, axis=0), np.tile(e.points, (len(points), 1))])
            weights = np.multiply.outer(weights, e.weights).ravel()
        return Ensemble(points, weights / weights.sum())

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"initial": "ProductInit", "parts": [part.config() for part in self.parts]}
