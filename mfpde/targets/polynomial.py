"""Polynomial targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.targets.base import Array, Target


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
class Polynomial(Target):
    """constant + <linear, x> + <x, quadratic x>.

    Parameters
    ----------
    constant : float
    linear : sequence of d numbers, optional
    quadratic : matrix (d, d), optional
        Only its symmetric part matters, and only that is kept.

    Raises
    ------
    ValueError
        If a number is not finite, or the shapes do not fit each other.
    """

    constant: float = 0.0
    linear: tuple[float, ...] | None = None
    quadratic: tuple[tuple[float, ...], ...] | None = None

    def __init__(self, constant: float = 0.0, linear: npt.ArrayLike | None = None, quadratic: npt.ArrayLike | None = None) -> None:
        slope = None if linear is None else np.array(linear, np.float64)
        form = None if quadratic is None else np.array(quadratic, np.float64)
        for name, array, axes in (("linear", slope, 1), ("quadratic", form, 2)):
            if array is not None and (array.ndim != axes or len({*array.shape}) > 1 or not np.isfinite(array).all()):
                raise ValueError(f"{name} has shape {array.shape}: give finite numbers, (d,) for linear and (d, d) for quadratic")
        if slope is not None and form is not None and len(slope) != len(form):
            raise ValueError(f"linear has {len(slope)} numbers and quadratic {len(form)} rows: both are of the input's dimension d")
        if not np.isfinite(constant):
            raise ValueError(f"constant = {constant!r}: give a finite number")
        object.__setattr__(self, "constant", float(constant))
        object.__setattr__(self, "linear", None if slope is None else tuple(slope.tolist()))
        object.__setattr__(self, "quadratic", None if form is None else tuple(map(tuple, (0.5 * (form + form.T)).tolist())))

    def terms(self, d: int) -> tuple[float, Array, Array]:
        """constant, linear (d,) and quadratic (d, d) in dimension `d`.

        Raises
        ------
        ValueError
            If the label is one of another dimension.
        """
        slope = np.zeros(d) if self.linear is None else np.array(self.linear)
        form = np.zeros((d, d)) if self.quadratic is None else np.array(self.quadratic)
        if slope.shape != (d,) or form.shape != (d, d):
            raise ValueError(f"the label {self.config()} does not fit inputs of dimension {d}: give it {d} coordinates")
        return self.constant, slope, form

    def _values(self, x: Array) -> Array:
        constant, slope, form = self.terms(x.shape[1])
        slope, form = slope.astype(x.dtype, copy=False), form.astype(x.dtype, copy=False)
        values: Array = x.dtype.type(constant) + np.einsum("nk,k->n", x, slope) + np.einsum("nk,kl,nl->n", x, form, x)
        return values

    def config(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {
            "target": "Polynomial",
            "constant": self.constant,
            "linear": None if self.linear is None else list(self.linear),
            "quadratic": None if self.quadratic is None else np.array(self.quadratic).tolist(),
        }


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
