"""What moves a neuron: the potential of the data, the scale of the network, ridge and temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.systems.two_layer.dynamics.clock import Clock
from mfpde.systems.two_layer.dynamics.samples import Samples
from mfpde.systems.two_layer.potentials.base import Potential

NOISES = ("pde", "printed_sgd")


@dataclass(frozen=True)
class NeuronField:
    """The force on neurons theta (m, p) in the field of rho = sum_j weights_j delta_{points_j}, and the functionals of rho.

    With f_alpha = alpha int sigma* drho the flow is theta' = (1/alpha) E[(y - f_alpha) grad sigma*] - lam theta (sections 2.3 and 2.5
    of Mei, Misiakiewicz, Montanari 2019); alpha = 1 is theta' = -grad Psi_lam in the flow clock s.

    Attributes
    ----------
    potential, samples, clock
        The closed forms of the data, its samples, and the clock.
    scale, ridge, beta : float
        alpha, lam and the inverse temperature of the PDE, infinity without noise.
    noise : {"pde", "printed_sgd"}
        "pde": the noise that has the PDE with diffusion 1/beta, sqrt(4 s_k/beta) a step; "printed_sgd": sqrt(2 s_k/beta), the paper's
        printed sqrt(2 s_k tau/D) with 1/beta = tau/D as in its printed PDE, half the variance.
    label_noise : float
        Variance of the labels given the inputs that the potential does not know of.
    period : float or None
        Of :meth:`coordinate`, where it is an angle.
    """

    potential: Potential
    samples: Samples
    clock: Clock
    scale: float = 1.0
    ridge: float = 0.0
    beta: float = math.inf
    noise: str = "pde"
    label_noise: float = 0.0
    period: ClassVar[float | None] = None

    @property
    def moving(self) -> slice:
        """The columns of theta that move."""
        return slice(1 if self.potential.second_layer == "fixed" else 0, None)

    @property
    def noisy(self) -> bool:
        """Whether the temperature is positive."""
        return self.beta < math.inf

    def force(self, theta: Array, points: Array, weights: Array) -> Array:
        """theta' in the flow clock without noise, shape (m, p)."""
        force = self.potential.psi_gradient(theta, points, self.scale * weights)
        force *= -1.0 / self.scale
        self.pull(theta, force)
        return force

    def psi(self, theta: Array, points: Array, weights: Array) -> Array:
        """What the force is minus the gradient of, shape (m,): Psi / alpha plus the ridge's part :meth:`tied`."""
        psi = self.potential.psi(theta, points, self.scale * weights) / self.scale
        return psi + self.tied(theta)

    def tied(self, theta: Array) -> Array:
        """The ridge's part of the potential, lam |theta|^2 / 2 over the columns that move, shape (m,)."""
        tied: Array = 0.5 * self.ridge * np.sum(theta[:, self.moving] ** 2, axis=1)
        return tied

    def pull(self, theta: Array, force: Array) -> None:
        """Add the ridge's force -lam theta to the columns that move."""
        if self.ridge > 0.0:
            force[:, self.moving] -= self.ridge * theta[:, self.moving]

    def deviation(self) -> float:
        """What the noise adds to a coordinate, as a multiple of the Brownian increment on the flow clock."""
        return math.sqrt((2.0 if self.noise == "pde" else 1.0) / self.beta)

    def coordinate(self, theta: Array) -> Array:
        """The coordinate (m,) of neurons theta (m, p) in which their law is compared with a limit's: the one that moves.

        Raises
        ------
        ValueError
            If more than one moves.
        """
        moving = theta[:, self.moving]
        if moving.shape[1] != 1:
            raise ValueError(f"neurons have {moving.shape[1]} coordinates that move: W2 is in closed form for one; use mf.drift(laws=True)")
        column: Array = moving[:, 0]
        return column

    def risk(self, points: Array, weights: Array) -> float:
        """E (y - f_alpha)^2."""
        return self.potential.risk(points, self.scale * weights) + self.label_noise

    def second_moment(self, points: Array, weights: Array) -> float:
        """int |theta|^2 drho over the columns that move."""
        return float(np.sum(weights[:, None] * points[:, self.moving] ** 2))

    def predict(self, points: Array, weights: Array, x: npt.ArrayLike) -> Array:
        """f_alpha at the inputs x (n, d), shape (n,)."""
        return self.samples.predict(points, self.scale * weights, x)

    def observe(self, points: Array, weights: Array, start: Array) -> dict[str, float]:
        """The observables of particles that started at `start` (m, p).

        `free_energy` is (R + lam M)/2 - Ent/beta: without noise the entropy has no part in it; with noise particles have none, and it
        is NaN.
        """
        risk, second = self.risk(points, weights), self.second_moment(points, weights)
        moved = math.sqrt(self.second_moment(points - start, weights))
        return observables(risk, second, moved, math.nan if self.noisy else 0.5 * (risk + self.ridge * second))


def observables(risk: float, second_moment: float, movement: float, free_energy: float) -> dict[str, float]:
    """The observables under the names that every two-layer dynamics gives them.

    `risk` (also under the name `loss`), `free_energy`, `second_moment` int |theta|^2 drho and `movement`
    (int |theta(t) - theta(0)|^2)^{1/2} along the paths of the neurons, both over the parameters that move.
    """
    return {"risk": risk, "loss": risk, "free_energy": free_energy, "second_moment": second_moment, "movement": movement}
