"""Parameters given by a user, checked and turned into Python's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mfpde.systems.two_layer.isotropic.landscape import CHI_NODES

_LEAST = {"nodes": 4, "panels": 1, "max_panels": 1, "chi_nodes": 8}
_DEFAULTS = {"nodes": 16, "panels": 6, "max_panels": 128, "chi_nodes": CHI_NODES}


def dimension(d: object, least: int) -> float:
    """`d` as an int >= `least` or math.inf (also written "inf"); ValueError for anything else."""
    if d == "inf" or (isinstance(d, float) and d == math.inf):
        return math.inf
    if isinstance(d, bool) or not isinstance(d, (int, np.integer)) or d < least:
        raise ValueError(f"d = {d!r}: give an integer >= {least}, or math.inf")
    return int(d)


def separation(delta: object) -> float:
    """`delta` as a float in (0, 1)."""
    if not _real(delta) or not 0.0 < delta < 1.0:  # type: ignore[operator]
        raise ValueError(f"delta = {delta!r}: give a separation between 0 and 1, both excluded")
    return float(delta)  # type: ignore[arg-type]


def positive(name: str, value: object) -> float:
    """`value` as a finite float > 0."""
    if not _real(value) or not 0.0 < value < math.inf:  # type: ignore[operator]
        raise ValueError(f"{name} = {value!r}: give a finite number > 0")
    return float(value)  # type: ignore[arg-type]


def resolution(given: dict[str, Any], panel_tol: object) -> dict[str, Any]:
    """The resolution of a radial limit with defaults filled in."""
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        number = _DEFAULTS[name] if value is None else value
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < _LEAST[name]:
            raise ValueError(f"{name} = {value!r}: give an integer >= {_LEAST[name]}")
        chosen[name] = int(number)
    if chosen["panels"] > chosen["max_panels"]:
        raise ValueError(f"panels = {chosen['panels']} exceed max_panels = {chosen['max_panels']}: give more room, or fewer to start with")
    chosen["panel_tol"] = panel_tol if panel_tol is None or panel_tol == "auto" else positive("panel_tol", panel_tol)
    if panel_tol is None:
        chosen["max_panels"] = chosen["panels"]
    return chosen


def _real(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
