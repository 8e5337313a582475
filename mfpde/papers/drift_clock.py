"""A phase point on a clock that is the same for every width, so that networks of different widths are compared equally far in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfpde.flow import Array, PacedFlow
from mfpde.laws import Empirical
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.particles import ParticleFlow

_SOURCE = "sums over independent neurons on the kernel's clock, docs/finite_width"


@dataclass(frozen=True)
class KernelClock:
    """A phase point on the clock s = t / m^(2 gamma - 1 - |gamma'|).

    The kernel of m neurons is of size m kappa^2 max(kappa', 1/kappa') at the start, so that s counts how far training has come at any
    width. At gamma = 1, gamma' = 0 it is kappa t, the mean-field time; at gamma = 1/2, gamma' = 0 it is t.
    """

    point: PhasePoint

    @property
    def law(self) -> Empirical:
        """The law of the inputs: the training data."""
        return self.point.law

    def config(self) -> dict[str, Any]:
        """The point's."""
        return self.point.config()

    def predicted_rates(self) -> dict[str, Any]:
        """Loss and outputs as m^-1/2, where neurons move by no more than their own size: gamma <= 1.

        No rate of the neurons is stated: as m^(gamma - 3/2) while errors of the outputs keep their signs, but later a share of m^-1/2
        is parted from its characteristics by a kink (docs/finite_width_measured).
        """
        p = self.point
        if p.gamma > 1.0 or abs(p.gamma_prime) > p.gamma or (p.gamma < 1.0 and not p.antisymmetric):
            return {}
        return {name: {"exponent": 0.5, "source": _SOURCE} for name in ("loss", "function_distance")}

    def limit(self, **arguments: Any) -> ParticleFlow:
        """The point's, at gamma = 1 and gamma' = 0, where no width enters it; ValueError elsewhere."""
        if self.point.gamma != 1.0 or self.point.gamma_prime != 0.0:
            where = f"gamma = {self.point.gamma:g}, gamma_prime = {self.point.gamma_prime:g}"
            raise ValueError(f"{where}: the limit depends on the width, only coupled_limit knows it; give gamma = 1, gamma_prime = 0")
        return self.point.limit(**arguments)

    def network(self, *, m: int, **arguments: Any) -> Slowed:
        """The point's network of width `m`."""
        return Slowed(self.point.network(m=m, **arguments), float(m) ** (2.0 * self.point.gamma - 1.0 - abs(self.point.gamma_prime)))

    def coupled_limit(self, network: Slowed, **arguments: Any) -> Slowed:
        """The law with the constants and the clock of `network`, carrying its neurons."""
        return Slowed(self.point.coupled_limit(network.flow, **arguments), network.stretch)


class Slowed(PacedFlow):
    """`flow` on the clock t / `stretch`."""

    clock = "time"

    def __init__(self, flow: ParticleFlow, stretch: float) -> None:
        self.flow, self.stretch = flow, stretch
        self.packing, self.state0, self.times = flow.packing, flow.state0, flow.times / stretch
        self.config = {**flow.config, "stretch": stretch}
        self.predict, self.particles = flow.predict, flow.particles

    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        """The steps of the flow."""
        stop = self.stretch * t_stop
        t_new, after = self.flow.advance(self.stretch * t, y, stop)
        return (t_stop if t_new >= stop else min(t_new / self.stretch, t_stop)), after

    def finished(self, t: float, y: Array) -> str | None:
        """Why the flow is over."""
        return self.flow.finished(self.stretch * t, y)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the flow."""
        return self.flow.observe(self.stretch * t, y)


def phase_point(
    *,
    gamma: float = 1.0,
    gamma_prime: float = 0.0,
    x: Any = None,
    y: Any = None,
    antisymmetric: bool = True,
    bias: bool = True,
) -> KernelClock:
    """The phase point of these arguments of :class:`PhasePoint`, on the clock of its kernel."""
    return KernelClock(PhasePoint(gamma=gamma, gamma_prime=gamma_prime, x=x, y=y, antisymmetric=antisymmetric, bias=bias))
