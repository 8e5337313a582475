"""The flows that every two-layer system shares: weighted particles, tracers in a limit's field, and steps of both."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, Refinable, StepFlow, VelocityFlow
from mfpde.measures import Ensemble
from mfpde.systems.two_layer.dynamics.certificate import certificate
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.dynamics.line import LineLaw, atoms_law, line_w2
from mfpde.systems.two_layer.dynamics.noise import BrownianPaths

AXES = ("neuron", "parameter")


class MeanFieldLimit(Refinable):
    """A limit in whose field neurons can be moved.

    Attributes
    ----------
    field : NeuronField
    """

    field: NeuronField

    @abstractmethod
    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock s, without noise, of neurons theta (m, p) in the field of the limit's state `y`."""

    @abstractmethod
    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""

    @abstractmethod
    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The potential of which :meth:`force` is minus the gradient, at places theta (m, p), shape (m,)."""

    @abstractmethod
    def line(self, y: Array) -> LineLaw:
        """The law of the neurons' one coordinate that moves, or tells all by symmetry; ValueError if there is none."""


class NodeFlow(MeanFieldLimit):
    """Weighted particles theta (m, p) in their own field: the limit by quadrature nodes, or the network of interacting neurons.

    Particles of weight 0 are passive tracers. State `theta`, columns (a, w).
    """

    def __init__(
        self, field: NeuronField, particles: Ensemble, config: Mapping[str, Any], refine: Callable[[], VelocityFlow] | None = None
    ) -> None:
        field.clock.check_continuous()
        self.field, self.config, self.weights, self.start = field, config, particles.weights, particles.points
        self.clock = field.clock.name
        self.packing = Packing((Field("theta", particles.points.shape, AXES),))
        self.state0 = self.pack(theta=particles.points)
        self._refine = refine

    def velocity(self, t: float, y: Array) -> Array:
        """2 xi(t) times the force on every particle."""
        theta = self.unpack(y)["theta"]
        return self.field.clock.rate(t) * self.field.force(theta, theta, self.weights).ravel()

    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock of neurons theta (m, p) in the field of the particles."""
        return self.field.force(theta, self.unpack(y)["theta"], self.weights)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the particles."""
        return self.field.observe(self.unpack(y)["theta"], self.weights, self.start)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return self.field.predict(self.unpack(y)["theta"], self.weights, x)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The potential Psi at places theta (m, p) in the field of the particles, shape (m,)."""
        return self.field.psi(np.asarray(theta, np.float64), self.unpack(y)["theta"], self.weights)

    def particles(self, y: Array) -> dict[str, Array]:
        """The particles (m, p)."""
        return {"neurons": self.unpack(y)["theta"]}

    def w2(self, y: Array, limit: Any, y_limit: Array) -> float:
        """W2 between the particles and the law of `limit` in its state `y_limit`, in the coordinate :meth:`NeuronField.coordinate`."""
        return line_w2(self.field.coordinate(self.unpack(y)["theta"]), self.weights, limit.line(y_limit))

    def line(self, y: Array) -> LineLaw:
        """The law of the weighted particles themselves, atoms."""
        return atoms_law(self.field.coordinate(self.unpack(y)["theta"]), self.weights, self.field.period)

    def certificate(self, y: Array, candidates: npt.ArrayLike | None = None) -> float:
        """An upper bound of R + lam M - inf (R + lam M) over all laws, by 2 [int Psi drho - inf Psi].

        See :func:`mfpde.systems.two_layer.dynamics.certificate.certificate`: inf Psi is searched for, also at `candidates` (n, p).
        """
        places = None if candidates is None else np.asarray(candidates, np.float64)
        return certificate(self.field, self.unpack(y)["theta"], self.weights, places)

    def with_particles(self, layers: Mapping[str, Array]) -> Array:
        """The state of these neurons, named and shaped as :meth:`particles` gives them."""
        return self.pack(theta=layers["neurons"])

    def mirrored(self) -> Any:
        """The network from the mirror images of its initial neurons."""
        return _mirror_image(self)

    def refined(self) -> VelocityFlow:
        """The same limit with more nodes; what was given stays as it is; ValueError for a network."""
        if self._refine is None:
            raise ValueError("role = 'network': a network has no resolution to refine; refine its limit")
        return self._refine()


class TracerFlow(VelocityFlow):
    """The limit with `neurons` (m, p) that follow its field and do not act on it; observed as the limit.

    State: the limit's arrays, then `tracers` (m, p).
    """

    def __init__(self, limit: MeanFieldLimit, neurons: Array, config: Mapping[str, Any]) -> None:
        self.limit, self.field, self.config, self.start = limit, limit.field, config, neurons
        self.clock = limit.clock
        self.weights = np.full(len(neurons), 1.0 / len(neurons))
        self.packing = Packing((*limit.packing.fields, Field("tracers", neurons.shape, ("tracer", AXES[1]))))
        self.state0 = np.concatenate([limit.state0, neurons.ravel()])

    def velocity(self, t: float, y: Array) -> Array:
        """The limit's velocity, and 2 xi(t) times the force of its field on the tracers."""
        inner = self.inner(y)
        force = self.limit.force(inner, self.unpack(y)["tracers"])
        return np.concatenate([self.limit.velocity(t, inner), self.field.clock.rate(t) * force.ravel()])

    def inner(self, y: Array) -> Array:
        """The limit's own part of the state."""
        return y[: self.limit.packing.size]

    def observe(self, t: float, y: Array) -> Mapping[str, Any]:
        """The observables of the limit."""
        return self.limit.observe(t, self.inner(y))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """The limit's f at the inputs x (n, d), shape (n,)."""
        return self.limit.predict(self.inner(y), x)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The limit's potential Psi at places theta (m, p), shape (m,)."""
        return self.limit.psi(self.inner(y), theta)

    def line(self, y: Array) -> LineLaw:
        """The limit's law."""
        return self.limit.line(self.inner(y))

    def particles(self, y: Array) -> dict[str, Array]:
        """The tracers (m, p), beside the neurons of the network they started with."""
        return {"neurons": self.unpack(y)["tracers"]}


