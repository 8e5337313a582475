"""MNIST, from the file that comes with the package."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from mfpde.datafiles import data_file
from mfpde.datasets.dataset import Dataset, checked_part

SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"
MEAN, STD = 0.1307, 0.3081


def mnist(part: str = "train", path: str | Path | None = None) -> Dataset:
    """The 60000 training or 10000 test images of MNIST, 28 x 28, mean 0.1307 and standard deviation 0.3081 of the training pixels.

    Parameters
    ----------
    part : {"train", "test"}
    path : path, optional
        Another place of ``mnist.npz`` than the package's data folder.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If its SHA-256 is another, or `part` is unknown.
    """
    checked_part(part)
    file = data_file("mnist.npz") if path is None else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist: put mnist.npz there, or leave path= out for the package's own")
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(f"{file} is damaged or another file: its SHA-256 is {found}, not {SHA256}; put the package's mnist.npz there")
    with np.load(io.BytesIO(content)) as arrays:
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    return Dataset(f"mnist {part}", x.reshape(len(x), -1), y.astype(np.int64), MEAN, STD)
