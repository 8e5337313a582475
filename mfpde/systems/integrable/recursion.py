"""The infinite-width recursion: what is to be solved, and what every way of solving it offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.activations import Activation
from mfpde.flow import Array
from mfpde.systems.integrable import activation, losses

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Problem:
    """A training run of the infinitely wide network, in numbers.

    Attributes
    ----------
    depth : int
        L, the number of hidden layers.
    s2 : float
        Variance of the initial entries of hidden layers; first-layer entries have s2 / (d + 1), first-layer biases s2.
    bias1 : bool
        Whether layer 1 has a bias.
    inputs : array (u, d)
        The different training inputs.
    rows : sequence of arrays (n_k,)
        Batch k consists of ``inputs[rows[k]]``.
    labels : sequence of arrays
        The labels of batch k: (n_k, outputs), or (n_k,) integers for the cross-entropy.
    rates : array (T, L + 1)
        The rate of each weight layer at each step, without powers of the width.
    tie : {"zero", "gaussian"}
        What a unit of layer L that is exactly at the kink does.
    """

    depth: int
    sigma: Activation
    s2: float
    bias1: bool
    inputs: Array
    rows: tuple[Indices, ...]
    labels: tuple[npt.NDArray[Any], ...]
    loss: str
    outputs: int
    rates: Array
    tie: str

    @property
    def steps(self) -> int:
        """T, the number of batches."""
        return len(self.rows)

    @property
    def widest(self) -> int:
        """The largest batch size."""
        return max(len(rows) for rows in self.rows)

    @property
    def linearized(self) -> bool:
        """Whether layers 2..L see only the linear part of sigma in the first pass, their fields being of order m^{-1/2} there."""
        return self.sigma.homogeneity is None

    @property
    def ties(self) -> bool:
        """Whether units of layer L at the kink act at random: sigma' jumps from 0 at the kink, and layer L loses its initial part."""
        jump = self.sigma.homogeneity == 1 and self._flat_below
        return self.tie == "gaussian" and self.depth >= 2 and jump

    @property
    def can_die(self) -> bool:
        """Whether a step can switch all units of a layer off: sigma vanishes below the kink, and the network moves."""
        return bool(self.rates.any()) and self.depth >= 2 and self.sigma.homogeneity is not None and self._flat_below

    @property
    def _flat_below(self) -> bool:
        return float(self.sigma.derivative(-1.0)) == 0.0

    def lift(self, x: Array, z: Array) -> Array:
        """x.z (+ 1 with a bias): what an update of layer 1 at input x does at input z; (n, d), (k, d) -> (n, k)."""
        return np.asarray(x @ z.T + float(self.bias1))

    def kernel(self, x: Array, z: Array) -> Array:
        """The covariance of the initial first-layer fields at x (n, d) and z (k, d), shape (n, k)."""
        return np.asarray(self.s2 * (x @ z.T / (x.shape[1] + 1.0) + float(self.bias1)))

    def kernel_diagonal(self, x: Array) -> Array:
        """The variance of the initial first-layer field at every row of x, shape (n,)."""
        return np.asarray(self.s2 * (np.einsum("ij,ij->i", x, x) / (x.shape[1] + 1.0) + float(self.bias1)))

    def first_pass(self, layer: int, z: Array) -> Array:
        """sigma of `layer` in the first pass."""
        if layer > 1 and self.linearized:
            return activation.slope(self.sigma) * z
        return self.sigma(z)

    def first_gate(self, layer: int, z: Array) -> Array:
        """sigma' of `layer` in the first pass."""
        if layer > 1 and self.linearized:
            return np.full_like(z, activation.slope(self.sigma))
        return self.sigma.derivative(z)

    def slope(self, k: int, f: Array) -> Array:
        """chi = d loss / d f of the samples of batch k, for outputs f (n_k, outputs)."""
        return losses.derivative(self.loss, f, self.labels[k])

    def first_slope(self) -> Array:
        """chi of step 0, (n_0, outputs): the network starts at f = 0."""
        return self.slope(0, np.zeros((len(self.rows[0]), self.outputs)))


class Recursion(ABC):
    """The fields of all layers after some steps, in `replicas` independent copies; exact ones have one.

    One step is a call of :meth:`forward`, which makes the outputs of the step's batch, and one of :meth:`update`.

    Attributes
    ----------
    name : str
        The back end, as `limit` is asked for it.
    taken : int
        Steps taken.
    """

    name: str
    replicas: int
    taken: int = 0

    @abstractmethod
    def clear(self) -> None:
        """Go back to before the first step."""

    @abstractmethod
    def forward(self) -> Array:
        """The outputs (replicas, n_k, outputs) of batch k = `taken`."""

    @abstractmethod
    def update(self, chi: Array) -> None:
        """Take the step whose derivatives of the loss are `chi` (replicas, n_k, outputs)."""

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """The outputs (replicas, n, outputs) at the inputs x (n, d)."""


class Stationary(Recursion):
    """A network that does not move: f = 0 for ever."""

    name = "stationary"
    replicas = 1

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def clear(self) -> None:
        """Go back to before the first step."""
        self.taken = 0

    def forward(self) -> Array:
        """Zeros (1, n_k, outputs)."""
        return np.zeros((1, len(self.problem.rows[self.taken]), self.problem.outputs))

    def update(self, chi: Array) -> None:
        """Count the step."""
        self.taken += 1

    def predict(self, x: Array) -> Array:
        """Zeros (1, n, outputs)."""
        return np.zeros((1, len(x), self.problem.outputs))
