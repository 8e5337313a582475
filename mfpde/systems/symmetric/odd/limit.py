"""The infinite-width limit: the closed equation of the second moments, as a flow and in the steps of gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import number
from mfpde.flow import Array, Field, Packing, Refinable, StepFlow, VelocityFlow
from mfpde.measures import Ensemble
from mfpde.systems.symmetric.odd.observables import observables
from mfpde.systems.symmetric.odd.subspace import whole

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget


class Moments:
    """The state of the limit and what it reports.

    With w = 1/2 E[ab], g = Xbar - C w and M = 1/2 [[0, g^T], [g, 0]], the matrix Sigma = E (a,b)(a,b)^T obeys Sigma' = M Sigma + Sigma M.
    In eigenvectors of C, and only those that Xbar meets, the state is

    ``gap`` (r,), w* - w: small numbers stay accurate; ``second`` (), E a^2; ``first`` (r, r), E b b^T; and with tracers their
    ``tracers`` (m, 1 + r), columns (a, b in the basis), the rest of b being constant.
    """

    def __init__(self, system: OddTarget, config: Mapping[str, Any], neurons: Ensemble | None, tracers: Array | None) -> None:
        self.system, self.config, self.tracers = system, config, tracers
        self.space = system.subspace if neurons is None else whole(system)
        r = len(self.space.variances)
        fields = [Field("gap", (r,), ("direction",)), Field("second", (), ()), Field("first", (r, r), ("direction", "direction_2"))]
        best = self.space.cross / self.space.variances
        arrays: dict[str, Any] = {"gap": best, "second": 1.0, "first": np.eye(r) / system.d}
        if neurons is not None:
            a, b = neurons.points[:, 0], neurons.points[:, 1:] @ self.space.basis
            weighted = neurons.weights[:, None] * b
            arrays = {"gap": best - 0.5 * (a @ weighted), "second": float(neurons.weights @ a**2), "first": b.T @ weighted}
        if tracers is not None:
            fields.append(Field("tracers", (len(tracers), 1 + r), ("neuron", "parameter")))
            arrays["tracers"] = np.column_stack([tracers[:, 0], tracers[:, 1:] @ self.space.basis])
        self.packing = Packing(tuple(fields))
        self.state0 = self.packing.pack(**arrays)

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Every observable of the system; `nonlinearity` is 0."""
        state = self.packing.unpack(y)
        return observables(self.system, self.space, state["gap"], float(state["second"]), state["first"], 0.0)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """w.x at the inputs x (n, d), shape (n,)."""
        w = self.space.cross / self.space.variances - self.packing.unpack(y)["gap"]
        values: Array = np.asarray(x, np.float64) @ (self.space.basis @ w)
        return values

    def particles(self, y: Array) -> dict[str, Array]:
        """The tracers (m, d + 1), columns (a, b), beside the neurons of the network they started with; none without a network."""
        if self.tracers is None:
            return {"neurons": np.empty((0, self.system.d + 1))}
        moved, basis = self.packing.unpack(y)["tracers"], self.space.basis
        start = self.tracers[:, 1:]
        return {"neurons": np.column_stack([moved[:, 0], start + (moved[:, 1:] - start @ basis) @ basis.T])}

    def change(self, y: Array, step: float) -> Array:
        """(Sigma_+ - Sigma)/step for Sigma_+ = (1 + step M) Sigma (1 + step M); at step 0 the time derivative."""
        state, out = self.packing.unpack(y), np.empty(self.packing.size)
        moved = self.packing.unpack(out)
        gap, second, first = state["gap"], float(state["second"]), state["first"]
        g = self.space.variances * gap
        w = self.space.cross / self.space.variances - gap
        product, pushed = float(g @ w), first @ g
        quarter = 0.25 * step
        moved["gap"][:] = -0.25 * (second * g + pushed) - quarter * product * g
        moved["second"][...] = 2.0 * product + quarter * float(g @ pushed)
        cross = np.outer(w, g)
        moved["first"][:] = cross + cross.T + quarter * second * np.outer(g, g)
        if self.tracers is not None:
            a, b = state["tracers"][:, 0], state["tracers"][:, 1:]
            moved["tracers"][:, 0] = 0.5 * (b @ g)
            np.outer(0.5 * a, g, out=moved["tracers"][:, 1:])
        return out


