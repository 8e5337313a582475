"""Checkpoints: everything a run needs to go on to the same bits, in one HDF5 file that is replaced whole.

A value is a tree of None, bool, int, float, str, NumPy scalars and arrays, tuples, lists and dicts with string keys. Its
skeleton is kept as JSON, its arrays as datasets, so that every bit, type and memory order (on which the rounding of a
matrix product may depend) returns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.store.files import StoreError, new_file, open_file
from mfpde.store.provenance import canonical, provenance
from mfpde.store.trajectory import refuse_other_run

# Bytes of HDF5's header of one small array, with room to spare.
_HEADER = 1024


def write_checkpoint(path: Path, config: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Replace the checkpoint `path` by `content`, a tree; a kill or a full disk leaves the one before.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    skeleton = _take_apart(dict(content), arrays)
    attributes = {"config": canonical(config), "skeleton": json.dumps(skeleton)}
    size = sum(map(len, attributes.values())) + sum(array.nbytes + _HEADER for array in arrays)
    with new_file(path, "checkpoint", size) as file:
        file.attrs.update({**provenance(), **attributes})
        for i, array in enumerate(arrays):
            file.create_dataset(str(i), data=array)


def read_checkpoint(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the checkpoint `path` of the run with this `config`.

    Raises
    ------
    StoreError
        If it cannot be read, is from another run, or was written under another SciPy version.
    """
    with open_file(path, "checkpoint") as file:
        refuse_other_run(path, config, json.loads(file.attrs["config"]))
        theirs, ours = file.attrs["scipy"], provenance()["scipy"]
        if theirs != ours:
            remedy = f"install scipy=={theirs} to continue to the same bits"
            raise StoreError(f"{path} was written under SciPy {theirs}, this is SciPy {ours}: {remedy}")
        content: dict[str, Any] = _put_together(json.loads(file.attrs["skeleton"]), file)
        return content


def _take_apart(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        columns = array.flags.f_contiguous and not array.flags.c_contiguous
        arrays.append(array.T if columns else array)
        return {"kind": "scalar" if isinstance(value, np.generic) else "columns" if columns else "array", "index": len(arrays) - 1}
    if isinstance(value, (tuple, list)):
        return {"kind": type(value).__name__, "items": [_take_apart(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {"kind": "dict", "items": {key: _take_apart(item, arrays) for key, item in value.items()}}
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be part of a checkpoint")


def _put_together(skeleton: Any, file: Any) -> Any:
    if not isinstance(skeleton, dict):
        return skeleton
    kind = skeleton["kind"]
    if kind == "dict":
        return {key: _put_together(item, file) for key, item in skeleton["items"].items()}
    if kind in ("tuple", "list"):
        items = [_put_together(item, file) for item in skeleton["items"]]
        return tuple(items) if kind == "tuple" else items
    array = file[str(skeleton["index"])][()]
    return array.T if kind == "columns" else array
