"""What a file says about the run that wrote it: configuration, versions, processor; and how two configurations differ."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def canonical(config: Mapping[str, Any]) -> str:
    """`config` as JSON with sorted keys; equal configurations give equal strings and floats keep every bit.

    Raises
    ------
    TypeError
        If a value is neither JSON nor a NumPy scalar or array.
    """
    return json.dumps(config, sort_keys=True, default=_plain)


def first_difference(ours: Any, theirs: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first key (dotted, in sorted order) on which two JSON values differ, with both values; None if they are equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(set(ours) | set(theirs)):
            inner = f"{key}.{name}" if key else name
            if (name in ours) != (name in theirs):
                return inner, ours.get(name, "absent"), theirs.get(name, "absent")
            found = first_difference(ours[name], theirs[name], inner)
            if found:
                return found
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = (first_difference(a, b, f"{key}[{i}]") for i, (a, b) in enumerate(zip(ours, theirs, strict=True)))
        return next((found for found in pairs if found), None)
    return None if canonical({"": ours}) == canonical({"": theirs}) else (key, ours, theirs)


def provenance() -> dict[str, str]:
    """Versions, platform, processor and the time, as the attributes of a new file."""
    return {**_here(), "created": datetime.now(UTC).isoformat(timespec="seconds")}


@lru_cache(maxsize=1)
def _here() -> dict[str, str]:
    from mfpde import __version__

    return {
        "mfpde": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "numba")},
        "platform": platform.platform(),
        "cpu": _cpu(),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be part of a configuration: use JSON values or NumPy numbers")
