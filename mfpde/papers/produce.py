"""From settings to files: compute the tables, draw them, save both with their provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mfpde.plot import Tables, save_figure, style


def produce(
    name: str,
    settings: Mapping[str, Any],
    compute: Callable[..., Tables],
    draw: Callable[[Tables], Any],
    out: Path,
    progress: bool,
) -> list[Path]:
    """Make the figure `name` from ``compute(**settings, progress=...)`` and ``draw(tables)``; returns the files written.

    The drawing sees nothing but the tables that are saved beside it.
    """
    tables = compute(**settings, progress=progress)
    with style():
        return save_figure(draw(tables), name, out, tables, settings)
