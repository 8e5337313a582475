"""The centred Gaussian law."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaincinv, gammaln

from mfpde.checks import whole
from mfpde.laws.base import Array
from mfpde.laws.radial import RadialLaw, checked_order, checked_probability
from mfpde.threads import single_threaded_blas

_ROWS = 64


@dataclass(frozen=True)
class Gaussian(RadialLaw):
    """x ~ N(0, cov) in R^d.

    Parameters
    ----------
    d : int
        Dimension, >= 2.
    cov : number, vector (d,) or matrix (d, d)
        A variance of every coordinate, the diagonal, or the covariance matrix. It is kept as a float, a tuple or a tuple of
        tuples, in the simplest form that says the same.

    Raises
    ------
    ValueError
        If d is not an integer >= 2, or cov has the wrong shape or is not symmetric and positive definite. The radial methods
        raise it where the law is not isotropic.
    """

    d: int
    cov: Any = 1.0
    _factor: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", whole("d", self.d, 2))
        cov, factor = _simplest(self.d, self.cov)
        object.__setattr__(self, "cov", cov)
        object.__setattr__(self, "_factor", factor)

    @property
    def isotropic(self) -> bool:
        """Whether every direction has the same variance."""
        return isinstance(self.cov, float)

    @property
    def scale(self) -> float:
        """The variance of every coordinate; ValueError where the law is not isotropic."""
        if not isinstance(self.cov, float):
            raise ValueError(f"this Gaussian of dimension {self.d} is not isotropic, its radius has no law here: give cov as one number")
        return self.cov

    def reach(self) -> float:
        """A radius beyond which the law has no mass left in double precision."""
        return math.sqrt(self.scale) * (math.sqrt(self.d) + 10.0)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples (n, d); the first m rows of n equal the m-row sample."""
        normals = rng.standard_normal((n, self.d))
        return _row_products(normals, self._factor) if self._factor.ndim == 2 else normals * self._factor

    def second_moment(self) -> Array:
        """E x x^T = cov as a matrix (d, d)."""
        cov = np.asarray(self.cov, np.float64)
        return cov if cov.ndim == 2 else np.eye(self.d) * cov

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"law": "Gaussian", "d": self.d, "cov": self.cov if self.isotropic else np.asarray(self.cov).tolist()}

    def density(self, r: Array) -> Array:
        """The density of the radius at r > 0: that of sqrt(scale) times a chi variable with d degrees of freedom."""
        scale, half = self.scale, 0.5 * self.d
        log_p = (self.d - 1) * np.log(r) - r * r / (2 * scale) - half * math.log(scale) - (half - 1) * math.log(2.0) - gammaln(half)
        p: Array = np.exp(log_p)
        return p

    def radial_pdf(self, r: npt.ArrayLike) -> Array:
        """The density p(r) of the radius, in the shape of `r`."""
        radii = np.asarray(r, np.float64)
        inside = (radii > 0) & (radii < math.inf)
        p: Array = np.where(inside, self.density(np.where(inside, radii, 1.0)), np.where(np.isnan(radii), math.nan, 0.0))
        return p

    def partial_moment(self, k: int, r: npt.ArrayLike) -> Array:
        """M_k(r) = int_0^r s^k p(s) ds for k = 0, 1, 2, in the shape of `r`; r may be infinite.

        It is (2 scale)^{k/2} Gamma((d + k) / 2) / Gamma(d / 2) P((d + k) / 2, r^2 / (2 scale)), P the regularised incomplete gamma
        function (by the substitution s^2 = 2 scale t).
        """
        order, scale = 0.5 * checked_order(k), self.scale
        half = 0.5 * self.d
        x = np.maximum(np.asarray(r, np.float64), 0.0)
        whole = math.exp(order * math.log(2 * scale) + gammaln(half + order) - gammaln(half))
        moment: Array = whole * gammainc(half + order, x * x / (2 * scale))
        return moment

    def quantile(self, u: npt.ArrayLike) -> Array:
        """The radii r with P(||x|| <= r) = u, in the shape of `u`; ValueError outside [0, 1]."""
        radii: Array = np.sqrt(2 * self.scale * gammaincinv(0.5 * self.d, checked_probability(u)))
        return radii


def _simplest(d: int, cov: npt.ArrayLike) -> tuple[float | tuple[Any, ...], Array]:
    """The covariance as a number, a tuple or a tuple of tuples, and what turns standard normals into samples."""
    c: Array = np.array(cov, np.float64)
    if c.shape not in ((), (d,), (d, d)):
        raise ValueError(f"cov has shape {c.shape}: give a number, a vector ({d},) or a matrix ({d}, {d})")
    if not np.isfinite(c).all():
        raise ValueError("cov holds a NaN or an infinity: every entry must be finite")
    if c.ndim == 2:
        if not np.array_equal(c, c.T):
            raise ValueError("cov is not symmetric: give (cov + cov.T) / 2")
        if np.count_nonzero(c - np.diag(np.diagonal(c))):
            try:
                factor: Array = np.linalg.cholesky(c)
            except np.linalg.LinAlgError:
                raise ValueError("cov is not positive definite: every eigenvalue must be > 0") from None
            return tuple(map(tuple, c.tolist())), factor
        c = np.diagonal(c)
    if not (c > 0).all():
        raise ValueError("cov is not positive definite: every variance must be > 0")
    if (c == c.flat[0]).all():
        return float(c.flat[0]), np.asarray(np.sqrt(c.flat[0]))
    deviations: Array = np.sqrt(c)
    return tuple(c.tolist()), deviations


def _row_products(x: Array, factor: Array) -> Array:
    """x factor^T in products of one shape and by one thread, so that a row's bits depend neither on the threads nor on the other rows."""
    n, d = x.shape
    padded = np.zeros((-(-n // _ROWS) * _ROWS, d))
    padded[:n] = x
    with single_threaded_blas():
        for start in range(0, n, _ROWS):
            padded[start : start + _ROWS] = padded[start : start + _ROWS] @ factor.T
    return padded[:n]
