"""One network beside its limit, and the gaps between them at every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mfpde.finite.norms import function_distance, particle_distances
from mfpde.flow import Array, System, Trajectory, VelocityFlow
from mfpde.solve import solve
from mfpde.streams import stream

_SAMPLES = 4096


def coupled_run(
    system: System, network: Mapping[str, Any], limit: Mapping[str, Any], t_eval: Sequence[float], rtol: float, atol: float
) -> dict[str, Any]:
    """The gaps (n_t, ...) by name, NaN from where a run stopped, and ``complete``: whether both runs reached the last time.

    Where the system offers ``coupled_limit``, the limit carries the network's neurons along their mean-field characteristics.
    """
    made: Any = system.network(**network)
    couple = getattr(system, "coupled_limit", None)
    exact: Any = system.limit(**limit) if couple is None else couple(made, **limit)
    times = np.asarray(t_eval, float)
    run, reference = (_solved(flow, times, rtol, atol) for flow in (made, exact))
    rows = min(_reached(run, times), _reached(reference, times))
    gaps = {
        name: _padded(run.observables[name][:rows] - reference.observables[name][:rows], times.size)
        for name in run.observables
        if name in reference.observables
    }
    pairs = list(zip(run.states[:rows], reference.states[:rows], strict=True))
    if hasattr(made, "predict") and hasattr(exact, "predict"):
        x = system.law.sample(_SAMPLES, stream(int(network["rng"]), "function distance"))  # type: ignore[attr-defined]
        gaps["function_distance"] = _padded(np.array([function_distance(made, exact, a, b, x) for a, b in pairs]), times.size)
    if couple is not None:
        start = particle_distances(made.particles(made.state0), exact.particles(exact.state0))
        distances = [particle_distances(made.particles(a), exact.particles(b)) for a, b in pairs]
        gaps |= {name: _padded(np.array([distance[name] for distance in distances]), times.size) for name in start}
    return {**gaps, "complete": run.complete and reference.complete}


def _solved(flow: Any, times: Array, rtol: float, atol: float) -> Trajectory:
    return solve(flow, times, rtol, atol) if isinstance(flow, VelocityFlow) else solve(flow, times)


def _reached(run: Trajectory, times: Array) -> int:
    """How many of the `times` a run has; one that stopped early ends in its last good state, at a time of its own."""
    return int(np.count_nonzero(run.t == times[: len(run.t)]))


def _padded(rows: Array, count: int) -> Array:
    padded = np.full((count, *rows.shape[1:]), np.nan)
    padded[: len(rows)] = rows
    return padded
