"""What the figures of this paper share: published numbers, runs kept beside a figure, colours of widths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mfpde.datafiles import reference_rows
from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables
from mfpde.study import Archive, Result, Run, execute


def produce_with_runs(
    name: str, settings: Mapping[str, Any], compute: Callable[..., Tables], draw: Callable[[Data], Any], out: Path, progress: bool
) -> list[Path]:
    """:func:`mfpde.papers.produce.produce`, with every run kept in ``out/NAME-runs`` as it ends.

    A figure that was stopped goes on from there.
    """
    archive = Archive(out / f"{name}-runs")

    def archived(**given: Any) -> Tables:
        return compute(**given, archive=archive)

    return produce(name, settings, archived, draw, out, progress)


def results(
    function: Callable[..., Mapping[str, Any]], configs: Sequence[Mapping[str, Any]], archive: Archive | None, progress: bool
) -> list[Result]:
    """``function(**config)`` for every config, read from the archive where it is there."""
    return execute([Run(function, config) for config in configs], archive=archive, progress=progress)


def published(quantity: str, **where: Any) -> float:
    """The published value of `quantity` in the row whose columns are `where`; NaN if there is none."""
    for row in reference_rows("hajjar2024_accuracies.csv"):
        if row["quantity"] == quantity and all(row[key] == str(value) for key, value in where.items()):
            return float(row["value"])
    return float("nan")
