"""The network of finite width: its arguments, its initial neurons and the dynamics asked for, for every two-layer system."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mfpde.checks import whole
from mfpde.flow import Array, StepFlow, VelocityFlow
from mfpde.measures import Ensemble
from mfpde.streams import resolve_seed, stream
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.dynamics.flows import GradientDescent, NodeFlow, NonlinearDescent, NonlinearFlow
from mfpde.systems.two_layer.dynamics.noise import BrownianPaths
from mfpde.systems.two_layer.dynamics.sgd import StochasticDescent

DYNAMICS = ("nonlinear", "particles", "gd", "sgd")


def make_network(
    system: Any,
    field: NeuronField,
    draw: Callable[[int, np.random.Generator], Array],
    *,
    m: int,
    dynamics: str,
    eps: float | None,
    batch: int | None,
    rng: int | None,
    dtype: str = "float64",
    noise_steps: int = 1,
    limit: Mapping[str, Any] | None = None,
) -> VelocityFlow | StepFlow:
    """The network of a two-layer `system`, which has ``config()`` and ``limit()``; ``draw(m, generator)`` gives neurons (m, p).

    The four dynamics of the proofs in Mei, Misiakiewicz, Montanari 2019, with one seed sharing initial neurons, samples and
    Brownian paths among them, and the first m neurons of a wider network being the network of width m:
    "nonlinear" (neurons in the limit's field) and "particles" (in their own) run in continuous time, or with noise in steps of
    length `eps`; "gd" and "sgd" (`batch` fresh samples a step) in steps of length `eps` of the clock.

    Raises
    ------
    ValueError
        If an argument is out of range or does not belong to the dynamics.
    """
    if dynamics not in DYNAMICS:
        raise ValueError(f"dynamics = {dynamics!r}: give one of {DYNAMICS}")
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype = {dtype!r}: give 'float64' or 'float32'")
    in_steps = dynamics in ("gd", "sgd") or field.noisy
    if dtype == "float32" and dynamics not in ("gd", "sgd"):
        raise ValueError(f"dtype = 'float32': dynamics={dynamics!r} runs in float64; leave it out or use 'gd' or 'sgd'")
    width, fine = whole("m", m), whole("noise_steps", noise_steps)
    step = _step(eps, dynamics, in_steps, field)
    if batch not in (None, 1) and dynamics != "sgd":
        raise ValueError(f"batch = {batch!r}: dynamics={dynamics!r} draws no samples; leave it out or use 'sgd'")
    samples = 1 if batch is None else whole("batch", batch)
    if fine > 1 and not field.noisy:
        raise ValueError(f"noise_steps = {noise_steps!r}: without noise (beta = inf) there are no paths to share; leave it out")
    if limit is not None and dynamics != "nonlinear":
        raise ValueError(f"limit = {limit!r}: dynamics={dynamics!r} follows no limit; leave it out or use 'nonlinear'")
    seed = resolve_seed(rng)
    arguments: dict[str, Any] = {"m": width, "dynamics": dynamics, "rng": seed, "dtype": dtype}
    if in_steps:
        arguments["eps"] = step
    if field.noisy:
        arguments["noise_steps"] = fine
    if dynamics == "sgd":
        arguments["batch"] = samples
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "network", "arguments": arguments}
    neurons, paths = draw(width, stream(seed, "neurons")), BrownianPaths(seed, fine)
    if dynamics == "nonlinear":
        reference = system.limit(**(limit or {}))
        # Outside of the arguments where it is the default one: not every system's network takes a limit.
        (config if limit is None else arguments)["limit"] = reference.config["arguments"]
        return NonlinearDescent(reference, neurons, config, step, paths) if in_steps else NonlinearFlow(reference, neurons, config)
    if not in_steps:
        return NodeFlow(field, Ensemble(neurons), config)
    if dynamics == "sgd":
        return StochasticDescent(field, neurons, config, step, paths, dtype, samples)
    return GradientDescent(field, neurons, config, step, paths, dtype)


def _step(eps: float | None, dynamics: str, in_steps: bool, field: NeuronField) -> float:
    if not in_steps:
        if eps is not None:
            raise ValueError(f"eps = {eps!r}: dynamics={dynamics!r} without noise chooses its own steps; leave it out or use 'gd' or 'sgd'")
        return 0.0
    number = isinstance(eps, (int, float, np.integer, np.floating)) and not isinstance(eps, bool)
    if not number or not 0.0 < eps < math.inf:  # type: ignore[operator]
        raise ValueError(f"eps = {eps!r}: give a finite step > 0, which {'gd, sgd' if dynamics in ('gd', 'sgd') else 'noise'} needs")
    step = float(eps)  # type: ignore[arg-type]
    if not callable(field.clock.xi) and step * field.clock.rate(0.0) * field.ridge >= 2.0:
        bound = 2.0 / field.clock.rate(0.0) / field.ridge
        raise ValueError(f"eps = {eps!r}: beyond the stability bound of the ridge, 2 s_k lam < 2; give eps < {bound:.6g}")
    return step
