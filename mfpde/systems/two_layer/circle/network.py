"""Networks of the cosine model: its initial neurons, and what its steps must respect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mfpde.flow import Array, StepFlow, VelocityFlow
from mfpde.systems.two_layer import network
from mfpde.systems.two_layer.circle.modes import enough_modes

if TYPE_CHECKING:
    from mfpde.systems.two_layer.circle.system import CosineCircle

_STABLE = 2.7  # the classical Runge-Kutta method is stable on the negative axis up to 2.785


def make_network(
    system: CosineCircle, m: int, dynamics: str, eps: float | None, batch: int, rng: int | None, dtype: str, noise_steps: int
) -> VelocityFlow | StepFlow:
    """The flow behind :meth:`CosineCircle.network`."""
    made = network.make_network(
        system, system.field, uniform_neurons, m=m, dynamics=dynamics, eps=eps, batch=batch, rng=rng, dtype=dtype, noise_steps=noise_steps
    )
    if dynamics == "nonlinear" and isinstance(made, StepFlow):
        rate = system.field.clock.step_sizes(made.dt, 0, 1)[0] / made.dt * enough_modes(system.b, system.beta) ** 2 / system.beta
        if made.dt * rate > _STABLE:
            raise ValueError(f"eps = {eps!r}: beyond the stability bound of the limit's fastest mode; give eps <= {_STABLE / rate:.3g}")
    return made


def uniform_neurons(m: int, rng: np.random.Generator) -> Array:
    """`m` neurons (1, w), shape (m, 2), w uniform on [-pi, pi); the first rows of a larger sample are the same."""
    return np.column_stack([np.ones(m), 2.0 * math.pi * rng.random(m) - math.pi])
