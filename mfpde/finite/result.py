"""The gaps between networks of several widths and their limit, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.finite.comparison import compare
from mfpde.finite.constants import FiniteWidth
from mfpde.finite.extrapolation import Extrapolation, extrapolate
from mfpde.finite.prediction import Predictions, find_prediction
from mfpde.finite.rates import Rate, fit_rate, without_rounding
from mfpde.finite.table import rate_table
from mfpde.flow import Array


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
        f_network - f_limit over the input law (on a fixed sample); for every layer of particles ``<layer>_rms`` and ``<layer>_max``, the
        distance of each neuron from its own mean-field characteristic. With laws, for every layer also ``<layer>_w1``,
        ``<layer>_w2`` (Wasserstein) and ``<layer>_energy`` (:func:`mfpde.finite.norms.energy_distance`) between the network's neurons and
        an independent sample of the limit's law of equal size; and each of these, and ``function_distance`` where the network can be
        given neurons, as ``<name>_floor`` for the network made of its neurons' characteristics, which is a sample of the limit's law.
    complete : array of bool (n_widths, replicas)
        Whether the run reached the last time; rows it did not reach are NaN in every gap, and left out where they would be used.
    coupling : str
        How the runs of one replica hang together.
    observables : dict of arrays (n_widths, replicas, n_t, ...)
        What the networks themselves report (of mirrored pairs the mean).
    messages : array of str (n_widths, replicas)
        Why a run did not complete; empty if it did.
    predicted : mapping
        The rates that the system states.
    methods : mapping
        Of each layer whose laws were compared, how: "assignment" or "sliced".
    """

    t: Array
    widths: list[dict[str, int]]
    gaps: dict[str, Array]
    complete: npt.NDArray[np.bool_]
    coupling: str
    observables: dict[str, Array] = field(default_factory=dict)
    messages: npt.NDArray[np.str_] = field(default_factory=lambda: np.empty((0, 0), str))
    predicted: Predictions = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The runs that did not complete: their widths, replica, rows reached and message."""
        there = [np.isfinite(gap.reshape(*self.complete.shape, len(self.t), -1)).any(axis=3) for gap in self.gaps.values()]
        reached = np.sum(np.any(there, axis=0), axis=2) if there else np.zeros(self.complete.shape, int)
        return [
            {**self.widths[i], "replica": int(r), "rows": int(reached[i, r]), "message": str(self.messages[i, r])}
            for i, r in np.argwhere(~self.complete)
        ]

    def sup(self, name: str) -> Array:
        """The largest absolute gap over the saved times, (n_widths, replicas); NaN for a run that did not complete.

        A gap that is rounding is 0 here and in :meth:`rate`: one below 1e-13 of the observable, or of 1 where it is a distance.
        """
        largest: Array = self._sizes(name).max(axis=2)
        return largest

    def bias(self, name: str) -> tuple[Array, Array]:
        """The mean gap over the replicas, with its sign, and its standard error, both (n_widths, n_t, ...), of what is finite."""
        gap = self.gaps[self.name(name)]
        gap = np.where(np.isfinite(gap), gap, np.nan)
        counts = np.sum(np.isfinite(gap), axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(gap, axis=1) / counts
            squares = np.nansum((gap - mean[:, None]) ** 2, axis=1)
            return mean, np.sqrt(squares / (counts - 1) / counts)

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

        Returns
        -------
        Rate
            Its ``predicted`` is the rate that the system states, ``covered`` whether the interval contains it.

        Raises
        ------
        ValueError
            If a name, a time or a width is unknown, or there is too little to fit.
        """
        name = self.name(name)
        width, rows, sizes = self.along(width, at)
        if statistic == "bias":
            if t is None:
                raise ValueError("statistic = 'bias' with t = None: the bias belongs to a time, give one of the saved times")
            if self.gaps[name].ndim > 3:
                raise ValueError(f"{name} is an array: its bias has no sign; give another statistic")
            values = self._compared(name)[rows][..., self.row(t)]
        else:
            values = self.sup(name)[rows] if t is None else self._sizes(name)[rows][..., self.row(t)]
        known = find_prediction(self.predicted, name, statistic, width)
        settings: dict[str, Any] = {"floor": floor, "level": level, "resamples": resamples, "rng": rng, "predicted": known}
        return fit_rate(sizes, values, statistic=statistic, joint=self.joint, **settings)

    def table(self, **settings: Any) -> npt.NDArray[Any]:
        """The rates of all gaps, one row each; `settings` as for :meth:`rate`. See :func:`mfpde.finite.table.rate_table`."""
        return rate_table(self, **settings)

    def extrapolate(
        self, name: str, *, t: float, width: str | None = None, at: Mapping[str, int] | None = None, **settings: Any
    ) -> Extrapolation:
        """The mean of the networks' observable `name` at time `t` for an infinite `width`, the others as `at` says.

        `settings` as for :func:`mfpde.finite.extrapolation.extrapolate`.

        Raises
        ------
        ValueError
            If a name, time or width is unknown, the observable is an array, or there is too little to fit.
        """
        if name not in self.observables:
            raise ValueError(f"observable {name!r} is unknown: the networks report {', '.join(self.observables)}")
        values = self.observables[name]
        if values.ndim > 3:
            raise ValueError(f"{name} is an array: extrapolate its entries with mfpde.finite.extrapolate")
        _, rows, sizes = self.along(width, at)
        return extrapolate(sizes, values[rows][..., self.row(t)], joint=self.joint, **settings)

    def compare(self, correction: FiniteWidth, *, width: str | None = None, at: Mapping[str, int] | None = None) -> npt.NDArray[Any]:
        """Bias and fluctuation of these networks beside the predicted ones (:func:`mfpde.finite.comparison.compare`)."""
        return compare(self, correction, width=width, at=at)

    def save(self, path: str | Path) -> Path:
        """Write everything to an HDF5 file, or one line a run and time to a .csv file; see :mod:`mfpde.finite.files`."""
        from mfpde.finite.files import save_drift

        return save_drift(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Drift:
        """The drift of an HDF5 file that :meth:`save` wrote; StoreError if it is none."""
        from mfpde.finite.files import load_drift

        return load_drift(Path(path))

    @property
    def joint(self) -> bool:
        """Whether the runs of one replica share their neurons."""
        return self.coupling != "independent"

    def name(self, name: str) -> str:
        """The gap called `name` or, without its ending, "<name>_gap"; ValueError if there is none."""
        for known in (name, name.removesuffix("_gap")):
            if known in self.gaps:
                return known
        raise ValueError(f"gap {name!r} is unknown: there are {', '.join(self.gaps) or 'none, because no run reached a time'}")

    def row(self, t: float) -> int:
        """The row of the saved time `t`; ValueError if it was not saved."""
        found = np.flatnonzero(self.t == t)
        if not found.size:
            raise ValueError(f"t = {t!r} was not saved: there are {self.t.tolist()}")
        return int(found[0])

    def along(self, width: str | None, at: Mapping[str, int] | None) -> tuple[str, list[int], list[int]]:
        """The width that varies while the others are `at` theirs, the rows along it and its values; ValueError if that is not one."""
        at = at or {}
        unknown = [name for name in at if name not in self.widths[0]]
        if unknown:
            raise ValueError(f"at has {unknown[0]!r}: there are {', '.join(self.widths[0])}")
        varying = [name for name in self.widths[0] if len({chosen[name] for chosen in self.widths}) > 1 and name not in at]
        if width is None:
            candidates = varying or list(self.widths[0])
            if len(candidates) != 1:
                kind = "that vary" if varying else "with one value each"
                raise ValueError(f"widths {kind}: {candidates}; name one as width= and fix the others by at=")
            width = candidates[0]
        if width not in self.widths[0]:
            raise ValueError(f"width = {width!r}: there are {', '.join(self.widths[0])}")
        if set(varying) - {width}:
            raise ValueError(f"{sorted(set(varying) - {width})} vary too: fix them by at=")
        rows = [i for i, chosen in enumerate(self.widths) if all(chosen[name] == value for name, value in at.items())]
        if not rows:
            raise ValueError(f"at = {dict(at)!r}: no network has these widths")
        return width, rows, [self.widths[i][width] for i in rows]

    def _sizes(self, name: str) -> Array:
        """Absolute gaps (n_widths, replicas, n_t); of an array the Euclidean norm."""
        return _norms(self._compared(self.name(name)))

    def _compared(self, name: str) -> Array:
        """The gap with 0 where it is rounding; distances are between weights and functions of order 1."""
        gap = self.gaps[name]
        if name not in self.observables:
            return without_rounding(gap, 1.0)
        # So near to the network, the limit is of the same size.
        small = without_rounding(_norms(gap), _norms(self.observables[name])) == 0.0
        return np.where(small.reshape(small.shape + (1,) * (gap.ndim - 3)), 0.0, gap)


def _norms(values: Array) -> Array:
    """The Euclidean norm of each entry of (n_widths, replicas, n_t, ...) over the axes after time."""
    with np.errstate(over="ignore"):
        norms: Array = np.abs(values) if values.ndim == 3 else np.linalg.norm(values.reshape(*values.shape[:3], -1), axis=-1)
    return norms
