"""Labels with closed-form potentials: a teacher network, and which targets are of this kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfpde.activations import Activation, get
from mfpde.measures import Ensemble
from mfpde.targets import Array, Linear, Norm, Polynomial, ProjectedNorm, Target


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


Label = Polynomial | Norm | Teacher


def closed_label(target: Target, d: int) -> Label | None:
    """The label of `target` that closed forms know, or None."""
    if isinstance(target, Linear):
        return Polynomial(linear=target.b)
    if isinstance(target, ProjectedNorm) and target.d_h == d:
        return Norm()
    return target if isinstance(target, (Polynomial, Norm, Teacher)) else None
