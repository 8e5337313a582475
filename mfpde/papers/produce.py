"""From settings to files: compute the tables, draw them, save both with their provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.plot import Data, Tables, save_figure, style


def produce(
    name: str,
    settings: Mapping[str, Any],
    compute: Callable[..., Tables],
    draw: Callable[[Data], Any],
    out: Path,
    progress: bool,
) -> list[Path]:
    """Make the figure `name` from ``compute(**settings, progress=...)`` and ``draw(data)``; returns the files written.

    The drawing sees nothing but the columns, as arrays, that are saved beside it.
    """
    tables = compute(**settings, progress=progress)
    data = {name: {column: np.asarray(values) for column, values in table.items()} for name, table in tables.items()}
    with style():
        return save_figure(draw(data), name, out, data, settings)


def produce_kept(
    name: str,
    settings: Mapping[str, Any],
    compute: Callable[..., Tables],
    draw: Callable[[Data], Any],
    out: Path,
    progress: bool,
) -> list[Path]:
    """:func:`produce`, with every run kept in ``out/NAME-runs``, the argument ``store`` of `compute`, as it ends.

    A figure that was stopped goes on from there.
    """
    return produce(name, settings, partial(compute, store=out / f"{name}-runs"), draw, out, progress)


def extend(table: dict[str, list[float]], **columns: Any) -> None:
    """Append arrays of one length (numbers are repeated) to the columns of `table`, made where they are missing."""
    rows = np.broadcast_arrays(*(np.atleast_1d(np.asarray(values, float)) for values in columns.values()))
    for name, values in zip(columns, rows, strict=True):
        table.setdefault(name, []).extend(values.tolist())
