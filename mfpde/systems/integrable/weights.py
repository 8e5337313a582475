"""The hidden layers' weights and their products: as dense matrices, or as initial matrices plus the factors of all updates.

Layer l multiplies by V^l (m, m). Dense: the state holds V^l. Factored: V^l = U^l + left^l (right^l)^T, and the state holds only the
factors (m, r), r the number of samples of all steps; where the initial part is dropped (HPZ) a step costs O(m r n) in place of O(m^2 n).
Products call ``finish(rows)`` on each block of neurons while it is still in the cache.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import numpy as np

from mfpde.flow import Array, Field
from mfpde.systems.integrable.blocks import phase, row_blocks, rows
from mfpde.systems.integrable.fields import add_weights
from mfpde.systems.integrable.initial import Initial

Finish = Callable[[slice], None]
_GROUPS = 8


def add_product(old: Array | None, factor: float, d: Array, x: Array, out: Array) -> float:
    """out (m, k) = old + factor d x^T for d (m, n), x (k, n), `old` None being 0; the mean of |out|, not finite if an entry is not."""
    sums = np.empty(row_blocks(len(out)))

    def work(b: int) -> None:
        chosen = rows(len(out), b)
        np.matmul(d[chosen] * d.dtype.type(factor), x.T, out=out[chosen])
        sums[b] = np.sum(np.abs(out[chosen])) if old is None else add_weights(out[chosen], old[chosen])

    phase(work, len(sums))
    return float(np.sum(sums) / out.size)


class Weights(ABC):
    """The hidden weights of one state."""

    @abstractmethod
    def product(self, layer: int, x: Array, out: Array, finish: Finish) -> None:
        """out (m, n) = V x for x (m, n)."""

    @abstractmethod
    def transposed(self, layer: int, d: Array, out: Array, finish: Finish) -> None:
        """out (m, n) = V^T d for d (m, n)."""

    @abstractmethod
    def update(self, layer: int, factor: float, d: Array, x: Array, new: Mapping[str, Array]) -> float:
        """Write V + factor d x^T into the arrays `new` of the next state; the mean size of an entry, not finite if one is not."""

    @abstractmethod
    def change(self, layer: int) -> Array:
        """V - U, or V where the initial part was dropped: (m, m)."""


class Dense(Weights):
    """`initial` is asked only for changes; with `drop`, updates do not keep V itself."""

    def __init__(self, state: Mapping[str, Array], initial: Initial, drop: bool, dropped: bool) -> None:
        self._state, self._initial, self._drop, self._dropped = state, initial, drop, dropped

    @staticmethod
    def fields(m: int, depth: int) -> list[Field]:
        """The arrays of the state: w2, ..., w<L>."""
        return [Field(f"w{layer}", (m, m), ("neuron", "neuron_below")) for layer in range(2, depth + 1)]

    @staticmethod
    def initial_arrays(initial: Initial) -> dict[str, Array]:
        """What they hold at the start."""
        return {f"w{layer}": initial.hidden(layer) for layer in range(2, initial.system.depth + 1)}

    def product(self, layer: int, x: Array, out: Array, finish: Finish) -> None:
        """See :class:`Weights`."""
        v = self._state[f"w{layer}"]

        def work(b: int) -> None:
            chosen = rows(len(v), b)
            np.matmul(v[chosen], x, out=out[chosen])
            finish(chosen)

        phase(work, row_blocks(len(v)))

    def transposed(self, layer: int, d: Array, out: Array, finish: Finish) -> None:
        """See :class:`Weights`."""
        v = self._state[f"w{layer}"]

        def work(b: int) -> None:
            chosen = rows(len(v), b)
            np.matmul(v[:, chosen].T, d, out=out[chosen])
            finish(chosen)

        phase(work, row_blocks(len(v)))

    def update(self, layer: int, factor: float, d: Array, x: Array, new: Mapping[str, Array]) -> float:
        """See :class:`Weights`."""
        name = f"w{layer}"
        return add_product(None if self._drop else self._state[name], factor, d, x, new[name])

    def change(self, layer: int) -> Array:
        """See :class:`Weights`."""
        v = self._state[f"w{layer}"]
        return v.copy() if self._dropped else v - self._initial.hidden(layer)


class Factored(Weights):
    """`used` columns of the factors are filled; `n_new` columns after them take the next update; with `dropped`, U is gone."""

    def __init__(self, state: Mapping[str, Array], initial: Initial, dropped: bool, used: int) -> None:
        self._state, self._initial, self._dropped, self._used = state, initial, dropped, used

    @staticmethod
    def fields(m: int, depth: int, r: int) -> list[Field]:
        """The arrays of the state: left2, right2, ..., right<L>."""
        return [Field(f"{side}{layer}", (m, r), ("neuron", "sample")) for layer in range(2, depth + 1) for side in ("left", "right")]

    def product(self, layer: int, x: Array, out: Array, finish: Finish) -> None:
        """See :class:`Weights`."""
        left, right = self._factors(layer)
        inner = right.T @ x
        held = None if self._dropped else self._initial.held

        def add(b: int) -> None:
            chosen = rows(len(out), b)
            if not self._dropped:
                np.matmul(self._initial.block(layer, b) if held is None else held[layer][chosen], x, out=out[chosen])
                if self._used:
                    out[chosen] += left[chosen] @ inner
            else:
                np.matmul(left[chosen], inner, out=out[chosen])
            finish(chosen)

        phase(add, row_blocks(len(out)))

    def transposed(self, layer: int, d: Array, out: Array, finish: Finish) -> None:
        """See :class:`Weights`."""
        left, right = self._factors(layer)
        inner = left.T @ d
        m = len(out)
        held = None if self._dropped else self._initial.held
        if not self._dropped and held is None:
            out[...] = self._streamed(layer, d)

        def add(b: int) -> None:
            chosen = rows(m, b)
            if held is not None:
                np.matmul(held[layer][:, chosen].T, d, out=out[chosen])
            if self._dropped:
                np.matmul(right[chosen], inner, out=out[chosen])
            elif self._used:
                out[chosen] += right[chosen] @ inner
            finish(chosen)

        phase(add, row_blocks(m))

    def update(self, layer: int, factor: float, d: Array, x: Array, new: Mapping[str, Array]) -> float:
        """See :class:`Weights`."""
        columns = slice(self._used, self._used + d.shape[1])
        left, right = new[f"left{layer}"], new[f"right{layer}"]
        left[...], right[...] = self._state[f"left{layer}"], self._state[f"right{layer}"]
        np.multiply(d, d.dtype.type(factor), out=left[:, columns])
        right[:, columns] = x
        return float(d.shape[1] * np.mean(np.abs(left[:, columns])) * np.mean(np.abs(x)))

    def change(self, layer: int) -> Array:
        """See :class:`Weights`."""
        left, right = self._factors(layer)
        return left @ right.T

    def _factors(self, layer: int) -> tuple[Array, Array]:
        return self._state[f"left{layer}"][:, : self._used], self._state[f"right{layer}"][:, : self._used]

    def _streamed(self, layer: int, d: Array) -> Array:
        """U^T d without ever holding U: partial sums over a fixed partition of its rows."""
        m = len(d)
        sums = np.zeros((_GROUPS, *d.shape), d.dtype)

        def work(group: int) -> None:
            for b in range(group, row_blocks(m), _GROUPS):
                sums[group] += self._initial.block(layer, b).T @ d[rows(m, b)]

        phase(work, _GROUPS)
        return np.asarray(np.sum(sums, axis=0))
