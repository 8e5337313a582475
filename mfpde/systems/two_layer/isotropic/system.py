"""The learning problem of Mei, Montanari, Nguyen (2018): two centred Gaussian classes of different variance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mfpde.activations import Activation, piecewise_linear
from mfpde.checks import number
from mfpde.laws import Gaussian, Mixture
from mfpde.systems.two_layer.dynamics.clock import Clock
from mfpde.systems.two_layer.isotropic import checks, exact
from mfpde.systems.two_layer.isotropic.exact import Atom, MinimalRisk
from mfpde.systems.two_layer.isotropic.landscape import CHI_NODES, Landscape
from mfpde.systems.two_layer.isotropic.mean_activation import MeanActivation

if TYPE_CHECKING:
    from mfpde.flow import StepFlow, VelocityFlow
    from mfpde.systems.two_layer.dynamics.flows import TracerDescent, TracerFlow
    from mfpde.systems.two_layer.isotropic.limit import AtomLimit, RadialLimit
    from mfpde.systems.two_layer.isotropic.network import RadialField

RAMP = piecewise_linear(knots=[0.5, 1.5], values=[-2.5, 7.5])


@dataclass(frozen=True, kw_only=True)
class IsotropicGaussians:
    """y = +1 or -1 with probability 1/2, x ~ N(0, (1 + y delta)^2 I_d), f = E sigma(<w, x>), R = E (y - f)^2.

    Initially w ~ N(0, (sigma_0^2 / d) I_d). The law of w stays invariant under rotations, so its radius is all there is to know;
    for d = infinity the radius is one number. Section "isotropic Gaussians" of Mei, Montanari, Nguyen 2018 (PNAS 115, E7665);
    everything is derived in docs/isotropic_gaussians.

    Observables of every flow: `risk` = `loss`, `free_energy` (R/2), `second_moment`, `movement`, `radius_mean`, `radius_std`.

    Parameters
    ----------
    d : int or math.inf
        Dimension, at least 3 (or "inf", as files say it).
    delta : float
        Separation of the classes, between 0 and 1.
    sigma_0 : float
        Scale of the initial law, > 0.
    activation : Activation
        A piecewise-linear one. The default has the paper's form; its numbers are from memory, and reproduce the published threshold.
    clock : number or callable
        xi, with s = 2 int_0^t xi: 1.0 is the paper's t, 0.5 the flow clock s.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    d: float
    delta: float
    sigma_0: float = 0.8
    activation: Activation = RAMP
    clock: float | Callable[[float], float] = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", checks.dimension(self.d, least=3))
        object.__setattr__(self, "delta", checks.separation(self.delta))
        object.__setattr__(self, "sigma_0", number("sigma_0", self.sigma_0, positive=True))
        object.__setattr__(self, "clock", Clock(self.clock).xi)
        MeanActivation(self.d, self.activation)

    @cached_property
    def rate(self) -> Clock:
        """The clock xi with its conversions."""
        return Clock(self.clock)

    @cached_property
    def law(self) -> Mixture:
        """The law of the inputs, the class of label +1 first; ValueError for d = infinity."""
        d = self._finite("an input law")
        return Mixture([Gaussian(d, (1.0 + self.delta) ** 2), Gaussian(d, (1.0 - self.delta) ** 2)], [0.5, 0.5])

    @cached_property
    def field(self) -> RadialField:
        """What moves a neuron (a, w), a = 1, of a finite network; ValueError for d = infinity."""
        from mfpde.systems.two_layer.isotropic.network import make_field

        return make_field(self)

    @cached_property
    def mean_activation(self) -> MeanActivation:
        """q_d, the mean of the activation over the directions of a neuron."""
        return MeanActivation(self.d, self.activation)

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values; the default activation is left out."""
        values = {"d": "inf" if math.isinf(self.d) else self.d, "delta": self.delta, "sigma_0": self.sigma_0, "clock": self.rate.config()}
        return values if self.activation == RAMP else {**values, "activation": self.activation.config()}

    def limit(
        self,
        *,
        method: str = "auto",
        nodes: int | None = None,
        panels: int | None = None,
        max_panels: int | None = None,
        panel_tol: float | str | None = "auto",
        chi_nodes: int | None = None,
    ) -> RadialLimit | AtomLimit:
        """The infinite-width dynamics; the method stands in ``config["arguments"]["method"]``.

        Parameters
        ----------
        method : {"auto", "panels", "atom"}
            "auto" takes the only one there is: the radial PDE on panels for finite d, one radius for d = infinity.
        nodes, panels : int, optional
            Gauss-Legendre nodes a panel of initial radii (default 16), and panels at the start (default 6).
        max_panels : int, optional
            Room for panels in the state (default 128); a run that needs more stops and says so.
        panel_tol : float, "auto" or None
            A panel is bisected when (the end of its radii's Legendre series) x (its mass) reaches this. "auto" is 1e-11, or the error
            of the rule for |x| where that is larger, which it is up to d = 17 (with 64 nodes); None never bisects.
        chi_nodes : int, optional
            Gauss nodes for |x| (default 64).

        Raises
        ------
        ValueError
            If an argument is out of range, or a resolution is given for d = infinity, which needs none.
        """
        from mfpde.systems.two_layer.isotropic.limit import AtomLimit, RadialLimit

        given = {"nodes": nodes, "panels": panels, "max_panels": max_panels, "chi_nodes": chi_nodes}
        chosen = {"method": checks.method(method, "atom" if math.isinf(self.d) else "panels")}
        config = {"system": type(self).__name__, "parameters": self.config(), "role": "limit", "arguments": chosen}
        if math.isinf(self.d):
            for name, value in {**given, "panel_tol": None if panel_tol == "auto" else panel_tol}.items():
                if value is not None:
                    raise ValueError(f"{name} = {value!r}: for d = inf the limit is one number and has no resolution; leave it out")
            return AtomLimit(self, config, self.landscape())
        resolved = {**config, "arguments": {**chosen, **checks.resolution(given, panel_tol)}}
        return RadialLimit(self, resolved, self.landscape(chi_nodes or CHI_NODES))

    def network(
        self,
        *,
        m: int = 800,
        dynamics: str = "sgd",
        eps: float | None = None,
        batch: int | None = None,
        rng: int | None = 0,
        dtype: str = "float64",
    ) -> VelocityFlow | StepFlow:
        """The network of `m` neurons, drawn from the initial law.

        Parameters
        ----------
        m : int
            Width.
        dynamics : {"nonlinear", "particles", "gd", "sgd"}
            Neurons in the limit's field; in their own; gradient descent on the population; or on `batch` fresh samples a step.
        eps : float, optional
            Step of gd and sgd on the clock.
        batch : int, optional
            Samples a step of sgd (default 1).
        rng : int, optional
            Seed, shared by the four dynamics; the first neurons of a wider network are the narrower one.
        dtype : {"float64", "float32"}
            Precision of gd and sgd.

        Raises
        ------
        ValueError
            If d is infinite, or an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.two_layer.isotropic.network import initial_neurons
        from mfpde.systems.two_layer.network import make_network

        draw = initial_neurons(self._finite("a network"), self.sigma_0)
        return make_network(self, self.field, draw, m=m, dynamics=dynamics, eps=eps, batch=batch, rng=rng, dtype=dtype)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width: neurons as m^-1/2 (Mei et al. 2019, Thm. 1), the risk's bias as 1/m."""
        theorem = {"exponent": 0.5, "source": "Mei, Misiakiewicz, Montanari 2019, Theorem 1"}
        bias = {"exponent": 1.0, "statistic": "bias", "source": "E R_N - R = c(t)/N, docs/two_layer_exact"}
        return {"neurons_rms": theorem, "risk": bias}

    def coupled_limit(self, network: Any, **arguments: Any) -> TracerFlow | TracerDescent:
        """The limit that carries the neurons of `network` as passive tracers; further arguments as for :meth:`limit`."""
        from mfpde.systems.two_layer.coupled import couple

        return couple(self, network, **arguments)

    def landscape(self, chi_nodes: int = CHI_NODES) -> Landscape:
        """Risk and potential as functions of the law of the radius."""
        return Landscape(self.mean_activation, self.delta, chi_nodes)

    def threshold(self) -> float:
        """The separation from which on the best law of the radius is no longer one atom; it does not depend on `delta`.

        psi(infinity) = psi(r*) there; for d = infinity the risk of the best law is 0 above it. For finite d the atom is not the best
        law below a second, tiny separation (about 1.2/d for the default activation) either: :meth:`minimal_risk` tells.

        Raises
        ------
        ValueError
            If, for this activation, it is not a radius at infinity that first beats the single atom.
        """
        return exact.threshold(self.mean_activation, CHI_NODES)

    def best_single_atom(self) -> Atom:
        """The best law of one radius, as ``Atom(radius, risk)``."""
        return exact.best_single_atom(self.landscape())

    def minimal_risk(self) -> MinimalRisk:
        """The least risk of any law of the radius, with its certificate, as ``MinimalRisk(risk, certificate, radii, weights)``."""
        return exact.minimal_risk(self.landscape())

    def _finite(self, what: str) -> int:
        if math.isinf(self.d):
            raise ValueError(f"d = inf has no {what.split(' ', 1)[1]}: give a finite d")
        return int(self.d)
