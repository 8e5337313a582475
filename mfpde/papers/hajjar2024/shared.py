"""What the figures of this paper share: runs that are kept, and published numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mfpde.datafiles import reference_rows
from mfpde.study import Archive, Result, Run, execute


def results(
    function: Callable[..., Mapping[str, Any]], configs: Sequence[Mapping[str, Any]], store: Path | None, progress: bool
) -> list[Result]:
    """``function(**config)`` for every config, kept in the folder `store` and read from it where it is there."""
    archive = None if store is None else Archive(store)
    return execute([Run(function, config) for config in configs], archive=archive, progress=progress)


def published(quantity: str, **where: Any) -> float:
    """The published value of `quantity` in the row whose columns are `where`; NaN if there is none."""
    for row in reference_rows("hajjar2024_accuracies.csv"):
        if row["quantity"] == quantity and all(row[key] == str(value) for key, value in where.items()):
            return float(row["value"])
    return float("nan")
