"""Exact answers and invariants, compared with what the installed package computes."""

from __future__ import annotations

from collections.abc import Callable

from mfpde.selfcheck import depth_separation, integrable, low_dimensional, odd_target, phase_diagram, two_layer
from mfpde.selfcheck.check import Check

__all__ = ["CHECKS", "Check", "names", "run"]

CHECKS: dict[str, list[Callable[[], Check]]] = {
    "law": [depth_separation.law],
    "limit": [depth_separation.limit],
    "invariant": [depth_separation.invariant],
    "descent": [depth_separation.descent],
    "threads": [depth_separation.threads],
    "file": [depth_separation.file],
    "two-layer": two_layer.CASES,
    "phase-diagram": phase_diagram.CASES,
    "odd-target": odd_target.CASES,
    "low-dimensional": low_dimensional.CASES,
    "integrable": integrable.CASES,
}


def names() -> list[str]:
    """The names of all checks."""
    return list(CHECKS)


def run(name: str) -> list[Check]:
    """Run the check called `name`: one row, or a table of them.

    Raises
    ------
    ValueError
        If there is no such check.
    """
    if name not in CHECKS:
        raise ValueError(f"selfcheck {name!r} is unknown: the checks are {', '.join(CHECKS)}")
    return [check() for check in CHECKS[name]]
