"""The one way this package compiles: cached on disk, releasing the GIL, without fast-math shortcuts on NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])

_FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}


def jit(function: F) -> F:
    """Compile `function` on first use; Numba caches it beside the source file."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def jit_fast(function: F) -> F:
    """Like :func:`jit`, with reassociated sums (SIMD); NaN and infinity keep their meaning."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)(function))


def jit_inline(function: F) -> F:
    """Like :func:`jit`, for the small functions that other kernels call in their innermost loop."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))
