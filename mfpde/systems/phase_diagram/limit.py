"""The infinite-width dynamics: the flows of weighted neurons, run on nodes of the initial law."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.checks import number, whole
from mfpde.flow import Array
from mfpde.kernels.relu_training import STEPS
from mfpde.solve.steppers import StepError
from mfpde.streams import resolve_seed
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.gradient_flow import RHO, GradientFlow, checked_rho
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.law import line_law, sphere_law
from mfpde.systems.phase_diagram.particles import ParticleFlow
from mfpde.systems.phase_diagram.recipe import RecipeFlow, search

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

MOST_STEPS = 200_000
"""Runge-Kutta steps after which a flow gives up: at kappa m below about 1e-6 neurons chatter about their kinks without end. Ours."""


class LimitFlow(GradientFlow):
    """The gradient flow of the law; says so when it stalls, and refines its nodes and its steps together.

    Attributes
    ----------
    network : ParticleFlow, optional
        The network whose neurons it carries.
    """

    network: ParticleFlow | None = None

    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        """A few milliseconds of steps.

        Raises
        ------
        mfpde.solve.steppers.StepError
            If the steps are used up.
        """
        if self.unpack(y)["pace"][STEPS] >= MOST_STEPS:
            small = f"its prefactor {self.kappa_forward / self.kappa:.3g} is too small for explicit steps"
            raise StepError(f"the law stalled at loss {self.loss(y):.3g} after {MOST_STEPS} steps; {small}")
        return super().advance(t, y, t_stop)

    def refined(self) -> ParticleFlow:  # type: ignore[override]
        """The same limit with twice the nodes in every direction and half the step."""
        arguments = dict(self.config["arguments"]) | {"nodes": 2 * self.config["arguments"]["nodes"], "rho": 0.5 * self.rho}
        if self.network is None:
            return make_limit(self.point, **arguments)
        return make_coupled_limit(self.point, self.network, nodes=arguments["nodes"], rho=arguments["rho"])


def make_limit(
    point: PhasePoint,
    *,
    m: float | None = None,
    dynamics: str = "flow",
    nodes: int | None = None,
    rho: float | None = None,
    rng: int | None = 0,
) -> ParticleFlow:
    """The flow behind :meth:`PhasePoint.limit`.

    Parameters
    ----------
    m
        The annealed law, kappa m = m^(1 - gamma) and kappa' = m^-gamma'; None is kappa m = kappa' = 1. Time is in units of 1/kappa.
    dynamics : {"flow", "paper"}
    nodes : int, optional
        For inputs on the line (p = 2) the nodes per cell of w's angle, twice as many in the angle of a: 16 makes 4 n nodes^2 of them, 4096
        for four points. Otherwise the number of scrambled Sobol points on the sphere, default 4096; each has a mirror image.
    rho : float, optional
        The step of dynamics="flow", default 1/4.
    rng : int, optional
        Seed of the scrambling; no effect for inputs on the line.

    Raises
    ------
    ValueError
        If an argument is unknown, out of range or does not belong to the dynamics, or kappa m is no positive number.
    """
    if dynamics not in ("flow", "paper"):
        raise ValueError(f"dynamics = {dynamics!r}: give 'flow' or 'paper'; an infinite width has no events to count")
    if dynamics == "paper" and rho is not None:
        raise ValueError(f"rho = {rho!r}: dynamics='paper' finds its own step; leave it out or use 'flow'")
    kappa_m, kappa_prime = annealed(point, m)
    count, seed = whole("nodes", default_nodes(point) if nodes is None else nodes), resolve_seed(rng)
    initial = initial_law(point, count, seed)
    width = None if m is None else number("m", m, positive=True)
    arguments: dict[str, Any] = {"m": width, "dynamics": dynamics, "nodes": count, "rng": seed}
    config = {"system": type(point).__name__, "parameters": point.config(), "role": "limit", "arguments": arguments}
    constants: dict[str, Any] = {"kappa": 1.0, "kappa_prime": kappa_prime, "kappa_forward": point.copies * kappa_m}
    if dynamics == "flow":
        arguments["rho"] = RHO if rho is None else checked_rho(rho)
        return LimitFlow(point, initial, rho=arguments["rho"], config=config, **constants)
    f0 = np.zeros(len(point.labels))
    run = search(lambda attempt: initial, lambda start: Blocks(start, point.inputs, point.labels, f0=f0, **constants), 2.0)
    return RecipeFlow(point, run, config=config | run.found, **constants)


def make_coupled_limit(
    point: PhasePoint, network: ParticleFlow, *, nodes: int | None = None, rho: float | None = None
) -> LimitFlow:
    """The law of the network's own kappa, kappa' and width, on the network's clock, with its neurons as tracers of weight 0."""
    count = whole("nodes", default_nodes(point) if nodes is None else nodes)
    step = RHO if rho is None else checked_rho(rho)
    arguments = {"nodes": count, "rho": step, "network": network.config["arguments"]}
    config = {"system": type(point).__name__, "parameters": point.config(), "role": "limit", "arguments": arguments}
    initial = initial_law(point, count, int(network.config["arguments"]["rng"])).with_tracers(network.a0, network.w0)
    prefactor = network.kappa_forward * float(network.c.sum())
    constants = {"kappa": network.kappa, "kappa_prime": network.kappa_prime, "kappa_forward": prefactor}
    flow = LimitFlow(point, initial, rho=step, config=config, **constants)
    flow.network = network
    return flow


def annealed(point: PhasePoint, m: float | None) -> tuple[float, float]:
    """(kappa m, kappa') = (m^(1 - gamma), m^-gamma'), or (1, 1) without a width.

    Raises
    ------
    ValueError
        If m is below 1, or a power is 0 or infinite in double precision.
    """
    if m is None:
        return 1.0, 1.0
    width = number("m", m, positive=True)
    kappa_prime = point.kappa_prime(width)
    kappa_m = math.exp(min(710.0, (1.0 - point.gamma) * math.log(width)))
    if not (0.0 < kappa_m < math.inf and 0.0 < kappa_prime < math.inf):
        raise ValueError(f"m = {m!r}: m^(1 - gamma) = {kappa_m!r} and m^-gamma' = {kappa_prime!r} must be positive finite numbers")
    return kappa_m, kappa_prime


def default_nodes(point: PhasePoint) -> int:
    """The nodes of :meth:`PhasePoint.limit` without ``nodes``."""
    return 16 if point.inputs.shape[1] == 2 else 4096


def initial_law(point: PhasePoint, nodes: int, seed: int) -> Initial:
    """The nodes of the initial law for the point's inputs."""
    p = point.inputs.shape[1]
    return line_law(point.inputs, nodes) if p == 2 else sphere_law(p, nodes, seed)
