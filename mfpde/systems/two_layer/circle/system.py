"""The cosine model: one angle a neuron, a network with a closed mean field (the Kuramoto model with a pull)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mfpde.checks import is_real
from mfpde.systems.two_layer.circle import exact
from mfpde.systems.two_layer.circle.field import CircleField, CirclePotential, CircleSamples
from mfpde.systems.two_layer.dynamics.clock import Clock
from mfpde.systems.two_layer.dynamics.field import NOISES

if TYPE_CHECKING:
    from mfpde.flow import StepFlow, VelocityFlow
    from mfpde.systems.two_layer.circle.limit import CircleDensity
    from mfpde.systems.two_layer.circle.modes import ModesLimit
    from mfpde.systems.two_layer.dynamics.flows import NodeFlow, TracerDescent, TracerFlow


@dataclass(frozen=True, kw_only=True)
class CosineCircle:
    """sigma(x; w) = sqrt2 cos(w - x), x uniform on the circle, y = sqrt2 b cos x, w uniform on the circle at the start.

    V = -b cos w, U = cos(w - w'), so that everything goes through z = E e^{iw}: R = |b - z|^2 and w' = Im((conj z - b) e^{iw}) in s.
    It satisfies every assumption of Mei, Misiakiewicz, Montanari 2019. Derived in docs/two_layer_exact.

    Observables of every flow: `risk` = `loss`, `free_energy` = R/2 - Ent/beta (NaN for neurons with noise), `z` and
    `z_imaginary`, the parts of the order parameter.

    Parameters
    ----------
    b : float
        Strength of the target; beyond 1 no law fits it.
    beta : float
        Inverse temperature of the PDE, d_s rho = d_w (rho d_w Psi) + (1/beta) d_w^2 rho; infinity: no noise.
    clock : number or callable
        xi, with s = 2 int_0^t xi: 0.5 (the default) is the flow clock s itself, 1.0 the papers' t.
    noise : {"pde", "printed_sgd"}
        What networks add in a step, as in :class:`mfpde.TwoLayer`: the noise that has this PDE, or the paper's printed one.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    b: float
    beta: float = math.inf
    clock: float | Callable[[float], float] = 0.5
    noise: str = "pde"

    def __post_init__(self) -> None:
        if not is_real(self.b) or not math.isfinite(self.b):
            raise ValueError(f"b = {self.b!r}: give a finite number")
        if not is_real(self.beta) or not self.beta > 0.0:
            raise ValueError(f"beta = {self.beta!r}: give an inverse temperature > 0, math.inf for no noise")
        if self.noise not in NOISES:
            raise ValueError(f"noise = {self.noise!r}: give one of {NOISES}")
        object.__setattr__(self, "b", float(self.b))
        object.__setattr__(self, "beta", float(self.beta))
        object.__setattr__(self, "clock", Clock(self.clock).xi)

    @cached_property
    def field(self) -> CircleField:
        """What moves a neuron (a, w), a = 1."""
        return CircleField(CirclePotential(self.b), CircleSamples(self.b), Clock(self.clock), beta=self.beta, noise=self.noise)

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return {"b": self.b, "beta": self.beta, "clock": Clock(self.clock).config(), "noise": self.noise}

    def limit(
        self, *, method: str = "auto", modes: int | None = None, nodes: int = 128, cells: int = 256, dt: float = 1.0 / 1024.0
    ) -> ModesLimit | NodeFlow | CircleDensity:
        """The infinite-width dynamics.

        Parameters
        ----------
        method : {"auto", "modes", "nodes", "density"}
            "modes" (what "auto" takes): Fourier modes, exact without noise and spectral with it; "nodes": equispaced neurons, without
            noise only; "density": finite volumes on a circle in steps `dt` of s, with noise only.
        modes : int, optional
            Number of modes; None: 1 without noise, with it as many as leave less than 1e-13 in the last one.
        nodes : int
            Number of nodes; the error is about z^nodes.
        cells, dt : int, float
            Grid and step of "density"; see :func:`mfpde.density.extrapolate`.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or the method does not fit the temperature or the clock.
        """
        from mfpde.systems.two_layer.circle.limit import make_limit

        return make_limit(self, method, modes, nodes, cells, dt)

    def network(
        self,
        *,
        m: int = 1024,
        dynamics: str = "particles",
        eps: float | None = None,
        batch: int = 1,
        rng: int | None = 0,
        dtype: str = "float64",
        noise_steps: int = 1,
    ) -> VelocityFlow | StepFlow:
        """The network of `m` neurons, drawn from the uniform law.

        Parameters
        ----------
        m : int
            Width N.
        dynamics : {"nonlinear", "particles", "gd", "sgd"}
            Neurons in the limit's field; in their own; gradient descent on the population; SGD on fresh samples. One seed gives all
            four the same neurons, samples and noise.
        eps : float, optional
            Step on the clock, for gd and sgd, and with noise for all four.
        batch : int
            Samples a step of sgd.
        rng : int, optional
            Seed; the first m neurons of a wider network are the network of width m.
        dtype : {"float64", "float32"}
            Precision of the state of gd and sgd.
        noise_steps : int
            Increments of a Brownian path that make a step: a run with twice `eps` and twice `noise_steps` follows the same paths.

        Raises
        ------
        ValueError
            If an argument is out of range or does not belong to the dynamics.
        """
        from mfpde.systems.two_layer.circle.network import make_network

        return make_network(self, m, dynamics, eps, batch, rng, dtype, noise_steps)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width: fluctuations and neurons as m^-1/2 (Mei et al. 2019, Thm. 1), the risk's bias as 1/m."""
        theorem = {"exponent": 0.5, "source": "Mei, Misiakiewicz, Montanari 2019, Theorem 1"}
        bias = {"exponent": 1.0, "statistic": "bias", "source": "E R_N - R = c(t)/N, docs/two_layer_exact"}
        return {"neurons_rms": theorem, "z": theorem, "risk": bias}

    def coupled_limit(self, network: Any, **arguments: Any) -> TracerFlow | TracerDescent:
        """The limit that carries the neurons of `network` as passive tracers; further arguments as for :meth:`limit`.

        With noise the tracers make the network's steps, `eps`, and follow its Brownian paths; the modes make the same steps.

        Raises
        ------
        ValueError
            If the network's neurons are not this system's, or its step is too long for the limit's modes.
        """
        from mfpde.systems.two_layer.circle.network import couple

        return couple(self, network, **arguments)

    def gibbs(self) -> dict[str, float]:
        """The observables of the stationary law: proportional to exp(beta (b - z) cos w), the only minimiser of the free energy.

        Raises
        ------
        ValueError
            Without noise, where stationary laws are not unique.
        """
        if self.beta == math.inf:
            raise ValueError("beta = inf: without noise there is no Gibbs law; give a finite beta")
        z = exact.gibbs_order_parameter(self.b, self.beta)
        risk = (self.b - z) ** 2
        return {"risk": risk, "loss": risk, "free_energy": exact.gibbs_free_energy(self.b, self.beta), "z": z, "z_imaginary": 0.0}
