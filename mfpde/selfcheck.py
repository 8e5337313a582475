"""Exact answers and invariants, compared with what the installed package computes: one function a check."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfpde.flow import Trajectory, VelocityFlow
from mfpde.laws import Bessel
from mfpde.solve import solve
from mfpde.systems.depth_separation import DepthSeparation
from mfpde.threads import set_threads, thread_count


@dataclass(frozen=True)
class Check:
    """An error as measured here, and how large it may be."""

    what: str
    measured: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the error is small enough; NaN is not."""
        return self.measured <= self.allowed


def names() -> list[str]:
    """The names of all checks."""
    return list(_CHECKS)


def run(name: str) -> Check:
    """Run the check called `name`.

    Raises
    ------
    ValueError
        If there is no such check.
    """
    if name not in _CHECKS:
        raise ValueError(f"selfcheck {name!r} is unknown: the checks are {', '.join(_CHECKS)}")
    return _CHECKS[name]()


def _law() -> Check:
    exact = {0: 0.7934353955, 2: 0.19326506184}
    law = Bessel(100)
    error = max(abs(float(law.partial_moment(k, 1.0)) - value) for k, value in exact.items())
    return Check("partial moments of the Bessel law at d = 100, r = 1", error, 1e-10)


def _limit() -> Check:
    flow = DepthSeparation().limit(second_layer="concentrated")
    loss = solve(flow, t_eval=[100, 200, 400], rtol=1e-10, atol=1e-13).observables["loss"]
    exact = np.array([0.0312776197358, 0.0165329288587, 4.88833713614e-04])
    return Check("loss of the concentrated limit at t = 100, 200, 400, relative", float(np.max(np.abs(loss / exact - 1))), 1e-7)


def _invariant() -> Check:
    run = solve(DepthSeparation().limit(nodes=8), t_eval=[0, 100, 300], rtol=1e-10, atol=1e-13)
    values = run.observables["invariant"]
    return Check("E|w1|^2 / p - E w2^2 of the limit, largest change up to t = 300", float(np.max(np.abs(values - values[0]))), 1e-9)


def _descent() -> Check:
    flow, sizes = _small_network(), {"w1": 16, "w2": 8, "b2": 8}
    y, step = flow.state0, 1e-6
    velocity = flow.velocity(0.0, y)
    predicted = -sum(float(np.sum(part**2)) / sizes[name] for name, part in flow.unpack(velocity).items())
    ahead, behind = (flow.observe(0.0, y + h * velocity)["loss"] for h in (step, -step))
    return Check("loss of a network falls at the rate of its gradient, relative", abs((ahead - behind) / (2 * step * predicted) - 1), 1e-6)


def _threads() -> Check:
    flow, before = _small_network(), thread_count()
    velocities = []
    try:
        for count in (1, 2):
            set_threads(count)
            velocities.append(flow.velocity(0.0, flow.state0))
    finally:
        set_threads(before)
    return Check("numbers that differ between 1 and 2 threads", float(np.sum(velocities[0] != velocities[1])), 0)


def _file() -> Check:
    run = solve(DepthSeparation(d=10).limit(nodes=4), t_eval=[0, 1, 2])
    with tempfile.TemporaryDirectory() as folder:
        again = Trajectory.load(run.save(Path(folder) / "run.h5"))
    return Check("numbers that a file does not give back", float(np.sum(again.states != run.states)), 0)


def _small_network() -> VelocityFlow:
    flow = DepthSeparation(d=10).network(m1=16, m2=8, directions=512)
    assert isinstance(flow, VelocityFlow)
    return flow


_CHECKS: dict[str, Callable[[], Check]] = {
    "law": _law,
    "limit": _limit,
    "invariant": _invariant,
    "descent": _descent,
    "threads": _threads,
    "file": _file,
}
