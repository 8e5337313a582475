"""Deep networks under a parameterization: the learning problem of Hajjar, Chizat, Giraud (2024)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from mfpde.activations import Activation
from mfpde.checks import number, whole
from mfpde.systems.integrable import activation as sigma
from mfpde.systems.integrable import parameterizations
from mfpde.systems.integrable.losses import LOSSES
from mfpde.systems.integrable.parameterizations import Exponents, Parameterization

if TYPE_CHECKING:
    from mfpde.flow import StepFlow
    from mfpde.systems.integrable.network import Training


@dataclass(frozen=True, kw_only=True)
class IntegrableNetwork:
    """A fully connected network with L = `depth` hidden layers of equal width m, scaled with m as its parameterization says.

    h^1 = m^{-a_1} (w^1 x + b^1), h^l = m^{-a_l} w^l sigma(h^{l-1}), f = m^{-a_{L+1}} w^{L+1} sigma(h^L); w^l moves by
    -eta m^{-c_l} times the gradient of the batch's mean loss. Initially U^1 ~ N(0, s2/(d+1)), b^1 ~ N(0, s2), U^l ~ N(0, s2) and
    U^{L+1} ~ N(0, 1), s2 = `init_variance`: the first layer's 1/(d+1) is the authors' and is not part of its learning rate. The
    clock is "steps".

    Parameters
    ----------
    d : int
        Input dimension.
    depth : int
        L, the number of hidden layers.
    parameterization : str or Parameterization
        "ip", "ip-llr", "ip-bias", "ip-non-centered", "mup", "ntp", "sp", "hp" or "hpz", or one of your own.
    activation : str or Activation
        A name of :mod:`mfpde.activations`, "relu^2" or "relu^3".
    init_variance : float, optional
        s2; None means 2 for relu, 4 for gelu, 1 for elu and tanh.
    bias1 : bool
        Whether layer 1 has a bias.
    outputs : int
        Number of outputs.
    loss : {"mse", "cross-entropy"}
        |f - y|^2 / 2, or -log softmax(f)_y for integer labels y; the mean over the batch.

    Raises
    ------
    ValueError
        If a parameter is unknown or out of its range.
    """

    d: int
    depth: int
    parameterization: str | Parameterization
    activation: str | Activation = "relu"
    init_variance: float | None = None
    bias1: bool = True
    outputs: int = 1
    loss: str = "mse"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {name: whole(name, getattr(self, name)) for name in ("d", "depth", "outputs")}
        scaling, act = parameterizations.get(self.parameterization), sigma.get(self.activation)
        if not isinstance(self.bias1, bool):
            raise ValueError(f"bias1 = {self.bias1!r}: give True or False")
        if self.loss not in LOSSES:
            raise ValueError(f"loss = {self.loss!r}: give one of {', '.join(LOSSES)}")
        if self.loss == "cross-entropy" and self.outputs < 2:
            raise ValueError(f"outputs = {self.outputs}: cross-entropy needs 2 classes at least")
        if self.init_variance is not None:
            checked["init_variance"] = number("init_variance", self.init_variance, positive=True)
        else:
            sigma.init_variance(act)
        integrable = scaling.exponents(1, self.depth).a[1:-1].count(Fraction(1)) > 0
        if integrable and sigma.at_zero(act) != 0.0:
            raise ValueError(f"activation = {act.name!r} has sigma(0) != 0: layers that are averages saturate; take one with sigma(0) = 0")
        if scaling.rescaled and act.homogeneity is None and sigma.slope(act) == 0.0:
            raise ValueError(f"activation = {act.name!r}: {scaling.name!r} needs a homogeneous one, or one with sigma'(0) != 0")
        for step in (0, 1):
            self.exponents(step)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def scaling(self) -> Parameterization:
        """The parameterization itself."""
        return parameterizations.get(self.parameterization)

    @property
    def sigma(self) -> Activation:
        """The activation itself."""
        return sigma.get(self.activation)

    @property
    def s2(self) -> float:
        """The variance of the initial weights."""
        return sigma.init_variance(self.sigma) if self.init_variance is None else self.init_variance

    @property
    def degree(self) -> int:
        """p: the activation's degree of homogeneity, 1 where it has none."""
        return self.sigma.homogeneity or 1

    def exponents(self, step: int) -> Exponents:
        """The exponents of the width at step `step`, for this depth and activation."""
        return self.scaling.exponents(step, self.depth, self.degree)

    def first_lr_exponents(self) -> tuple[Fraction, ...]:
        """c_1, ..., c_{L+1} of step 0, where w^l moves by -eta m^{-c_l} dloss/dw^l."""
        return self.exponents(0).c

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width: outputs as m^-1/2, from widths on at which little is left of the output at the start.

        With L >= 2 hidden layers m^-1/2 is also the order of the bias; what the start leaves is m^(-L/2), but prevails up to widths that
        grow as the learning rate falls and with every layer (docs/integrable_recursion, "Finite width").
        """
        return {"f": {"exponent": 0.5, "source": "docs/integrable_recursion"}}

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return {
            "d": self.d,
            "depth": self.depth,
            "parameterization": self.scaling.config(self.depth, self.degree),
            "activation": self.sigma.name if isinstance(self.activation, str) else self.sigma.config(),
            "init_variance": self.init_variance,
            "bias1": self.bias1,
            "outputs": self.outputs,
            "loss": self.loss,
        }

    def limit(
        self,
        *,
        batches: Any,
        lr: float,
        probe: npt.ArrayLike,
        backend: str = "auto",
        tie: str | None = None,
        samples: int | None = None,
        replicas: int = 8,
        rng: int | None = 0,
        spacing: float | None = None,
    ) -> StepFlow:
        """The infinite-width recursion: row t is the state after t steps, step k uses batch k.

        Parameters
        ----------
        batches : sequence of (X, y), or callable k -> (X, y)
            X (n, d) with labels (n,) or (n, outputs), or integer classes (n,) for cross-entropy.
        lr : float
            eta; powers of the width are never part of it.
        probe : array (n_probe, d)
            Inputs at which f is reported.
        backend : {"auto", "sector", "trapezoid", "mc"}
            How expectations are computed (docs/integrable_recursion).
        tie : {"gaussian", "zero"}, optional
            What sigma' of relu is on units whose pre-activation vanishes in the limit; None means "zero" for "hpz", else "gaussian".
        samples, replicas, rng
            Of the Monte Carlo back end: samples a layer, independent replicas for the error bar, seed.
        spacing : float, optional
            Of the trapezoidal rule's nodes; None means 0.1, or 0.15 where a layer depends on three normals.

        Raises
        ------
        ValueError
            If the parameterization has no such limit, or an argument is impossible.
        """
        from mfpde.systems.integrable.limit import make_limit

        if self.scaling.no_limit is not None:
            raise ValueError(f"parameterization = {self.scaling.name!r} has no closed infinite-width recursion: {self.scaling.no_limit}")
        return make_limit(
            self, batches=batches, lr=lr, probe=probe, backend=backend, tie=tie,
            samples=samples, replicas=replicas, rng=rng, spacing=spacing,
        )  # fmt: skip

    def network(
        self,
        *,
        m: int,
        batches: Any,
        lr: float,
        probe: npt.ArrayLike,
        rng: int | None = 0,
        dtype: str = "float64",
        f0: str = "zero",
        first_pass: str = "linearized",
        calibration: str | int | None = None,
    ) -> Training:
        """The network of width `m` in gradient steps: row t is the state after t steps, step k uses batch k.

        Parameters
        ----------
        m : int
            Width of every hidden layer.
        batches, lr, probe
            As in :meth:`limit`; for batches also an iterator of :mod:`mfpde.datasets`.
        rng : int, optional
            Seed of the initial weights; None draws one and records it.
        dtype : {"float64", "float32"}
            Precision of weights and matrix products.
        f0 : {"zero", "true"}
            Whether step 0 takes dloss/df at f = 0, as in the limit, or at the network's own output. Parameterizations whose
            initial output does not vanish with the width ("ntp", "sp", "ip-bias", "ip-non-centered") always take their own.
        first_pass : {"linearized", "exact"}
            For "ip-llr", "hp" and "hpz": step 0 in rescaled variables, where an activation that is not homogeneous is replaced by
            sigma'(0) z in layers 2..L, as in the limit; or step 0 as it is written, in double precision.
        calibration : {None, "2021", "2023"}
            The authors' choice of every layer's rate at step 0 from one trial step on batch 0, seen on batch 1 (docs/integrable); only for
            parameterizations with a large first step.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the parameterization.
        """
        from mfpde.systems.integrable.network import make_network

        return make_network(self, m, batches, lr, probe, rng, dtype, f0, first_pass, calibration)