class MomentFlow(Refinable):
    """Sigma' = M Sigma + Sigma M, on the clock "time"."""

    clock = "time"

    def __init__(self, moments: Moments) -> None:
        self.moments, self.system = moments, moments.system
        self.packing, self.state0, self.config = moments.packing, moments.state0, moments.config
        self.predict, self.particles = moments.predict, moments.particles

    def velocity(self, t: float, y: Array) -> Array:
        """The time derivative of the moments, and (a, b)' = M (a, b) for the tracers."""
        return self.moments.change(y, 0.0)

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Every observable of the system."""
        return self.moments.observe(t, y)

    def refined(self) -> VelocityFlow:
        """The same limit: it is exact."""
        return self


class MomentDescent(StepFlow):
    """Sigma <- (1 + lr M) Sigma (1 + lr M), exactly what gradient descent with step `lr` does; clock "steps", time = lr x steps."""

    clock, dt, chunk = "steps", 1.0, 256

    def __init__(self, moments: Moments, lr: float) -> None:
        self.moments, self.system, self.lr = moments, moments.system, lr
        self.packing, self.state0, self.config = moments.packing, moments.state0, moments.config
        self.predict, self.particles = moments.predict, moments.particles

    def step(self, k: int, y: Array) -> Array:
        """The moments, and the tracers, after step `k`."""
        after: Array = y + self.lr * self.moments.change(y, self.lr)
        return after

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Every observable of the system."""
        return self.moments.observe(t, y)


def make_limit(system: OddTarget, dynamics: str, lr: float | None, neurons: Ensemble | None) -> MomentFlow | MomentDescent:
    """The flow behind :meth:`OddTarget.limit`."""
    if neurons is not None and (not isinstance(neurons, Ensemble) or neurons.p != system.d + 1):
        raise ValueError(f"neurons = {neurons!r}: give a mf.Ensemble of points (m, {system.d + 1}), columns (a, b)")
    arguments: dict[str, Any] = {"dynamics": dynamics, "lr": lr}
    if neurons is not None:
        arguments["neurons"] = neurons.config()
    return _flow(system, dynamics, lr, arguments, neurons, None)


def make_coupled_limit(system: OddTarget, network: Any) -> MomentFlow | MomentDescent:
    """The flow behind :meth:`OddTarget.coupled_limit`."""
    neurons = network.particles(network.state0)["neurons"]
    if neurons.shape[1] != system.d + 1:
        raise ValueError(f"network has neurons of shape {neurons.shape}: this system's have {system.d + 1} columns (a, b)")
    given = network.config["arguments"]
    dynamics = "flow" if given["dynamics"] == "flow" else "gd"
    lr = given.get("lr")
    return _flow(system, dynamics, lr, {"dynamics": dynamics, "lr": lr, "network": given}, None, neurons)


def _flow(
    system: OddTarget, dynamics: str, lr: float | None, arguments: dict[str, Any], neurons: Ensemble | None, tracers: Array | None
) -> MomentFlow | MomentDescent:
    if dynamics not in ("flow", "gd"):
        raise ValueError(f"dynamics = {dynamics!r}: the limit has 'flow' and 'gd'")
    arguments["lr"] = step_size(dynamics, lr)
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "limit", "arguments": arguments}
    moments = Moments(system, config, neurons, tracers)
    return MomentFlow(moments) if arguments["lr"] is None else MomentDescent(moments, arguments["lr"])


def step_size(dynamics: str, lr: float | None) -> float | None:
    """`lr` checked: None for the flow, which takes none, a positive number for descent, which needs one."""
    if dynamics == "flow":
        if lr is not None:
            raise ValueError(f"lr = {lr!r}: dynamics='flow' chooses its own steps; leave it out or use 'gd'")
        return None
    if lr is None:
        raise ValueError(f"lr = None: dynamics={dynamics!r} needs a step, such as lr=0.01")
    return number("lr", lr, positive=True)
