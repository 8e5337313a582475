"""The learning problem of Hajjar, Chizat (2023), second part: a target that depends on the input's projection to a subspace H."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import Array
from mfpde.laws import Gaussian
from mfpde.systems.symmetric.low_dimensional import exact
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, modes_for
from mfpde.systems.symmetric.low_dimensional.target import RadialTarget, make_target
from mfpde.targets import Target

if TYPE_CHECKING:
    from mfpde.systems.symmetric.low_dimensional.descent import Descent
    from mfpde.systems.symmetric.low_dimensional.flows import PopulationFlow
    from mfpde.systems.symmetric.low_dimensional.limit import ReducedLimit

_KERNEL_TOLERANCE = 1e-14


@dataclass(frozen=True, kw_only=True)
class LowDimensionalTarget:
    """f*(x) = |x_H|, or another function of |x_H|, x ~ N(0, I_d), H the span of the first `d_h` coordinates.

    f(x) = (1/m) sum_j a_j relu(b_j.x), F = E (f* - f)^2 / 2, every gradient times m; initially a = +1 or -1 with probability 1/2
    each and b uniform on the unit sphere, independent. The infinite-width dynamics keeps the invariance under rotations of H and of its
    complement, so that a neuron is known by its sign and its angle theta in [0, pi/2] to H: section 4.2 of Hajjar, Chizat 2023
    (arXiv 2211.08771); the kernel form and its solution are derived in docs/low_dimensional.

    Observables of every flow: `mass_plus` and `mass_minus` (of tau^+ and tau^-, the weights |a| |b| of the neurons of either sign),
    `loss` (F over the population), `cos2_minus` and `sin2_plus` (means of cos^2 theta under the normalised tau^-, of sin^2 theta under the
    normalised tau^+), `w2_minus` and `w2_plus` (W_2 distances of the two from pi/2 and from 0, their limits for the target "norm").

    Parameters
    ----------
    d : int
        Dimension of the input.
    d_h : int
        Dimension of H, from 1 to d - 1.
    target : "norm", callable or Target
        g(r) = r; a vectorised function g of the norms r = |x_H|; or a target of mf.targets that is one.

    Raises
    ------
    ValueError
        If a dimension is out of its range, or the target is not a function of |x_H| of finite second moment.
    """

    d: int
    d_h: int
    target: str | Target | Callable[[Array], Array] = "norm"

    def __post_init__(self) -> None:
        d, d_h = whole("d", self.d, least=2), whole("d_h", self.d_h)
        if d_h >= d:
            raise ValueError(f"d_h = {d_h} and d = {d}: the reduction needs directions outside of H; give 1 <= d_h <= d - 1 = {d - 1}")
        object.__setattr__(self, "d", d)
        object.__setattr__(self, "d_h", d_h)
        object.__setattr__(self, "_radial", make_target(self.target, d, d_h))

    @property
    def radial(self) -> RadialTarget:
        """The target as a function of |x_H|."""
        radial: RadialTarget = self.__dict__["_radial"]
        return radial

    @cached_property
    def law(self) -> Gaussian:
        """The law of the inputs."""
        return Gaussian(self.d)

    @property
    def alpha(self) -> float:
        """2 sqrt(pi) Gamma((d_h + 1)/2) / Gamma(d_h/2), the mass of tau^+ in the end: |x_H| = alpha phi(0; x).

        Raises
        ------
        ValueError
            If the target is not "norm".
        """
        if self.radial.g is not None:
            raise ValueError("alpha is the final mass for the target 'norm' only: another radial target is not a neuron in H")
        return exact.alpha(self.d_h)

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values; a function by its name."""
        target: Any = self.target
        if isinstance(target, Target):
            target = target.config()
        elif not isinstance(target, str):
            target = {"function": str(getattr(target, "__qualname__", type(target).__qualname__))}
        return {"d": self.d, "d_h": self.d_h, "target": target}

    def kernel(self, theta: npt.ArrayLike, theta_prime: npt.ArrayLike) -> Array:
        """K(theta, theta') = E phi(theta; x) phi(theta'; x), in the broadcast shape of the angles.

        The Mercer-Jacobi sum, within 1e-14 everywhere, both corners included, where d_h and d - d_h are 2 or more. Where one of them is 1,
        the largest error, at the corner of that subspace, is 3e-14 up to d = 4, 5e-14 at d = 10 and 7e-13 at d = 100: 20 000 modes.

        Raises
        ------
        ValueError
            If an angle is not finite.
        """
        first, second = np.broadcast_arrays(np.asarray(theta, np.float64), np.asarray(theta_prime, np.float64))
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            raise ValueError("theta holds a NaN or an infinity: give finite angles")
        flat = self._kernel_basis.kernel(first.ravel(), second.ravel())
        return flat.reshape(first.shape)

    @cached_property
    def _kernel_basis(self) -> JacobiBasis:
        return JacobiBasis(self.d, self.d_h, modes_for(self.d, self.d_h, _KERNEL_TOLERANCE))

    def initial_velocity(self, theta: npt.ArrayLike) -> Array:
        """V_0 = dG/dtheta of the empty network, in the shape of `theta`; for "norm" it is alpha dK(theta, 0)/dtheta <= 0."""
        angles = np.asarray(theta, np.float64)
        if self.radial.g is None:
            slope = exact.kernel_slope_with_end(self.d_h, np.cos(angles) ** 2)
            velocity: Array = -exact.alpha(self.d_h) * np.sin(2.0 * angles) * slope
            return velocity
        limit = self.limit()
        return limit.fields(limit.state0, angles.ravel())[1].reshape(angles.shape)

    def limit(self, *, nodes: int = 20, modes: int | None = None) -> ReducedLimit:
        """The infinite-width dynamics, reduced to the angle.

        Parameters
        ----------
        nodes : int
            Gauss-Jacobi particles for either sign. The flow map is analytic in cos 2 theta, so that errors fall exponentially in them at
            fixed time; late times need more (40 for 8 digits at t = 100, d = 30, d_h = 5; :func:`mfpde.refinement` tells).
        modes : int, optional
            Terms of the kernel's expansion; None leaves less than 1e-14 of the kernel's largest values out, but takes at most 2048, which
            d_h = 1 or 2 needs.

        Raises
        ------
        ValueError
            If a number is below 2.
        """
        from mfpde.systems.symmetric.low_dimensional.limit import make_limit

        return make_limit(self, nodes, modes)

    def network(
        self,
        *,
        m: int,
        dynamics: str = "particles",
        lr: float | None = None,
        batch: int | None = None,
        samples: int | None = None,
        rng: int | None = 0,
    ) -> PopulationFlow | Descent:
        """The network with m neurons (a, b) in R^(1 + d), drawn from the initial law.

        Parameters
        ----------
        m : int
            Width.
        dynamics : {"particles", "gd", "sgd"}
            Gradient flow of the population loss, all expectations in closed form; or steps of length `lr` (t = k lr) on a fixed sample
            of the inputs, or on fresh batches.
        lr : float, optional
            Step of gd and sgd (default 0.05), the base rate: the step on each neuron's own gradient is m lr.
        batch : int, optional
            Inputs a step of sgd (default 256).
        samples : int, optional
            Inputs of gd (default 4096).
        rng : int, optional
            Seed; signs, directions and inputs have streams of their own, and the first m neurons of a wider network are the network of
            width m.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.symmetric.low_dimensional.network import make_network

        return make_network(self, m, dynamics, lr, batch, samples, rng)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width at a fixed time: masses and loss by a fluctuation of m^-1/2 and a bias of 1/m.

        The root mean square is sqrt(c^2/m + b^2/m^2): m^-1/2 above the width (b/c)^2, 1/m below. Near the target c is small and the
        bias of the loss is half the square of f's gap: at t = 3, d = 20, d_h = 5 that width is 600 (docs/low_dimensional, "Finite width").
        """
        fluctuation = {"exponent": 0.5, "source": "fluctuation, for m above (bias/fluctuation)^2, docs/low_dimensional"}
        bias = {"exponent": 1.0, "statistic": "bias", "source": "docs/low_dimensional"}
        rates: dict[str, Any] = {name: [fluctuation, bias] for name in ("mass_plus", "mass_minus", "loss")}
        means = {"exponent": 0.5, "source": "means over independent neurons, docs/low_dimensional"}
        return rates | {"function_distance": means, "neurons_rms": means}

    def coupled_limit(self, network: Any, *, nodes: int = 20, modes: int | None = None) -> ReducedLimit:
        """The limit that carries the initial neurons of `network` as passive tracers, their mean-field characteristics."""
        from mfpde.systems.symmetric.low_dimensional.limit import make_limit
        from mfpde.systems.symmetric.low_dimensional.neurons import PolarNeurons

        state = network.unpack(np.asarray(network.state0, np.float64))
        return make_limit(self, nodes, modes, PolarNeurons.of(state["a"], state["b"], self.d_h))

    def overshoot_time(self, *, nodes: int = 20, modes: int | None = None, give_up: float = 50.0) -> float:
        """t*, when the mass of tau^+ first passes alpha (target "norm").

        Raises
        ------
        ValueError
            If the target is another one, or the mass stays below alpha until `give_up`.
        """
        from mfpde.systems.symmetric.low_dimensional.overshoot import overshoot_time

        return overshoot_time(self.limit(nodes=nodes, modes=modes), self.alpha, give_up)

    def initial_loss(self) -> float:
        """F(0) = E f*^2 / 2, d_h / 2 for "norm"."""
        return 0.5 * self.radial.second_moment

    def least_loss(self) -> float:
        """What no measure of neurons can go below, (1/2) E (f* - |x| h(x/|x|))^2; 0 for "norm"."""
        return self.radial.unreachable
