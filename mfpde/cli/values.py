"""KEY=VALUE and lists of numbers on the command line."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import Any


def setting(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``, the value as JSON, or a string if it is none."""
    key, equals, value = text.partition("=")
    if not key or not equals or not value:
        raise ArgumentTypeError(f"{text!r}: give KEY=VALUE")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def widths(text: str) -> tuple[str, list[int]]:
    """``NAME=64,256,1024``."""
    key, equals, values = text.partition("=")
    try:
        if not key or not equals:
            raise ValueError
        return key, [int(value) for value in values.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: give NAME=NUMBER,NUMBER,..., such as m1=64,256,1024") from None


def width(text: str) -> tuple[str, int]:
    """``NAME=64``."""
    key, values = widths(text)
    if len(values) != 1:
        raise ArgumentTypeError(f"{text!r}: give one number, such as m2=32")
    return key, values[0]


def times(text: str) -> list[float]:
    """``0,10,100``."""
    try:
        return [float(value) for value in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: give times with commas between them, such as 0,10,100") from None


def instant(text: str) -> float | str:
    """A time, ``last`` or ``sup``."""
    if text in ("last", "sup"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: give one of the times, last or sup") from None
