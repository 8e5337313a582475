"""Opening and creating HDF5 files: every refusal is one message that names the file and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = 1
# Superblock 2 keeps no "open for writing" mark that a kill would leave behind, and allows attributes beyond 64 KB.
_FORMAT = ("v108", "v108")
# More than HDF5's headers, scales and padding ever took (bytes).
_OVERHEAD = 1 << 16
# Every form in which h5py reports a failed system call; its ValueErrors begin with "Unable to".
_H5_ERRORS = (OSError, RuntimeError, ValueError)


class StoreError(RuntimeError):
    """A file that cannot be read, written or continued."""


@contextmanager
def new_file(path: Path, kind: str, size: int = 0) -> Iterator[Any]:
    """A new file under a temporary name in the same directory, which takes the name `path` once it is whole and on disk.

    Parameters
    ----------
    size
        Bytes of the arrays and attributes to come: they are tried for before HDF5 begins, which takes a full disk badly.

    Raises
    ------
    StoreError
        If the file cannot be written (full disk, no permission, no such directory); no part of it is left behind, and
        a file that already had the name `path` is as it was.
    """
    import h5py

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with refusals(path, "write"):
            _reserve(temporary, size + _OVERHEAD)
            with h5py.File(temporary, "w", libver=_FORMAT, locking=False) as file:
                file.attrs["mfpde_kind"] = kind
                file.attrs["mfpde_schema"] = SCHEMA
                yield file
            _to_disk(temporary)
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def open_file(path: Path, kind: str, mode: str = "r") -> Iterator[Any]:
    """The file at `path`, checked to be one of this package's and of this kind ("trajectory" or "checkpoint").

    Raises
    ------
    StoreError
        If it is missing, no HDF5 file, truncated, not written by mfpde, of another kind or schema version.
    """
    with _opened(path, mode) as file:
        found = file.attrs.get("mfpde_kind")
        if found is None:
            raise StoreError(f"{path} was not written by mfpde: give a file that solve or Trajectory.save wrote")
        if found != kind:
            raise StoreError(f"{path} is a {found}, not a {kind}: give the {kind} file of the run")
        schema = int(file.attrs["mfpde_schema"])
        if schema != SCHEMA:
            wrote = file.attrs.get("mfpde", "unknown")
            raise StoreError(f"{path} has schema version {schema}, this mfpde reads {SCHEMA}: use the mfpde that wrote it ({wrote})")
        yield file


def exists(path: Path) -> bool:
    """Whether there is a file at `path`; StoreError if one may not look."""
    with refusals(path, "read"):
        return path.exists()


@contextmanager
def refusals(path: Path, doing: str) -> Iterator[None]:
    """Turn what HDF5 and the operating system raise into a :class:`StoreError` that says why in one line."""
    try:
        yield
    except _H5_ERRORS as error:
        if isinstance(error, StoreError) or (isinstance(error, ValueError) and not str(error).startswith("Unable to")):
            raise
        reason = _reason(error)
        remedy = {
            "No space left on device": "free some space or give another directory; what was saved before is intact",
            "File too large": "raise the limit on file sizes or give another directory; what was saved before is intact",
            "Permission denied": "give a path you may use",
            "No such file or directory": "check the path" if doing == "read" else "create the directory first",
        }.get(reason, "check the path and the disk")
        raise StoreError(f"cannot {doing} {path}: {reason}; {remedy}") from error


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[Any]:
    import h5py

    doing = "read" if mode == "r" else "write"
    with refusals(path, doing):
        with open(path, "rb" if mode == "r" else "r+b"):
            pass
        if not h5py.is_hdf5(path):
            raise StoreError(f"{path} is not an HDF5 file (or its beginning is lost): give a file that mfpde wrote")
    try:
        # Without locks a reader never stops a running solve; the order of its writes makes reading beside it safe.
        file = h5py.File(path, mode, locking=False)
    except _H5_ERRORS as error:
        file = _opened_elsewhere(path, mode, error)
    with refusals(path, doing), file:
        yield file


def _opened_elsewhere(path: Path, mode: str, error: Exception) -> Any:
    """The file where another reader of this process has it open with locks (xarray does), since all must agree on that."""
    import h5py

    if "locking flag" in str(error):
        try:
            return h5py.File(path, mode)
        except _H5_ERRORS as locked:
            raise StoreError(f"{path} is open for reading in this process ({_reason(locked)}): close it there first") from locked
    raise StoreError(f"{path} is truncated or damaged ({_reason(error)}): use a copy, or delete it and run again") from error


def _reason(error: BaseException) -> str:
    inside = re.search(r"error message = '([^']*)'", str(error))
    if inside:
        return inside.group(1)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _reserve(path: Path, size: int) -> None:
    """Try that `size` bytes can be written: HDF5 may crash the process after a write that failed half-way."""
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
