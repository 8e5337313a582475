"""Where the reference tables and data sets of ``data/`` are: in a source tree, or beside an installed package."""

from __future__ import annotations

import csv
import sysconfig
from pathlib import Path


def data_file(name: str) -> Path:
    """The path of a file of ``data/``.

    Raises
    ------
    FileNotFoundError
        If it is neither in the source tree nor installed with the package.
    """
    folders = (Path(__file__).parents[1] / "data", Path(sysconfig.get_path("data")) / "share" / "mfpde")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is in none of {', '.join(map(str, folders))}: install mfpde again, or run it from a whole source tree")


def reference_rows(name: str) -> list[dict[str, str]]:
    """The rows of a reference table, as printed: CSV whose comment lines, with source and accuracy, begin with "#"."""
    with data_file(name).open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))
