"""New figures in the package's style, and figures saved with the numbers they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.store.provenance import provenance
from mfpde.store.tables import write_csv, write_json, write_tables

Array = npt.NDArray[Any]
Tables = Mapping[str, Mapping[str, npt.ArrayLike]]
Data = Mapping[str, Mapping[str, Array]]

_STYLE = Path(__file__).with_name("mfpde.mplstyle")


def style() -> AbstractContextManager[None]:
    """The package's matplotlib style, for the length of a ``with`` block; draw and save inside it."""
    from matplotlib import style as styles

    context: AbstractContextManager[None] = styles.context(_STYLE)
    return context


def new_figure(columns: int, width: float = 7.2, height: float = 2.5, rows: int = 1) -> Any:
    """A figure of `width` x `height` inches and its axes (rows, columns), without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def label_ticks(axis: Any, values: Iterable[float]) -> None:
    """Ticks of a logarithmic axis at `values` alone, written out."""
    places = [float(value) for value in values]
    axis.set_ticks(places, [f"{place:g}" for place in places])
    axis.set_ticks([], minor=True)


def shades(values: Iterable[float], name: str = "viridis") -> dict[float, Any]:
    """A colour for each of the `values`, from dark to light."""
    from matplotlib import colormaps

    each = np.unique(np.asarray(list(values), float))
    return dict(zip(each.tolist(), colormaps[name](np.linspace(0.0, 0.85, len(each))), strict=True))


def save_figure(figure: Any, name: str, out: str | Path, tables: Data, config: Mapping[str, Any]) -> list[Path]:
    """Write NAME.pdf, NAME.png, NAME.h5, one NAME-TABLE.csv a table, and the provenance NAME.json into the folder `out`.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Stem of every file name.
    tables : mapping
        Name of a table to its columns, arrays of one length.
    config : mapping
        What defines the figure, as JSON values.

    Returns
    -------
    list of Path
        The files written. Each is complete or absent: it is written aside and renamed.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")  # or every file would be laid out anew
    paths = []
    for kind in ("pdf", "png"):
        path = folder / f"{name}.{kind}"
        aside = path.with_name(f".{path.name}.partial")
        figure.savefig(aside, format=kind)
        paths.append(aside.replace(path))
    paths.append(write_tables(folder / f"{name}.h5", tables, config))
    paths += [write_csv(folder / f"{name}-{table}.csv", columns) for table, columns in tables.items()]
    paths.append(write_json(folder / f"{name}.json", {"figure": name, "config": dict(config), "provenance": provenance()}))
    return paths