class NonlinearFlow(TracerFlow):
    """The nonlinear dynamics: neurons that follow the limit's field, observed as a network of these neurons."""

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the network made of the tracers."""
        return self.field.observe(self.unpack(y)["tracers"], self.weights, self.start)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f of the network made of the tracers, at the inputs x (n, d), shape (n,)."""
        return self.field.predict(self.unpack(y)["tracers"], self.weights, x)

    def w2(self, y: Array, limit: Any, y_limit: Array) -> float:
        """W2 between the tracers and the law of `limit` in its state `y_limit`, in the coordinate :meth:`NeuronField.coordinate`."""
        return line_w2(self.field.coordinate(self.unpack(y)["tracers"]), self.weights, limit.line(y_limit))

    def mirrored(self) -> Any:
        """The same dynamics from the mirror images of the initial neurons."""
        return _mirror_image(self)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The potential Psi of the network made of the tracers at places theta (m, p), shape (m,)."""
        return self.field.psi(np.asarray(theta, np.float64), self.unpack(y)["tracers"], self.weights)


class Descent(StepFlow):
    """What training in steps of length `eps` on the public clock shares: the neurons' noise and what is observed."""

    def __init__(self, field: NeuronField, neurons: Array, config: Mapping[str, Any], eps: float, paths: BrownianPaths, dtype: str) -> None:
        self.field, self.config, self.dt, self.paths, self.start = field, config, eps, paths, neurons
        self.clock = field.clock.name
        self.weights = np.full(len(neurons), 1.0 / len(neurons))
        self.packing = Packing((Field("theta", neurons.shape, AXES),), dtype)
        self.state0 = self.pack(theta=neurons)

    def add_noise(self, k: int, theta: Array) -> None:
        """Add the noise of step `k` to the columns of theta (m, p) that move."""
        if self.field.noisy:
            increment = self.paths.increment(self.field.clock, self.dt, k, theta.shape)[:, self.field.moving]
            theta[:, self.field.moving] += (self.field.deviation() * increment).astype(theta.dtype)

    def neurons(self, y: Array) -> Array:
        """The neurons (m, p) of the state, in double precision."""
        return self.unpack(y)["theta"].astype(np.float64, copy=False)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the network, on the population."""
        return self.field.observe(self.neurons(y), self.weights, self.start)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return self.field.predict(self.neurons(y), self.weights, x)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The potential Psi of the network on the population at places theta (m, p), shape (m,)."""
        return self.field.psi(np.asarray(theta, np.float64), self.neurons(y), self.weights)

    def w2(self, y: Array, limit: Any, y_limit: Array) -> float:
        """W2 between the neurons and the law of `limit` in its state `y_limit`, in the coordinate :meth:`NeuronField.coordinate`."""
        return line_w2(self.field.coordinate(self.neurons(y)), self.weights, limit.line(y_limit))

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons (m, p)."""
        return {"neurons": self.neurons(y)}

    def mirrored(self) -> Any:
        """The same training, with the same samples and noise, from the mirror images of the initial neurons."""
        return _mirror_image(self)


class GradientDescent(Descent):
    """theta <- theta - 2 s_k grad Psi_lam(theta; rho_N) + noise: gradient descent, and Euler-Maruyama of the noisy particles."""

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        theta = self.neurons(y)
        moved = theta + self.field.clock.step_sizes(self.dt, k, 1)[0] * self.field.force(theta, theta, self.weights)
        self.add_noise(k, moved)
        after: Array = moved.ravel().astype(self.packing.dtype, copy=False)
        return after


class NonlinearDescent(Descent):
    """Euler-Maruyama of noisy neurons in the limit's field, the limit itself moved by the classical Runge-Kutta method.

    State: the limit's arrays, then `theta` (m, p). A limit in steps of its own must have the length `eps`.
    """

    def __init__(self, limit: Any, neurons: Array, config: Mapping[str, Any], eps: float, paths: BrownianPaths) -> None:
        super().__init__(limit.field, neurons, config, eps, paths, "float64")
        if isinstance(limit, StepFlow) and limit.dt != eps:
            raise ValueError(f"eps = {eps!r} beside a limit in steps of {limit.dt!r}: give both the same step")
        self.limit = limit
        self.packing = Packing((*limit.packing.fields, *self.packing.fields))
        self.state0 = np.concatenate([limit.state0, neurons.ravel()])

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`."""
        inner, theta = self.inner(y), self.neurons(y)
        moved = theta + self.field.clock.step_sizes(self.dt, k, 1)[0] * self.limit.force(inner, theta)
        self.add_noise(k, moved)
        advanced = self.limit.step(k, inner) if isinstance(self.limit, StepFlow) else runge_kutta(self.limit, k * self.dt, self.dt, inner)
        return np.concatenate([advanced, moved.ravel()])

    def inner(self, y: Array) -> Array:
        """The limit's own part of the state."""
        return y[: self.limit.packing.size]


