"""Working memory that stays with its thread from step to step: fresh pages can cost more than the arithmetic done in them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_MOST = 2**24
_arrays = threading.local()


def kept(name: str, make: Callable[[Any, Any], Array], shape: Any, dtype: Any) -> Array:
    """``make(shape, dtype)``, or the array of the last equal request for `name` on this thread, with whatever it holds.

    An array of more than 16 MiB is not kept.
    """
    request = (make, shape, np.dtype(dtype))
    found: tuple[Any, Array] | None = getattr(_arrays, name, None)
    if found is not None and found[0] == request:
        return found[1]
    array = make(shape, dtype)
    setattr(_arrays, name, (request, array) if array.nbytes <= _MOST else None)
    return array
