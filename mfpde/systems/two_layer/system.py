"""The learning problem of a two-layer network in the mean-field scaling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mfpde.activations import Activation
from mfpde.checks import number
from mfpde.flow import Array, Flow, StepFlow, VelocityFlow
from mfpde.laws import Empirical, Gaussian, Law
from mfpde.measures import Ensemble, GaussianInit, InitialLaw
from mfpde.systems.two_layer.dynamics.clock import Clock, Rate
from mfpde.systems.two_layer.dynamics.field import NOISES, NeuronField
from mfpde.systems.two_layer.dynamics.samples import ActivationSamples, sigma_of
from mfpde.systems.two_layer.potentials.base import Potential, checked_second_layer
from mfpde.systems.two_layer.potentials.closed_forms import potential_for
from mfpde.systems.two_layer.potentials.quadrature import QuadraturePotential
from mfpde.targets import ClassLabels, Target, as_target


@dataclass(frozen=True, kw_only=True)
class TwoLayer:
    """f(x) = int a sigma(<w, x>) rho(dtheta), theta = (a, w), trained on R(rho) = E (y - f)^2 by the flow d_t rho = 2 xi div(rho grad Psi).

    The system of Mei, Misiakiewicz, Montanari 2019 (and Mei, Montanari, Nguyen 2018); Psi = -E[(y - f) sigma*] has no factor 2.

    Parameters
    ----------
    law : Law
        Of the inputs.
    target : Target, callable, ClassLabels or None
        The labels; ClassLabels for a mixture, None for the labels of an Empirical law.
    activation : str or Activation
        sigma; besides the names of mf.activations "erf_sqrt2" (erf(z / sqrt(2))) and "normal_cdf".
    second_layer : {"fixed", "trained"}
        Whether a moves. Where it is fixed, gradient, ridge and noise act on w only.
    initial : InitialLaw or Ensemble
        Law of w (fixed second layer; a = 1), or of the columns (a, w).
    scale : float
        alpha of the kernel limit, f = alpha int sigma* drho. At scale != 1 t is the rescaled time, in which
        theta' = (1/alpha) E[(y - f) grad sigma*], without ridge and noise.
    ridge : float
        lam >= 0: Psi_lam = Psi + lam |theta|^2 / 2.
    beta : float
        Inverse temperature of the PDE in the flow clock s, d_s rho = div(rho grad Psi_lam) + Lap rho / beta; infinity: no noise.
    clock : float or callable
        xi: 1.0 makes t the papers' time, s = 2 int_0^t xi; 0.5 makes it the flow clock s.
    noise : {"pde", "printed_sgd"}
        The noise of networks: sqrt(4 s_k/beta) a step, which has the PDE above; or the 2019 paper's printed sqrt(2 s_k tau/D) with its
        PDE's 1/beta = tau/D, which has the PDE of 2 beta.
    label_noise : float
        Variance of Gaussian noise of the labels, added to the risk.
    phase : bool
        Columns (a, w, b) and sigma(<w, x> + b).
    centred : bool
        <w, x>^2 - E <w, x>^2 for the quadratic activation.
    quadrature : int, optional
        Replace the Gaussian law in every population average by this many Gauss-Hermite nodes an axis: for activations or labels
        without closed form (SGD still draws from the law itself).

    Raises
    ------
    ValueError
        If a parameter is out of its range, or there is no closed form and no quadrature.
    """

    law: Law
    target: Target | ClassLabels | Callable[[Array], Array] | None = None
    activation: str | Activation
    second_layer: str = "fixed"
    initial: InitialLaw | Ensemble
    scale: float = 1.0
    ridge: float = 0.0
    beta: float = math.inf
    clock: Rate = 1.0
    noise: str = "pde"
    label_noise: float = 0.0
    phase: bool = False
    centred: bool = False
    quadrature: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.law, Law):
            raise ValueError(f"law = {self.law!r}: give a law of mf.laws")
        self.law.second_moment()
        checked_second_layer(self.second_layer)
        if self.target is not None and not isinstance(self.target, ClassLabels):
            object.__setattr__(self, "target", as_target(self.target))
        if not isinstance(self.initial, (InitialLaw, Ensemble)):
            raise ValueError(f"initial = {self.initial!r}: give an initial law of mf.measures or a mf.Ensemble")
        object.__setattr__(self, "scale", number("scale", self.scale, positive=True))
        object.__setattr__(self, "ridge", number("ridge", self.ridge))
        object.__setattr__(self, "label_noise", number("label_noise", self.label_noise))
        if self.beta != math.inf:
            object.__setattr__(self, "beta", number("beta", self.beta, positive=True))
        if self.noise not in NOISES:
            raise ValueError(f"noise = {self.noise!r}: give one of {NOISES}")
        if self.scale != 1.0 and (self.ridge > 0.0 or self.beta < math.inf):
            raise ValueError(f"scale = {self.scale!r} with ridge = {self.ridge!r}, beta = {self.beta!r}: the rescaled flow has neither")
        columns, dim = self.field.potential.dim, _columns(self.initial)
        allowed = (columns, columns - 1) if self.second_layer == "fixed" else (columns,)
        if dim not in allowed:
            named = "(a, w, b)" if self.phase else "(a, w)"
            without = f", or {columns - 1} without a (a = 1)" if self.second_layer == "fixed" else ""
            raise ValueError(f"initial has {dim} coordinates: neurons under this law have {columns}, {named}{without}")

    @cached_property
    def field(self) -> NeuronField:
        """What moves a neuron."""
        sigma, target = sigma_of(self.activation), self.target
        assert target is None or isinstance(target, (Target, ClassLabels))
        centre = self.law.second_moment() if self.centred else None
        samples = ActivationSamples(self.law, target, sigma, self.second_layer == "trained", self.phase, centre)
        clock = Clock(self.clock, rescaled=self.scale != 1.0)
        return NeuronField(
            self._potential(target), samples, clock, self.scale, self.ridge, self.beta, self.noise, self.label_noise
        )

    @property
    def activation_name(self) -> str:
        """The activation's name."""
        return self.activation if isinstance(self.activation, str) else self.activation.name

    @property
    def unit_weights(self) -> bool:
        """Whether the initial law is one of w alone, with a = 1."""
        return _columns(self.initial) < self.field.potential.dim

    def data(self) -> tuple[Array, Array, Array] | None:
        """Inputs (n, d), labels (n,) and weights (n,) that population averages run over; None where they are closed forms."""
        law, target = self.law, self.target
        if isinstance(law, Empirical):
            labels = target(law.x) if isinstance(target, Target) else law.y
            return None if labels is None else (law.x, labels, law.weights)
        if self.quadrature is None:
            return None
        if not isinstance(law, Gaussian) or not isinstance(target, Target):
            raise ValueError(f"quadrature = {self.quadrature!r} under {type(law).__name__}: give a Gaussian law and a target")
        rule = GaussianInit(np.zeros(law.d), law.second_moment()).gauss_hermite(self.quadrature)
        return rule.points, target(rule.points), rule.weights

    def with_quadrature(self, nodes: int) -> TwoLayer:
        """The same system with another quadrature of its inputs."""
        return replace(self, quadrature=nodes)

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        target = self.target
        return {
            "law": self.law.config(),
            "target": target.config() if isinstance(target, (Target, ClassLabels)) else None,
            "activation": self.activation if isinstance(self.activation, str) else self.activation.config(),
            "second_layer": self.second_layer,
            "initial": self.initial.config(),
            "scale": self.scale,
            "ridge": self.ridge,
            "beta": self.beta if self.beta < math.inf else "inf",
            "clock": self.field.clock.config(),
            "noise": self.noise,
            "label_noise": self.label_noise,
            "phase": self.phase,
            "centred": self.centred,
            "quadrature": self.quadrature,
        }

    def start(self, initial: Ensemble) -> Ensemble:
        """The particles with a column a = 1 in front, where the initial law is one of w alone."""
        if not self.unit_weights:
            return initial
        return Ensemble(np.concatenate([np.ones((initial.m, 1)), initial.points], axis=1), initial.weights)

    def limit(
        self,
        *,
        method: str = "auto",
        nodes: int | Ensemble | None = None,
        cells: int | None = None,
        reach: float | None = None,
        eps: float | None = None,
    ) -> Any:
        """The infinite-width dynamics; the method chosen stands in ``config["arguments"]["method"]``.

        Parameters
        ----------
        method : {"auto", "nodes", "moments", "density", "quadrature"}
            Weighted nodes under the closed forms of the data ("nodes") or under the system's quadrature rule ("quadrature"); exact
            moments, where they close; a density on a grid, with noise. "auto" takes moments where they are exact and no nodes are
            given, else a density with noise and nodes without.
        nodes : int or Ensemble, optional
            Gauss-Hermite nodes on each axis of the initial law (default 16), or the particles (a, w) themselves.
        cells, reach, eps : int, float, float, optional
            Cells along each axis of the density's grid [-reach, reach], and its step on the clock; needed by "density".

        Raises
        ------
        ValueError
            If an argument is unknown or out of range, or the method does not exist for this system.
        """
        from mfpde.systems.two_layer.limit import make_limit

        return make_limit(self, method, nodes, cells, reach, eps)

    def network(
        self,
        *,
        m: int,
        dynamics: str = "nonlinear",
        eps: float | None = None,
        batch: int | None = None,
        rng: int | None = 0,
        dtype: str = "float64",
        noise_steps: int = 1,
        limit: Mapping[str, Any] | None = None,
    ) -> VelocityFlow | StepFlow:
        """The network of `m` neurons drawn from the initial law; with equal seeds the four dynamics share neurons, samples and noise.

        Parameters
        ----------
        m : int
            Width; the first neurons of a wider network are the network of width m.
        dynamics : {"nonlinear", "particles", "gd", "sgd"}
            Neurons in the limit's field; in their own; explicit steps of that; steps on fresh samples.
        eps : float, optional
            Step on the clock: needed by gd and sgd, and by all dynamics with noise (Euler-Maruyama).
        batch : int, optional
            Samples a step of sgd (default 1).
        rng : int, optional
            Seed; None draws one and records it.
        dtype : {"float64", "float32"}
            Of the state of gd and sgd.
        noise_steps : int
            Fine steps of the Brownian paths within a step: (2 eps, 2 noise_steps) follows the paths of (eps, noise_steps).
        limit : mapping, optional
            Arguments of :meth:`limit` for the field that "nonlinear" follows.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the dynamics, or a step is known to be unstable.
        """
        from mfpde.systems.two_layer.network import make_network

        self._check_step(dynamics, eps, batch)
        options: dict[str, Any] = {"eps": eps, "batch": batch, "rng": rng, "dtype": dtype, "noise_steps": noise_steps, "limit": limit}
        return make_network(self, self.field, self._draw, m=m, dynamics=dynamics, **options)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width: fluctuations and neurons as m^-1/2 (Mei et al. 2019, Thm. 1), the risk's bias as 1/m."""
        theorem = {"exponent": 0.5, "source": "Mei, Misiakiewicz, Montanari 2019, Theorem 1"}
        bias = {"exponent": 1.0, "statistic": "bias", "source": "E R_N - R = c(t)/N, docs/two_layer_exact"}
        return {"neurons_rms": theorem, "function_distance": theorem, "risk": bias}

    def coupled_limit(self, network: Any, **arguments: Any) -> Flow:
        """The limit that carries the neurons of `network` as passive tracers; further arguments as for :meth:`limit`.

        With noise the tracers make the network's steps and follow its Brownian paths; a density then has the network's step.
        """
        from mfpde.systems.two_layer.limit import make_coupled_limit

        return make_coupled_limit(self, network, **arguments)

    def _draw(self, m: int, rng: np.random.Generator) -> Array:
        particles = self.initial.prefix(m) if isinstance(self.initial, Ensemble) else Ensemble(self.initial.sample(m, rng))
        return np.array(self.start(particles).points)

    def _potential(self, target: Target | ClassLabels | None) -> Potential:
        if self.quadrature is not None and not isinstance(self.law, Empirical):
            data = self.data()
            assert data is not None
            return QuadraturePotential(*data, self.activation, self.second_layer, phase=self.phase, centred=self.centred)
        return potential_for(self.law, target, self.activation, self.second_layer, phase=self.phase, centred=self.centred)

    def _check_step(self, dynamics: str, eps: float | None, batch: int | None) -> None:
        known = self.activation_name == "identity" and self.second_layer == "fixed" and self.unit_weights and not callable(self.clock)
        if not known or not isinstance(eps, (int, float)) or dynamics == "nonlinear":
            return
        from mfpde.systems.two_layer.dynamics.stability import descent_bound, sgd_bound

        variances, rate = np.linalg.eigvalsh(self.law.second_moment()), self.field.clock.rate(0.0)
        bound = descent_bound(variances, self.ridge) / rate
        if dynamics == "sgd" and isinstance(self.law, Gaussian) and self.ridge == 0.0 and isinstance(batch, (int, type(None))):
            bound = sgd_bound(variances, max(batch or 1, 1)) / rate
        if eps >= bound:
            raise ValueError(f"eps = {eps!r}: beyond the stability bound of {dynamics} for a linear network; give eps < {bound:.6g}")


def _columns(initial: InitialLaw | Ensemble) -> int:
    return initial.p if isinstance(initial, Ensemble) else initial.dim
