"""The infinite-width limit: a second-layer ensemble over a first layer that is a sphere, or particles on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import Array, Event, Field, Packing, Refinable, VelocityFlow
from mfpde.kernels.profile import Profile, profile
from mfpde.kernels.segments import spherical_velocity
from mfpde.kernels.two_fields import compare
from mfpde.measures import Ensemble, orthogonal_directions
from mfpde.streams import resolve_seed, stream
from mfpde.systems.depth_separation.observables import moments_of_state
from mfpde.systems.depth_separation.particles import ParticleFlow, evaluate, make_directions

if TYPE_CHECKING:
    from mfpde.systems.depth_separation.system import DepthSeparation


class SphericalLimit(Refinable):
    """The exact reduction: mu_1 stays uniform on the sphere of radius rho, so F = a |x| with a = kappa_d rho^p.

    The state is rho and the particles (w2, b2) of the second layer; all radial integrals are exact (segments.py).
    """

    clock = "time"

    def __init__(self, system: DepthSeparation, second_layer: Ensemble, config: dict[str, Any], tracers: Array | None = None) -> None:
        self.system, self.config, self.tracers = system, config, tracers
        self.weights = second_layer.weights
        n = second_layer.m
        self.packing = Packing((Field("rho", (), ()), Field("w2", (n,), ("neuron_2",)), Field("b2", (n,), ("neuron_2",))))
        self.state0 = self.pack(rho=system.sigma_1, w2=second_layer.points[:, 0], b2=second_layer.points[:, 1])
        if system.homogeneity == 1:
            self.events = (Event("rho reaches 0", lambda t, y, start: float(y[0]), _stop_radius),)

    def velocity(self, t: float, y: Array) -> Array:
        """(rho', w2', b2'), spec of the flow in the module's kernel."""
        s = self.system
        return spherical_velocity(s.moments, s.kappa, s.homogeneity, s.rates, self.weights, y)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Every observable of the system; what only a network can have is 0."""
        s, state = self.system, self.unpack(y)
        p, a = self.second_layer(y), self.slope(y)
        loss = compare(s.moments, p, a, p, a)[0]
        values = {"loss": loss, "loss_stderr": 0.0, "loss_perfect_first_layer": loss, "loss_discretisation": 0.0, "loss_cross": 0.0}
        norms = np.array([float(state["rho"])])
        values |= moments_of_state(
            norms, np.ones(1), state["w2"], state["b2"], self.weights, s.kappa, s.homogeneity, s.rates
        )
        return values | {"non_sphericity": 0.0}

    def slope(self, y: Array) -> float:
        """a, with F(x) = a |x|."""
        return float(self.system.kappa * y[0] ** self.system.homogeneity)

    def second_layer(self, y: Array) -> Profile:
        """f as a piecewise-linear function of F."""
        state = self.unpack(y)
        return profile(state["w2"], state["b2"], self.weights)

    def features(self, y: Array, x: npt.ArrayLike) -> Array:
        """F at the inputs x (n, d), shape (n,)."""
        values: Array = self.slope(y) * np.linalg.norm(np.asarray(x, float), axis=1)
        return values

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return evaluate(self.second_layer(y), self.features(y, x))

    def particles(self, y: Array) -> dict[str, Array]:
        """The mean-field characteristics of the tracers: a neuron of the first layer keeps its direction, its norm goes with rho.

        The tracers (m1, d) are initial neurons of the first layer; those of the second layer are the particles of weight 0.
        """
        state = self.unpack(y)
        passive = self.weights == 0.0
        second = np.column_stack([state["w2"], state["b2"]])[passive]
        first = np.empty((0, self.system.d)) if self.tracers is None else self.tracers
        return {"first_layer": first * (float(y[0]) / self.system.sigma_1), "second_layer": second}

    def refined(self) -> VelocityFlow:
        """The same limit with twice the second-layer nodes; a concentrated or given second layer stays as it is."""
        arguments = self.config["arguments"]
        if arguments["second_layer"] not in ("gauss-hermite", "quantile", "random"):
            return self
        return self.system.limit(**{**arguments, "nodes": 2 * arguments["nodes"]})


def make_limit(
    system: DepthSeparation,
    first_layer: str | Ensemble,
    n1: int | None,
    second_layer: str | Ensemble,
    nodes: int,
    directions: int | npt.ArrayLike,
    rng: int | None,
) -> SphericalLimit | ParticleFlow:
    """The flow behind :meth:`DepthSeparation.limit`."""
    if system.projection is not None:
        raise ValueError(f"projection = {system.projection!r}: only dynamics='sgd' has per-sample gradients to project; use None")
    seed, nodes = resolve_seed(rng), whole("nodes", nodes)
    n1 = None if n1 is None else whole("n1", n1)
    # A seed that nothing draws from and nobody gave would make every run of this limit another one, which no checkpoint fits.
    spherical = isinstance(first_layer, str) and first_layer == "spherical"
    exact = spherical and not (isinstance(second_layer, str) and second_layer == "random")
    arguments: dict[str, Any] = {"nodes": nodes, "rng": None if rng is None and exact else seed, "n1": n1}
    arguments["first_layer"] = first_layer.config() if isinstance(first_layer, Ensemble) else first_layer
    arguments["second_layer"] = second_layer.config() if isinstance(second_layer, Ensemble) else second_layer
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "limit", "arguments": arguments}
    second = _second_layer(system, second_layer, nodes, seed)
    if spherical:
        if n1 is not None:
            raise ValueError(f"n1 = {n1!r}: the spherical reduction has no particles; use first_layer='particles'")
        return SphericalLimit(system, second, config)
    first = _first_layer(system, first_layer, n1, seed)
    rays, arguments["directions"] = make_directions(system, directions, seed)
    return ParticleFlow(system, first, second, rays, config)


