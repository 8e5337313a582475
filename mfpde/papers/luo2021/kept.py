"""Figures of many networks, each of them kept as it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mfpde.papers.produce import produce
from mfpde.plot import Data, Tables


def produce_kept(
    name: str,
    presets: Mapping[str, Mapping[str, Any]],
    preset: str,
    compute: Callable[..., Tables],
    draw: Callable[[Data], Any],
    out: Path,
    progress: bool,
) -> list[Path]:
    """:func:`mfpde.papers.produce.produce`; at the paper's size every network is kept in ``out/NAME-runs``, ``store`` of `compute`.

    A figure that was stopped goes on from there.
    """
    store = out / f"{name}-runs" if preset == "paper" else None
    return produce(name, presets[preset], partial(compute, store=store), draw, out, progress)
