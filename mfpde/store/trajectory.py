"""Trajectories as HDF5 files: whole ones, and those that a running solve appends its rows to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfpde.flow import Array, Trajectory
from mfpde.store import layout
from mfpde.store.files import StoreError, exists, new_file, open_file
from mfpde.store.provenance import canonical, first_difference


def save_trajectory(trajectory: Trajectory, path: str | Path) -> Path:
    """Write `trajectory` to the new HDF5 file `path` and return the path.

    Raises
    ------
    StoreError
        If `path` exists already or cannot be written.
    """
    path = _unused(Path(path))
    shapes = {name: values.shape[1:] for name, values in trajectory.observables.items()}
    plan = layout.Plan(trajectory.packing, shapes, trajectory.t, trajectory.states.dtype, trajectory.clock, trajectory.config)
    with new_file(path, "trajectory", plan.size) as file:
        layout.allocate(file, plan)
        layout.write_rows(file, 0, trajectory.t, trajectory.observables, trajectory.states)
        layout.write_closing(file, trajectory.complete, trajectory.message, trajectory.stats)
    return path


def load_trajectory(path: str | Path) -> Trajectory:
    """The trajectory in the HDF5 file `path`, with every row saved so far.

    Raises
    ------
    StoreError
        If the file is missing, no HDF5 file, truncated, or not a trajectory of this package and schema.
    """
    with open_file(Path(path), "trajectory") as file:
        t, observables, states = layout.read_rows(file, int(file["run/rows"][()]))
        complete, message, stats = layout.read_closing(file)
        return Trajectory(
            t=t,
            observables=observables,
            states=states,
            packing=layout.read_packing(file),
            clock=file.attrs["clock"],
            config=json.loads(file.attrs["config"]),
            stats=stats,
            message=message,
            complete=complete,
        )


@dataclass(frozen=True)
class RunInfo:
    """What a trajectory file says of its run, without its arrays.

    Attributes
    ----------
    config : dict
        The configuration, as :func:`mfpde.solve.solve` resolved it.
    clock, complete, message, stats
        As in :class:`mfpde.flow.Trajectory`.
    rows, planned : int
        Rows saved, and rows asked for.
    provenance : dict
        Versions, platform, processor and time of creation.
    """

    config: dict[str, Any]
    clock: str
    rows: int
    planned: int
    complete: bool
    message: str
    stats: dict[str, float]
    provenance: dict[str, str]


def run_info(path: str | Path) -> RunInfo:
    """The :class:`RunInfo` of the trajectory file `path`; raises StoreError as :func:`load_trajectory` does."""
    with open_file(Path(path), "trajectory") as file:
        names = ("mfpde", "python", "numpy", "scipy", "numba", "platform", "cpu", "created")
        return RunInfo(
            json.loads(file.attrs["config"]),
            file.attrs["clock"],
            int(file["run/rows"][()]),
            file["t"].size,
            *layout.read_closing(file),
            {name: file.attrs[name] for name in names},
        )


class Store:
    """The trajectory file of a running solve: opened, written and closed for every chunk of rows.

    A kill at any moment leaves a readable file with all rows written before.
    """

    def __init__(self, path: Path, rows: int) -> None:
        self.path = path
        self.rows = rows

    @classmethod
    def create(cls, path: Path, plan: layout.Plan) -> Store:
        """A new file with room for every planned row; an existing file is refused."""
        _unused(path)
        with new_file(path, "trajectory", plan.size) as file:
            layout.allocate(file, plan)
        return cls(path, 0)

    @classmethod
    def reopen(cls, path: Path, *, config: Mapping[str, Any], t: Array, rows: int) -> Store:
        """The file of an interrupted run, to go on from row `rows`.

        Whole rows beyond `rows` are kept: they will be computed again to the same bits. The last state of a stopped
        run, which stands at a time of its own, makes room for the row planned there.

        Raises
        ------
        StoreError
            If the file is from another run, or has fewer than `rows` rows.
        """
        with open_file(path, "trajectory", "r+") as file:
            refuse_other_run(path, config, json.loads(file.attrs["config"]))
            saved = int(file["run/rows"][()])
            if saved < rows:
                raise StoreError(f"{path} has {saved} rows, its checkpoint is at row {rows}: give the file that belongs to the checkpoint")
            file["run/complete"][()] = -1
            kept = saved - int(saved > 0 and file["t"][saved - 1] != t[saved - 1])
            file["run/rows"][()] = kept
        return cls(path, kept)

    def read(self, rows: int) -> tuple[Array, dict[str, Array], Array]:
        """The first `rows` rows: times, observables and flat states."""
        with open_file(self.path, "trajectory") as file:
            return layout.read_rows(file, rows)

    def write(self, first: int, t: Array, observables: Mapping[str, Array], states: Array) -> None:
        """Write the rows from `first` on; those that are in the file already are left alone."""
        skip = min(max(self.rows - first, 0), t.size)
        if skip < t.size:
            with open_file(self.path, "trajectory", "r+") as file:
                rest = {name: values[skip:] for name, values in observables.items()}
                layout.write_rows(file, first + skip, t[skip:], rest, states[skip:])
            self.rows = first + t.size

    def close_out(self, complete: bool, message: str, stats: Mapping[str, float]) -> None:
        """Write why the run ended."""
        with open_file(self.path, "trajectory", "r+") as file:
            layout.write_closing(file, complete, message, stats)


def refuse_other_run(path: Path, config: Mapping[str, Any], saved: Any) -> None:
    """Raise StoreError, naming the first differing key and both values, unless `saved` is `config`."""
    difference = first_difference(json.loads(canonical(config)), saved)
    if difference:
        key, ours, theirs = difference
        raise StoreError(f"{path} is from another run: {key} is {theirs!r} there and {ours!r} here; use its value, or another file")


def _unused(path: Path) -> Path:
    if exists(path):
        raise StoreError(f"{path} exists already: delete it or give another name (nothing saved is overwritten)")
    return path
