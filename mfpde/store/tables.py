"""The numbers behind a figure, as files: HDF5, CSV and JSON, each written aside and renamed when it is whole."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from mfpde.store.files import new_file, refusals
from mfpde.store.provenance import canonical, provenance


def write_tables(path: Path, tables: Mapping[str, Mapping[str, npt.ArrayLike]], config: Mapping[str, Any]) -> Path:
    """One group a table, one dataset a column; the configuration and versions are attributes of the file."""
    with new_file(path, "tables") as file:
        file.attrs["config"] = canonical(config)
        file.attrs.update(provenance())
        for name, columns in tables.items():
            for column, values in columns.items():
                file.create_dataset(f"{name}/{column}", data=np.asarray(values))
    return path


def write_csv(path: Path, columns: Mapping[str, npt.ArrayLike]) -> Path:
    """A header of column names, then one line a row; numbers keep every bit.

    Raises
    ------
    ValueError
        If the columns differ in length.
    """
    rows = zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True)

    def write(file: IO[str]) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)

    return _write_text(path, write)


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """`content` as indented JSON."""
    return _write_text(path, lambda file: file.write(json.dumps(content, indent=2, sort_keys=True) + "\n"))


def _write_text(path: Path, write: Callable[[IO[str]], Any]) -> Path:
    aside = path.with_name(f".{path.name}.partial")
    with refusals(path, "write"):
        with aside.open("w", encoding="utf-8", newline="") as file:
            write(file)
        os.replace(aside, path)
    return path
