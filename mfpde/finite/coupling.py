"""One network beside its limit, and the gaps between them at every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mfpde.finite.norms import Inputs, function_distance, inputs_of, law_distances, particle_distances
from mfpde.finite.one_run import SharedLimit, run_flow
from mfpde.flow import Array, Flow, System, Trajectory
from mfpde.streams import stream

OBSERVED = "network."
"""What stands before the name of an observable of the network itself in the result of a run."""


def coupled_run(
    system: System,
    network: Mapping[str, Any],
    limit: Mapping[str, Any] | SharedLimit,
    t_eval: Sequence[float],
    rtol: float,
    atol: float,
    tracers: bool = True,
    mirrored: bool = False,
    laws: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The gaps between one network and its limit.

    With `tracers`, where the system offers ``coupled_limit``, the limit carries the network's neurons along their mean-field
    characteristics. `mirrored` averages over the network and its mirror image, each beside its own limit. `laws` names the layers whose
    laws are compared with those of a second network's characteristics, and how (:func:`mfpde.finite.norms.law_distances`).

    Returns
    -------
    dict
        The gaps (n_t, ...) by name and, after "network.", what the network itself reports: NaN from where a run stopped, and left out
        if it reached no time; ``complete``, whether all runs reached the last time, and ``message``, why not.

    Raises
    ------
    ValueError
        If network and limit run on different clocks, have nothing to compare or an observable of two shapes, or an argument is impossible.
    """
    made: Any = system.network(**network)
    images = [made, mirror_image(made)] if mirrored else [made]
    other = None
    times = np.asarray(t_eval, float)
    if laws is not None:
        second = system.network(**{**network, "rng": int(stream(int(network["rng"]), "same law").integers(2**63))})
        other = _exact(system, second, limit, times, rtol, atol, tracers)
    runs = [_one(system, image, other, network, limit, times, rtol, atol, tracers, laws or {}) for image in images]
    common = [name for name in runs[0] if name not in ("complete", "message") and all(name in run for run in runs)]
    result = {name: np.mean([run[name] for run in runs], axis=0) for name in common}
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


def is_coupled(system: System, tracers: bool) -> bool:
    """Whether the limit carries the neurons of the network, and so is another one in every run."""
    return tracers and hasattr(system, "coupled_limit")


def _exact(
    system: Any, made: Any, limit: Mapping[str, Any] | SharedLimit, times: Array, rtol: float, atol: float, tracers: bool
) -> tuple[Any, Trajectory]:
    """The limit beside the network `made`, and its run."""
    if isinstance(limit, SharedLimit):
        exact, run = limit.solve(system, times, rtol, atol)
        _check_clocks(made, exact)
        return exact, run
    exact = system.coupled_limit(made, **limit) if is_coupled(system, tracers) else system.limit(**limit)
    _check_clocks(made, exact)
    return exact, run_flow(exact, times, rtol, atol)


def _check_clocks(made: Flow, exact: Flow) -> None:
    if exact.clock != made.clock:
        raise ValueError(f"the network runs in {made.clock!r}, the limit in {exact.clock!r}: give arguments that bring them to one clock")


def _one(
    system: System,
    made: Any,
    other: tuple[Any, Trajectory] | None,
    network: Mapping[str, Any],
    limit: Mapping[str, Any] | SharedLimit,
    times: Array,
    rtol: float,
    atol: float,
    tracers: bool,
    laws: Mapping[str, str],
) -> dict[str, Any]:
    exact, reference = _exact(system, made, limit, times, rtol, atol, tracers)
    run = run_flow(made, times, rtol, atol)
    runs = {"network": run, "limit": reference} | ({} if other is None else {"second limit": other[1]})
    failed = "; ".join(f"{name}: {one.message}" for name, one in runs.items() if not one.complete)
    rows = min(_reached(one, times) for one in runs.values())
    if not rows:
        return {"complete": False, "message": failed}
    shared = [name for name in run.observables if name in reference.observables]
    gaps = {name: _gap(name, run.observables[name][:rows], reference.observables[name][:rows]) for name in shared}
    law: Any = getattr(system, "law", None)
    compared = law is not None and hasattr(made, "predict") and hasattr(exact, "predict")
    inputs = inputs_of(law, stream(int(network["rng"]), "function distance")) if compared else None
    coupled, flow = is_coupled(system, tracers), None if other is None else other[0]
    states = zip(*(one.states[:rows] for one in runs.values()), strict=True)
    # What a network on its way to infinity is apart may be infinite: the gap says so.
    with np.errstate(over="ignore", invalid="ignore"):
        table = [_distances(made, exact, flow, *state, inputs=inputs, coupled=coupled, laws=laws) for state in states]
    gaps |= {name: np.array([distances[name] for distances in table]) for name in table[0]}
    if not gaps:
        reported = f"the network reports {', '.join(run.observables)}; the limit {', '.join(reference.observables)}"
        raise ValueError(f"nothing to compare: {reported}; give both flows an observable of the same name, or predict")
    padded = {name: _padded(values, times.size) for name, values in gaps.items()}
    observed = {OBSERVED + name: _padded(values[: _reached(run, times)], times.size) for name, values in run.observables.items()}
    return {**padded, **observed, "complete": not failed, "message": failed}


def _gap(name: str, network: Array, limit: Array) -> Array:
    if network.shape != limit.shape:
        ours, theirs = network.shape[1:], limit.shape[1:]
        raise ValueError(f"{name} has shape {ours} in the network and {theirs} in the limit: what is compared must have one shape")
    gap: Array = network - limit
    return gap


def _distances(
    made: Any,
    exact: Any,
    other: Any,
    y: Array,
    y_exact: Array,
    y_other: Array | None = None,
    *,
    inputs: Inputs | None,
    coupled: bool,
    laws: Mapping[str, str],
) -> dict[str, float]:
    values = {}
    if inputs is not None:
        values["function_distance"] = function_distance(made, exact, y, y_exact, inputs)
    if not coupled:
        return values
    neurons, characteristics = made.particles(y), exact.particles(y_exact)
    values |= particle_distances(neurons, characteristics)
    if other is not None:
        sample = other.particles(y_other)
        values |= law_distances(neurons, sample, laws)
        values |= {f"{name}_floor": value for name, value in law_distances(characteristics, sample, laws).items()}
        if inputs is not None and hasattr(made, "with_particles"):
            values["function_distance_floor"] = function_distance(made, exact, made.with_particles(characteristics), y_exact, inputs)
    return values


def _reached(run: Trajectory, times: Array) -> int:
    """How many of the `times` a run has; one that stopped early ends in its last good state, at a time of its own."""
    return int(np.count_nonzero(run.t == times[: len(run.t)]))


def _padded(rows: Array, count: int) -> Array:
    padded = np.full((count, *rows.shape[1:]), np.nan)
    padded[: len(rows)] = rows
    return padded
