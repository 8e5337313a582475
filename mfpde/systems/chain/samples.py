"""Inputs and labels over which a chain averages: a frozen sample, or a fresh batch for every step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.laws import Empirical
from mfpde.streams import step_stream, stream
from mfpde.targets import Target

if TYPE_CHECKING:
    from mfpde.systems.chain.system import Chain


class Samples(NamedTuple):
    """Inputs x (n, d), labels y (n, k), weights (n,) summing to 1, and whether they are a random sample of the law."""

    x: Array
    y: Array
    weights: Array
    random: bool

    def rows(self, rows: slice, block: int) -> tuple[Array, Array, Array]:
        """Inputs, labels and weights of those rows (a source of :func:`mfpde.systems.chain.gradient.velocities`)."""
        return self.x[rows], self.y[rows], self.weights[rows]


def frozen_samples(chain: Chain, samples: int | npt.ArrayLike | None, seed: int, dtype: str) -> tuple[Samples, Any]:
    """The samples that `samples` asks for (see :meth:`Chain.network`), and how a configuration records them."""
    law = chain.law
    if samples is None and isinstance(law, Empirical):
        y = law.y if chain.target is None else _labels(chain, law.x)
        return _samples(law.x, y, law.weights, False, dtype), None
    if samples is None or np.ndim(samples) == 0:
        n = 4096 if samples is None else samples
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"samples = {samples!r}: give a number >= 1 or inputs of shape (n, {law.d})")
        x, y = _draw(chain, int(n), stream(seed, "samples"))
        return _samples(x, y, np.full(len(x), 1.0 / len(x)), True, dtype), int(n)
    x = np.array(samples, np.float64)
    if x.ndim != 2 or x.shape[1] != law.d or not len(x) or not np.all(np.isfinite(x)):
        raise ValueError(f"samples has shape {x.shape}: give finite inputs of shape (n, {law.d}), or their number")
    if chain.target is None:
        raise ValueError("samples are given inputs, but target is None: labels of other inputs than the law's are unknown")
    digest = hashlib.sha256(repr(x.shape).encode() + x.astype("<f8").tobytes()).hexdigest()[:32]
    return _samples(x, _labels(chain, x), np.full(len(x), 1.0 / len(x)), True, dtype), {"n": len(x), "digest": digest}


def batch_source(chain: Chain, batch: int, seed: int, step: int, dtype: str) -> Callable[[slice, int], tuple[Array, Array, Array]]:
    """Fresh inputs for step `step`: block `block` draws its rows from a stream of (seed, step, block) alone."""

    def rows(wanted: slice, block: int) -> tuple[Array, Array, Array]:
        x, y = _draw(chain, wanted.stop - wanted.start, step_stream(seed, "batch", step, block))
        drawn = _samples(x, y, np.full(len(x), 1.0 / batch), True, dtype)
        return drawn.x, drawn.y, drawn.weights

    return rows


def _draw(chain: Chain, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    law = chain.law
    if isinstance(law, Empirical) and chain.target is None:
        rows = law.sample_rows(n, rng)
        return law.x[rows], np.asarray(law.y)[rows]
    x = law.sample(n, rng)
    return x, _labels(chain, x)


def _labels(chain: Chain, x: Array) -> Array:
    assert isinstance(chain.target, Target)
    return chain.target(x)


def _samples(x: Array, y: Any, weights: Array, random: bool, dtype: str) -> Samples:
    labels = np.asarray(y, dtype).reshape(len(x), -1)
    if not np.all(np.isfinite(labels)):
        raise ValueError("the target is not finite on the samples: it must be finite wherever the law puts inputs")
    return Samples(np.asarray(x, dtype), labels, np.asarray(weights, dtype), random)
