"""The learning problem of Ren, Zhou, Ge (2023): a three-layer mean-field network learns relu(1 - |x|)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.laws import Bessel, CappedBessel
from mfpde.laws.moments import moment_table
from mfpde.measures import Ensemble, GaussianInit, SphereInit
from mfpde.systems.depth_separation import exact

if TYPE_CHECKING:
    from mfpde.systems.depth_separation.descent import Descent
    from mfpde.systems.depth_separation.limit import SphericalLimit
    from mfpde.systems.depth_separation.particles import ParticleFlow


@dataclass(frozen=True, kw_only=True)
class DepthSeparation:
    """F(x) = E |w1|^(p-1) relu(w1.x), f(x) = E relu(w2 F + b2), L = 1/2 E (f - f*)^2 with f*(x) = relu(1 - |x|).

    Inputs follow the Bessel law of Ren, Zhou, Ge 2023, conditioned on |x| <= `radius_cap`. Initially w1 is uniform on the
    sphere of radius `sigma_1`, w2 ~ N(0, sigma_2^2) and every b2 = `sigma_r`. The clock is "time": theta' = -rate grad L
    in mean-field scale (each neuron's gradient times the width of its layer).

    Parameters
    ----------
    d : int
        Input dimension, at least 2.
    sigma_1, sigma_2, sigma_r : float
        Scales of the initial law; sigma_1 > 0, the others >= 0.
    homogeneity : {2, 1}
        The degree p of the first layer in w1 (ours: which one the paper uses is unverified).
    alpha : float
        The input law's scale, c = alpha sqrt(d) (ours: the paper leaves the constant open).
    radius_cap : float, optional
        R, the largest input norm (ours; None means d). Every moment and the reported loss are those of the capped law.
    projection : (float, float, float), optional
        (R_v1, R_v2, R_r2): per-sample projection radii of the gradients for w1, w2, b2; only for ``dynamics="sgd"``.
    rates : (float, float, float)
        (eta_1, eta_w, eta_b), the learning rates of w1, w2 and b2.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    d: int = 100
    sigma_1: float = 0.5
    sigma_2: float = 0.01
    sigma_r: float = 0.01
    homogeneity: int = 2
    alpha: float = 1.0
    radius_cap: float | None = None
    projection: tuple[float, float, float] | None = None
    rates: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {"d": whole("d", self.d, least=2)}
        for name in ("sigma_1", "sigma_2", "sigma_r", "alpha"):
            checked[name] = number(name, getattr(self, name), positive=name in ("sigma_1", "alpha"))
        if isinstance(self.homogeneity, bool) or self.homogeneity not in (1, 2):
            raise ValueError(f"homogeneity = {self.homogeneity!r}: give 1 or 2")
        checked["homogeneity"] = int(self.homogeneity)
        if self.radius_cap is not None:
            checked["radius_cap"] = number("radius_cap", self.radius_cap, positive=True)
            if self.radius_cap <= 1.0:
                raise ValueError(f"radius_cap = {self.radius_cap!r}: give a radius > 1, the kink of the target (None means d)")
        checked["rates"] = _three("rates", self.rates)
        if self.projection is not None:
            checked["projection"] = _three("projection", self.projection)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def cap(self) -> float:
        """The radius R on which the input law is conditioned."""
        return float(self.d if self.radius_cap is None else self.radius_cap)

    @cached_property
    def law(self) -> CappedBessel:
        """The conditioned input law."""
        return Bessel(self.d, self.alpha).capped(self.cap)

    @property
    def kappa(self) -> float:
        """kappa_d = E relu(u.e) for u uniform on the unit sphere: F(x) = kappa_d rho^p |x| for a spherical first layer."""
        return exact.kappa(self.d)

    @cached_property
    def moments(self) -> Any:
        """The compiled table of the conditioned law's partial moments."""
        return moment_table(Bessel(self.d, self.alpha), self.cap)

    @property
    def first_layer(self) -> SphereInit:
        """The initial law of w1."""
        return SphereInit(self.d, self.sigma_1)

    @property
    def second_layer(self) -> GaussianInit:
        """The initial law of (w2, b2)."""
        return GaussianInit([0.0, self.sigma_r], [self.sigma_2**2, 0.0])

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def limit(
        self,
        *,
        first_layer: str | Ensemble = "spherical",
        n1: int | None = None,
        second_layer: str | Ensemble = "gauss-hermite",
        nodes: int = 32,
        directions: int | npt.ArrayLike = 4096,
        rng: int | None = None,
    ) -> SphericalLimit | ParticleFlow:
        """The infinite-width dynamics.

        Parameters
        ----------
        first_layer : {"spherical", "particles"} or Ensemble (n1, d)
            The exact reduction to one radius; `n1` particles at orthogonal antithetic points of the sphere; or given
            particles, rotation invariant or not.
        n1 : int, optional
            Number of particles (only for, and needed by, ``first_layer="particles"``).
        second_layer : {"gauss-hermite", "quantile", "random", "concentrated"} or Ensemble (n, 2)
            Nodes for the initial law of (w2, b2): `nodes` Gauss-Hermite nodes, equal-mass quantiles or random draws; one
            particle (0, sigma_r); or given particles, columns (w2, b2), which replace sigma_2 and sigma_r. Particles of
            weight zero are passive tracers.
        directions : int or array (n, d)
            Integration directions, for a first layer of particles.
        rng : int, optional
            Seed of random nodes, particles and directions; None draws one and records it, where anything is random.

        Raises
        ------
        ValueError
            If an argument is unknown or out of range, or the system has a projection.
        """
        from mfpde.systems.depth_separation.limit import make_limit

        return make_limit(self, first_layer, n1, second_layer, nodes, directions, rng)

    def network(
        self,
        *,
        m1: int = 512,
        m2: int = 128,
        dynamics: str = "flow",
        directions: int | npt.ArrayLike = 4096,
        dt: float | None = None,
        batch: int | None = None,
        rng: int | None = 0,
        dtype: str = "float64",
    ) -> ParticleFlow | Descent:
        """The network with m1 and m2 neurons, drawn from the initial law.

        Parameters
        ----------
        m1, m2 : int
            Widths.
        dynamics : {"flow", "gd", "sgd"}
            Gradient flow of the population loss; its explicit Euler steps of length `dt`; or steps of length `dt` on
            fresh batches of `batch` samples.
        directions : int or array (n, d)
            The unit directions on which the population loss is integrated (every radial integral is exact), fixed
            during a run. For sgd they serve the reported loss only.
        dt : float, optional
            Step of gd and sgd (default 0.5).
        batch : int, optional
            Samples a step of sgd (default 1024).
        rng : int, optional
            Seed; neurons, directions and batches have streams of their own, and the first m neurons of a wider network
            are the network of width m.
        dtype : {"float64", "float32"}
            Precision of the first layer's matrix products, and of the state of gd and sgd.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.depth_separation.network import make_network

        return make_network(self, m1, m2, dynamics, directions, dt, batch, rng, dtype)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with each width, the other being infinite.

        With m1 the first layer's random error: `non_sphericity` as m1^-1/2, at t = 0 with E non_sphericity^2 = (1/(2 d kappa_d^2) - 1)/m1
        exactly, the variance of relu(u.e) over that of its mean; and the floor it leaves under the loss, `loss_discretisation`, as 1/m1.
        With m2, where sigma_2 > 0, the mean of w2 at the start: `loss` and the distance of neurons from their characteristics as m2^-1/2.
        """
        shape = math.sqrt(1.0 / (2.0 * self.d * self.kappa**2) - 1.0)
        first = {"exponent": 0.5, "constant": shape, "width": "m1", "source": "independent neurons; the constant is that of t = 0"}
        stated: dict[str, Any] = {
            "non_sphericity": first,
            "loss_discretisation": {"exponent": 1.0, "width": "m1", "source": "half the square of what non-sphericity makes"},
        }
        if self.sigma_2 > 0.0:
            second = {"exponent": 0.5, "width": "m2", "source": "mean of m2 independent w2"}
            stated |= dict.fromkeys(("loss", "second_layer_rms"), second)
        return stated

    def coupled_limit(self, network: Any, *, second_layer: str | Ensemble = "gauss-hermite", nodes: int = 32) -> SphericalLimit:
        """The spherical limit that carries the neurons of `network` as passive tracers, their mean-field characteristics."""
        from mfpde.systems.depth_separation.limit import make_coupled_limit

        return make_coupled_limit(self, network, second_layer, nodes)

    def best_constant_loss(self) -> float:
        """1/2 Var f*, where a stalled network stays."""
        return exact.best_constant_loss(self.moments)

    def escape_time(self) -> float:
        """The predicted time at which the alignment phase ends (p = 2, w2 = 0 at the start, sigma_1 -> 0)."""
        return exact.escape_time(self)

    def late_rate(self) -> float:
        """lambda: at the end of training the loss falls like exp(-2 lambda t), for a concentrated second layer."""
        return exact.late_rate(self)


def _three(name: str, values: object) -> tuple[float, ...]:
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(values, (tuple, list)) or len(values) != 3:
        raise ValueError(f"{name} = {values!r}: give three numbers, for w1, w2 and b2")
    return tuple(number(f"{name}[{i}]", value, positive=True) for i, value in enumerate(values))
