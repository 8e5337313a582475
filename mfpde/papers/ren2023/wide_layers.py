"""Networks of depth separation in which one layer is infinitely wide, so that the width of the other is all that is finite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.flow import Array, StepFlow, VelocityFlow
from mfpde.laws import CappedBessel
from mfpde.measures import Ensemble
from mfpde.streams import resolve_seed, stream
from mfpde.systems.depth_separation import DepthSeparation
from mfpde.systems.depth_separation.limit import SphericalLimit

_SOURCE = "docs/finite_width_depth_separation"


@dataclass(frozen=True)
class WideSecondLayer:
    """m1 neurons below a second layer of infinite width; network and limit take the same explicit Euler steps.

    The second layer is the same Gauss-Hermite nodes in both, so that neither it nor the step leaves a floor under the gaps. The neurons
    of a seed are those of ``system.network``.
    """

    system: DepthSeparation

    @property
    def law(self) -> CappedBessel:
        """The input law."""
        return self.system.law

    def config(self) -> dict[str, Any]:
        """The system's parameters."""
        return self.system.config()

    def predicted_rates(self) -> dict[str, Any]:
        """G_u - a is a mean over neurons; what is quadratic in it falls like 1/m1, in mean and in root mean square."""
        linear, quadratic = ({"exponent": exponent, "width": "m1", "source": _SOURCE} for exponent in (0.5, 1.0))
        return {"non_sphericity": linear, "function_distance": linear, "loss_discretisation": quadratic}

    def limit(self, *, dt: float = 1.0, nodes: int = 32) -> Steps:
        """The infinite-width dynamics in steps of length `dt`."""
        return Steps(self.system.limit(nodes=nodes, rng=0), dt)

    def network(self, *, m1: int, dt: float = 1.0, directions: int = 4096, nodes: int = 32, rng: int | None = 0) -> Steps:
        """The network with `m1` neurons drawn from the initial law of w1.

        Its losses are averages over other directions, equally many, than those it is trained on, where they would be too low by O(1/n).
        """
        seed = resolve_seed(rng)
        first = Ensemble(self.system.first_layer.sample(whole("m1", m1), stream(seed, "first layer")))
        seeds = (seed, int(stream(seed, "directions of the reported loss").integers(2**63)))
        trained, observed = (self.system.limit(first_layer=first, nodes=nodes, directions=directions, rng=one) for one in seeds)
        return Steps(trained, dt, observed)


@dataclass(frozen=True)
class WideFirstLayer:
    """m2 neurons above a first layer of infinite width: the spherical reduction, with random particles as its second layer.

    The neurons of a seed are those of ``system.network``.
    """

    system: DepthSeparation

    @property
    def law(self) -> CappedBessel:
        """The input law."""
        return self.system.law

    def config(self) -> dict[str, Any]:
        """The system's parameters."""
        return self.system.config()

    def predicted_rates(self) -> dict[str, Any]:
        """Every gap is a smooth function of means over m2 independent neurons: fluctuations m2^-1/2, the mean of the loss 1/m2."""
        linear = {"exponent": 0.5, "width": "m2", "source": _SOURCE}
        bias = {"exponent": 1.0, "width": "m2", "statistic": "bias", "source": _SOURCE}
        return {"loss": [linear, bias], "function_distance": linear, "second_layer_rms": linear}

    def limit(self, *, nodes: int = 32) -> SphericalLimit:
        """The infinite-width dynamics."""
        return SphericalLimit(self.system, self.system.second_layer.gauss_hermite(whole("nodes", nodes)), self._named("limit", nodes=nodes))

    def network(self, *, m2: int, rng: int | None = 0) -> SecondLayer:
        """The network with `m2` neurons drawn from the initial law of (w2, b2)."""
        seed = resolve_seed(rng)
        neurons = Ensemble(self.system.second_layer.sample(whole("m2", m2), stream(seed, "second layer")))
        return SecondLayer(self.system, neurons, self._named("network", m2=m2, rng=seed))

    def coupled_limit(self, network: SecondLayer, *, nodes: int = 32) -> SphericalLimit:
        """The limit that carries the neurons of `network` as particles of weight 0, their mean-field characteristics."""
        law = self.system.second_layer.gauss_hermite(whole("nodes", nodes))
        neurons = network.particles(network.state0)["second_layer"]
        points, weights = np.vstack([law.points, neurons]), np.append(law.weights, np.zeros(len(neurons)))
        config = self._named("limit", nodes=nodes, network=network.config["arguments"])
        return SphericalLimit(self.system, Ensemble(points, weights), config)

    def _named(self, role: str, **arguments: Any) -> dict[str, Any]:
        return {"system": type(self).__name__, "parameters": self.config(), "role": role, "arguments": arguments}


class SecondLayer(SphericalLimit):
    """The spherical reduction as a network: each particle of its second layer is a neuron."""

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons (w2, b2), shape (m2, 2)."""
        state = self.unpack(y)
        return {"second_layer": np.column_stack([state["w2"], state["b2"]])}


class Steps(StepFlow):
    """Explicit Euler steps of length `dt` along the velocity of `flow`; t = k dt. Observed like `observed`, or like `flow`."""

    clock = "time"

    def __init__(self, flow: VelocityFlow, dt: float, observed: VelocityFlow | None = None) -> None:
        self.flow, self.dt, self.observed = flow, number("dt", dt, positive=True), observed or flow
        self.packing, self.state0 = flow.packing, flow.state0
        self.config = {**flow.config, "arguments": {**flow.config["arguments"], "dynamics": "gd", "dt": self.dt}}

    def step(self, k: int, y: Array) -> Array:
        """y + dt velocity."""
        after: Array = y + self.dt * self.flow.velocity(k * self.dt, y)
        return after

    def observe(self, t: float, y: Array) -> Mapping[str, Any]:
        """The observables of the flow that is observed."""
        return self.observed.observe(t, y)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        flow: Any = self.flow
        values: Array = flow.predict(y, x)
        return values
