"""What the figures of this paper share: settings that are said to be from memory, the decreasing step, columns of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables

NOTE = "settings from memory, not checked against the paper; steps, times and seeds are ours"


def produce_recalled(
    name: str, settings: Mapping[str, Any], compute: Callable[..., Tables], draw: Callable[[Data], Any], out: Path, progress: bool
) -> list[Path]:
    """:func:`mfpde.papers.produce.produce`, with the note on the origin of the settings among the metadata."""

    def noted(*, note: str, **given: Any) -> Tables:
        return compute(**given)

    return produce(name, {**settings, "note": NOTE}, noted, draw, out, progress)


def inverse_quarter_power(t: Any) -> Any:
    """xi(t) = t^(-1/4), infinite at 0: steps take it at their end."""
    return t**-0.25


def multiples(times: Any, eps: float) -> Any:
    """The times rounded to multiples of `eps`, each once."""
    return np.unique(np.rint(np.asarray(times) / eps)) * eps
