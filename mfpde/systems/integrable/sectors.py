"""Fields of two Gaussians that are linear on sectors of the plane: r (A cos psi + B sin psi), all expectations in closed form.

(H, D) = r (cos psi, sin psi) is standard normal. A field is an array (sectors, 2) of its pairs (A, B); several share their sectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array

Counts = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Sectors:
    """A partition of the circle, none of its sectors wider than a quadrant.

    Attributes
    ----------
    start, stop : array (sectors,)
        The angles between which each sector lies.
    """

    start: Array
    stop: Array

    @classmethod
    def quadrants(cls) -> Sectors:
        """The four quadrants."""
        edges = 0.5 * math.pi * np.arange(-2, 3)
        return cls(edges[:-1], edges[1:])

    def split(self, field: Array) -> tuple[Sectors, Counts]:
        """The sectors cut at the zeros of `field` (sectors, 2), and the old sector of each new one."""
        zero = np.arctan2(-field[:, 0], field[:, 1])
        zero = np.where(zero > self.start, zero, zero + math.pi)
        zero = np.where(zero - math.pi > self.start, zero - math.pi, zero)
        inside = (zero > self.start) & (zero < self.stop) & np.any(field != 0.0, axis=1)
        origin = np.repeat(np.arange(len(zero)), 1 + inside)
        second = np.concatenate([[False], origin[1:] == origin[:-1]])
        first = np.concatenate([second[1:], [False]])
        start = np.where(second, zero[origin], self.start[origin])
        stop = np.where(first, zero[origin], self.stop[origin])
        return Sectors(start, stop), origin

    def positive(self, field: Array) -> npt.NDArray[np.bool_]:
        """Where `field`, of one sign on every sector, is positive, shape (sectors,)."""
        middle = 0.5 * (self.start + self.stop)
        return np.asarray(field[:, 0] * np.cos(middle) + field[:, 1] * np.sin(middle) > 0.0)

    def weighted(self, field: Array) -> Array:
        """J (sectors, 2) with E F G = sum_s F_s . J_s for every field F, G = `field`: E r^2 = 2, so 1/pi times integrals over psi."""
        width = self.stop - self.start
        both = np.sin(width) * np.cos(self.start + self.stop)
        cross = 0.5 * np.sin(width) * np.sin(self.start + self.stop)
        cosines, sines = 0.5 * (width + both), 0.5 * (width - both)
        a, b = field[:, 0], field[:, 1]
        return np.stack([a * cosines + b * cross, a * cross + b * sines], axis=1) / math.pi

    def weighted_relu(self, fields: Array, spread: npt.ArrayLike = 0.0) -> Array:
        """J (n, sectors, 2) with E F relu(G + spread Z) = sum_s F_s . J_s, for the n fields G (n, sectors, 2) and a third normal Z.

        `spread` is a number or an array (n,). Derived in docs/integrable_recursion: by the divergence theorem over the cone
        of a sector on which G + spread Z > 0, with h(psi)^2 = a(psi)^2 + spread^2, G = r a(psi),
        E F relu(.) = P(cone) F.G - sum over the two sides of (normal . F) (a + h) / (4 pi).
        """
        z = np.asarray(spread, float).reshape(-1, 1)

        def side(angle: Array) -> tuple[Array, Array]:
            """(a + h) and the arc sine of P(cone) at the `angle` of every sector, both (n, sectors)."""
            cos, sin = np.cos(angle), np.sin(angle)
            along = fields[..., 0] * cos + fields[..., 1] * sin
            across = fields[..., 0] * sin - fields[..., 1] * cos
            height = np.hypot(along, z)
            # For a < 0 the sum a + h = spread^2 / (h - a) keeps its digits.
            low = z * z / np.where(along < 0.0, height - along, 1.0)
            return np.where(along < 0.0, low, along + height), np.arctan2(across, height)

        reach_start, arc_start = side(self.start)
        reach_stop, arc_stop = side(self.stop)
        off = (reach_start == 0.0) & (reach_stop == 0.0)
        chance = np.where(off, 0.0, (self.stop - self.start) + arc_stop - arc_start)
        start_normal = np.stack([np.sin(self.start), -np.cos(self.start)], axis=1)
        stop_normal = np.stack([-np.sin(self.stop), np.cos(self.stop)], axis=1)
        faces = reach_start[..., None] * start_normal + reach_stop[..., None] * stop_normal
        weighted: Array = (chance[..., None] * fields - faces) / (4.0 * math.pi)
        return weighted