def make_coupled_limit(system: DepthSeparation, network: Any, second_layer: str | Ensemble, nodes: int) -> SphericalLimit:
    """The flow behind :meth:`DepthSeparation.coupled_limit`."""
    neurons = network.particles(network.state0)
    if neurons["first_layer"].shape[1] != system.d:
        raise ValueError(f"network has neurons w1 of shape {neurons['first_layer'].shape}: this system's have {system.d} coordinates")
    nodes_of_law = _second_layer(system, second_layer, whole("nodes", nodes), resolve_seed(network.config["arguments"]["rng"]))
    points = np.vstack([nodes_of_law.points, neurons["second_layer"]])
    weights = np.append(nodes_of_law.weights, np.zeros(len(neurons["second_layer"])))
    arguments = {"second_layer": "coupled", "nodes": nodes, "network": network.config["arguments"]}
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "limit", "arguments": arguments}
    return SphericalLimit(system, Ensemble(points, weights), config, neurons["first_layer"])


def _stop_radius(t: float, y: Array) -> Array:
    stopped = y.copy()
    stopped[0] = 0.0
    return stopped


def _first_layer(system: DepthSeparation, first_layer: str | Ensemble, n1: int | None, seed: int) -> Ensemble:
    if isinstance(first_layer, Ensemble):
        if first_layer.p != system.d or n1 not in (None, first_layer.m):
            raise ValueError(f"first_layer has points {first_layer.points.shape} and n1 = {n1!r}: give points (n1, {system.d})")
        return first_layer
    if not isinstance(first_layer, str) or first_layer != "particles":
        allowed = f"'spherical', 'particles' or a mf.Ensemble of points (n1, {system.d})"
        raise ValueError(f"first_layer = {_named(first_layer)}: give {allowed}")
    if n1 is None:
        raise ValueError("n1 = None: first_layer='particles' needs a number of particles")
    return Ensemble(system.sigma_1 * orthogonal_directions(n1, system.d, stream(seed, "first layer")))


def _second_layer(system: DepthSeparation, second_layer: str | Ensemble, nodes: int, seed: int) -> Ensemble:
    if isinstance(second_layer, Ensemble):
        if second_layer.p != 2:
            raise ValueError(f"second_layer has points {second_layer.points.shape}: give columns (w2, b2)")
        return second_layer
    law = system.second_layer
    makers = {
        "gauss-hermite": lambda: law.gauss_hermite(nodes),
        "quantile": lambda: law.quantiles(nodes),
        "random": lambda: Ensemble(law.sample(nodes, stream(seed, "second layer"))),
        "concentrated": lambda: Ensemble(np.array([[0.0, system.sigma_r]])),
    }
    if not isinstance(second_layer, str) or second_layer not in makers:
        raise ValueError(f"second_layer = {_named(second_layer)}: give one of {sorted(makers)} or a mf.Ensemble of columns (w2, b2)")
    if second_layer == "quantile" and system.sigma_2 == 0.0:
        raise ValueError("second_layer = 'quantile' needs sigma_2 > 0: with sigma_2 = 0 all particles are equal; use 'concentrated'")
    return makers[second_layer]()


def _named(given: object) -> str:
    return repr(given) if isinstance(given, str) else f"<{type(given).__name__}>"
