"""Random streams: one integer seed, one named stream for every use of chance, one counter for every step."""

from __future__ import annotations

import secrets
import zlib

import numpy as np


def resolve_seed(rng: int | None) -> int:
    """The integer seed of a run: `rng` itself, or one drawn from the operating system if `rng` is None.

    Raises
    ------
    ValueError
        If `rng` is neither None nor an integer >= 0.
    """
    if rng is None:
        return secrets.randbits(63)
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise ValueError(f"rng = {rng!r}: give an integer seed >= 0, or None for a fresh one")
    return int(rng)


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """The generator of the stream named `key`; streams of different keys are independent."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, key)))


def step_stream(seed: int, name: str, step: int, block: int) -> np.random.Generator:
    """The generator of block `block` of step `step`: a counter, so that any step can be replayed alone."""
    words = _sequence(seed, (name,)).generate_state(2, np.uint64)
    return np.random.Generator(np.random.Philox(key=words, counter=[0, 0, block, step]))


def _sequence(seed: int, key: tuple[str | int, ...]) -> np.random.SeedSequence:
    words = tuple(zlib.crc32(k.encode()) if isinstance(k, str) else int(k) for k in key)
    return np.random.SeedSequence(seed, spawn_key=words)
