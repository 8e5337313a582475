"""Results of runs in a folder, one file a run, named by what was computed."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from uuid import uuid4

import numpy as np

from mfpde.study.run import SCHEMA, Result, Run, StudyError

_MARK = "study.json"


class Archive:
    """The finished runs of studies in `folder`; several studies, and several processes at once, may share one.

    A file NAME.npz holds ``header`` (JSON: what was run, numbers and strings, types and shapes of the arrays) and ``values`` (the bytes of
    the arrays). It is written aside and renamed, so that it is whole or absent; what a reader finds damaged is computed again.

    Raises
    ------
    StudyError
        If the folder holds something else, was written under another schema version, or cannot be made.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        mark = self.folder / _MARK
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Looked at before the mark: what another process puts here meanwhile comes after its mark.
            strangers = any(self.folder.glob("[!.]*"))
            if not mark.exists():
                if strangers:
                    raise StudyError(f"{self.folder} holds other files and no {_MARK}: give a new or empty folder")
                _write_aside(mark, json.dumps({"schema": SCHEMA}).encode())
            schema = json.loads(mark.read_text())["schema"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudyError(f"{self.folder} cannot hold a study: {error}; give another folder") from error
        if schema != SCHEMA:
            raise StudyError(f"{self.folder} has schema version {schema}, this mfpde reads {SCHEMA}: use the mfpde that wrote it")

    def read(self, run: Run) -> Result | None:
        """The result of `run`, None if it is not there or damaged."""
        try:
            with self._path(run).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                header, values = json.loads(file["header"].item()), file["values"]
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile):
            return None  # RuntimeError: one changed bit makes an archive an encrypted one, or compressed in some unknown way
        if header["run"] != run.description:
            return None
        result: Result = dict(header["scalars"])
        start = 0
        for name, (dtype, shape) in header["arrays"].items():
            count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            result[name] = values[start : start + count].view(dtype).reshape(shape)
            start += count
        return {name: result[name] for name in header["names"]}

    def write(self, run: Run, result: Result) -> None:
        """Keep the result of `run`; OSError if the disk refuses."""
        arrays = {name: np.asarray(value, order="C") for name, value in result.items() if isinstance(value, np.ndarray)}
        header = {
            "run": run.description,
            "names": list(result),
            "scalars": {name: value for name, value in result.items() if name not in arrays},
            "arrays": {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()},
        }
        values = np.concatenate([np.empty(0, np.uint8), *(array.reshape(-1).view(np.uint8) for array in arrays.values())])
        path = self._path(run)
        aside = _aside(path)
        try:
            with aside.open("wb") as file:
                np.savez(file, header=np.array(json.dumps(header).encode()), values=values)
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)

    def _path(self, run: Run) -> Path:
        return self.folder / f"{run.key}.npz"


def _aside(path: Path) -> Path:
    """A hidden name beside `path` that no thread and no process on another machine chooses too."""
    return path.with_name(f".{path.name}.{uuid4().hex}")


def _write_aside(path: Path, content: bytes) -> None:
    aside = _aside(path)
    aside.write_bytes(content)
    os.replace(aside, path)
