"""The internals of SciPy's OdeSolver objects as plain values, so that a restored solver goes on to the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.integrate import DenseOutput, OdeSolver


def capture(solver: OdeSolver) -> dict[str, Any]:
    """All attributes of `solver` but its functions: arrays, numbers, factorisations and the interpolant it keeps."""
    return {name: _plain(value) for name, value in vars(solver).items() if isinstance(value, DenseOutput) or not callable(value)}


def restore(solver: OdeSolver, captured: Mapping[str, Any]) -> None:
    """Give a newly made `solver` the attributes of the one that was captured.

    Arrays are filled in place where they fit: DOP853's stages are a view into a larger array and must stay one.
    """
    for name, value in captured.items():
        current = getattr(solver, name, None)
        if isinstance(value, np.ndarray) and isinstance(current, np.ndarray) and _fits(value, current):
            current[...] = value
        else:
            setattr(solver, name, _alive(value))


def _fits(value: np.ndarray[Any, Any], place: np.ndarray[Any, Any]) -> bool:
    return bool(value.shape == place.shape and value.dtype == place.dtype)


def _plain(value: Any) -> Any:
    return {"interpolant": type(value).__name__, "attributes": dict(vars(value))} if isinstance(value, DenseOutput) else value


def _alive(value: Any) -> Any:
    if not (isinstance(value, dict) and "interpolant" in value):
        return value
    kind = next(c for c in DenseOutput.__subclasses__() if c.__name__ == value["interpolant"])
    interpolant = object.__new__(kind)
    vars(interpolant).update(value["attributes"])
    return interpolant
