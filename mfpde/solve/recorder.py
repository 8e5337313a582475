"""The rows of a run: kept in memory, and passed on to its store chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.store import Store


class Recorder:
    """Rows at the planned times `t`, in order.

    Attributes
    ----------
    count : int
        Rows recorded.
    """

    def __init__(
        self, t: Array, size: int, dtype: npt.DTypeLike, observables: Mapping[str, tuple[int, ...]], store: Store | None
    ) -> None:
        self.count = 0
        self._t = t.copy()
        self._observables = {name: np.empty((t.size, *shape)) for name, shape in observables.items()}
        self._states = np.empty((t.size, size), dtype)
        self._store = store
        self._flushed = 0

    def add(self, t: float, y: Array, observables: Mapping[str, Any]) -> None:
        """Record the next row; ValueError if the flow reports other observables, or other shapes, than at first."""
        now = {name: np.shape(value) for name, value in observables.items()}
        first = {name: values.shape[1:] for name, values in self._observables.items()}
        if now != first:
            raise ValueError(f"observe reports {now} at t = {t:g}: it reported {first} at first; names and shapes must stay")
        self._t[self.count] = t
        self._states[self.count] = y
        for name, values in self._observables.items():
            values[self.count] = observables[name]
        self.count += 1

    def flush(self) -> None:
        """Pass the rows recorded since the last flush on to the store."""
        if self._store is not None and self.count > self._flushed:
            self._store.write(self._flushed, *self._rows(self._flushed))
            self._flushed = self.count

    def rows(self) -> tuple[Array, dict[str, Array], Array]:
        """Times (n,), observables (n, ...) each and states (n, size) of the rows recorded."""
        return self._rows(0)

    def capture(self) -> dict[str, Any]:
        """The rows as a checkpoint keeps them: only their number if a store has them."""
        return {"count": self.count, "rows": self.rows() if self._store is None else None}

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Take back the rows that were captured."""
        self.count = self._flushed = count = captured["count"]
        t, observables, states = captured["rows"] if self._store is None else self._store.read(count)
        self._t[:count], self._states[:count] = t, states
        for name, values in observables.items():
            self._observables[name][:count] = values

    def _rows(self, first: int) -> tuple[Array, dict[str, Array], Array]:
        chosen = slice(first, self.count)
        return self._t[chosen], {name: values[chosen] for name, values in self._observables.items()}, self._states[chosen]
