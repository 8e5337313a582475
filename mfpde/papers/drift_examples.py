"""Systems of the width studies that need more than numbers: a law, a target, data, or names for their widths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mfpde.flow import Flow, StepFlow, VelocityFlow
from mfpde.laws import Empirical, Gaussian, Law
from mfpde.measures import GaussianInit
from mfpde.streams import stream
from mfpde.systems.chain import Chain
from mfpde.systems.chain.system import Layer
from mfpde.systems.integrable import IntegrableNetwork
from mfpde.systems.symmetric.odd import OddTarget
from mfpde.systems.two_layer import TwoLayer
from mfpde.systems.two_layer.isotropic import AnisotropicGaussians
from mfpde.targets import Linear


def two_layer(
    *, d: int = 2, activation: str = "erf_sqrt2", second_layer: str = "fixed", sigma_0: float = 1.0, label_noise: float = 0.0
) -> TwoLayer:
    """Inputs N(0, I_d), labels x_1, w ~ N(0, sigma_0^2 I_d) and, where it is trained, a ~ N(0, 1)."""
    trained = second_layer == "trained"
    variances = [1.0] * trained + [sigma_0**2] * d
    initial = GaussianInit(np.zeros(len(variances)), np.array(variances))
    target = Linear(np.eye(d)[0])
    return TwoLayer(
        law=Gaussian(d), target=target, activation=activation, second_layer=second_layer, initial=initial, label_noise=label_noise
    )


def odd(*, d: int = 10) -> OddTarget:
    """Inputs N(0, I/d), labels |x| in the direction of e_1: sqrt(d) x_1."""
    return OddTarget(law=Gaussian(d, 1.0 / d), target=Linear(np.sqrt(d) * np.eye(d)[0]))


@dataclass(frozen=True)
class LargeDimension:
    """Networks on anisotropic classes in a finite dimension, beside the limit of infinite width and dimension."""

    system: AnisotropicGaussians

    def config(self) -> dict[str, Any]:
        """The system's."""
        return self.system.config()

    def limit(self, **arguments: Any) -> Flow:
        """The limit in infinite dimension."""
        return replace(self.system, d=math.inf).limit(**arguments)

    def network(self, **arguments: Any) -> Flow:
        """The network in finite dimension."""
        return self.system.network(**arguments)


def anisotropic(*, d: int = 1280, gamma: float = 0.1875, delta: float = 0.5, sigma_0: float = 0.8) -> LargeDimension:
    """The classes of Mei, Montanari, Nguyen 2018; the gap keeps a part that falls with `d` alone."""
    return LargeDimension(AnisotropicGaussians(d=d, gamma=gamma, delta=delta, sigma_0=sigma_0))


@dataclass(frozen=True)
class NamedChain:
    """A chain of two layers whose widths are the arguments `m1` and `m2`."""

    chain: Chain

    @property
    def law(self) -> Law:
        """The law of the inputs."""
        return self.chain.law

    def config(self) -> dict[str, Any]:
        """The chain's."""
        return self.chain.config()

    def limit(self, **arguments: Any) -> VelocityFlow:
        """The chain's limit."""
        return self.chain.limit(**arguments)

    def network(self, *, m1: int, m2: int, **arguments: Any) -> VelocityFlow | StepFlow:
        """The chain's network of these widths."""
        return self.chain.network(widths=[m1, m2], **arguments)


def chain(*, d: int = 2, activation: str = "tanh", samples: int = 64) -> NamedChain:
    """`samples` fixed Gaussian inputs with labels tanh(x_1), one feature F_1, every parameter initially N(0, 1)."""
    x = stream(0, "inputs of the width study").standard_normal((samples, d))
    first = Layer(outputs=1, activation=activation, initial=GaussianInit(np.zeros(d + 2), 1.0))
    second = Layer(outputs=1, activation=activation, initial=GaussianInit(np.zeros(3), 1.0))
    return NamedChain(Chain(layers=[first, second], law=Empirical(x, np.tanh(x[:, 0]))))


@dataclass(frozen=True)
class Trained:
    """An integrable network with its data: `steps` steps on one batch of 8 inputs, seen at 4 others."""

    system: IntegrableNetwork

    def config(self) -> dict[str, Any]:
        """The system's."""
        return self.system.config()

    def predicted_rates(self) -> Mapping[str, Any]:
        """The system's."""
        return self.system.predicted_rates()

    def limit(self, *, lr: float, steps: int, **arguments: Any) -> Flow:
        """The recursion of the infinite width."""
        return self.system.limit(**self._data(steps), lr=lr, **arguments)

    def network(self, *, m: int, lr: float, steps: int, **arguments: Any) -> Flow:
        """The network of width `m`."""
        return self.system.network(m=m, **self._data(steps), lr=lr, **arguments)

    def _data(self, steps: int) -> Mapping[str, Any]:
        x = stream(0, "inputs of the width study").standard_normal((12, self.system.d))
        batch = (x[:8], np.tanh(x[:8, 0]))
        return {"batches": [batch] * steps, "probe": x[8:]}


def integrable(
    *, d: int = 2, depth: int = 3, parameterization: str = "ip-llr", activation: str = "relu", init_variance: float | None = None
) -> Trained:
    """Gaussian inputs, labels tanh(x_1)."""
    system = IntegrableNetwork(
        d=d, depth=depth, parameterization=parameterization, activation=activation, init_variance=init_variance
    )
    return Trained(system)
