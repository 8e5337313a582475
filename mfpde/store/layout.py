"""How a trajectory lies in HDF5: one variable a packed array and an observable, a named scale on every axis.

Everything a run will ever write is allocated and filled with NaN when the file is created: a full disk shows then, and
later writes change numbers only, never the file's structure, so that a kill between two of them leaves a readable file.
The group ``run`` holds what changes: ``rows`` (how many are whole), ``complete`` (1 complete, 0 stopped early, -1 still
running or killed), ``message`` and ``stats`` (JSON).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, observable_dims
from mfpde.store.provenance import canonical, provenance

_MESSAGE_BYTES = 1024
_STATS_BYTES = 16384


@dataclass(frozen=True)
class Plan:
    """All that the file of a run will hold: one row at each of the times `t`; observables by name, with the shape of a row.

    Raises
    ------
    ValueError
        If names clash, as in :func:`state_variables`.
    """

    packing: Packing
    observables: Mapping[str, tuple[int, ...]]
    t: Array
    dtype: npt.DTypeLike
    clock: str
    config: Mapping[str, Any]

    def __post_init__(self) -> None:
        state_variables(self.packing, self.observables)

    @property
    def size(self) -> int:
        """Bytes of the variables and the configuration."""
        row = 8 * (1 + sum(map(prod, self.observables.values()))) + np.dtype(self.dtype).itemsize * self.packing.size
        return int(self.t.size * row + len(canonical(self.config)) + _MESSAGE_BYTES + _STATS_BYTES)


def state_variables(packing: Packing, observables: Iterable[str]) -> dict[str, str]:
    """The variable of each packed array: its own name, or ``<name>_state`` where an observable has that name.

    Raises
    ------
    ValueError
        If two variables, or an axis and a variable, would share a name, or an axis would have two lengths.
    """
    taken = {"t", "run", *observables}
    variables = {f.name: f"{f.name}_state" if f.name in taken else f.name for f in packing.fields}
    names = [*taken, *variables.values()]
    lengths: dict[str, int] = {}
    for f in packing.fields:
        for dim, length in zip(f.dims, f.shape, strict=True):
            if dim in names or lengths.setdefault(dim, length) != length:
                raise ValueError(f"axis {dim!r} of {f.name!r} (length {length}): an axis needs a name of its own and one length")
    if len(set(names)) < len(names):
        raise ValueError(f"arrays {sorted(variables)} and observables {sorted(observables)}: every variable needs a name of its own")
    return variables


def allocate(file: Any, plan: Plan) -> None:
    """Allocate all variables of a run and write its attributes."""
    packing, t = plan.packing, plan.t
    variables = state_variables(packing, plan.observables)
    file.attrs.update(provenance())
    file.attrs["clock"] = plan.clock
    file.attrs["config"] = canonical(plan.config)
    file.attrs["packing"] = json.dumps({"dtype": packing.dtype, "fields": [asdict(f) for f in packing.fields]})
    file.attrs["observables"] = json.dumps(list(plan.observables))
    time = _variable(file, "t", (t.size,), np.float64)
    time[...] = t
    time.make_scale("t")
    for name, shape in plan.observables.items():
        _rows(file, name, shape, observable_dims(name, shape), np.float64)
    for f in packing.fields:
        _rows(file, variables[f.name], f.shape, f.dims, plan.dtype)
    run = file.create_group("run")
    run["rows"] = np.int64(0)
    run["complete"] = np.int64(-1)
    run.create_dataset("message", data=np.bytes_(b" " * _MESSAGE_BYTES))
    run.create_dataset("stats", data=np.bytes_(b" " * _STATS_BYTES))


def write_rows(file: Any, first: int, t: Array, observables: Mapping[str, Array], states: Array) -> None:
    """Write rows from `first` on; the row counter follows only when they are all in the file."""
    packing, names = read_packing(file), read_names(file)
    variables, arrays, stop = state_variables(packing, names), packing.unpack(states), first + t.size
    file["t"][first:stop] = t
    for name in names:
        file[name][first:stop] = observables[name]
    for f in packing.fields:
        file[variables[f.name]][first:stop] = arrays[f.name]
    file.flush()
    file["run/rows"][()] = stop
    file.flush()


def write_closing(file: Any, complete: bool, message: str, stats: Mapping[str, float]) -> None:
    """Write why the run ended; the flag follows only when message and statistics are in the file."""
    file["run/message"][()] = np.bytes_(message.encode()[:_MESSAGE_BYTES].decode(errors="ignore").encode().ljust(_MESSAGE_BYTES))
    file["run/stats"][()] = np.bytes_(json.dumps(dict(stats)).encode().ljust(_STATS_BYTES))
    file.flush()
    file["run/complete"][()] = int(complete)
    file.flush()


def read_packing(file: Any) -> Packing:
    """The packing of the states in the file."""
    saved = json.loads(file.attrs["packing"])
    return Packing(tuple(Field(f["name"], tuple(f["shape"]), tuple(f["dims"])) for f in saved["fields"]), saved["dtype"])


def read_names(file: Any) -> list[str]:
    """The names of the observables in the file, in the order in which the flow reports them."""
    names: list[str] = json.loads(file.attrs["observables"])
    return names


def read_rows(file: Any, rows: int) -> tuple[Array, dict[str, Array], Array]:
    """The first `rows` rows: times, observables and flat states."""
    packing, names = read_packing(file), read_names(file)
    variables = state_variables(packing, names)
    parts = [file[variables[f.name]][:rows].reshape(rows, prod(f.shape)) for f in packing.fields]
    return file["t"][:rows], {name: file[name][:rows] for name in names}, np.concatenate(parts, axis=1)


def read_closing(file: Any) -> tuple[bool, str, dict[str, float]]:
    """Whether the run is complete, why it ended, and its statistics."""
    flag = int(file["run/complete"][()])
    if flag < 0:
        return False, "still running, or killed before it could say why it ended", {}
    return flag == 1, file["run/message"][()].decode().rstrip(" "), json.loads(file["run/stats"][()])


def _rows(file: Any, name: str, shape: tuple[int, ...], dims: tuple[str, ...], dtype: npt.DTypeLike) -> None:
    data = _variable(file, name, (file["t"].size, *shape), dtype)
    data.dims[0].attach_scale(file["t"])
    for axis, (dim, length) in enumerate(zip(dims, shape, strict=True), start=1):
        data.dims[axis].attach_scale(_axis(file, dim, length))


def _variable(file: Any, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
    import h5py

    return file.create_dataset(name, shape, dtype, fillvalue=np.nan, fill_time="alloc", dcpl=_early(h5py))


def _early(h5py: Any) -> Any:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return properties


def _axis(file: Any, dim: str, length: int) -> Any:
    """The scale of an axis without coordinates, marked as netCDF marks one, so that readers show a bare dimension."""
    if dim not in file:
        file.create_dataset(dim, (length,), np.float32).make_scale(f"This is a netCDF dimension but not a netCDF variable. {length:9d}")
    return file[dim]
