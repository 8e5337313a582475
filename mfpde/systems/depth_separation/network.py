"""The network of finite width: its arguments, its initial neurons and the dynamics asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.measures import Ensemble
from mfpde.streams import resolve_seed, stream
from mfpde.systems.depth_separation.descent import Descent, GradientDescent
from mfpde.systems.depth_separation.particles import ParticleFlow, make_directions
from mfpde.systems.depth_separation.sgd import StochasticDescent

if TYPE_CHECKING:
    from mfpde.systems.depth_separation.system import DepthSeparation

_DYNAMICS = ("flow", "gd", "sgd")


def make_network(
    system: DepthSeparation,
    m1: int,
    m2: int,
    dynamics: str,
    directions: int | npt.ArrayLike,
    dt: float | None,
    batch: int | None,
    rng: int | None,
    dtype: str,
) -> ParticleFlow | Descent:
    """The flow behind :meth:`DepthSeparation.network`."""
    m1, m2 = whole("m1", m1), whole("m2", m2)
    if dynamics not in _DYNAMICS:
        raise ValueError(f"dynamics = {dynamics!r}: give one of {_DYNAMICS}")
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype = {dtype!r}: give 'float64' or 'float32'")
    if dynamics != "sgd" and system.projection is not None:
        raise ValueError(f"projection = {system.projection!r}: dynamics={dynamics!r} has no per-sample gradients; use 'sgd' or None")
    if dynamics != "sgd" and batch is not None:
        raise ValueError(f"batch = {batch!r}: dynamics={dynamics!r} draws no samples; leave it out or use 'sgd'")
    if dynamics == "flow" and dt is not None:
        raise ValueError(f"dt = {dt!r}: dynamics='flow' chooses its own steps; leave it out or use 'gd' or 'sgd'")
    step = 0.5 if dt is None else number("dt", dt, positive=True)
    samples = 1024 if batch is None else whole("batch", batch)
    seed = resolve_seed(rng)
    rays, named = make_directions(system, directions, seed)
    arguments: dict[str, Any] = {"m1": m1, "m2": m2, "dynamics": dynamics, "directions": named, "rng": seed, "dtype": dtype}
    if dynamics != "flow":
        arguments["dt"] = step
    if dynamics == "sgd":
        arguments["batch"] = samples
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "network", "arguments": arguments}
    first = Ensemble(system.first_layer.sample(m1, stream(seed, "first layer")))
    second = Ensemble(system.second_layer.sample(m2, stream(seed, "second layer")))
    flow = ParticleFlow(system, first, second, rays, config, dtype)
    if dynamics == "flow":
        return flow
    return GradientDescent(flow, step) if dynamics == "gd" else StochasticDescent(flow, step, samples, seed)
