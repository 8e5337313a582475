"""Networks of the cosine model: its initial neurons, and what its steps must respect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.flow import Array, StepFlow, VelocityFlow
from mfpde.systems.two_layer import coupled as two_layer
from mfpde.systems.two_layer import network
from mfpde.systems.two_layer.circle.modes import ModesLimit, enough_modes

if TYPE_CHECKING:
    from mfpde.systems.two_layer.circle.system import CosineCircle
    from mfpde.systems.two_layer.dynamics.flows import TracerDescent, TracerFlow

_STABLE = 2.7  # the classical Runge-Kutta method is stable on the negative axis up to 2.785


def make_network(
    system: CosineCircle, m: int, dynamics: str, eps: float | None, batch: int, rng: int | None, dtype: str, noise_steps: int
) -> VelocityFlow | StepFlow:
    """The flow behind :meth:`CosineCircle.network`."""
    made = network.make_network(
        system, system.field, uniform_neurons, m=m, dynamics=dynamics, eps=eps, batch=batch, rng=rng, dtype=dtype, noise_steps=noise_steps
    )
    if dynamics == "nonlinear" and isinstance(made, StepFlow):
        _check_modes(system, made.dt, enough_modes(system.b, system.beta))
    return made


def couple(system: CosineCircle, neurons: Any, **arguments: Any) -> TracerFlow | TracerDescent:
    """The flow behind :meth:`CosineCircle.coupled_limit`."""
    coupled = two_layer.couple(system, neurons, **arguments)
    if isinstance(coupled, StepFlow) and isinstance(coupled.limit, ModesLimit):
        _check_modes(system, coupled.dt, len(coupled.limit.state0))
    return coupled


def _check_modes(system: CosineCircle, eps: float, modes: int) -> None:
    rate = system.field.clock.step_sizes(eps, 0, 1)[0] / eps * modes**2 / system.beta
    if eps * rate > _STABLE:
        raise ValueError(f"eps = {eps!r}: beyond the stability bound of the limit's fastest mode; give eps <= {_STABLE / rate:.3g}")


def uniform_neurons(m: int, rng: np.random.Generator) -> Array:
    """`m` neurons (1, w), shape (m, 2), w uniform on [-pi, pi); the first rows of a larger sample are the same."""
    return np.column_stack([np.ones(m), 2.0 * math.pi * rng.random(m) - math.pi])
