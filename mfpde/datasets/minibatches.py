"""Mini-batches of a data set, shuffled anew in every epoch by a seed."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.datasets.dataset import Dataset
from mfpde.streams import resolve_seed, stream

Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


class MiniBatches:
    """``batches(k)`` is the batch of step k: inputs (n, d) in single precision and classes (n,).

    Every epoch passes once through the data in an order of its own, drawn from the stream of (seed, epoch); its last batch holds
    what remains. Any batch can be made alone, so that a run resumes.

    Parameters
    ----------
    data : Dataset
    size : int
        Images a batch.
    steps : int
        How many batches there are.
    rng : int, optional
        Seed; None draws one and records it.
    loss_rows : int, optional
        The reported loss of a run averages over the first so many images; None means all.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(self, data: Dataset, size: int, steps: int, rng: int | None = 0, loss_rows: int | None = None) -> None:
        self.data, self.size, self.steps, self.seed = data, whole("size", size), whole("steps", steps), resolve_seed(rng)
        self.loss_rows = len(data) if loss_rows is None else whole("loss_rows", loss_rows)
        for name in ("size", "loss_rows"):
            if getattr(self, name) > len(data):
                raise ValueError(f"{name} = {getattr(self, name)}: {data.name} has {len(data)} images")
        self._order: tuple[int, npt.NDArray[np.int64]] = (-1, np.zeros(0, np.int64))

    @property
    def per_epoch(self) -> int:
        """Batches an epoch."""
        return -(-len(self.data) // self.size)

    def __len__(self) -> int:
        return self.steps

    def __call__(self, k: int) -> Pair:
        """The batch of step `k`."""
        epoch, i = divmod(k, self.per_epoch)
        known, order = self._order
        if known != epoch:
            order = stream(self.seed, "shuffle", epoch).permutation(len(self.data))
            self._order = epoch, order
        rows = order[i * self.size : (i + 1) * self.size]
        return self.data.inputs(rows), self.data.y[rows]

    def union(self) -> Pair:
        """The images that the reported loss averages over."""
        return self.data.inputs(slice(0, self.loss_rows)), self.data.y[: self.loss_rows]

    def config(self) -> dict[str, Any]:
        """The batches as JSON values."""
        return {
            "data": self.data.name,
            "digest": self._digest,
            "mean": self.data.mean,
            "std": self.data.std,
            "size": self.size,
            "steps": self.steps,
            "rng": self.seed,
            "loss_rows": self.loss_rows,
        }

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self.data.pixels.tobytes() + self.data.y.astype("<i8").tobytes()).hexdigest()[:32]