class TracerDescent(NonlinearDescent):
    """The limit in steps, with noisy neurons in its field that do not act on it; observed as the limit."""

    def observe(self, t: float, y: Array) -> Any:
        """The observables of the limit."""
        return self.limit.observe(t, self.inner(y))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """The limit's f at the inputs x (n, d), shape (n,)."""
        f: Array = self.limit.predict(self.inner(y), x)
        return f

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """The limit's potential Psi at places theta (m, p), shape (m,)."""
        psi: Array = self.limit.psi(self.inner(y), theta)
        return psi

    def line(self, y: Array) -> LineLaw:
        """The limit's law."""
        law: LineLaw = self.limit.line(self.inner(y))
        return law


def _mirror_image(flow: Any) -> Any:
    """A copy of the flow whose initial neurons, the last numbers of its state, are reflected at the mean of their law, which is symmetric.

    Raises
    ------
    ValueError
        If the law of the initial neurons is not known to be symmetric.
    """
    centre = _centre(flow.config["parameters"].get("initial"))
    if centre is None:
        raise ValueError(f"{type(flow).__name__}: this initial law is not known to be symmetric about its mean, and has no mirror image")
    image = copy.copy(flow)
    image.start = np.array(flow.start, np.float64)
    image.start[:, -centre.size :] = 2.0 * centre - image.start[:, -centre.size :]  # a column a = 1 in front of them stays
    image.state0 = np.concatenate([flow.state0[: -image.start.size], image.start.ravel()]).astype(flow.state0.dtype)
    image.config = {**flow.config, "arguments": {**flow.config["arguments"], "mirrored": True}}
    return image


def _centre(initial: Any) -> Array | None:
    """The mean of the initial law that this configuration names, if the law is symmetric about it."""
    kind = initial.get("initial") if isinstance(initial, Mapping) else None
    if kind == "GaussianInit":
        return np.array(initial["mean"], np.float64)
    if kind == "SphereInit":
        return np.zeros(initial["d"])
    if kind == "ProductInit":
        parts = [_centre(part) for part in initial["parts"]]
        return None if any(part is None for part in parts) else np.concatenate([part for part in parts if part is not None])
    return None


def runge_kutta(flow: VelocityFlow, t: float, dt: float, y: Array) -> Array:
    """The state at t + dt by the classical method of order 4."""
    a = flow.velocity(t, y)
    b = flow.velocity(t + 0.5 * dt, y + 0.5 * dt * a)
    c = flow.velocity(t + 0.5 * dt, y + 0.5 * dt * b)
    d = flow.velocity(t + dt, y + dt * c)
    after: Array = y + dt / 6.0 * (a + 2.0 * (b + c) + d)
    return after
