"""One network beside its limit, and the gaps between them at every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mfpde.finite.norms import function_distance, law_distances, particle_distances
from mfpde.flow import Array, Flow, System, Trajectory, VelocityFlow
from mfpde.solve import solve
from mfpde.streams import stream

_SAMPLES = 4096
OBSERVED = "network."
"""What stands before the name of an observable of the network itself in the result of a run."""


def coupled_run(
    system: System,
    network: Mapping[str, Any],
    limit: Mapping[str, Any],
    t_eval: Sequence[float],
    rtol: float,
    atol: float,
    tracers: bool = True,
    mirrored: bool = False,
    laws: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The gaps (n_t, ...) by name, NaN from where a run stopped; ``complete``, whether all runs reached the last time, and ``message``.

    With `tracers`, where the system offers ``coupled_limit``, the limit carries the network's neurons along their mean-field
    characteristics. `mirrored` averages over the network and its mirror image, each beside its own limit. `laws` names the layers whose
    laws are compared with those of a second network's characteristics, and how (:func:`mfpde.finite.norms.law_distances`).
    """
    made: Any = system.network(**network)
    images = [made, mirror_image(made)] if mirrored else [made]
    other = None
    if laws is not None:
        second = system.network(**{**network, "rng": int(stream(int(network["rng"]), "same law").integers(2**63))})
        other = _exact(system, second, limit, tracers)
    times = np.asarray(t_eval, float)
    runs = [_one(system, image, other, network, limit, times, rtol, atol, tracers, laws or {}) for image in images]
    result = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0] if name not in ("complete", "message")}
    messages = [run["message"] for run in runs if run["message"]]
    return {**result, "complete": all(run["complete"] for run in runs), "message": "; ".join(dict.fromkeys(messages))}


def mirror_image(network: Any) -> Any:
    """The network from reflected initial neurons.

    Raises
    ------
    ValueError
        If the network knows no reflection of its initial law.
    """
    if not hasattr(network, "mirrored"):
        raise ValueError(
            f"coupling = 'mirrored': {type(network).__name__} knows no reflection of its initial law; give 'nested' or 'independent'"
        )
    return network.mirrored()


def run_flow(flow: Flow, times: Array, rtol: float, atol: float) -> Trajectory:
    """`flow` at the `times`, with tolerances where it takes them."""
    return solve(flow, times, rtol, atol) if isinstance(flow, VelocityFlow) else solve(flow, times)


def _exact(system: System, made: Any, limit: Mapping[str, Any], tracers: bool) -> Any:
    couple = getattr(system, "coupled_limit", None)
    exact: Any = system.limit(**limit) if couple is None or not tracers else couple(made, **limit)
    if exact.clock != made.clock:
        raise ValueError(f"the network runs in {made.clock!r}, the limit in {exact.clock!r}: give arguments that bring them to one clock")
    return exact


def _one(
    system: System,
    made: Any,
    other: Any,
    network: Mapping[str, Any],
    limit: Mapping[str, Any],
    times: Array,
    rtol: float,
    atol: float,
    tracers: bool,
    laws: Mapping[str, str],
) -> dict[str, Any]:
    exact = _exact(system, made, limit, tracers)
    flows = {"network": made, "limit": exact} | ({} if other is None else {"second limit": other})
    runs = {name: run_flow(flow, times, rtol, atol) for name, flow in flows.items()}
    run, reference = runs["network"], runs["limit"]
    rows = min(_reached(one, times) for one in runs.values())
    gaps = {
        name: run.observables[name][:rows] - reference.observables[name][:rows]
        for name in run.observables
        if name in reference.observables
    }
    states = list(zip(*(one.states[:rows] for one in runs.values()), strict=True))
    law: Any = getattr(system, "law", None)
    compared = law is not None and hasattr(made, "predict") and hasattr(exact, "predict")
    x = law.sample(_SAMPLES, stream(int(network["rng"]), "function distance")) if compared else None
    coupled = tracers and hasattr(system, "coupled_limit")
    # A run that reached no time has the names of the distances all the same.
    of = states or [tuple(flow.state0 for flow in flows.values())]
    table = [_distances(made, exact, other, *state, x=x, coupled=coupled, laws=laws) for state in of]
    gaps |= {name: np.array([distances[name] for distances in table[:rows]]) for name in table[0]}
    padded = {name: _padded(values, times.size) for name, values in gaps.items()}
    observed = {OBSERVED + name: _padded(values[: _reached(run, times)], times.size) for name, values in run.observables.items()}
    failed = "; ".join(f"{name}: {one.message}" for name, one in runs.items() if not one.complete)
    return {**padded, **observed, "complete": not failed, "message": failed}


def _distances(
    made: Any,
    exact: Any,
    other: Any,
    y: Array,
    y_exact: Array,
    y_other: Array | None = None,
    *,
    x: Array | None,
    coupled: bool,
    laws: Mapping[str, str],
) -> dict[str, float]:
    values = {}
    if x is not None:
        values["function_distance"] = function_distance(made, exact, y, y_exact, x)
    if not coupled:
        return values
    neurons, characteristics = made.particles(y), exact.particles(y_exact)
    values |= particle_distances(neurons, characteristics)
    if other is not None:
        sample = other.particles(y_other)
        values |= law_distances(neurons, sample, laws)
        values |= {f"{name}_floor": value for name, value in law_distances(characteristics, sample, laws).items()}
        if x is not None and hasattr(made, "with_particles"):
            values["function_distance_floor"] = function_distance(made, exact, made.with_particles(characteristics), y_exact, x)
    return values


def _reached(run: Trajectory, times: Array) -> int:
    """How many of the `times` a run has; one that stopped early ends in its last good state, at a time of its own."""
    return int(np.count_nonzero(run.t == times[: len(run.t)]))


def _padded(rows: Array, count: int) -> Array:
    padded = np.full((count, *rows.shape[1:]), np.nan)
    padded[: len(rows)] = rows
    return padded
