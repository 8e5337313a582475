"""The initial weights, drawn block by block from streams that are counted: any block can be drawn again alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from mfpde.flow import Array
from mfpde.streams import step_stream, stream
from mfpde.systems.integrable.blocks import phase, row_blocks, rows
from mfpde.systems.integrable.system import IntegrableNetwork

_HELD = 2**28
"""Up to so many hidden weights are kept in memory where they may be needed again."""


class Initial:
    """The initial weights of a network of width `m`: U^l + mean in layers 2..L+1, U^1 in layer 1; and the biases."""

    def __init__(self, system: IntegrableNetwork, m: int, seed: int, dtype: str) -> None:
        self.system, self.m, self.seed, self.dtype = system, m, seed, dtype

    @cached_property
    def outer(self) -> dict[str, Array]:
        """w1 (m, d), w_out (outputs, m) and the biases that there are: b1, ..., b<L> (m,), b_out (outputs,)."""
        s, m = self.system, self.m
        deviation = np.sqrt(s.s2)
        drawn = {
            "w1": deviation / np.sqrt(s.d + 1.0) * self._normals("w1", m, s.d),
            "w_out": s.scaling.mean + self._normals("w_out", m, s.outputs).T,
        }
        biased = s.exponents(1).bias is not None
        layers = [layer for layer in range(1, s.depth + 1) if (s.bias1 if layer == 1 else biased)]
        drawn |= {f"b{layer}": deviation * self._normals(f"b{layer}", m) for layer in layers}
        if biased:
            drawn["b_out"] = self._normals("b_out", s.outputs)
        return {name: values.astype(self.dtype) for name, values in drawn.items()}

    def block(self, layer: int, b: int) -> Array:
        """Rows ``rows(m, b)`` of the initial weights of hidden layer `layer` >= 2: (n, m)."""
        chosen = rows(self.m, b)
        normals = step_stream(self.seed, f"w{layer}", 0, b).standard_normal((chosen.stop - chosen.start, self.m))
        normals *= np.sqrt(self.system.s2)
        normals += self.system.scaling.mean
        return normals.astype(self.dtype, copy=False)

    def hidden(self, layer: int) -> Array:
        """All initial weights of hidden layer `layer` >= 2: (m, m), a new array."""
        out = np.empty((self.m, self.m), self.dtype)

        def draw(b: int) -> None:
            out[rows(self.m, b)] = self.block(layer, b)

        phase(draw, row_blocks(self.m))
        return out

    @cached_property
    def held(self) -> dict[int, Array] | None:
        """All of them by layer, or None if they are too many to keep."""
        layers = range(2, self.system.depth + 1)
        return {layer: self.hidden(layer) for layer in layers} if len(layers) * self.m**2 <= _HELD else None

    def _normals(self, name: str, *shape: int) -> Array:
        return stream(self.seed, name).standard_normal(shape)
