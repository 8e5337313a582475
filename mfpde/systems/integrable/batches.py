"""The batches a network or its limit is trained on: one for every step, given as a sequence or computed on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.systems.integrable.losses import checked_labels


class Batch(NamedTuple):
    """Inputs x (n, d), double or single precision as given, and labels y: (n, outputs) for "mse", (n,) integers for "cross-entropy"."""

    x: npt.NDArray[np.floating[Any]]
    y: npt.NDArray[Any]


class Batches:
    """Step k's batch is ``batches.at(k)``.

    Attributes
    ----------
    count : int or None
        Number of batches, None if there is one for every k.
    """

    def __init__(self, given: Any, d: int, outputs: int, loss: str) -> None:
        self._given, self._d, self._outputs, self._loss = given, d, outputs, loss
        self._fixed: list[Batch] | None = None
        self._union: Batch | None = None
        self.count: int | None
        if callable(given):
            self.count = len(given) if hasattr(given, "__len__") else None
        else:
            known: dict[int, Batch] = {}
            self._fixed = []
            for k, pair in enumerate(given):
                # A batch that is repeated as the same object is checked and kept once.
                self._fixed.append(known.setdefault(id(pair), self._checked(pair, k)) if id(pair) not in known else known[id(pair)])
            self.count = len(self._fixed)
        if self.count == 0:
            raise ValueError("batches is empty: give at least one (X, y)")

    @property
    def fixed(self) -> Sequence[Batch] | None:
        """All batches, or None if they are computed on demand."""
        return self._fixed

    def at(self, k: int) -> Batch:
        """The batch of step `k`; ValueError if there is none."""
        if k < 0 or (self.count is not None and k >= self.count):
            raise ValueError(f"step {k} has no batch: there are {self.count}, so t_eval may go up to {self.count}")
        return self._checked(self._given(k), k) if self._fixed is None else self._fixed[k]

    def union(self) -> Batch:
        """What the reported loss averages over: all batches with repetitions, a data set's `union`, or batch 0 of an endless callable."""
        if self._union is None:
            self._union = self._make_union()
        return self._union

    def _make_union(self) -> Batch:
        if hasattr(self._given, "union"):
            return self._checked(self._given.union(), "union")
        if self._fixed is None and self.count is None:
            return self.at(0)
        assert self.count is not None
        every = [self.at(k) for k in range(self.count)]
        if all(each is every[0] for each in every):
            return every[0]
        return Batch(np.concatenate([b.x for b in every]), np.concatenate([b.y for b in every]))

    def config(self) -> Any:
        """How a configuration records the batches: what the given object says of itself, or a digest of all numbers."""
        if hasattr(self._given, "config"):
            return self._given.config()
        if self._fixed is None:
            return {"callable": getattr(self._given, "__qualname__", type(self._given).__qualname__), "count": self.count}
        digest = hashlib.sha256()
        for x, y in self._fixed:
            digest.update(repr((x.shape, y.shape, y.dtype.kind)).encode() + x.astype("<f8").tobytes() + y.astype("<f8").tobytes())
        return {"count": self.count, "digest": digest.hexdigest()[:32]}

    def _checked(self, pair: Any, k: int | str) -> Batch:
        title = f"batches[{k}]" if isinstance(k, int) else f"batches.{k}"
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(f"{title} is a {type(pair).__name__}: give a pair (X, y)")
        x = np.array(pair[0])
        x = x if x.dtype == np.float32 else x.astype(np.float64)
        if x.ndim != 2 or x.shape[1] != self._d or not len(x):
            raise ValueError(f"{title}: X has shape {x.shape}: give inputs of shape (n, {self._d}), n >= 1")
        if not np.isfinite(x).all():
            raise ValueError(f"{title}: X contains NaN or infinity: give finite inputs")
        return Batch(x, checked_labels(self._loss, pair[1], len(x), self._outputs, title))


def checked_batches(batches: Any, *, d: int, outputs: int, loss: str) -> Batches:
    """The batches behind the argument `batches` of limit and network.

    Parameters
    ----------
    batches : sequence of (X, y), callable, or Batches
        X (n, d) with y (n,), (n, outputs) or integer classes (n,); or a callable k -> (X, y), endless unless it has a length, whose
        method ``union()``, if any, gives the samples of the reported loss and ``config()`` a description in JSON values.

    Raises
    ------
    ValueError
        If there is no batch, or one has the wrong shape or values.
    """
    if isinstance(batches, Batches):
        return batches
    if not callable(batches) and not (isinstance(batches, Sequence) and not isinstance(batches, str)):
        raise ValueError(f"batches is a {type(batches).__name__}: give a sequence of (X, y) or a callable k -> (X, y)")
    return Batches(batches, d, outputs, loss)


def checked_probe(probe: npt.ArrayLike, d: int) -> npt.NDArray[np.float64]:
    """The inputs (n, d) at which f is reported; ValueError if they are no such array."""
    x = np.array(probe, np.float64)
    if x.ndim != 2 or x.shape[1] != d or not len(x) or not np.isfinite(x).all():
        raise ValueError(f"probe has shape {x.shape}: give finite inputs of shape (n, {d}), n >= 1")
    return x
