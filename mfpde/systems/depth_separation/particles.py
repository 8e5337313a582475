"""Gradient flow of the population loss for weighted particles in both layers: the network, and the limit's particle form."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import Array, Event, Field, Packing, Refinable, VelocityFlow
from mfpde.kernels.first_layer import assemble, row_norms
from mfpde.kernels.profile import Profile, particle_sums, profile
from mfpde.kernels.segments import sweep_rays
from mfpde.kernels.two_fields import compare_rays
from mfpde.measures import Ensemble, orthogonal_directions
from mfpde.streams import stream
from mfpde.systems.depth_separation import observables
from mfpde.systems.depth_separation.antithetic import paired_gradient
from mfpde.systems.depth_separation.gradient import SLOTS, features, first_layer_gradient

if TYPE_CHECKING:
    from mfpde.systems.depth_separation.system import DepthSeparation

_PAIRWISE = 2**14


class ParticleFlow(Refinable):
    """w1 (n1, d) with weights, (w2, b2) (n2,) with weights, moved by the exact radial integrals averaged over directions.

    On the ray of a direction u, F(r u) = G_u r with G_u = sum_i p_i |w1_i|^(p-1) relu(w1_i.u); the population gradient is
    the mean over the directions of one-dimensional integrals (segments.py), plus two matrix products (gradient.py).
    """

    clock = "time"
    default_method = "RK45"  # the velocity jumps wherever a w1 crosses a direction's plane

    def __init__(
        self,
        system: DepthSeparation,
        first_layer: Ensemble,
        second_layer: Ensemble,
        directions: Array,
        config: dict[str, Any],
        dtype: str = "float64",
    ) -> None:
        self.system, self.config, self.directions = system, config, directions
        self._first_layer, self._second_layer = first_layer, second_layer
        self.weights_1, self.weights_2 = first_layer.weights, second_layer.weights
        n1, n2 = first_layer.m, second_layer.m
        self.packing = Packing(
            (
                Field("w1", (n1, system.d), ("neuron_1", "input")),
                Field("w2", (n2,), ("neuron_2",)),
                Field("b2", (n2,), ("neuron_2",)),
            ),
            dtype,
        )
        self.state0 = self.pack(w1=first_layer.points, w2=second_layer.points[:, 0], b2=second_layer.points[:, 1])
        drawn = not isinstance(config["arguments"]["directions"], dict)
        self._antithetic = drawn and len(directions) % 2 == 0
        self._rays = np.ascontiguousarray(directions[::2] if self._antithetic else directions, dtype)
        if system.homogeneity == 1:
            self.events = (Event("first-layer particle reaches 0", self._closest, self._stop_particle),)

    def velocity(self, t: float, y: Array) -> Array:
        """(w1', w2', b2'), flat."""
        system, state = self.system, self.unpack(y)
        w1 = state["w1"].astype(self.packing.dtype, copy=False)
        p = self.second_layer(y)
        error, error_f = np.zeros((2, SLOTS, len(p.slope)))
        weight = 1.0 / len(self.directions)

        def head(rows: slice, x: Array, feature: Array, slot: int) -> Array:
            coefficient = np.empty(len(feature))
            sweep_rays(system.moments, p, feature, weight, error[slot], error_f[slot], coefficient)
            return coefficient

        out = np.empty(self.packing.size, self.packing.dtype)
        moved = self.unpack(out)
        if self._antithetic:
            paired_gradient(self._rays, w1, self._scale(w1), head, moved["w1"])
        else:
            first_layer_gradient(lambda rows, _: self._rays[rows], len(self._rays), w1, self._scale(w1), head, moved["w1"])
        finish_velocity(system, p, w1, error.sum(axis=0), error_f.sum(axis=0), moved)
        return out

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Every observable of the system, in double precision on the flow's directions.

        `non_sphericity` is exact up to 2^14 neurons and the mean over the directions above, where its n1^2 pairs are too many.
        """
        system = self.system
        state = {name: a.astype(np.float64, copy=False) for name, a in self.unpack(y).items()}
        norms = np.linalg.norm(state["w1"], axis=1)
        values = observables.moments_of_state(
            norms, self.weights_1, state["w2"], state["b2"], self.weights_2, system.kappa, system.homogeneity, system.rates
        )
        p, a, g = self.second_layer(y), values["slope"], self._features_on(self.directions, state["w1"])
        parts = np.empty((len(g), 4))
        compare_rays(system.moments, p, g, p, a, parts)
        if len(norms) <= _PAIRWISE:
            shape = observables.non_sphericity(state["w1"], self.weights_1, system.kappa, system.homogeneity)
        else:
            shape = float(np.sqrt(np.mean((g / a - 1.0) ** 2)))
        return observables.losses(parts) | values | {"non_sphericity": shape}

    def second_layer(self, y: Array) -> Profile:
        """f as a piecewise-linear function of F."""
        state = self.unpack(y)
        return profile(state["w2"].astype(float), state["b2"].astype(float), self.weights_2)

    def features(self, y: Array, x: npt.ArrayLike) -> Array:
        """F at the inputs x (n, d), shape (n,)."""
        return self._features_on(np.ascontiguousarray(x, float), self.unpack(y)["w1"].astype(np.float64, copy=False))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        return evaluate(self.second_layer(y), self.features(y, x))

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons of both layers: w1 (n1, d), and the pairs (w2, b2) (n2, 2)."""
        state = self.unpack(y)
        return {"first_layer": state["w1"], "second_layer": np.column_stack([state["w2"], state["b2"]])}

    def with_particles(self, layers: Mapping[str, Array]) -> Array:
        """The state of these neurons, named and shaped as :meth:`particles` gives them."""
        second = layers["second_layer"]
        return self.pack(w1=layers["first_layer"], w2=second[:, 0], b2=second[:, 1])

    def mirrored(self) -> ParticleFlow:
        """The network from the mirror images -w1 and -w2 of its initial neurons, which have the same law."""
        image, start = copy.copy(self), self.unpack(self.state0)
        image.state0 = self.pack(w1=-start["w1"], w2=-start["w2"], b2=start["b2"])
        image.config = {**self.config, "arguments": {**self.config["arguments"], "mirrored": True}}
        return image

    def refined(self) -> VelocityFlow:
        """The particle limit with twice the particles, nodes and directions; what was given as an array stays as it is.

        Raises
        ------
        ValueError
            If the flow is a network.
        """
        arguments = dict(self.config["arguments"])
        if self.config["role"] != "limit":
            raise ValueError("role = 'network': a network has no resolution to refine; refine its limit")
        given = {"first_layer": self._first_layer, "second_layer": self._second_layer, "directions": self.directions}
        arguments |= {name: value for name, value in given.items() if isinstance(arguments[name], dict)}
        for name, of in (("n1", "first_layer"), ("nodes", "second_layer"), ("directions", "directions")):
            if not isinstance(self.config["arguments"][of], dict):
                arguments[name] *= 2
        return self.system.limit(**arguments)

    def _scale(self, w1: Array) -> Array:
        return first_layer_scale(w1, self.weights_1, self.system.homogeneity)

    def _features_on(self, x: Array, w1: Array) -> Array:
        return features(x, w1, self._scale(w1))

    def _closest(self, t: float, y: Array, start: Array) -> float:
        """The least w.w_start / |w_start|^2 over the particles that move: 0 where one passes the origin."""
        w1, before = self.unpack(y)["w1"], self.unpack(start)["w1"]
        square = np.einsum("ij,ij->i", before, before)
        alive = square > 0.0
        return float(np.min(np.einsum("ij,ij->i", w1[alive], before[alive]) / square[alive], initial=1.0))

    def _stop_particle(self, t: float, y: Array) -> Array:
        stopped = y.copy()
        w1 = self.unpack(stopped)["w1"]
        norms = np.linalg.norm(w1, axis=1)
        w1[np.argmin(np.where(norms > 0.0, norms, np.inf))] = 0.0
        return stopped


def evaluate(p: Profile, features: Array) -> Array:
    """f at the given features F (n,)."""
    segment = np.searchsorted(p.kinks, features)
    values: Array = p.slope[segment] * features + p.intercept[segment]
    return values


def first_layer_scale(w1: Array, weights: Array, power: int) -> Array:
    """The weight p_i |w1_i|^(p-1) of each neuron's relu in F, in w1's dtype."""
    if power == 1:
        return weights.astype(w1.dtype, copy=False)
    norms = np.empty(len(w1))
    row_norms(w1, norms)
    norms *= weights
    return norms.astype(w1.dtype, copy=False)


def finish_velocity(system: DepthSeparation, p: Profile, w1: Array, error: Array, error_f: Array, moved: dict[str, Array]) -> None:
    """Turn V (in moved["w1"]) and the segment sums of E[D 1] and E[D F 1] into the velocities of all three arrays."""
    eta_1, eta_w, eta_b = system.rates
    assemble(w1, moved["w1"], system.homogeneity, eta_1)
    sums = np.empty(len(p.start))
    particle_sums(p, error_f, sums)
    moved["w2"][:] = -eta_w * sums
    particle_sums(p, error, sums)
    moved["b2"][:] = -eta_b * sums


def make_directions(system: DepthSeparation, directions: int | npt.ArrayLike, seed: int) -> tuple[Array, Any]:
    """The integration directions (n, d) and what the config says of them.

    Raises
    ------
    ValueError
        If fewer than 16 are asked for (the standard error needs as many groups), or given rows are not unit vectors of R^d.
    """
    if np.ndim(directions) == 0:
        n = whole("directions", directions, least=observables.GROUPS)
        return orthogonal_directions(n, system.d, stream(seed, "directions")), n
    given = np.array(directions, float)
    if given.ndim != 2 or given.shape[1] != system.d or len(given) < observables.GROUPS:
        raise ValueError(f"directions have shape {given.shape}: give (n, {system.d}) with n >= {observables.GROUPS}")
    norms = np.linalg.norm(given, axis=1)
    wrong = np.flatnonzero(~(np.abs(norms - 1.0) <= 1e-12))
    if wrong.size:
        raise ValueError(f"directions[{wrong[0]}] has norm {float(norms[wrong[0]])!r}: give unit vectors, each row divided by its norm")
    return given, Ensemble(given).config()
