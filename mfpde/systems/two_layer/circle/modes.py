"""The limit of the cosine model by Fourier modes of the law of w."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, VelocityFlow
from mfpde.systems.two_layer.circle.field import CircleField, CirclePotential, observables, predict
from mfpde.systems.two_layer.dynamics.flows import MeanFieldLimit
from mfpde.systems.two_layer.dynamics.line import LineLaw, cells_law

_CELLS = 2**12


class ModesLimit(MeanFieldLimit):
    """z_k = E cos k w of a law that is even in w: z_k' = (k/2) (b - z_1) (z_(k-1) - z_(k+1)) - k^2 z_k/beta, z_0 = 1, in s.

    Closed by z_(K+1) = z_1 z_K, which from the uniform law and without noise is exact for every K (z_k = z_1^k, the Poisson
    kernel); with noise the modes beyond K must be negligible. State `modes` (K,) = (z_1, ..., z_K).
    """

    def __init__(self, field: CircleField, modes: int, config: Mapping[str, Any], refine: Callable[[], VelocityFlow]) -> None:
        field.clock.check_continuous()
        assert isinstance(field.potential, CirclePotential)
        self.field, self.config, self.b = field, config, field.potential.b
        self.clock, self._refine = field.clock.name, refine
        self.packing = Packing((Field("modes", (modes,), ("mode",)),))
        self.state0 = np.zeros(modes)
        self._k = np.arange(1.0, modes + 1.0)

    def velocity(self, t: float, y: Array) -> Array:
        """2 xi(t) times the velocity of the modes in s."""
        neighbours = np.concatenate([[1.0], y, [y[0] * y[-1]]])
        change = 0.5 * (self.b - y[0]) * self._k * (neighbours[:-2] - neighbours[2:]) - self._k**2 * y / self.field.beta
        moved: Array = self.field.clock.rate(t) * change
        return moved

    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock of neurons theta (m, 2) = (a, w): w' = -a (b - z_1) sin w."""
        force = np.zeros_like(theta)
        force[:, 1] = -theta[:, 0] * (self.b - y[0]) * np.sin(theta[:, 1])
        return force

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Risk, free energy and order parameter of the law."""
        z = float(y[0])
        risk = (self.b - z) ** 2
        return observables(risk, complex(z), 0.5 * risk - (self.entropy(y) / self.field.beta if self.field.noisy else 0.0))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the angles x (n, 1), shape (n,)."""
        return predict(complex(y[0]), x)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """Psi = -a (b - z_1) cos w at places theta (m, 2) = (a, w), shape (m,)."""
        places = np.asarray(theta, np.float64)
        psi: Array = -places[:, 0] * (self.b - y[0]) * np.cos(places[:, 1])
        return psi

    def density(self, y: Array, w: npt.ArrayLike) -> Array:
        """The density of the law at the angles `w`."""
        angles, z = np.asarray(w, np.float64), float(y[0])
        if self.field.noisy:
            series: Array = (1.0 + 2.0 * np.tensordot(np.cos(np.multiply.outer(angles, self._k)), y, 1)) / (2.0 * math.pi)
            return series
        kernel: Array = (1.0 - z * z) / (2.0 * math.pi * (1.0 - 2.0 * z * np.cos(angles) + z * z))
        return kernel

    def line(self, y: Array) -> LineLaw:
        """The law of the angle on the circle: tan(w/2) = tan(w_0/2) (1 - z)/(1 + z) of a uniform w_0, with noise by its series."""
        if self.field.noisy:
            edges = np.linspace(-math.pi, math.pi, _CELLS + 1)
            rise = np.tensordot(np.sin(np.multiply.outer(edges, self._k)), y / self._k, 1) / math.pi
            return cells_law(edges, np.diff(0.5 * edges / math.pi + rise), 2.0 * math.pi)
        shrink = (1.0 - float(y[0])) / (1.0 + float(y[0]))
        return LineLaw(lambda u: 2.0 * np.arctan(np.tan(math.pi * (u - 0.5)) * shrink), period=2.0 * math.pi)

    def entropy(self, y: Array) -> float:
        """-int rho log rho, by the trapezoidal rule on the circle, which converges like the modes."""
        points = 64 + 4 * len(y)
        rho = np.fft.irfft(np.concatenate([[1.0], y]), points) * points / (2.0 * math.pi)
        positive = rho[rho > 0.0]
        return float(-np.sum(positive * np.log(positive)) * 2.0 * math.pi / points)

    def refined(self) -> VelocityFlow:
        """The same limit with twice the modes; without noise any number is exact, and it stays as it is."""
        return self._refine() if self.field.noisy else self


def enough_modes(b: float, beta: float) -> int:
    """Modes beyond which the law started uniform has less than 1e-13: 1 without noise, where the closure is exact.

    Noise keeps z_k below about exp(-k^2/(2 beta |b|)), the Gibbs law's decay, and below |b|^k.
    """
    if beta == math.inf:
        return 1
    gaussian = 9.0 * math.sqrt(beta * abs(b))
    geometric = -36.0 / math.log(abs(b)) if 0.0 < abs(b) < 1.0 else math.inf
    return 16 + math.ceil(min(gaussian, geometric))
