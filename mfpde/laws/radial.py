"""Rotation-invariant laws: a radius and an independent uniform direction."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from mfpde.checks import number, whole
from mfpde.kernels.quantile import place_on_spheres, sample_radii
from mfpde.kernels.radial import MomentTable, densities_of, moments_of
from mfpde.laws.base import Array, Law


class RadialLaw(Law):
    """x = r u, with u uniform on the unit sphere and independent of the radius r, whose density is p."""

    @abstractmethod
    def radial_pdf(self, r: npt.ArrayLike) -> Array:
        """The density p(r) of the radius, in the shape of `r`."""

    @abstractmethod
    def partial_moment(self, k: int, r: npt.ArrayLike) -> Array:
        """M_k(r) = int_0^r s^k p(s) ds for k = 0, 1, 2, in the shape of `r`; r may be infinite."""

    @abstractmethod
    def quantile(self, u: npt.ArrayLike) -> Array:
        """The radii r with P(||x|| <= r) = u, in the shape of `u`; ValueError outside [0, 1]."""

    def radial_cdf(self, r: npt.ArrayLike) -> Array:
        """P(||x|| <= r), in the shape of `r`."""
        return self.partial_moment(0, r)

    def sample_radius(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent radii (n,); the first m of n equal the m-radius sample."""
        return self.quantile(rng.random(n))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples (n, d); the first m rows of n equal the m-row sample.

        A row takes d + 1 normals: one gives the uniform of the radius, the others the direction.
        """
        normals = rng.standard_normal((n, self.d + 1))
        x = np.empty((n, self.d))
        place_on_spheres(normals, self.quantile(ndtr(normals[:, 0])), x)
        return x

    def second_moment(self) -> Array:
        """E x x^T = E r^2 / d times the identity, shape (d, d); ValueError where it is infinite."""
        square = float(self.partial_moment(2, math.inf))
        if square == math.inf:
            raise ValueError(f"E ||x||^2 is infinite under {self!r}: condition the law on ||x|| <= R with .capped(R)")
        return np.eye(self.d) * (square / self.d)


class TabulatedLaw(RadialLaw):
    """A radial law whose moments come from a :class:`mfpde.kernels.radial.MomentTable`."""

    @abstractmethod
    def _table(self) -> MomentTable:
        """The law's own table."""

    def radial_pdf(self, r: npt.ArrayLike) -> Array:
        """The density p(r) of the radius, in the shape of `r`."""
        radii = np.asarray(r, np.float64)
        out = np.empty(radii.size)
        densities_of(self._table(), np.ascontiguousarray(radii.ravel()), out)
        return out.reshape(radii.shape)

    def partial_moment(self, k: int, r: npt.ArrayLike) -> Array:
        """M_k(r) = int_0^r s^k p(s) ds for k = 0, 1, 2, in the shape of `r`; r may be infinite."""
        radii = np.asarray(r, np.float64)
        out = np.empty((radii.size, 3))
        moments_of(self._table(), np.ascontiguousarray(radii.ravel()), out)
        return out[:, checked_order(k)].reshape(radii.shape)

    def quantile(self, u: npt.ArrayLike) -> Array:
        """The radii r with |P(||x|| <= r) - u| <= 1e-12, in the shape of `u`; ValueError outside [0, 1]."""
        p = checked_probability(u)
        out = np.empty(p.size)
        sample_radii(self._table(), np.ascontiguousarray(p.ravel()), out)
        return out.reshape(p.shape)


@dataclass(frozen=True)
class Sphere(RadialLaw):
    """Uniform on the sphere of `radius` in R^d."""

    d: int
    radius: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", whole("d", self.d, 2))
        object.__setattr__(self, "radius", number("radius", self.radius, positive=True))

    def radial_pdf(self, r: npt.ArrayLike) -> Array:
        """Always ValueError: the radius has no density."""
        raise ValueError(f"all the mass of {self!r} is at one radius, so the radius has no density: use radial_cdf or partial_moment")

    def partial_moment(self, k: int, r: npt.ArrayLike) -> Array:
        """M_k(r): radius^k for r >= radius, else 0, in the shape of `r`."""
        return np.where(np.asarray(r, np.float64) >= self.radius, self.radius ** checked_order(k), 0.0)

    def quantile(self, u: npt.ArrayLike) -> Array:
        """The radius, in the shape of `u`; ValueError outside [0, 1]."""
        return np.full(checked_probability(u).shape, self.radius)

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"law": "Sphere", "d": self.d, "radius": self.radius}


def checked_order(k: int) -> int:
    """`k`, or ValueError if it is not 0, 1 or 2."""
    if k not in (0, 1, 2):
        raise ValueError(f"k = {k!r}: the partial moments are those of order 0, 1 and 2")
    return k


def checked_probability(u: npt.ArrayLike) -> Array:
    """`u` as an array, or ValueError if a value is outside [0, 1]."""
    p = np.asarray(u, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("u: every probability must lie in [0, 1]")
    return p
