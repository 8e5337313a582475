"""Networks of several widths beside their limit, and the gaps between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.finite.coupling import coupled_run
from mfpde.finite.rates import Rate, fit_rate
from mfpde.flow import Array, System
from mfpde.solve.times import checked_times
from mfpde.streams import resolve_seed, stream
from mfpde.study import Archive, Run, execute

_COUPLINGS = ("nested", "independent")


@dataclass(frozen=True)
class Drift:
    """The gaps between networks and their limit.

    Attributes
    ----------
    t : array (n_t,)
    widths : list of dict
        The widths of each network, in the order of the first axis of the gaps.
    gaps : dict of arrays (n_widths, replicas, n_t, ...)
        For every observable, network minus limit, under the observable's own name; ``function_distance``, the L2 norm of
        f_network - f_limit over the input law (on a fixed sample); and for every layer of particles
        ``<layer>_rms`` and ``<layer>_max``, the distance of each neuron from its own mean-field characteristic.
    complete : array of bool (n_widths, replicas)
        Whether the run reached the last time; rows it did not reach are NaN in every gap.
    coupling : str
        How the runs of one replica hang together.
    """

    t: Array
    widths: list[dict[str, int]]
    gaps: dict[str, Array]
    complete: npt.NDArray[np.bool_]
    coupling: str

    def sup(self, name: str) -> Array:
        """The largest absolute gap over the saved times, (n_widths, replicas); NaN for a run that did not complete."""
        largest: Array = self._sizes(name).max(axis=2)
        return largest

    def rate(
        self,
        name: str,
        *,
        t: float | None = None,
        width: str | None = None,
        at: Mapping[str, int] | None = None,
        statistic: str = "rms",
        floor: bool = False,
        level: float = 0.95,
        resamples: int = 1000,
        rng: int = 0,
    ) -> Rate:
        """How fast the gap `name` closes: C m^-a (+ floor) fitted over a width, with an interval from the replicas.

        Parameters
        ----------
        name
            A gap, or "<observable>_gap".
        t
            The saved time; None takes the largest absolute gap over all of them.
        width
            The width that varies, if several do; `at` fixes the others.
        statistic
            "rms" or "mean" of the absolute gaps over replicas, or the "bias" |mean gap|, which needs a time.
        floor, level, resamples, rng
            As in :func:`mfpde.finite.rates.fit_rate`.

        Raises
        ------
        ValueError
            If a name, a time or a width is unknown, or there is too little to fit.
        """
        name = self._name(name)
        rows, sizes = self._along(width, at or {})
        if statistic == "bias":
            if t is None:
                raise ValueError("statistic = 'bias' with t = None: the bias belongs to a time, give one of the saved times")
            if self.gaps[name].ndim > 3:
                raise ValueError(f"{name} is an array: its bias has no sign; give another statistic")
            values = self.gaps[name][rows][..., self._row(t)]
        else:
            values = self.sup(name)[rows] if t is None else self._sizes(name)[rows][..., self._row(t)]
        joint = self.coupling == "nested"
        return fit_rate(sizes, values, statistic=statistic, floor=floor, joint=joint, level=level, resamples=resamples, rng=rng)

    def _name(self, name: str) -> str:
        for known in (name, name.removesuffix("_gap")):
            if known in self.gaps:
                return known
        raise ValueError(f"gap {name!r} is unknown: there are {', '.join(self.gaps)}")

    def _sizes(self, name: str) -> Array:
        """Absolute gaps (n_widths, replicas, n_t); of an array the Euclidean norm."""
        gap = self.gaps[self._name(name)]
        sizes: Array = np.abs(gap) if gap.ndim == 3 else np.linalg.norm(gap.reshape(*gap.shape[:3], -1), axis=-1)
        return sizes

    def _row(self, t: float) -> int:
        found = np.flatnonzero(self.t == t)
        if not found.size:
            raise ValueError(f"t = {t!r} was not saved: there are {self.t.tolist()}")
        return int(found[0])

    def _along(self, width: str | None, at: Mapping[str, int]) -> tuple[list[int], list[int]]:
        """The rows along one width, and its values."""
        varying = [name for name in self.widths[0] if len({chosen[name] for chosen in self.widths}) > 1 and name not in at]
        if width is None:
            if len(varying) != 1:
                raise ValueError(f"widths that vary: {varying}; name one as width= and fix the others by at=")
            width = varying[0]
        if width not in self.widths[0]:
            raise ValueError(f"width = {width!r}: there are {', '.join(self.widths[0])}")
        if set(varying) - {width}:
            raise ValueError(f"{sorted(set(varying) - {width})} vary too: fix them by at=")
        rows = [i for i, chosen in enumerate(self.widths) if all(chosen.get(name) == value for name, value in at.items())]
        if not rows:
            raise ValueError(f"at = {dict(at)!r}: no network has these widths")
        return rows, [self.widths[i][width] for i in rows]


def drift(
    system: System,
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
    store: str | Path | None = None,
    progress: bool = False,
) -> Drift:
    """Run networks beside the limit, started from the same neurons, and return the gaps.

    Parameters
    ----------
    system : System
        Where it offers ``coupled_limit``, neurons are compared one by one with their mean-field characteristics; where its flows
        offer ``predict``, outputs are.
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
        Further arguments of ``system.coupled_limit`` (or ``system.limit``) and ``system.network``.
    rtol, atol : float
        Tolerances of the limit and of the network, where their dynamics is a flow in continuous time.
    store : path, optional
        Folder that keeps each run as it finishes: the same call computes only what is missing there.
    progress
        Show a bar with the time left.

    Raises
    ------
    ValueError
        If no width is given, one is impossible or given twice, `replicas` < 1, or the coupling is unknown.
    mfpde.study.StudyError
        If a worker dies or the folder cannot be used; what was done is kept.
    """
    _check_widths(widths, fixed or {}, network or {})
    replicas = whole("replicas", replicas)
    if coupling not in _COUPLINGS:
        raise ValueError(f"coupling = {coupling!r}: give one of {_COUPLINGS}")
    times, rng = checked_times(t_eval), resolve_seed(rng)
    grid = [dict(zip(widths, values, strict=True)) for values in itertools.product(*widths.values())]
    described = {"name": type(system).__name__, "parameters": system.config()}
    shared = {"system": described, "limit": dict(limit or {}), "t_eval": times.tolist(), "rtol": rtol, "atol": atol}
    runs = []
    for (i, chosen), replica in itertools.product(enumerate(grid), range(replicas)):
        place = () if coupling == "nested" else (i,)
        seed = int(stream(rng, "replica", replica, *place).integers(2**63))
        arguments = {**(network or {}), **(fixed or {}), **chosen, "dynamics": dynamics, "rng": seed}
        runs.append(Run(coupled_run, {**shared, "network": arguments}, {"system": system}))
    archive = None if store is None else Archive(store)
    rows: Any = execute(runs, archive=archive, executor=executor, progress=progress)
    shape = (len(grid), replicas)
    values = {name: np.array([row[name] for row in rows]).reshape(*shape, *np.shape(rows[0][name])) for name in rows[0]}
    complete = values.pop("complete").astype(bool)
    return Drift(times, grid, values, complete, coupling)


def _check_widths(widths: Mapping[str, Sequence[int]], fixed: Mapping[str, int], network: Mapping[str, Any]) -> None:
    if not widths or any(len(values) == 0 for values in widths.values()):
        raise ValueError(f"widths = {dict(widths)!r}: name at least one width and its values, such as {{'m1': [64, 256]}}")
    for name, value in [(name, value) for name, values in widths.items() for value in values] + list(fixed.items()):
        whole(name, value)
    given = [*widths, *fixed, *network, "dynamics", "rng"]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]} is given twice: name it in one of widths, fixed and network, dynamics and rng in none of them")
