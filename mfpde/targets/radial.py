"""Targets that depend on the length of the input, or of a part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfpde.checks import whole
from mfpde.targets.base import Array, Target, checked_values, name_of


@dataclass(frozen=True)
class RadialHat(Target):
    """relu(1 - ||x||), the target of Ren, Zhou, Ge (2023)."""

    def _values(self, x: Array) -> Array:
        hat: Array = np.maximum(1.0 - _norm(x), 0.0)
        return hat

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "RadialHat"}


@dataclass(frozen=True)
class Norm(Target):
    """b |x|."""

    b: float = 1.0

    def _values(self, x: Array) -> Array:
        return self.b * _norm(x)

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "Norm", "b": self.b}


@dataclass(frozen=True)
class ProjectedNorm(Target):
    """||x_H||, the norm of the first `d_h` coordinates."""

    d_h: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "d_h", whole("d_h", self.d_h))

    def _values(self, x: Array) -> Array:
        if x.shape[1] < self.d_h:
            raise ValueError(f"ProjectedNorm(d_h={self.d_h}) got x with {x.shape[1]} columns: it needs at least {self.d_h}")
        return _norm(x[:, : self.d_h])

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "ProjectedNorm", "d_h": self.d_h}


@dataclass(frozen=True)
class Radial(Target):
    """function(||x||) of a vectorised `function` of the radii (n,)."""

    function: Callable[[Array], Array]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"function = {self.function!r}: give a function of the radii (n,)")

    def _values(self, x: Array) -> Array:
        return checked_values(self, self.function(_norm(x)), (len(x),))

    def config(self) -> dict[str, Any]:
        """The target as JSON values; the function by its name."""
        return {"target": "Radial", "function": name_of(self.function)}


def _norm(x: Array) -> Array:
    norm: Array = np.sqrt(np.einsum("nk,nk->n", x, x))
    return norm
