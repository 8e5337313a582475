"""The systems by name, and a flow rebuilt from the configuration that a result file carries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from mfpde.flow import Flow, System

SYSTEMS = {
    "AnisotropicGaussians": "mfpde.systems.two_layer.isotropic",
    "Chain": "mfpde.systems.chain",
    "CosineCircle": "mfpde.systems.two_layer.circle",
    "DepthSeparation": "mfpde.systems.depth_separation",
    "IntegrableNetwork": "mfpde.systems.integrable",
    "IsotropicGaussians": "mfpde.systems.two_layer.isotropic",
    "LowDimensionalTarget": "mfpde.systems.symmetric.low_dimensional",
    "OddTarget": "mfpde.systems.symmetric.odd",
    "PhasePoint": "mfpde.systems.phase_diagram",
    "TwoLayer": "mfpde.systems.two_layer",
}
"""The module of each system, imported when the system is asked for: a new system is one more line here."""

ROLES = ("limit", "network")


def names() -> list[str]:
    """The names of all systems."""
    return sorted(SYSTEMS)


def system(name: str) -> type[System]:
    """The class of the system called `name`.

    Raises
    ------
    ValueError
        If there is no such system.
    """
    if name not in SYSTEMS:
        raise ValueError(f"system {name!r} is unknown: the systems are {', '.join(names())}")
    found: type[System] = getattr(import_module(SYSTEMS[name]), name)
    return found


def build(config: Mapping[str, Any]) -> Flow:
    """The flow that `config` describes: ``{"system", "parameters", "role", "arguments"}``, JSON values throughout.

    Raises
    ------
    ValueError
        If a name is unknown, a value is impossible, or a value stands for an object (an Ensemble, a law, sample points)
        that a configuration can name but not hold.
    """
    made = system(config["system"])
    role = config["role"]
    if role not in ROLES:
        raise ValueError(f"role = {role!r}: give one of {', '.join(ROLES)}")
    problem = call(made, config["parameters"], config["system"])
    flow: Flow = call(getattr(problem, role), config["arguments"], f"{config['system']}.{role}")
    return flow


def call(function: Callable[..., Any], given: Mapping[str, Any], title: str) -> Any:
    """``function(**given)`` for values read from a file, called `title` in messages.

    Raises
    ------
    ValueError
        If a key is not a parameter of `function`, one is missing, or a value is impossible or of the wrong type.
    """
    check_keys(given, parameters(function), title)
    for key, value in given.items():
        if _holds_mapping(value):
            raise ValueError(f"{title}: {key} was given as an object in Python, which a configuration cannot hold: solve it from Python")
    try:
        return function(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})
    except TypeError as error:
        raise ValueError(f"{title}: {error}") from error


def parameters(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters of `function`."""
    return list(inspect.signature(function).parameters)


def check_keys(given: Mapping[str, Any], allowed: list[str], title: str) -> None:
    """Refuse a key that is not among `allowed`, with a ValueError naming the key, the `title` of its place and what is allowed."""
    for key in given:
        if key not in allowed:
            raise ValueError(f"{title}: unknown key {key!r}; the keys are {', '.join(allowed)}")


def _holds_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(v, Mapping) for v in value))
