"""Fashion-MNIST, from the four idx files of its authors (Xiao, Rasul, Vollgraf 2017)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfpde.datafiles import data_file
from mfpde.datasets.dataset import Dataset, checked_part
from mfpde.datasets.idx import read_idx

MEAN, STD = 0.2860, 0.3530
FOLDER = "fashion-mnist"
_PREFIX = {"train": "train", "test": "t10k"}


def fashion_mnist(part: str = "train", folder: str | Path | None = None) -> Dataset:
    """The 60000 training or 10000 test images of Fashion-MNIST, 28 x 28, mean 0.2860 and standard deviation 0.3530.

    Parameters
    ----------
    part : {"train", "test"}
    folder : path, optional
        Where ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte`` are,
        each plain or with ``.gz``; None means ``fashion-mnist`` in the data folder.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message says where it should be.
    ValueError
        If a file is damaged, or `part` is unknown.
    """
    prefix = _PREFIX[checked_part(part)]
    images = read_idx(_find(f"{prefix}-images-idx3-ubyte", folder))
    labels = read_idx(_find(f"{prefix}-labels-idx1-ubyte", folder))
    if images.ndim != 3 or images.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(f"fashion-mnist {part}: images {images.shape} and labels {labels.shape} are no such data: download them again")
    return Dataset(f"fashion-mnist {part}", images.reshape(len(images), -1), labels.astype(np.int64), MEAN, STD)


def _find(name: str, folder: str | Path | None) -> Path:
    for file in (name, f"{name}.gz"):
        if folder is not None and (Path(folder) / file).is_file():
            return Path(folder) / file
        if folder is None:
            try:
                return data_file(f"{FOLDER}/{file}")
            except FileNotFoundError:
                continue
    place = f"the folder {FOLDER} of mfpde's data folder, or give folder=" if folder is None else str(folder)
    raise FileNotFoundError(f"{name} is missing: put it, plain or as {name}.gz, into {place}")
