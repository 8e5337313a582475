"""The network of finite width: its initial neurons and the dynamics asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.checks import number, whole
from mfpde.flow import Array
from mfpde.streams import resolve_seed, stream
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.gradient_flow import RHO, GradientFlow, checked_rho
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.particles import ParticleFlow
from mfpde.systems.phase_diagram.recipe import RecipeFlow, search

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

_DYNAMICS = ("paper", "flow", "event")


def make_network(
    point: PhasePoint,
    *,
    m: int,
    dynamics: str,
    rng: int | None,
    dtype: str,
    redraw: bool,
    rho: float | None = None,
    accuracy: float | None = None,
) -> ParticleFlow:
    """The flow behind :meth:`PhasePoint.network`."""
    m, seed = whole("m", m), resolve_seed(rng)
    check_dynamics(dynamics, dtype)
    if redraw and dynamics != "paper":
        raise ValueError(f"redraw = {redraw!r}: dynamics={dynamics!r} has no tries; leave it out or use 'paper'")
    for name, value, of in (("rho", rho, "flow"), ("accuracy", accuracy, "event")):
        if value is not None and dynamics != of:
            raise ValueError(f"{name} = {value!r}: dynamics={dynamics!r} finds its steps without; leave it out or use {of!r}")
    arguments: dict[str, Any] = {"m": m, "dynamics": dynamics, "rng": seed, "dtype": dtype, "redraw": bool(redraw)}
    config = {"system": type(point).__name__, "parameters": point.config(), "role": "network", "arguments": arguments}
    constants: dict[str, Any] = constants_of(point, m)
    if dynamics == "event":
        from mfpde.systems.phase_diagram.event import ACCURACY, EventFlow

        arguments["accuracy"] = ACCURACY if accuracy is None else number("accuracy", accuracy, positive=True)
        return EventFlow(point, draw(point, m, seed), accuracy=arguments["accuracy"], config=config, **constants)
    if dynamics == "flow":
        arguments["rho"] = RHO if rho is None else checked_rho(rho)
        return GradientFlow(point, draw(point, m, seed), rho=arguments["rho"], config=config, **constants)
    run = search(lambda j: draw(point, m, seed, j), lambda i: blocks_of(point, i, m, dtype), 2.0 / constants["kappa"], redraw=redraw)
    return RecipeFlow(point, run, config=config | run.found, dtype=dtype, **constants)


def draw(point: PhasePoint, m: int, seed: int, attempt: int = 0) -> Initial:
    """The initial neurons of try `attempt`; the first neurons of a wider network are the narrower one."""
    a = stream(seed, "second layer", attempt).standard_normal(m)
    w = stream(seed, "first layer", attempt).standard_normal((m, point.inputs.shape[1]))
    return Initial.of(a, w, np.ones(m), point.antisymmetric)


def constants_of(point: PhasePoint, m: int) -> dict[str, float]:
    """kappa, kappa' and the prefactor of f at the width `m`; ValueError if a square of theirs, which rates have, is 0 or infinite."""
    kappa, kappa_prime = point.kappa(m), point.kappa_prime(m)
    for name, value in (("kappa", kappa), ("kappa'", kappa_prime)):
        if not 0.0 < value * value < math.inf:
            raise ValueError(f"m = {m!r}: {name} = {value:.3g}; its square must be a number in double precision")
    return {"kappa": kappa, "kappa_prime": kappa_prime, "kappa_forward": kappa}


def blocks_of(point: PhasePoint, initial: Initial, m: int, dtype: str) -> Blocks:
    """The neurons of a network of width `m` in blocks."""
    f0: Array = np.zeros(len(point.labels))
    if not point.antisymmetric:
        f0 = point.kappa(m) * (np.maximum(initial.w @ point.inputs.T, 0.0).T @ initial.a)
    return Blocks(initial, point.inputs, point.labels, f0=f0, dtype=dtype, **constants_of(point, m))


def check_dynamics(dynamics: str, dtype: str) -> None:
    """Refuse dynamics that there are not, and a precision that they do not have."""
    if dynamics not in _DYNAMICS:
        raise ValueError(f"dynamics = {dynamics!r}: give one of {_DYNAMICS}")
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype = {dtype!r}: give 'float64' or 'float32'")
    if dtype != "float64" and dynamics != "paper":
        raise ValueError(f"dtype = {dtype!r}: dynamics={dynamics!r} is made in double precision; use 'float64' or dynamics='paper'")
