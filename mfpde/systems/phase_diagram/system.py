"""A point of the phase diagram of Luo, Xu, Ma, Zhang (2021): the normalised two-layer ReLU network and its training data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import is_real, number
from mfpde.flow import Array
from mfpde.laws import Empirical
from mfpde.systems.phase_diagram import coordinates, exact, initialisations
from mfpde.systems.phase_diagram.data import checked_data
from mfpde.systems.phase_diagram.exact import Exponents
from mfpde.threads import single_threaded_blas

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.least_amplitude import LeastAmplitude
    from mfpde.systems.phase_diagram.particles import ParticleFlow


MOST_DIGITS = 300
"""The decimal logarithm up to which a number and its inverse have all their digits in double precision."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PhasePoint:
    """f(x) = kappa sum_k a_k relu(w_k.(x, 1)), a_k ~ N(0, 1), w_k ~ N(0, I), kappa = m^-gamma, kappa' = m^-gamma'.

    The normalised model of Luo, Xu, Ma, Zhang 2021 (JMLR 22, 71): f = (1/alpha) sum_k a_k relu(w_k.x) with a_k ~ N(0, beta_1^2) and
    w_k ~ N(0, beta_2^2 I) has kappa = beta_1 beta_2 / alpha and kappa' = beta_1 / beta_2. Its clock "time" is that of the gradient flow
    of (1/2) mean_i (f(x_i) - y_i)^2 in units of beta_1 beta_2. The observable `loss` is the mean without the 1/2.

    Parameters
    ----------
    gamma : float
        >= 0, and >= 1/2 without antisymmetric copies, because f at the start is of size m^(1/2 - gamma).
    gamma_prime : float
    x : array (n,) or (n, d), optional
        Inputs, no two of them the same; default linspace(-1/2, 1/2, 4).
    y : array (n,), optional
        Labels; default x^2 for inputs on the line.
    activation : {"relu"}
    antisymmetric : bool
        Whether every neuron has a partner (-a_k, w_k) at the start, so that f = 0 there (Zhang, Xu, Luo, Ma 2020). Then there are 2 m
        neurons, and displacements are measured on the first copy.
    bias : bool
        Whether a 1 is appended to every input (ours).

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the data do not fit together.
    """

    gamma: float
    gamma_prime: float
    x: Array | None = None
    y: Array | None = None
    activation: str = "relu"
    antisymmetric: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        if self.activation != "relu":
            raise ValueError(f"activation = {self.activation!r}: give 'relu'; the two coordinates are enough for it only")
        for name in ("antisymmetric", "bias"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise ValueError(f"{name} = {getattr(self, name)!r}: give True or False")
            object.__setattr__(self, name, bool(getattr(self, name)))
        if not is_real(self.gamma_prime) or not np.isfinite(self.gamma_prime):
            raise ValueError(f"gamma_prime = {self.gamma_prime!r}: give a finite number")
        if not is_real(self.gamma) or not -coordinates.ON_THE_LINE <= self.gamma < np.inf:
            raise ValueError(f"gamma = {self.gamma!r}: give a finite number >= 0; below 0 a single neuron's output grows with the width")
        object.__setattr__(self, "gamma", float(self.gamma))
        object.__setattr__(self, "gamma_prime", float(self.gamma_prime))
        if self.gamma < 0.5 - coordinates.ON_THE_LINE and not self.antisymmetric:
            raise ValueError(f"gamma = {self.gamma!r}: below 1/2 the output at the start grows with the width; use antisymmetric=True")
        x, y = checked_data(self.x, self.y, self.bias)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)

    @classmethod
    def from_init(
        cls,
        init: str | None = None,
        *,
        m: float,
        alpha: float | None = None,
        beta_1: float | None = None,
        beta_2: float | None = None,
        lr_a: float | None = None,
        lr_w: float | None = None,
        parameter: float | None = None,
        x: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        antisymmetric: bool = True,
        bias: bool = True,
    ) -> PhasePoint:
        """The point at which a network of width `m` with these scales sits: gamma = -log kappa / log m, gamma' = -log kappa' / log m.

        Its kappa(m) and kappa_prime(m) are the set-up's; its exponents are those of this width, not of the initialisation as m tends
        to infinity, which :data:`mfpde.systems.phase_diagram.initialisations.TABLE` has.

        Parameters
        ----------
        init : str, optional
            "lecun", "he", "xavier", "ntk", "mean-field", "e-ma-wu", "pytorch", "flax", "mup" or "lazy", instead of alpha and betas.
        m : float
            Width, > 1.
        alpha, beta_1, beta_2 : float
            f = (1/alpha) sum_k a_k relu(w_k.x), a_k and w_k of standard deviations beta_1 and beta_2.
        lr_a, lr_w : float, optional
            Learning rates of the layers; default 1, and m^2 of lr_w for muP. Only their ratio matters here.
        parameter : float, optional
            p of "e-ma-wu", beta_1 = m^-p; s of "lazy", alpha = m^(1 - s).
        x, y, antisymmetric, bias
            As for the class. The input dimension of a named initialisation is that of x, without the bias.

        Raises
        ------
        ValueError
            If neither or both of a name and numbers are given, a number is out of range, or the point is.
        """
        given, labels = checked_data(x, y, bias)
        d = 1 if given.ndim == 1 else given.shape[1]
        s = initialisations.scales(
            init, m=m, d=d, alpha=alpha, beta_1=beta_1, beta_2=beta_2, lr_a=lr_a, lr_w=lr_w, parameter=parameter
        )
        gamma, gamma_prime = s.coordinates(m)
        return cls(gamma=gamma, gamma_prime=gamma_prime, x=given, y=labels, antisymmetric=antisymmetric, bias=bias)

    @property
    def regime(self) -> str:
        """The regime, "linear", "condensed" or "critical", where the relative displacement of w tends to 0, to infinity or to neither."""
        return coordinates.regime(self.gamma, self.gamma_prime)

    @property
    def exponents(self) -> Exponents:
        """The asymptotic lim d log RD / d log m as (s_w, s_a, s_theta, region, open); unsettled where `open` is true (region 5)."""
        return exact.exponents(self.gamma, self.gamma_prime)

    @property
    def copies(self) -> int:
        """2 with antisymmetric copies, else 1."""
        return 2 if self.antisymmetric else 1

    def linear_end(self, m: float, time: float = np.inf) -> tuple[float, float]:
        """(RD_w, RD_a) by the closed form of the linear end, valid as kappa m tends to infinity.

        After training for ever, or for `time` on the clock of :meth:`limit`: a run to loss 1e-6 ends some percent before.
        """
        return exact.linear_end(self.inputs, self.labels, self.kappa(m) * m, self.kappa_prime(m), self.copies, time)

    def condensed_end(self, m: float, amplitude: float) -> tuple[float, float]:
        """(RD_w, RD_a) after training to the amplitude L, by the closed form of the condensed end, valid as kappa m tends to 0."""
        return exact.condensed_end(amplitude, self.inputs.shape[1], self.kappa(m) * m, self.kappa_prime(m), self.copies)

    def least_amplitude(self) -> LeastAmplitude:
        """The least L = kappa sum_k |a_k||w_k| of a network that interpolates the data, with its certificate; inputs on the line only."""
        from mfpde.systems.phase_diagram.least_amplitude import least_amplitude

        return least_amplitude(self.inputs, self.labels)

    def kappa(self, m: float) -> float:
        """kappa = m^-gamma at the width `m`, any number >= 1."""
        return _power("kappa", m, -self.gamma)

    def kappa_prime(self, m: float) -> float:
        """kappa' = m^-gamma' at the width `m`, any number >= 1."""
        return _power("kappa'", m, -self.gamma_prime)

    @property
    def labels(self) -> Array:
        """y (n,)."""
        assert self.y is not None
        return self.y

    @cached_property
    def inputs(self) -> Array:
        """X (n, p): the inputs with a 1 appended, if there is a bias."""
        assert self.x is not None
        return self.augmented(self.x)

    @cached_property
    def law(self) -> Empirical:
        """The law of the inputs: the training data."""
        assert self.x is not None
        return Empirical(self.x.reshape(len(self.x), -1), self.y)

    def augmented(self, x: npt.ArrayLike) -> Array:
        """Inputs (k, d), or (k,) for data on the line, as rows (k, p) with a 1 appended if there is a bias.

        Raises
        ------
        ValueError
            If the dimension is not that of the data.
        """
        assert self.x is not None
        given, d = np.asarray(x, np.float64), 1 if self.x.ndim == 1 else self.x.shape[1]
        rows = given[:, None] if given.ndim == 1 and d == 1 else given
        if rows.ndim != 2 or rows.shape[1] != d:
            raise ValueError(f"x has shape {given.shape}: give (k, {d}), as the data" + (", or (k,)" if d == 1 else ""))
        return np.column_stack([rows, np.ones(len(rows))]) if self.bias else rows

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        assert self.x is not None
        values = {"gamma": self.gamma, "gamma_prime": self.gamma_prime, "x": self.x.tolist(), "y": self.labels.tolist()}
        return values | {"activation": self.activation, "antisymmetric": self.antisymmetric, "bias": self.bias}

    def network(
        self,
        *,
        m: int,
        dynamics: str = "paper",
        rng: int | None = 0,
        dtype: str = "float64",
        redraw: bool = False,
        rho: float | None = None,
        accuracy: float | None = None,
    ) -> ParticleFlow:
        """The network of `m` neurons, 2 m with the antisymmetric copies, drawn from the initial law.

        Parameters
        ----------
        m : int
            Width.
        dynamics : {"paper", "flow", "event"}
            The paper's gradient descent near its stability limit, its step found by halving; the gradient flow by Runge-Kutta steps of
            spectral length; or to high order between the switches of the neurons' patterns.
        rng : int, optional
            Seed; the first neurons of a wider network are the narrower one.
        dtype : {"float64", "float32"}
            Precision of dynamics="paper".
        redraw : bool
            Whether the paper's recipe draws new neurons every time it halves the step, as the paper does; the default keeps them.
        rho : float, optional
            The step of dynamics="flow" in units of the fastest time, default 1/4.
        accuracy : float, optional
            The largest error of a step of dynamics="event" relative to the displacement, default 1e-11.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.phase_diagram.network import make_network

        # Squares of the initial neurons and the search for a step are sums whose rounding depends on the threads of the BLAS.
        with single_threaded_blas():
            return make_network(self, m=m, dynamics=dynamics, rng=rng, dtype=dtype, redraw=redraw, rho=rho, accuracy=accuracy)

    def limit(
        self,
        *,
        m: float | None = None,
        dynamics: str = "flow",
        nodes: int | None = None,
        rho: float | None = None,
        rng: int | None = 0,
    ) -> ParticleFlow:
        """The infinite-width dynamics: weighted nodes of the initial law, f = kappa m E[a relu(w.X)] over each copy.

        Parameters
        ----------
        m : float, optional
            The annealed law, kappa m = m^(1 - gamma) and kappa' = m^-gamma'; None is kappa m = kappa' = 1, the mean-field point.
            Velocities have kappa = 1: time is in units of 1/kappa.
        dynamics : {"flow", "paper"}
            As for :meth:`network`.
        nodes : int, optional
            For inputs on the line, nodes per cell of the angle of w, twice as many of the angle of a: default 16, 4096 nodes for four
            inputs. Otherwise the number of scrambled Sobol points on the sphere, default 4096.
        rho : float, optional
            The step of dynamics="flow" in units of the fastest time, default 1/4.
        rng : int, optional
            Seed of the scrambling; no effect for inputs on the line.

        Raises
        ------
        ValueError
            If an argument is unknown or out of range.
        """
        from mfpde.systems.phase_diagram.limit import make_limit

        with single_threaded_blas():
            return make_limit(self, m=m, dynamics=dynamics, nodes=nodes, rho=rho, rng=rng)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width at a fixed time t > 0 of the network's clock: `loss`, `function_distance`, `neurons_rms`.

        Derived in docs/finite_width. The kernel of m neurons is of size m^-g, g = 2 gamma - 1 - |gamma'|, and fluctuates by m^-1/2 of
        itself; with f(0) = 0 outputs differ by t m^(-g - 1/2) y. Without the antisymmetric copies f(0), of size m^(1/2 - gamma),
        is a gap of its own. Neurons feel the outputs' gap times kappa max(kappa', 1/kappa') t = m^(|gamma'| - gamma) t. Empty where
        training speeds up with the width (g < 0), neurons outgrow themselves (|gamma'| > gamma), or the gap does not close. The rate of
        `neurons_rms` is left out where training does not slow down (g = 0) and neurons move by more than m^-1/2: a kink then parts a share
        of them from their characteristics (docs/finite_width_measured).
        """
        kernel, neuron = 2.0 * self.gamma - 1.0 - abs(self.gamma_prime), self.gamma - abs(self.gamma_prime)
        output = kernel + 0.5 if self.antisymmetric else min(kernel + 0.5, self.gamma - 0.5)
        if min(kernel, neuron) < -coordinates.ON_THE_LINE or output <= 0.0:
            return {}
        exponents = {"loss": output, "function_distance": output}
        if kernel > coordinates.ON_THE_LINE or neuron >= 0.5 - coordinates.ON_THE_LINE:
            exponents["neurons_rms"] = neuron + output
        return {name: {"exponent": value, "source": "fixed t, docs/finite_width"} for name, value in exponents.items()}

    def coupled_limit(self, network: ParticleFlow, *, nodes: int | None = None, rho: float | None = None) -> ParticleFlow:
        """The gradient flow of the law with the kappa, kappa' and clock of `network`, which carries its neurons as tracers of weight 0."""
        from mfpde.systems.phase_diagram.limit import make_coupled_limit

        with single_threaded_blas():
            return make_coupled_limit(self, network, nodes=nodes, rho=rho)


def _power(name: str, m: float, exponent: float) -> float:
    """m^exponent, if that is a number in double precision."""
    width = number("m", m, positive=True)
    if width < 1.0:
        raise ValueError(f"m = {m!r}: give a width >= 1")
    digits = exponent * math.log10(width)
    if abs(digits) > MOST_DIGITS:
        raise ValueError(f"m = {m!r}: {name} = m^{exponent:g} is 10^{digits:.0f}; it must be a number in double precision")
    return float(width**exponent)
