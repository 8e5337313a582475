"""The network of finite width: its arguments, its initial neurons and the dynamics asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.checks import number, whole
from mfpde.measures import SphereInit
from mfpde.streams import resolve_seed, stream
from mfpde.systems.symmetric.low_dimensional.descent import GradientDescent, StochasticDescent
from mfpde.systems.symmetric.low_dimensional.flows import PopulationFlow

if TYPE_CHECKING:
    from mfpde.systems.symmetric.low_dimensional.system import LowDimensionalTarget

_DYNAMICS = ("particles", "gd", "sgd")


def make_network(
    system: LowDimensionalTarget, m: int, dynamics: str, lr: float | None, batch: int | None, samples: int | None, rng: int | None
) -> PopulationFlow | GradientDescent | StochasticDescent:
    """The flow behind :meth:`LowDimensionalTarget.network`."""
    m = whole("m", m)
    if dynamics not in _DYNAMICS:
        raise ValueError(f"dynamics = {dynamics!r}: give one of {_DYNAMICS}")
    if dynamics == "particles" and lr is not None:
        raise ValueError(f"lr = {lr!r}: dynamics='particles' chooses its own steps; leave it out or use 'gd' or 'sgd'")
    if dynamics != "sgd" and batch is not None:
        raise ValueError(f"batch = {batch!r}: dynamics={dynamics!r} draws no batches; leave it out or use 'sgd'")
    if dynamics != "gd" and samples is not None:
        raise ValueError(f"samples = {samples!r}: dynamics={dynamics!r} has no fixed sample; leave it out or use 'gd'")
    seed = resolve_seed(rng)
    arguments: dict[str, Any] = {"m": m, "dynamics": dynamics, "rng": seed}
    if dynamics != "particles":
        arguments["lr"] = 0.05 if lr is None else number("lr", lr, positive=True)
    if dynamics == "sgd":
        arguments["batch"] = 256 if batch is None else whole("batch", batch)
    if dynamics == "gd":
        arguments["samples"] = 4096 if samples is None else whole("samples", samples)
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "network", "arguments": arguments}
    a = np.where(stream(seed, "signs").random(m) < 0.5, 1.0, -1.0)
    b = SphereInit(system.d, 1.0).sample(m, stream(seed, "directions"))
    if dynamics == "particles":
        return PopulationFlow(system, a, b, config)
    return GradientDescent(system, a, b, config) if dynamics == "gd" else StochasticDescent(system, a, b, config)
