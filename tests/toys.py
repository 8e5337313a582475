"""Small flows with known behaviour, shared by the tests of the time loop and of the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mfpde.flow import Array, Event, Field, PacedFlow, Packing, StepFlow, VelocityFlow
from mfpde.streams import step_stream


def config(name: str, **parameters: Any) -> dict[str, Any]:
    return {"system": name, "parameters": parameters, "role": "limit", "arguments": {}}


class Toy(VelocityFlow):
    """y' = rhs(t, y) with the state as one array `q` on the axis `component`."""

    clock = "time"

    def __init__(self, rhs: Callable[[float, Array], Any], y0: Sequence[float], events: Sequence[Event] = (), **parameters: Any) -> None:
        self.rhs = rhs
        self.state0 = np.array(y0, float)
        self.packing = Packing((Field("q", (self.state0.size,), ("component",)),))
        self.events = events
        self.config: Mapping[str, Any] = config("toy", **parameters)
        self.calls = 0

    def velocity(self, t: float, y: Array) -> Array:
        self.calls += 1
        return np.asarray(self.rhs(t, y))

    def observe(self, t: float, y: Array) -> dict[str, float]:
        return {"first": float(y[0]), "norm": float(np.linalg.norm(y))}


def logistic(rate: float = 1.0) -> Toy:
    """y' = rate y (1 - y), y(0) = 1/100."""
    return Toy(lambda t, y: rate * y * (1 - y), [0.01], rate=rate)


def logistic_exact(t: Any) -> Any:
    return 1 / (1 + 99 * np.exp(-np.asarray(t)))


def oscillator() -> Toy:
    """y'' = -y: (cos t, -sin t)."""
    return Toy(lambda t, y: np.array([y[1], -y[0]]), [1.0, 0.0])


def pendulum() -> Toy:
    """A driven pendulum, a limit cycle far from any symmetry."""
    return Toy(lambda t, y: np.array([y[1], -np.sin(y[0]) - 0.1 * y[1] + 0.3 * np.cos(0.7 * t)]), [1.0, 0.0])


def stiff(size: int = 6) -> Toy:
    """A stiff, mildly non-linear system: rates from 1 to 1e4."""
    rates = np.geomspace(1, 1e4, size)
    return Toy(lambda t, y: -rates * (y - np.cos(t)) + 0.1 * np.roll(y, 1) ** 2, np.ones(size), size=size)


def ball(restitution: float = 0.5) -> Toy:
    """A ball dropped from height 1 under gravity 2, bouncing: it first lands at t = 1 with speed 2."""

    def bounce(t: float, y: Array) -> Array:
        return np.array([0.0, -restitution * y[1]])

    landing = Event("landing", lambda t, y, y_start: y[0] if y[0] > 0 or y[1] < 0 else 0.0, bounce)
    return Toy(lambda t, y: np.array([y[1], -2.0]), [1.0, 0.0], [landing])


class NoisySteps(StepFlow):
    """y <- y - dt y + dt noise_k, the noise from a stream counted by steps; the state is float32, two named arrays."""

    clock = "time"

    def __init__(self, dt: float = 0.5, noise: float = 1.0, seed: int = 0, explode_at: int | None = None) -> None:
        self.dt, self.noise, self.seed, self.explode_at = dt, noise, seed, explode_at
        self.packing = Packing((Field("w1", (4, 3), ("neuron_1", "component")), Field("b2", (), ())), "float32")
        self.state0 = np.ones(13, np.float32)
        self.config = config("noisy", dt=dt, noise=noise, seed=seed)

    def step(self, k: int, y: Array) -> Array:
        if k == self.explode_at:
            return y * np.inf
        kick = step_stream(self.seed, "noise", k, 0).standard_normal(y.size).astype(y.dtype)
        return np.asarray(y + np.float32(self.dt) * (self.noise * kick - y), y.dtype)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        return {"loss": float(y @ y), "b2": float(y[-1])}


class OwnPace(PacedFlow):
    """y' = -rate y in exact steps that grow by a tenth each; over when y has fallen below `level`. `q` holds (y, last step)."""

    clock = "time"

    def __init__(self, rate: float = 1.0, level: float = 1e-3, give_up: float = 100.0) -> None:
        self.rate, self.level = rate, level
        self.packing = Packing((Field("q", (2,), ("component",)),))
        self.state0 = np.array([1.0, 0.01])
        self.times = np.array([0.0, 0.1, 1.0, 5.0, give_up])
        self.config = config("own pace", rate=rate, level=level, give_up=give_up)

    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        h = min(1.1 * y[1], t_stop - t, max(np.log(y[0] / self.level) / self.rate, 0.0) or np.inf)
        return (t_stop if h == t_stop - t else t + h), np.array([y[0] * np.exp(-self.rate * h), 1.1 * y[1]])

    def finished(self, t: float, y: Array) -> str | None:
        return f"{self.level:g} reached" if y[0] <= self.level * (1 + 1e-12) else None

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        return {"value": float(y[0]), "powers": y[0] ** np.arange(3), "table": np.outer(y, y)}
