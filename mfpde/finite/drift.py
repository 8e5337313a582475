"""Networks of several widths run beside their limit."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.finite.coupling import OBSERVED, coupled_run, is_coupled, mirror_image
from mfpde.finite.norms import ASSIGNED
from mfpde.finite.one_run import SharedLimit
from mfpde.finite.prediction import predictions
from mfpde.finite.result import Drift
from mfpde.flow import System
from mfpde.solve.times import checked_times
from mfpde.streams import resolve_seed, stream
from mfpde.study import Archive, Run, execute

__all__ = ["Drift", "drift"]

_COUPLINGS = ("nested", "independent", "mirrored")


def drift(
    system: System,
    *,
    widths: Mapping[str, Sequence[int]],
    t_eval: npt.ArrayLike,
    fixed: Mapping[str, int] | None = None,
    replicas: int = 8,
    dynamics: str | None = None,
    coupling: str = "nested",
    rng: int = 0,
    executor: Executor | None = None,
    limit: Mapping[str, Any] | None = None,
    network: Mapping[str, Any] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    tracers: bool = True,
    laws: bool = False,
    store: str | Path | None = None,
    progress: bool = False,
) -> Drift:
    """Run networks beside the limit, started from the same neurons, and return the gaps.

    Parameters
    ----------
    system : System
        Where it offers ``coupled_limit``, neurons are compared one by one with their mean-field characteristics; where it has a ``law``
        of its inputs and its flows offer ``predict``, outputs are; rates that it states by ``predicted_rates`` stand beside the fitted
        ones.
    widths : mapping
        Name of a width to the values to run; several names run as a grid.
    t_eval : array (n_t,)
        Times at which the gaps are measured, on the clock of network and limit, which must be one.
    fixed : mapping, optional
        The other widths.
    replicas : int
        Independent networks per width.
    dynamics : str, optional
        The network's dynamics; None leaves the system's own.
    coupling : {"nested", "independent", "mirrored"}
        Whether the narrower networks of a replica are the first neurons of its wider ones, or every network is drawn anew. "mirrored" runs
        each nested network also from its initial neurons reflected by a symmetry of their law (``network.mirrored()``): the mean
        of the two gaps has lost the part of the fluctuation that is odd under the reflection. Distances, which have no sign, are averaged.
    rng : int
        Seed of everything.
    executor : concurrent.futures.Executor, optional
        Processes to share the runs (started by "spawn"); None runs them here, one after the other, to the same bits.
    limit, network : mapping, optional
        Further arguments of ``system.coupled_limit`` (or ``system.limit``) and ``system.network``.
    rtol, atol : float
        Tolerances of the limit and of the network, where their dynamics is a flow in continuous time.
    tracers : bool
        False compares observables and outputs with ``system.limit`` alone, without characteristics of the neurons.
    laws : bool
        Compare also the law of the neurons with the limit's law, and every distance with what two samples of one law are apart; needs
        tracers, and runs the limit twice: the characteristics of a second network's neurons are an independent sample of the limit's law.
    store : path, optional
        Folder that keeps each run as it finishes: the same call computes only what is missing there. A user's function is known there
        by its code and the values that it uses, but by no more than the names of what installed packages compute.
    progress
        Show a bar with the time left.

    Raises
    ------
    ValueError
        If no width is given, one is impossible or given twice, network or limit does not take an argument, `replicas` < 1, the coupling is
        unknown or not to be had for this network, `laws` is asked for without tracers, or network and limit run on different clocks.
    mfpde.study.StudyError
        If a worker dies or the folder cannot be used; what was done is kept.
    """
    named = {} if dynamics is None else {"dynamics": dynamics}
    _check_widths(widths, fixed or {}, network or {}, named)
    replicas = whole("replicas", replicas)
    if coupling not in _COUPLINGS:
        raise ValueError(f"coupling = {coupling!r}: give one of {_COUPLINGS}")
    times, rng = checked_times(t_eval), resolve_seed(rng)
    grid = [dict(zip(widths, map(int, values), strict=True)) for values in itertools.product(*widths.values())]
    common = {**(network or {}), **(fixed or {}), **named}
    _check_arguments(system, "network", (), {**common, **_first(widths), "rng": 0}, "widths, fixed and network")
    method, leading = ("coupled_limit", (None,)) if is_coupled(system, tracers) else ("limit", ())
    _check_arguments(system, method, leading, limit or {}, "limit")
    if coupling == "mirrored":
        mirror_image(system.network(**common, **_first(widths), rng=0))
    methods = _methods(system, {**common, **_widest(widths), "rng": 0}, tracers) if laws else None
    described = {"name": type(system).__name__, "parameters": system.config()}
    shared = {"system": described, "limit": dict(limit or {}), "t_eval": times.tolist(), "rtol": rtol, "atol": atol}
    shared |= {"tracers": bool(tracers), "mirrored": coupling == "mirrored", "laws": methods}
    objects: dict[str, Any] = {"system": system}
    if not is_coupled(system, tracers):
        objects["limit"] = SharedLimit.of(limit or {})
    runs = []
    for (i, chosen), replica in itertools.product(enumerate(grid), range(replicas)):
        place = (i,) if coupling == "independent" else ()
        seed = int(stream(rng, "replica", replica, *place).integers(2**63))
        runs.append(Run(coupled_run, {**shared, "network": {**common, **chosen, "rng": seed}}, objects))
    archive = None if store is None else Archive(store)
    try:
        # Widths rise as a rule: a long run that starts last would keep the other workers waiting.
        rows = execute(runs[::-1], archive=archive, executor=executor, progress=progress)[::-1]
    finally:
        if "limit" in objects:
            objects["limit"].forget()
    values = {name: column.reshape(len(grid), replicas, *column.shape[1:]) for name, column in _columns(rows).items()}
    complete, messages = values.pop("complete").astype(bool), values.pop("message")
    observed = {name.removeprefix(OBSERVED): values.pop(name) for name in list(values) if name.startswith(OBSERVED)}
    return Drift(times, grid, values, complete, coupling, observed, messages, predictions(system), methods or {})


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    """The results of all runs by name, (n_runs, ...); NaN where a run reached no time."""
    missing = {name: np.full(np.shape(value), np.nan) for row in rows for name, value in row.items() if not isinstance(value, str)}
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, missing.get(name)) for row in rows]) for name in names}


def _first(widths: Mapping[str, Sequence[int]]) -> dict[str, int]:
    return {name: values[0] for name, values in widths.items()}


def _widest(widths: Mapping[str, Sequence[int]]) -> dict[str, int]:
    return {name: max(values) for name, values in widths.items()}


def _methods(system: System, network: Mapping[str, Any], tracers: bool) -> dict[str, str]:
    """How the laws of each layer are compared, at all widths alike: as the widest network allows."""
    if not tracers or not hasattr(system, "coupled_limit"):
        raise ValueError(f"laws = True: only characteristics sample the limit's law, and {type(system).__name__} here has none")
    made: Any = system.network(**network)
    sizes = {name: len(layer) for name, layer in made.particles(made.state0).items()}
    return {name: "assignment" if size <= ASSIGNED else "sliced" for name, size in sizes.items()}


def _is_list(values: object) -> bool:
    return isinstance(values, (Sequence, np.ndarray)) and not isinstance(values, str) and np.ndim(values) == 1


def _check_arguments(system: System, method: str, leading: tuple[Any, ...], arguments: Mapping[str, Any], given_in: str) -> None:
    try:
        inspect.signature(getattr(system, method)).bind(*leading, **arguments)
    except TypeError as error:
        raise ValueError(f"{type(system).__name__}.{method}(): {error}; name its arguments in {given_in}") from None


def _check_widths(
    widths: Mapping[str, Sequence[int]], fixed: Mapping[str, int], network: Mapping[str, Any], named: Mapping[str, str]
) -> None:
    if not isinstance(widths, Mapping) or not widths or not all(_is_list(values) and len(values) for values in widths.values()):
        shown = dict(widths) if isinstance(widths, Mapping) else widths
        raise ValueError(f"widths = {shown!r}: name at least one width and its values, such as {{'m1': [64, 256]}}")
    for role, chosen in (("fixed", fixed), ("network", network)):
        if not isinstance(chosen, Mapping):
            raise ValueError(f"{role} = {chosen!r}: give values by name, such as {{'m2': 128}}")
    for name, value in [(name, value) for name, values in widths.items() for value in values] + list(fixed.items()):
        whole(name, value)
    given = [*widths, *fixed, *network, *named, "rng"]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]} is given twice: name it in one of widths, fixed, network and dynamics, and rng in none of them")
