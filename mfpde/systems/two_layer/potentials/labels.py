"""Labels y of a two-layer problem with closed-form potentials, as targets that also give y at samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.activations import Activation, get
from mfpde.measures import Ensemble
from mfpde.targets import Array, Linear, ProjectedNorm, Target


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
        values: Array = constant + np.einsum("nk,k->n", x, slope) + np.einsum("nk,kl,nl->n", x, form, x)
        return values

    def config(self) -> dict[str, Any]:
        """The label as JSON values."""
        return {
            "target": "Polynomial",
            "constant": self.constant,
            "linear": None if self.linear is None else list(self.linear),
            "quadratic": None if self.quadratic is None else np.array(self.quadratic).tolist(),
        }


@dataclass(frozen=True)
class Norm(Target):
    """b |x|."""

    b: float = 1.0

    def _values(self, x: Array) -> Array:
        values: Array = self.b * np.sqrt(np.einsum("nk,nk->n", x, x))
        return values

    def config(self) -> dict[str, Any]:
        """The label as JSON values."""
        return {"target": "Norm", "b": self.b}


@dataclass(frozen=True, eq=False)
class Teacher(Target):
    """sum_i weights_i a_i sigma(<w_i, x>) of an ensemble of neurons (a, w), or (a, w, b) with a phase b inside sigma.

    With a closed form the activation must be the network's own.
    """

    ensemble: Ensemble
    activation: Activation
    phase: bool

    def __init__(self, ensemble: Ensemble, activation: str | Activation, *, phase: bool = False) -> None:
        object.__setattr__(self, "ensemble", ensemble)
        object.__setattr__(self, "activation", get(activation))
        object.__setattr__(self, "phase", phase)

    def _values(self, x: Array) -> Array:
        points = self.ensemble.points
        z = x @ points[:, 1 : 1 + x.shape[1]].T + (points[:, -1] if self.phase else 0.0)
        values: Array = self.activation(z) @ (self.ensemble.weights * points[:, 0])
        return values

    def config(self) -> dict[str, Any]:
        """The label as JSON values."""
        return {"target": "Teacher", "phase": self.phase, **self.activation.config(), **self.ensemble.config()}


@dataclass(frozen=True)
class ClassLabels:
    """The label of every component of a mixture: a number each, as +1 and -1 for two classes."""

    values: tuple[float, ...]

    def __init__(self, values: Sequence[float]) -> None:
        numbers = np.array(values, np.float64)
        if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
            raise ValueError(f"values = {values!r}: give a finite number for every component of the mixture")
        object.__setattr__(self, "values", tuple(numbers.tolist()))

    def config(self) -> dict[str, Any]:
        """The labels as JSON values."""
        return {"target": "ClassLabels", "values": list(self.values)}


Label = Polynomial | Norm | Teacher


def closed_label(target: Target, d: int) -> Label | None:
    """The label of `target` that closed forms know, or None."""
    if isinstance(target, Linear):
        return Polynomial(linear=target.b)
    if isinstance(target, ProjectedNorm) and target.d_h == d:
        return Norm()
    return target if isinstance(target, (Polynomial, Norm, Teacher)) else None
