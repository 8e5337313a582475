"""Grids: products of axes, every cell of the same volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from mfpde.density.axes import Axis, Circle, Interval, Radius
from mfpde.flow import Array

_EDGE = 50  # the edge is the outermost 1/50 of an axis, at least one cell


class Grid:
    """The product of one or more axes.

    Attributes
    ----------
    axes : tuple of Interval, Circle, Radius
    shape : tuple of int
        Cells along each axis.
    volume : float
        Volume of a cell in the grid's coordinates.

    Raises
    ------
    ValueError
        If there is no axis, or something else is given as one.
    """

    def __init__(self, *axes: Axis) -> None:
        for axis in axes:
            if not isinstance(axis, (Interval, Circle, Radius)):
                raise ValueError(f"axis {axis!r}: give Interval, Circle or Radius")
        if not axes:
            raise ValueError("a grid without axes: give at least one Interval, Circle or Radius")
        self.axes = axes
        self.shape = tuple(int(axis.cells) for axis in axes)
        self.volume = math.prod(axis.width for axis in axes)

    @cached_property
    def points(self) -> Array:
        """Centres of all cells, shape (cells, axes), the last axis running fastest."""
        return np.stack([c.ravel() for c in self._mesh([axis.centres for axis in self.axes])], axis=1)

    @cached_property
    def log_jacobian(self) -> Array:
        """Logarithm of the reference (Lebesgue) measure's density in the grid's coordinates, in the grid's shape."""
        total: Array = np.sum(self._mesh([axis.log_jacobian for axis in self.axes]), axis=0)
        return total

    @cached_property
    def squared_norm(self) -> Array:
        """|theta|^2 at the centres, in the grid's shape."""
        total: Array = np.sum(self._mesh([axis.centres**2 for axis in self.axes]), axis=0)
        return total

    @property
    def periodic(self) -> bool:
        """Whether an axis is a circle."""
        return any(axis.periodic for axis in self.axes)

    def density(self, log_density: Callable[[Array], Array]) -> Array:
        """The density, in the grid's coordinates and with mass 1, of a law known up to a factor.

        Parameters
        ----------
        log_density
            Maps points (cells, axes) to the logarithm (cells,) of the density against Lebesgue measure: on the circle of
            the angle; on a radius of w in R^d, so no factor r^{d-1}. Minus infinity is allowed.

        Raises
        ------
        ValueError
            If the values have another shape, are NaN or plus infinity, or are minus infinity in every cell.
        """
        values = np.asarray(log_density(self.points), float)
        if values.shape != (len(self.points),):
            raise ValueError(f"log_density gave shape {values.shape}: for points {self.points.shape} it must be {(len(self.points),)}")
        if np.isnan(values).any() or not np.isfinite(values.max()):
            raise ValueError("log_density is NaN or infinite on the grid, or minus infinity in every cell: give a law with a density there")
        return self.normalised(values.reshape(self.shape) + self.log_jacobian)

    def normalised(self, log_values: Array) -> Array:
        """exp(`log_values`) in the grid's coordinates, scaled to mass 1; without overflow."""
        values: Array = np.exp(log_values - log_values.max())
        return values / (np.sum(values) * self.volume)

    def edge_mass(self, rho: Array) -> float:
        """The mass of `rho` within 1/50 (at least one cell) of an end that only the grid has: of an interval or of a radius's cutoff."""
        inner = []
        for axis, cells in zip(self.axes, self.shape, strict=True):
            margin = max(1, cells // _EDGE)
            low, high = axis.open_ends
            inner.append(slice(margin if low else 0, cells - margin if high else cells))
        edge = np.array(rho)
        edge[tuple(inner)] = 0.0
        return float(np.sum(edge) * self.volume)

    def refined(self) -> Grid:
        """The same region in twice as many cells along each axis."""
        return Grid(*(axis.refined() for axis in self.axes))

    def config(self) -> list[dict[str, Any]]:
        """The grid as JSON values."""
        return [axis.config() for axis in self.axes]

    def _mesh(self, values: list[Array]) -> list[Array]:
        return list(np.meshgrid(*values, indexing="ij"))
