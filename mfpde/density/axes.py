"""The axes of a grid: an interval with closed ends, a circle, a radius."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mfpde.flow import Array


def check_cells(cells: object) -> None:
    """Refuse a number of cells that is no integer >= 4."""
    if isinstance(cells, bool) or not isinstance(cells, (int, np.integer)) or cells < 4:
        raise ValueError(f"cells = {cells!r}: give an integer >= 4")


@dataclass(frozen=True)
class Interval:
    """[low, high] with closed ends (no flux).

    Raises
    ------
    ValueError
        If ``low < high`` does not hold for finite numbers, or `cells` is no integer >= 4.
    """

    low: float
    high: float
    cells: int
    periodic: ClassVar[bool] = False
    open_ends: ClassVar[tuple[bool, bool]] = (True, True)

    def __post_init__(self) -> None:
        check_cells(self.cells)
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"low = {self.low!r}, high = {self.high!r}: give finite numbers, low < high")

    @property
    def width(self) -> float:
        """Width h of a cell."""
        return (self.high - self.low) / self.cells

    @property
    def centres(self) -> Array:
        """Centres (cells,) of the cells; the first lies half a cell above the lower end."""
        centres: Array = self.low + (np.arange(self.cells) + 0.5) * self.width
        return centres

    @property
    def log_jacobian(self) -> Array:
        """Logarithm (cells,) of the reference measure's density in this coordinate: 0."""
        return np.zeros(self.cells)

    def refined(self) -> Interval:
        """The same interval in twice as many cells."""
        return replace(self, cells=2 * self.cells)

    def config(self) -> dict[str, Any]:
        """The axis as JSON values."""
        return {"axis": "interval", "low": float(self.low), "high": float(self.high), "cells": int(self.cells)}


@dataclass(frozen=True)
class Circle:
    """Angles in [-pi, pi), the last cell next to the first.

    Raises
    ------
    ValueError
        If `cells` is no integer >= 4.
    """

    cells: int
    periodic: ClassVar[bool] = True
    open_ends: ClassVar[tuple[bool, bool]] = (False, False)

    def __post_init__(self) -> None:
        check_cells(self.cells)

    @property
    def width(self) -> float:
        """Width h of a cell."""
        return 2.0 * math.pi / self.cells

    @property
    def centres(self) -> Array:
        """Centres (cells,) of the cells; the first lies half a cell above -pi."""
        centres: Array = -math.pi + (np.arange(self.cells) + 0.5) * self.width
        return centres

    @property
    def log_jacobian(self) -> Array:
        """Logarithm (cells,) of the reference measure's density in this coordinate: 0."""
        return np.zeros(self.cells)

    def refined(self) -> Circle:
        """The same circle in twice as many cells."""
        return replace(self, cells=2 * self.cells)

    def config(self) -> dict[str, Any]:
        """The axis as JSON values."""
        return {"axis": "circle", "cells": int(self.cells)}


@dataclass(frozen=True)
class Radius:
    """r = |w| in [0, cutoff] of a rotation-invariant law of w in R^d; densities are densities of r.

    Raises
    ------
    ValueError
        If `d` is no integer >= 1, `cutoff` is not positive and finite, or `cells` is no integer >= 4.
    """

    cutoff: float
    d: int
    cells: int
    periodic: ClassVar[bool] = False
    open_ends: ClassVar[tuple[bool, bool]] = (False, True)

    def __post_init__(self) -> None:
        check_cells(self.cells)
        if isinstance(self.d, bool) or not isinstance(self.d, (int, np.integer)) or self.d < 1:
            raise ValueError(f"d = {self.d!r}: give the dimension, an integer >= 1")
        if not 0.0 < self.cutoff < math.inf:
            raise ValueError(f"cutoff = {self.cutoff!r}: give a finite radius > 0")

    @property
    def width(self) -> float:
        """Width h of a cell."""
        return self.cutoff / self.cells

    @property
    def centres(self) -> Array:
        """Centres (cells,) of the cells; the first is h/2."""
        centres: Array = (np.arange(self.cells) + 0.5) * self.width
        return centres

    @property
    def log_jacobian(self) -> Array:
        """log(omega r^{d-1}) (cells,), omega = 2 pi^{d/2} / Gamma(d/2) the area of the unit sphere."""
        log_area = math.log(2.0) + 0.5 * self.d * math.log(math.pi) - math.lgamma(0.5 * self.d)
        values: Array = log_area + (self.d - 1) * np.log(self.centres)
        return values

    def refined(self) -> Radius:
        """The same radii in twice as many cells."""
        return replace(self, cells=2 * self.cells)

    def config(self) -> dict[str, Any]:
        """The axis as JSON values."""
        return {"axis": "radius", "cutoff": float(self.cutoff), "d": int(self.d), "cells": int(self.cells)}


Axis = Interval | Circle | Radius
