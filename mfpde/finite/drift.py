"""Coupled runs of networks and their limit, and the gaps between them at every saved time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.finite.coupling import coupled_run
from mfpde.flow import Array, ParticleSystem
from mfpde.solve.times import checked_times
from mfpde.streams import resolve_seed, stream

_COUPLINGS = ("nested", "independent")


@dataclass(frozen=True)
class Drift:
    """The gaps between networks and their limit.

    Attributes
    ----------
    t : array (n_t,)
    widths : list of dict
        The widths of each network, in the order of the first axis of the gaps.
    gaps : dict of arrays (n_widths, replicas, n_t)
        For every observable, network minus limit, under the observable's own name; ``function_distance``, the L2 norm of
        f_network - f_limit over the input law (on a fixed sample); and for every layer of particles
        ``<layer>_rms`` and ``<layer>_max``, the distance of each neuron from its own mean-field characteristic.
    complete : array of bool (n_widths, replicas)
        Whether the run reached the last time; rows it did not reach are NaN in every gap.
    """

    t: Array
    widths: list[dict[str, int]]
    gaps: dict[str, Array]
    complete: npt.NDArray[np.bool_]

    def sup(self, name: str) -> Array:
        """The largest absolute gap over the saved times, (n_widths, replicas); NaN for a run that did not complete."""
        largest: Array = np.abs(self.gaps[name]).max(axis=2)
        return largest


def drift(
    system: ParticleSystem,
    *,
    widths: Mapping[str, Sequence[int]],
    t_eval: npt.ArrayLike,
    fixed: Mapping[str, int] | None = None,
    replicas: int = 8,
    dynamics: str = "flow",
    coupling: str = "nested",
    rng: int = 0,
    executor: Executor | None = None,
    limit: Mapping[str, Any] | None = None,
    network: Mapping[str, Any] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> Drift:
    """Run networks beside the limit, started from the same neurons, and return the gaps.

    Parameters
    ----------
    system : ParticleSystem
    widths : mapping
        Name of a width to the values to run; several names run as a grid.
    t_eval : array (n_t,)
        Times on the system's clock at which the gaps are measured.
    fixed : mapping, optional
        The other widths.
    replicas : int
        Independent networks per width.
    coupling : {"nested", "independent"}
        Whether the narrower networks of a replica are the first neurons of its wider ones, or every network is drawn anew.
    rng : int
        Seed of everything.
    executor : concurrent.futures.Executor, optional
        Processes to share the runs (started by "spawn"); None runs them here, one after the other, to the same bits.
    limit, network : mapping, optional
        Further arguments of ``system.coupled_limit`` and ``system.network``.
    rtol, atol : float
        Tolerances of the limit, and of the network where its dynamics is a flow.

    Raises
    ------
    ValueError
        If no width is given, one is impossible or given twice, `replicas` < 1, or the coupling is unknown.
    """
    _check_widths(widths, fixed or {}, network or {})
    replicas = whole("replicas", replicas)
    if coupling not in _COUPLINGS:
        raise ValueError(f"coupling = {coupling!r}: give one of {_COUPLINGS}")
    times, rng = checked_times(t_eval), resolve_seed(rng)
    grid = [dict(zip(widths, values, strict=True)) for values in itertools.product(*widths.values())]
    tasks = []
    for (i, chosen), replica in itertools.product(enumerate(grid), range(replicas)):
        place = () if coupling == "nested" else (i,)
        seed = int(stream(rng, "replica", replica, *place).integers(2**63))
        arguments = {**(network or {}), **(fixed or {}), **chosen, "dynamics": dynamics, "rng": seed}
        tasks.append((system, arguments, dict(limit or {}), times, rtol, atol))
    run = map if executor is None else executor.map
    rows = list(run(coupled_run, tasks))
    gaps = {name: np.array([row[name] for row, _ in rows]).reshape(len(grid), replicas, len(times)) for name in rows[0][0]}
    complete = np.array([done for _, done in rows]).reshape(len(grid), replicas)
    return Drift(times, grid, gaps, complete)


def _check_widths(widths: Mapping[str, Sequence[int]], fixed: Mapping[str, int], network: Mapping[str, Any]) -> None:
    if not widths or any(len(values) == 0 for values in widths.values()):
        raise ValueError(f"widths = {dict(widths)!r}: name at least one width and its values, such as {{'m1': [64, 256]}}")
    for name, value in [(name, value) for name, values in widths.items() for value in values] + list(fixed.items()):
        whole(name, value)
    given = [*widths, *fixed, *network, "dynamics", "rng"]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]} is given twice: name it in one of widths, fixed and network, dynamics and rng in none of them")
