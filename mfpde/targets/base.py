"""What a target is, a user's own, and sums of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole

Array = npt.NDArray[np.floating[Any]]


class Target(ABC):
    """A frozen, callable description of what is to be learned."""

    outputs: int = 1

    def __call__(self, x: npt.ArrayLike) -> Array:
        """f*(x): shape (n,), or (n, outputs) where outputs > 1.

        Raises
        ------
        ValueError
            If `x` is not of shape (n, d), or d does not fit this target.
        """
        rows = np.asarray(x)
        if rows.ndim != 2:
            raise ValueError(f"{type(self).__name__} got x of shape {rows.shape}: give inputs of shape (n, d)")
        return self._values(rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64))

    @abstractmethod
    def _values(self, x: Array) -> Array: ...

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The target as JSON values; a user's function is recorded by its name."""


@dataclass(frozen=True)
class Custom(Target):
    """A user's vectorised function of x (n, d), with values (n,), or (n, outputs) where outputs > 1."""

    function: Callable[[Array], Array]
    name: str = ""
    outputs: int = 1

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"function = {self.function!r}: give a function of x (n, d)")
        object.__setattr__(self, "outputs", whole("outputs", self.outputs))
        object.__setattr__(self, "name", self.name or name_of(self.function))

    def _values(self, x: Array) -> Array:
        return checked_values(self, self.function(x), (len(x),) if self.outputs == 1 else (len(x), self.outputs))

    def config(self) -> dict[str, Any]:
        """The target as JSON values; the function by its name."""
        return {"target": "Custom", "function": self.name, "outputs": self.outputs}


@dataclass(frozen=True)
class Sum(Target):
    """The sum of targets with equally many outputs."""

    terms: tuple[Target, ...]

    def __post_init__(self) -> None:
        terms = tuple(as_target(term) for term in self.terms)
        if not terms or len({term.outputs for term in terms}) > 1:
            raise ValueError(f"terms have outputs {[term.outputs for term in terms]}: give one or more targets with equally many")
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "outputs", terms[0].outputs)

    def _values(self, x: Array) -> Array:
        total = self.terms[0](x)
        for term in self.terms[1:]:
            total = total + term(x)
        return total

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "Sum", "terms": [term.config() for term in self.terms]}


def as_target(function: Target | Callable[[Array], Array]) -> Target:
    """A target as it is, any other callable as :class:`Custom`.

    Raises
    ------
    ValueError
        If `function` can not be called.
    """
    if isinstance(function, Target):
        return function
    if not callable(function):
        raise ValueError(f"target = {function!r}: give a target of mf.targets, or a function of x (n, d) with values (n,)")
    return Custom(function)


def checked_values(target: Target, values: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    """What a user's function returned; ValueError for another shape."""
    array: Array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"the function of {target.config()} returned shape {array.shape}: it must be {shape}")
    return array


def name_of(function: Callable[..., Any]) -> str:
    """The name by which a user's function is recorded."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)
