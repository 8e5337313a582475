"""A chain of mean-field layers: what it is made of, and the two dynamics it offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde import activations
from mfpde.activations import Activation
from mfpde.checks import whole
from mfpde.flow import Array, StepFlow, VelocityFlow
from mfpde.laws import Empirical, Law
from mfpde.measures import Ensemble, InitialLaw
from mfpde.targets import Target, as_target

PARTS = ("v", "A", "b")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """psi(F; theta) = |A|^(homogeneity - 1) sigma(A.F + b) v with theta = (v, A, b).

    Parameters
    ----------
    outputs : int
        k_l, the length of v and of the feature F_l = E psi(F_{l-1}; theta).
    activation : str or Activation
        sigma; at a kink its derivative is the one from the left.
    initial : InitialLaw or Ensemble
        Initial law of theta, coordinates in the order v (outputs), A (inputs), b (1).
    train : sequence of {"v", "A", "b"}
        The parts that move; the others keep their initial values.
    rates : number or three numbers
        Learning rates of v, A and b.
    homogeneity : {1, 2}
        2 multiplies a neuron by |A|. Its gradient where A = 0 is taken as 0.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    outputs: int
    activation: str | Activation = "relu"
    initial: InitialLaw | Ensemble
    train: Sequence[str] = PARTS
    rates: float | tuple[float, float, float] = 1.0
    homogeneity: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", whole("outputs", self.outputs))
        object.__setattr__(self, "activation", activations.get(self.activation))
        if not isinstance(self.initial, (InitialLaw, Ensemble)):
            raise ValueError(f"initial = {self.initial!r}: give an initial law of mf.measures or an Ensemble")
        if isinstance(self.train, str) or not set(self.train) <= set(PARTS):
            raise ValueError(f"train = {self.train!r}: give a sequence of parts among {PARTS}")
        object.__setattr__(self, "train", tuple(part for part in PARTS if part in self.train))
        if np.shape(self.rates) not in ((), (3,)) or not all(isfinite(rate) and rate > 0.0 for rate in np.ravel(self.rates)):
            raise ValueError(f"rates = {self.rates!r}: give a finite number > 0, or three, for v, A and b")
        object.__setattr__(self, "rates", tuple(np.broadcast_to(np.asarray(self.rates, np.float64), 3).tolist()))
        if self.homogeneity not in (1, 2):
            raise ValueError(f"homogeneity = {self.homogeneity!r}: give 1 or 2")
        if self.inputs < 1:
            raise ValueError(f"initial has {self.dim} coordinates: {self.outputs} for v and 1 for b leave none for A")

    @property
    def dim(self) -> int:
        """p_l, the number of coordinates of theta."""
        return self.initial.p if isinstance(self.initial, Ensemble) else self.initial.dim

    @property
    def inputs(self) -> int:
        """k_{l-1}, the length of A."""
        return self.dim - self.outputs - 1

    @property
    def sigma(self) -> Activation:
        """The activation itself."""
        return activations.get(self.activation)

    @property
    def part_rates(self) -> tuple[float, float, float]:
        """Learning rates of v, A and b, 0 for a part that does not move."""
        v, a, b = (rate if part in self.train else 0.0 for part, rate in zip(PARTS, np.broadcast_to(self.rates, 3).tolist(), strict=True))
        return v, a, b

    def config(self) -> dict[str, Any]:
        """The layer as JSON values."""
        rates = np.broadcast_to(self.rates, 3).tolist()
        return {
            "outputs": self.outputs,
            **self.sigma.config(),
            "initial": self.initial.config(),
            "train": list(self.train),
            "rates": rates,
            "homogeneity": self.homogeneity,
        }


