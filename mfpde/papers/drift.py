"""A width study of every system: widths, times and arguments of a quick run, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from mfpde.flow import System
from mfpde.systems import registry


@dataclass(frozen=True, kw_only=True)
class Study:
    """How the networks of one system are compared with their limit.

    Attributes
    ----------
    widths : mapping
        Name of a width to the values that are run.
    times : sequence of float
    fixed : mapping
        The other widths.
    parameters : mapping
        Of the system.
    network, limit : mapping
        Arguments of ``system.network`` and of the limit.
    shared : tuple of str
        Arguments of the network that the limit is given too.
    replicas : int
    rtol : float
        Tolerance in continuous time.
    make : str, optional
        ``"module:function"`` that takes `parameters` and returns the system; None takes the system's class.
    """

    widths: Mapping[str, Sequence[int]]
    times: Sequence[float]
    fixed: Mapping[str, int] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    limit: Mapping[str, Any] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    replicas: int = 32
    rtol: float = 1e-6
    make: str | None = None


_EXAMPLES = "mfpde.papers.drift_examples"
_TRAINING = {"lr": 1.0, "steps": 3}

STUDIES: dict[str, Study] = {
    "AnisotropicGaussians": Study(
        make=f"{_EXAMPLES}:anisotropic",
        parameters={"d": 1280, "gamma": 0.1875, "delta": 0.5},
        widths={"m": [8, 16, 32, 64]},
        # The risk falls from 2.26 to .34.
        times=[0.0, 0.1, 0.3],
        network={"dynamics": "particles"},
        rtol=1e-4,
    ),
    "Chain": Study(
        make=f"{_EXAMPLES}:chain",
        parameters={"d": 2},
        widths={"m1": [16, 32, 64, 128, 256]},
        fixed={"m2": 512},
        times=[0.0, 1.0, 2.0],
        limit={"nodes": 6},
    ),
    "CosineCircle": Study(
        parameters={"b": 0.8},
        widths={"m": [32, 64, 128, 256, 512]},
        times=[0.0, 1.0, 2.0],
    ),
    "DepthSeparation": Study(
        parameters={"d": 10},
        widths={"m1": [16, 32, 64, 128, 256, 512, 1024, 2048]},
        fixed={"m2": 32},
        times=[0.0, 10.0, 100.0],
        network={"directions": 1024, "dtype": "float32"},
        replicas=16,
    ),
    "IntegrableNetwork": Study(
        make=f"{_EXAMPLES}:integrable",
        parameters={"d": 2, "depth": 2, "parameterization": "ip-llr"},
        # The loss falls from .22 to .05: what was learnt is then larger than the networks' random output at the start, which falls as 1/m.
        widths={"m": [64, 128, 256, 512, 1024]},
        times=[0.0, 1.0, 2.0, 3.0],
        network=_TRAINING,
        shared=("lr", "steps"),
    ),
    "IsotropicGaussians": Study(
        parameters={"d": 40, "delta": 0.8},
        widths={"m": [16, 32, 64, 128]},
        # The risk falls from 1.70 to 1.18 here and to its first plateau, 1.07, at t = 1. Every pair of neurons is an integral.
        times=[0.0, 0.1, 0.3],
        network={"dynamics": "particles"},
        rtol=1e-4,
    ),
    "LowDimensionalTarget": Study(
        parameters={"d": 20, "d_h": 5},
        widths={"m": [32, 64, 128, 256]},
        # The loss falls from 2.5 to 1.1. Later, near the target, gaps fall as 1/m up to m = 1000 or more.
        times=[0.0, 0.5, 1.0],
    ),
    "OddTarget": Study(
        make=f"{_EXAMPLES}:odd",
        parameters={"d": 10},
        widths={"m": [32, 64, 128, 256, 512]},
        times=[0.0, 2.0, 10.0],
    ),
    "PhasePoint": Study(
        make="mfpde.papers.drift_clock:phase_point",
        parameters={"gamma": 1.0, "gamma_prime": 0.0},
        widths={"m": [64, 128, 256, 512, 1024]},
        # The loss falls from .032 to .010, where neurons begin to turn, and to .005; on the clock t that would take m times as long.
        times=[0.0, 3.0, 30.0],
        network={"dynamics": "flow"},
        # The limit's loss is then good to 1e-4 of itself; a network of 1024 neurons is a few percent away.
        limit={"nodes": 8},
    ),
    "TwoLayer": Study(
        make=f"{_EXAMPLES}:two_layer",
        parameters={"d": 2, "activation": "erf_sqrt2"},
        widths={"m": [32, 64, 128, 256, 512]},
        times=[0.0, 1.0, 2.0],
        network={"dynamics": "particles"},
    ),
}
"""The study of each registered system, as ``mfpde drift`` runs it where nothing else is asked for."""


def study(name: str) -> Study:
    """The study of the system called `name`; ValueError if there is no such system."""
    if name not in STUDIES:
        raise ValueError(f"system {name!r} is unknown: the systems are {', '.join(sorted(STUDIES))}")
    return STUDIES[name]


def make_system(name: str, given: Mapping[str, Any]) -> System:
    """The system of the study called `name`, its parameters replaced by those `given`.

    Raises
    ------
    ValueError
        If a parameter is unknown or impossible.
    """
    chosen = study(name)
    make: Callable[..., Any] = registry.system(name)
    if chosen.make is not None:
        module, function = chosen.make.split(":")
        make = getattr(import_module(module), function)
    made: System = registry.call(make, {**chosen.parameters, **given}, name)
    return made
