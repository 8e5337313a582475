"""The TOML file of ``mfpde run``: sections ``[system]``, ``[flow]`` and ``[solve]``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfpde.flow import Flow, PacedFlow, StepFlow
from mfpde.systems import registry

SECTIONS = ["system", "flow", "solve"]
NOT_IN_FILES = ("flow", "y0", "store", "checkpoint", "progress")


def read(path: Path) -> tuple[Flow, dict[str, Any]]:
    """The flow that the file describes, and the keyword arguments of its `solve`.

    Raises
    ------
    ValueError
        If the file is not TOML, a section or key is missing or unknown, or a value is impossible.
    OSError
        If the file cannot be read.
    """
    content = load(path)
    try:
        registry.check_keys(content, SECTIONS, "the configuration")
        flow = registry.build(flow_config(content))
        return flow, solve_arguments(_section(content, "solve"), flow)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def load(path: Path) -> dict[str, Any]:
    """The content of a TOML file; ValueError if it is none."""
    with path.open("rb") as file:
        try:
            return tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not TOML: {error}") from error


def flow_config(content: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a flow, as :func:`mfpde.systems.registry.build` takes it, from the sections of the file."""
    system, flow = _section(content, "system"), _section(content, "flow")
    name, role = _take(system, "name", "[system]", registry.names()), _take(flow, "role", "[flow]", list(registry.ROLES))
    return {"system": name, "parameters": system, "role": role, "arguments": flow}


def solve_arguments(section: Mapping[str, Any], flow: Flow) -> dict[str, Any]:
    """The keyword arguments of `solve`, with t_eval as times; a flow that knows when it is done may go without."""
    from mfpde import solve

    allowed = [name for name in registry.parameters(solve) if name not in NOT_IN_FILES]
    registry.check_keys(section, allowed, "[solve]")
    if "t_eval" not in section and isinstance(flow, PacedFlow):
        return dict(section)
    if "t_eval" not in section:
        raise ValueError("[solve] has no t_eval: give a list of times, {linear = [start, stop, n]} or {log = [first, stop, n]}")
    return {**section, "t_eval": times(section["t_eval"], flow)}


def times(given: Any, flow: Flow) -> Any:
    """The times that a t_eval stands for; of a flow in steps, spaced times are rounded to whole steps."""
    from mfpde.solve.times import linear, log

    if isinstance(given, list):
        if not _numbers(given):
            raise ValueError(f"[solve]: t_eval = {given!r}: give numbers")
        return given
    makers = {"linear": linear, "log": log}
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in makers:
        raise ValueError(f"[solve]: t_eval = {given!r}: give a list of times, {{linear = [start, stop, n]}} or {{log = [first, stop, n]}}")
    name, numbers = next(iter(given.items()))
    if not isinstance(numbers, list) or len(numbers) != 3 or not _numbers(numbers) or not isinstance(numbers[2], int):
        raise ValueError(f"[solve]: t_eval: {name} = {numbers!r}: give three numbers, the last one how many times")
    return makers[name](*numbers, step=flow.dt if isinstance(flow, StepFlow) else None)


def _numbers(values: list[Any]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _section(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(content.get(name), dict):
        raise ValueError(f"section [{name}] is missing: the sections are [system], [flow] and [solve]")
    return dict(content[name])


def _take(section: dict[str, Any], key: str, title: str, allowed: list[str]) -> str:
    value = section.pop(key, None)
    if value not in allowed:
        raise ValueError(f"{title}: {key} = {value!r}: give one of {', '.join(allowed)}")
    return str(value)