@dataclass(frozen=True)
class Chain:
    """F_0 = x, F_l(x) = E_{theta ~ mu_l} psi_l(F_{l-1}(x); theta), f = F_L, L = 1/2 E |f - f*|^2.

    With delta_L = f - f* and delta_{l-1} = E_{theta ~ mu_l} [d_F psi_l(F_{l-1}; theta)]^T delta_l, every particle moves by
    theta' = -rate E_x [d_theta psi_l(F_{l-1}(x); theta)]^T delta_l(x): minus the gradient of L in mean-field scale (divided
    by the particle's weight). The clock is "time". This is the framework of section 2 of Ren, Zhou, Ge 2023 in our formulation.

    Parameters
    ----------
    layers : sequence of Layer
        From the input to the output.
    law : Law
        Of the input x; averages over an Empirical law are exact.
    target : Target or callable, optional
        f*; None takes the labels y of an Empirical law.

    Raises
    ------
    ValueError
        If a layer's inputs are not as many as the outputs below it, or the last outputs not as many as the target's.
    """

    layers: Sequence[Layer]
    law: Law
    target: Target | Callable[[Array], Array] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("layers is empty: give one or more layers")
        below = self.law.d
        for i, layer in enumerate(self.layers, 1):
            if layer.inputs != below:
                raise ValueError(
                    f"layer {i}: initial has {layer.dim} coordinates; with {layer.outputs} outputs and {below} inputs "
                    f"it needs {layer.outputs + below + 1}, in the order v, A, b"
                )
            below = layer.outputs
        if self.target is not None:
            object.__setattr__(self, "target", as_target(self.target))
        elif not isinstance(self.law, Empirical) or self.law.y is None:
            raise ValueError("target is None: give a target, or a law mf.laws.Empirical(x, y) with labels")
        if below != self.target_outputs:
            raise ValueError(f"the last layer has {below} outputs, the target {self.target_outputs}: they must be equally many")

    @property
    def target_outputs(self) -> int:
        """Number of outputs of the target."""
        if isinstance(self.target, Target):
            return self.target.outputs
        y = np.asarray(self.law.y) if isinstance(self.law, Empirical) else np.empty(0)
        return 1 if y.ndim == 1 else int(y.shape[1])

    def config(self) -> dict[str, Any]:
        """The chain as JSON values."""
        return {
            "layers": [layer.config() for layer in self.layers],
            "law": self.law.config(),
            "target": self.target.config() if isinstance(self.target, Target) else None,
        }

    def limit(
        self,
        *,
        widths: Sequence[int | None] | None = None,
        nodes: int = 8,
        samples: int | npt.ArrayLike | None = None,
        rng: int | None = None,
    ) -> VelocityFlow:
        """The infinite-width dynamics, each layer's measure carried by weighted particles.

        The measures are transported exactly; what is approximate is how finitely many particles stand for the initial
        laws, and a sample for the law of x. ``limit(...).refined()`` doubles all of it, so that the change can be reported.

        Parameters
        ----------
        widths : sequence of int or None, optional
            For each layer None, for a given Ensemble as it is or Gauss-Hermite nodes of the initial law; or a number of
            particles: the first of the Ensemble, or independent draws of the initial law. None is None for each layer.
        nodes : int
            Gauss-Hermite nodes on each axis of positive variance.
        samples : int, array (n, d), optional
            As for :meth:`network`.
        rng : int, optional
            Seed of particles and samples; None draws one and records it, where anything is random.

        Raises
        ------
        ValueError
            If an argument is out of range, or an initial law has no Gauss-Hermite nodes and no width is given.
        """
        from mfpde.systems.chain.limit import make_limit

        return make_limit(self, widths, nodes, samples, rng)

    def network(
        self,
        *,
        widths: Sequence[int | None],
        dynamics: str = "flow",
        samples: int | npt.ArrayLike | None = None,
        dt: float | None = None,
        batch: int | None = None,
        rng: int | None = 0,
        dtype: str = "float64",
    ) -> VelocityFlow | StepFlow:
        """The network with independent neurons from the initial laws.

        Parameters
        ----------
        widths : sequence of int or None
            m_1, ..., m_L; None takes all particles of a given Ensemble, a number the first ones.
        dynamics : {"flow", "gd", "sgd"}
            Gradient flow of the loss on the samples, its explicit Euler steps of length `dt`, or steps of length `dt` on
            fresh batches of `batch` inputs.
        samples : int, array (n, d), optional
            Inputs that stand for the law in the loss and its gradient, fixed during a run: draws of the law, or the
            given rows. None is 4096 draws, or every point of an Empirical law with its weight. For sgd they serve the reported loss only.
        dt : float, optional
            Step of gd and sgd; needed there.
        batch : int, optional
            Inputs in a step of sgd; needed there.
        rng : int, optional
            Seed; layers, samples and batches have streams of their own, and the first m neurons of a wider network
            are the network of width m. None draws one and records it.
        dtype : {"float64", "float32"}
            Of the state and all matrix products.

        Raises
        ------
        ValueError
            If an argument is out of range or does not belong to the dynamics.
        """
        from mfpde.systems.chain.network import make_network

        return make_network(self, widths, dynamics, samples, dt, batch, rng, dtype)
