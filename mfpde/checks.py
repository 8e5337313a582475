"""Numbers given by a user, checked and turned into Python's own, which JSON can write."""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np


def is_real(value: object) -> TypeGuard[float]:
    """Whether `value` is a number, NumPy's included, and no bool."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def number(name: str, value: object, positive: bool = False) -> float:
    """`value` as a float, or ValueError if it is not a finite number >= 0 (> 0 if `positive`)."""
    if not is_real(value) or not math.isfinite(value) or value < 0 or (positive and value == 0):
        raise ValueError(f"{name} = {value!r}: give a finite number {'> 0' if positive else '>= 0'}")
    return float(value)


def whole(name: str, value: object, least: int = 1) -> int:
    """`value` as an int, or ValueError if it is not an integer >= `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} = {value!r}: give an integer >= {least}")
    return int(value)
