"""Two Gaussian classes that differ in scale on some of the coordinates only (Mei, Montanari, Nguyen 2018)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.activations import Activation, get
from mfpde.checks import is_real, number
from mfpde.kernels import activation as codes
from mfpde.laws import Gaussian, Mixture
from mfpde.systems.two_layer.dynamics.clock import Clock
from mfpde.systems.two_layer.isotropic import checks
from mfpde.systems.two_layer.isotropic.mean_activation import MeanActivation
from mfpde.systems.two_layer.isotropic.system import RAMP

if TYPE_CHECKING:
    from mfpde.flow import StepFlow, VelocityFlow
    from mfpde.systems.two_layer.dynamics.field import NeuronField
    from mfpde.systems.two_layer.isotropic.anisotropic_limit import BlockLimit, ReluBlockLimit


@dataclass(frozen=True, kw_only=True)
class AnisotropicGaussians:
    """y = +-1, x ~ N(0, diag((1 + y delta)^2 I_s, I_(d - s))) with s = gamma d, R = E (y - f)^2.

    A neuron is known by r1 = |w on the first s coordinates| and r2 = |w on the rest|. With a piecewise-linear activation
    f = E sigma(<w, x>); with "relu" f = E a relu(<w, x> + b) and a, b are trained too. Initially w ~ N(0, (sigma_0^2 / d) I_d), and
    for "relu" b = 0 and a = +1 or -1 with probability 1/2 each (ours: the paper's start is not known here).
    Derived in docs/isotropic_gaussians.

    Observables of every flow: those of :class:`mfpde.IsotropicGaussians`, `r1_mean`, `r2_mean`, and for "relu" `a_mean`, `b_mean`.

    Parameters
    ----------
    d : int or math.inf
        Dimension. The limit is that of d = infinity; networks need a finite d of which gamma d is a whole number.
    gamma : float
        The share of the coordinates that differ, between 0 and 1.
    delta, sigma_0, clock
        As in :class:`mfpde.IsotropicGaussians`.
    activation : Activation or "relu"
        A piecewise-linear activation, or "relu".

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    delta: float
    gamma: float
    d: float = math.inf
    sigma_0: float = 0.8
    activation: Activation | str = RAMP
    clock: float | Callable[[float], float] = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", checks.dimension(self.d, least=4))
        object.__setattr__(self, "delta", checks.separation(self.delta))
        object.__setattr__(self, "sigma_0", number("sigma_0", self.sigma_0, positive=True))
        object.__setattr__(self, "activation", get(self.activation))
        object.__setattr__(self, "clock", Clock(self.clock).xi)
        if not is_real(self.gamma) or not 0.0 < self.gamma < 1.0:
            raise ValueError(f"gamma = {self.gamma!r}: give a share between 0 and 1, both excluded")
        object.__setattr__(self, "gamma", float(self.gamma))
        if not math.isinf(self.d):
            varied = round(self.gamma * self.d)
            if abs(self.gamma * self.d - varied) > 1e-9 or not 0 < varied < self.d:
                where = f"gamma = {self.gamma!r}, d = {self.d}: gamma d = {self.gamma * self.d:g}"
                raise ValueError(f"{where} is not a whole number between 0 and d, both excluded")
        if not self.trained:
            MeanActivation(math.inf, self.sigma)

    @property
    def sigma(self) -> Activation:
        """The activation."""
        return get(self.activation)

    @property
    def trained(self) -> bool:
        """Whether second layer and bias are trained: with relu."""
        return self.sigma.code == codes.RELU

    @cached_property
    def rate(self) -> Clock:
        """The clock xi with its conversions."""
        return Clock(self.clock)

    @cached_property
    def law(self) -> Mixture:
        """The law of the inputs, the class of label +1 first; ValueError for d = infinity."""
        d = self._finite()
        varied = np.arange(d) < round(self.gamma * d)
        return Mixture([Gaussian(d, np.where(varied, (1.0 + y * self.delta) ** 2, 1.0)) for y in (1.0, -1.0)], [0.5, 0.5])

    @cached_property
    def field(self) -> NeuronField:
        """What moves a neuron of a finite network; ValueError for d = infinity."""
        from mfpde.systems.two_layer.isotropic.anisotropic_network import make_field

        return make_field(self)

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values; the default activation is left out."""
        values = {
            "delta": self.delta,
            "gamma": self.gamma,
            "d": "inf" if math.isinf(self.d) else self.d,
            "sigma_0": self.sigma_0,
            "clock": self.rate.config(),
        }
        if self.sigma == RAMP:
            return values
        return {**values, "activation": "relu" if self.trained else self.sigma.config()}

    def limit(self, *, method: str = "auto") -> BlockLimit | ReluBlockLimit:
        """The dynamics of infinite width and dimension, an ordinary differential equation.

        Parameters
        ----------
        method : {"auto", "blocks"}
            There is one; it stands in ``config["arguments"]["method"]``.

        Raises
        ------
        ValueError
            If d is finite, or the method is unknown.
        """
        from mfpde.systems.two_layer.isotropic.anisotropic_limit import BlockLimit, ReluBlockLimit

        if not math.isinf(self.d):
            raise ValueError(f"d = {self.d}: the limit of anisotropic classes is that of infinite d; give d=math.inf, or use a network")
        arguments = {"method": checks.method(method, "blocks")}
        config = {"system": type(self).__name__, "parameters": self.config(), "role": "limit", "arguments": arguments}
        return ReluBlockLimit(self, config) if self.trained else BlockLimit(self, config)

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
        """The network of `m` neurons (a, w), for "relu" (a, w, b); arguments as in :meth:`mfpde.IsotropicGaussians.network`.

        For "relu" the population is a sample of 8192 inputs, the same for every network: its `risk` has a standard error of a
        few per cent, and "gd" and "particles" descend on that sample. There is no "nonlinear", which needs a limit at finite d.

        Raises
        ------
        ValueError
            If d is infinite, or an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.two_layer.isotropic.anisotropic_network import initial_neurons
        from mfpde.systems.two_layer.network import make_network

        draw = initial_neurons(self._finite(), self.sigma_0, self.trained)
        return make_network(self, self.field, draw, m=m, dynamics=dynamics, eps=eps, batch=batch, rng=rng, dtype=dtype)

    def _finite(self) -> int:
        if math.isinf(self.d):
            raise ValueError("d = inf has no network and no input law: give a finite d")
        return int(self.d)
