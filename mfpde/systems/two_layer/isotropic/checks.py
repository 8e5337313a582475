"""Parameters given by a user, checked and turned into Python's own."""

from __future__ import annotations

import math
from typing import Any

from mfpde.checks import is_real, number, whole
from mfpde.systems.two_layer.isotropic.landscape import CHI_NODES

_LEAST = {"nodes": 4, "panels": 1, "max_panels": 1, "chi_nodes": 8}
_DEFAULTS = {"nodes": 16, "panels": 6, "max_panels": 128, "chi_nodes": CHI_NODES}


def dimension(d: object, least: int) -> float:
    """`d` as an int >= `least` or math.inf (also written "inf"); ValueError for anything else."""
    if d == "inf" or (isinstance(d, float) and d == math.inf):
        return math.inf
    try:
        return whole("d", d, least)
    except ValueError as error:
        raise ValueError(f"{error}, or math.inf") from None


def method(asked: object, only: str) -> str:
    """`only`, the one method there is, if it or "auto" is `asked`; ValueError for anything else."""
    if asked not in ("auto", only):
        raise ValueError(f"method = {asked!r}: give 'auto' or {only!r}, the one method for this dimension")
    return only


def separation(delta: object) -> float:
    """`delta` as a float in (0, 1)."""
    if not is_real(delta) or not 0.0 < delta < 1.0:
        raise ValueError(f"delta = {delta!r}: give a separation between 0 and 1, both excluded")
    return float(delta)


def resolution(given: dict[str, Any], panel_tol: object) -> dict[str, Any]:
    """The resolution of a radial limit with defaults filled in."""
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        chosen[name] = _DEFAULTS[name] if value is None else whole(name, value, _LEAST[name])
    if chosen["panels"] > chosen["max_panels"]:
        raise ValueError(f"panels = {chosen['panels']} exceed max_panels = {chosen['max_panels']}: give more room, or fewer to start with")
    chosen["panel_tol"] = panel_tol if panel_tol is None or panel_tol == "auto" else number("panel_tol", panel_tol, positive=True)
    if panel_tol is None:
        chosen["max_panels"] = chosen["panels"]
    return chosen
