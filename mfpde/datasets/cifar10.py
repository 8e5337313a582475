"""CIFAR-10, from the files of its "python version" (Krizhevsky 2009)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mfpde.datafiles import data_file
from mfpde.datasets.dataset import Dataset, checked_part

MEAN, STD = 0.4809, 0.2392
FOLDER = "cifar-10-batches-py"
FILES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}


def cifar10(part: str = "train", folder: str | Path | None = None) -> Dataset:
    """The 50000 training or 10000 test images of CIFAR-10 in grey, 32 x 32, mean 0.4809 and standard deviation 0.2392.

    Grey is (299 R + 587 G + 114 B) / 1000 (ITU-R 601), rounded.

    Parameters
    ----------
    part : {"train", "test"}
    folder : path, optional
        Where ``data_batch_1``, ..., ``data_batch_5`` and ``test_batch`` are; None means ``cifar-10-batches-py`` in the data folder.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message says where it should be.
    ValueError
        If a file is damaged, or `part` is unknown.
    """
    read = [_read(_find(name, folder)) for name in FILES[checked_part(part)]]
    pixels = np.concatenate([to_grey(images) for images, _ in read])
    return Dataset(f"cifar10 grey {part}", pixels, np.concatenate([labels for _, labels in read]), MEAN, STD)


def to_grey(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey pixels (n, p) of colour images (n, 3 p), whose first p entries are red, then green, then blue."""
    red, green, blue = (channel.astype(np.uint32) for channel in np.split(images, 3, axis=1))
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(np.uint8)


class _Arrays(pickle.Unpickler):
    """Unpickles NumPy arrays, lists and strings, and refuses everything that could run code."""

    _ALLOWED = frozenset({("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")})

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.zeros(0).__reduce__()[0]
        if (module, name) in self._ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it contains {module}.{name}, which no data file does")


def _read(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    with path.open("rb") as file:
        content = _unpickled(file, path)
    data, labels = content.get(b"data"), content.get(b"labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise ValueError(f"{path} has no images of 3072 bytes under b'data': it is damaged or another file")
    if not isinstance(labels, list) or len(labels) != len(data) or not all(isinstance(label, int) for label in labels):
        raise ValueError(f"{path} has not one label for each of its {len(data)} images under b'labels': it is damaged or another file")
    return data, np.array(labels, np.int64)


def _unpickled(file: BinaryIO, path: Path) -> dict[bytes, Any]:
    # A damaged pickle may raise almost anything.
    try:
        content = _Arrays(file, encoding="bytes").load()
    except Exception as error:
        raise ValueError(f"{path} is damaged or no file of CIFAR-10's python version ({error}): unpack the archive again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not the dictionary of a CIFAR-10 batch: unpack the archive again")
    return content


def _find(name: str, folder: str | Path | None) -> Path:
    if folder is not None:
        if not (Path(folder) / name).is_file():
            raise FileNotFoundError(f"{name} is missing: unpack cifar-10-python.tar.gz and put its files into {folder}")
        return Path(folder) / name
    try:
        return data_file(f"{FOLDER}/{name}")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{FOLDER}/{name} is missing: unpack cifar-10-python.tar.gz in mfpde's data folder, or give folder= ({error})"
        ) from error
