"""One network beside the limit that carries its neurons along their mean-field characteristics."""

from __future__ import annotations

from typing import Any

import numpy as np

from mfpde.flow import Array, ParticleSystem, StepFlow, Trajectory
from mfpde.solve import solve
from mfpde.streams import stream

_SAMPLES = 4096

Task = tuple[ParticleSystem, dict[str, Any], dict[str, Any], Array, float, float]


def coupled_run(task: Task) -> tuple[dict[str, Array], bool]:
    """One network and the limit that carries its neurons as tracers: the gaps by name, and whether both completed."""
    system, arguments, limit_arguments, times, rtol, atol = task
    network: Any = system.network(**arguments)
    limit = system.coupled_limit(network, **limit_arguments)
    reference = solve(limit, times, rtol, atol)
    run = solve(network, times) if isinstance(network, StepFlow) else solve(network, times, rtol, atol)
    rows = min(_reached(run, times), _reached(reference, times))
    x = system.law.sample(_SAMPLES, stream(int(arguments["rng"]), "function distance"))
    shared = [name for name in run.observables if name in reference.observables]
    distances = _distances(network, limit, network.state0, limit.state0, x)
    gaps = {name: np.full(len(times), np.nan) for name in (*shared, *distances)}
    for name in shared:
        gaps[name][:rows] = run.observables[name][:rows] - reference.observables[name][:rows]
    for i in range(rows):
        for name, value in _distances(network, limit, run.states[i], reference.states[i], x).items():
            gaps[name][i] = value
    return gaps, run.complete and reference.complete


def _reached(run: Trajectory, times: Array) -> int:
    """How many of the `times` a run has; one that stopped early ends in its last good state, at a time of its own."""
    return int(np.count_nonzero(run.t == times[: len(run.t)]))


def _distances(network: Any, limit: Any, y: Array, y_limit: Array, x: Array) -> dict[str, float]:
    tracers = limit.particles(y_limit)
    error = network.predict(y, x) - limit.predict(y_limit, x)
    values = {"function_distance": float(np.sqrt(np.mean(error**2)))}
    for name, particles in network.particles(y).items():
        distance = np.linalg.norm(particles - tracers[name], axis=1)
        values[f"{name}_rms"] = float(np.sqrt(np.mean(distance**2)))
        values[f"{name}_max"] = float(np.max(distance))
    return values
