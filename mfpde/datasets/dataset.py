"""Images with labels, kept as bytes and normalised when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole

PARTS = ("train", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images; an input is (pixel / 255 - mean) / std.

    Attributes
    ----------
    name : str
        Data set and part, such as "mnist train".
    pixels : array (n, d) of uint8
        One row an image.
    y : array (n,) of int64
        The classes 0, ..., 9.
    mean, std : float
        The normalisation.

    Raises
    ------
    ValueError
        If images and labels do not belong together.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    y: npt.NDArray[np.int64]
    mean: float
    std: float

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.y.shape != (len(self.pixels),):
            shapes = f"images {self.pixels.shape} and labels {self.y.shape}"
            raise ValueError(f"{self.name}: {shapes} do not belong together: the files are damaged")
        if len(self.y) and not 0 <= self.y.min() <= self.y.max() <= 9:
            raise ValueError(f"{self.name}: labels from {self.y.min()} to {self.y.max()}: classes are 0 to 9, the files are damaged")

    def __len__(self) -> int:
        return len(self.y)

    @property
    def d(self) -> int:
        """Pixels an image."""
        return int(self.pixels.shape[1])

    def inputs(self, rows: Any = slice(None)) -> npt.NDArray[np.float32]:
        """The normalised inputs (n, d) of the chosen rows, in single precision."""
        chosen: npt.NDArray[np.float32] = self.pixels[rows].astype(np.float32)
        chosen /= np.float32(255)
        chosen -= np.float32(self.mean)
        chosen /= np.float32(self.std)
        return chosen

    def first(self, n: int) -> Dataset:
        """The first `n` images."""
        return self._part(f"first {n}", slice(0, self._count(n)))

    def last(self, n: int) -> Dataset:
        """The last `n` images, such as those kept apart for validation."""
        return self._part(f"last {n}", slice(len(self) - self._count(n), len(self)))

    def _count(self, n: int) -> int:
        if whole("n", n) > len(self):
            raise ValueError(f"n = {n}: {self.name} has {len(self)} images")
        return int(n)

    def _part(self, title: str, rows: slice) -> Dataset:
        return replace(self, name=f"{self.name}, {title}", pixels=self.pixels[rows], y=self.y[rows])


def checked_part(part: str) -> str:
    """`part`, or ValueError if it is neither "train" nor "test"."""
    if part not in PARTS:
        raise ValueError(f"part = {part!r}: give one of {', '.join(PARTS)}")
    return part
