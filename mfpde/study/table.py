"""One table of all runs of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.store.tables import write_csv, write_tables
from mfpde.study.run import Result, Run


def collect(runs: Sequence[Run], results: Sequence[Result]) -> npt.NDArray[Any]:
    """One row a run: the numbers and strings of its configuration (nested names joined by dots), then those of its result.

    Returns
    -------
    structured array (n_runs,)
        A column that a run does not have is NaN, or "" if others hold strings there. Arrays of results are left out.
    """
    rows = [
        {**_flat("", run.config), **{name: value for name, value in result.items() if not isinstance(value, np.ndarray)}}
        for run, result in zip(runs, results, strict=True)
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    typed = {name: _column(values) for name, values in columns.items()}
    table = np.empty(len(rows), [(name, values.dtype) for name, values in typed.items()])
    for name, values in typed.items():
        table[name] = values
    return table


def save_table(table: npt.NDArray[Any], stem: str | Path) -> list[Path]:
    """Write the structured array `table` to STEM.csv and STEM.h5; returns the paths."""
    stem = Path(stem)
    columns = {name: table[name] for name in table.dtype.names or ()}
    encoded = {name: np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values for name, values in columns.items()}
    csv, hdf5 = (stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "h5"))
    return [write_csv(csv, columns), write_tables(hdf5, {"runs": encoded}, {})]


def _flat(prefix: str, config: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(f"{prefix}{name}.", value)
        elif isinstance(value, (bool, int, float, str, np.generic)):
            flat[prefix + name] = value
    return flat


def _column(values: Sequence[Any]) -> npt.NDArray[Any]:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    if any(value is None for value in values):
        return np.array([np.nan if value is None else float(value) for value in values])
    return np.array(values)
