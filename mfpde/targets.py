"""Targets f*: functions of inputs x (n, d) with values (n,), or (n, k) for targets of k outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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
class RadialHat(Target):
    """relu(1 - ||x||), the target of Ren, Zhou, Ge (2023)."""

    def _values(self, x: Array) -> Array:
        hat: Array = np.maximum(1.0 - _norm(x), 0.0)
        return hat

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "RadialHat"}


@dataclass(frozen=True)
class Linear(Target):
    """sum_k b_k x_k."""

    b: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", _numbers("b", self.b))

    def _values(self, x: Array) -> Array:
        _need_columns(self, x, len(self.b))
        return _contract(x, self.b)

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "Linear", "b": list(self.b)}


@dataclass(frozen=True)
class OddCubic(Target):
    """sum_k z_k x_k^3."""

    z: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "z", _numbers("z", self.z))

    def _values(self, x: Array) -> Array:
        _need_columns(self, x, len(self.z))
        return _contract(x**3, self.z)

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"target": "OddCubic", "z": list(self.z)}


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

    def _values(self, x: Array) -> Array:
        return _checked(self, self.function(_norm(x)), (len(x),))

    def config(self) -> dict[str, Any]:
        """The target as JSON values; the function by its name."""
        return {"target": "Radial", "function": _name_of(self.function)}


@dataclass(frozen=True)
class Custom(Target):
    """A user's vectorised function of x (n, d), with values (n,), or (n, outputs) where outputs > 1."""

    function: Callable[[Array], Array]
    name: str = ""
    outputs: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", whole("outputs", self.outputs))
        object.__setattr__(self, "name", self.name or _name_of(self.function))

    def _values(self, x: Array) -> Array:
        return _checked(self, self.function(x), (len(x),) if self.outputs == 1 else (len(x), self.outputs))

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


def _norm(x: Array) -> Array:
    norm: Array = np.sqrt(np.einsum("nk,nk->n", x, x))
    return norm


def _contract(x: Array, coefficients: tuple[float, ...]) -> Array:
    # Not `@`: a multi-threaded BLAS may split the sum, and the bits would depend on its threads.
    values: Array = np.einsum("nk,k->n", x, np.array(coefficients, x.dtype))
    return values


def _numbers(name: str, values: Sequence[float]) -> tuple[float, ...]:
    array = np.atleast_1d(np.asarray(values, np.float64))
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)):
        raise ValueError(f"{name} = {values!r}: give one or more finite numbers")
    return tuple(array.tolist())


def _need_columns(target: Target, x: Array, d: int) -> None:
    if x.shape[1] != d:
        raise ValueError(f"{type(target).__name__} got x with {x.shape[1]} columns: it has {d} coefficients, and needs as many columns")


def _checked(target: Target, values: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    array: Array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"the function of {target.config()} returned shape {array.shape}: it must be {shape}")
    return array


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)
