"""The mean of a piecewise-linear activation over the directions of a neuron, and the law of the input's norm beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal
from scipy.special import betainc, erf, gammaln

from mfpde.activations import Activation
from mfpde.flow import Array
from mfpde.kernels import activation as codes
from mfpde.kernels.radial_pde import MeanTable, lookup_all

_TABLE_ERROR = 5e-13
_SMALLEST_TABLE, _LARGEST_TABLE = 512, 2**16
_NEGLIGIBLE = 1e-19


@dataclass(frozen=True)
class MeanActivation:
    """q(t) = E sigma(t n_1), n uniform on the unit sphere of R^d; for d = infinity q(t) = E sigma(t G), G standard normal.

    With sigma(z) = s + sum_k delta_k (z - c_k)_+ and sum_k delta_k = 0, z_k = c_k / t (derived in docs/isotropic_gaussians):
    q = s - sum_k delta_k c_k / 2 + sum_k delta_k [t (A(z_k) - A(0)) + (c_k / 2) sign(z_k) I_{z_k^2}(1/2, (d - 1)/2)],
    q' = sum_k delta_k (A(z_k) - A(0)) and q'' = sum_k delta_k (C / t) z_k^2 (1 - z_k^2)_+^((d - 3)/2), where
    A(z) = C (1 - z^2)_+^((d - 1)/2) / (d - 1), C = Gamma(d/2) / (sqrt(pi) Gamma((d - 1)/2)).
    Differences from A(0) keep full precision at every t; for d = infinity A is the normal density phi.

    Parameters
    ----------
    d : int or math.inf
        Dimension, at least 3.
    activation : Activation
        A piecewise-linear one.

    Raises
    ------
    ValueError
        If the activation is not piecewise linear with constant ends.
    """

    d: float
    activation: Activation

    def __post_init__(self) -> None:
        if not isinstance(self.activation, Activation) or self.activation.code != codes.PIECEWISE_LINEAR:
            given = getattr(self.activation, "name", self.activation)
            raise ValueError(
                f"activation = {given!r}: the radial reduction is in closed form for piecewise-linear ones; "
                "give mf.activations.piecewise_linear(knots=, values=)"
            )

    @cached_property
    def knots(self) -> Array:
        """c_k, shape (n,)."""
        return np.array(self.activation.parameters[: len(self.activation.parameters) // 2])

    @cached_property
    def jumps(self) -> Array:
        """delta_k, the jump of sigma' at each knot, shape (n,); they sum to 0."""
        values = np.array(self.activation.parameters[len(self.knots) :])
        jumps: Array = np.diff(np.concatenate([[0.0], np.diff(values) / np.diff(self.knots), [0.0]]))
        return jumps

    @property
    def start(self) -> float:
        """q(0) = sigma(0)."""
        return float(self.activation(0.0))

    @property
    def end(self) -> float:
        """q(infinity), the mean of sigma's two ends."""
        half = len(self.knots)
        return 0.5 * (self.activation.parameters[half] + self.activation.parameters[-1])

    @property
    def flat(self) -> float:
        """The largest t up to which q is constant: |c_k| of the knot nearest to 0; 0 for d = infinity."""
        return 0.0 if math.isinf(self.d) else float(np.min(np.abs(self.knots)))

    @property
    def pull(self) -> float:
        """q'(0+): not 0 if and only if a knot is at 0."""
        return float(np.sum(self.jumps[self.knots == 0.0]) * self._top)

    def value(self, t: npt.ArrayLike) -> Array:
        """q at t (any shape, infinity allowed); below 0 continued as the line of value q(0) and slope q'(0+)."""
        x = np.asarray(t, float)
        positive, z = self._ratios(x)
        terms = positive[..., None] * self._drop(z) + 0.5 * self.knots * np.sign(z) * self._mass_within(z)
        inside = self.activation.parameters[len(self.knots)] - 0.5 * self.jumps @ self.knots + terms @ self.jumps
        return np.where(np.isinf(x), self.end, np.where(x <= self.flat, self.start + self.pull * np.minimum(x, 0.0), inside))

    def slope(self, t: npt.ArrayLike) -> Array:
        """q' at t, continued below 0 as the constant q'(0+)."""
        x = np.asarray(t, float)
        _, z = self._ratios(x)
        inside = self._drop(z) @ self.jumps
        return np.where(np.isinf(x), 0.0, np.where(x <= 0.0, self.pull, np.where(x < self.flat, 0.0, inside)))

    def curvature(self, t: npt.ArrayLike) -> Array:
        """q'' at t > 0."""
        x = np.asarray(t, float)
        positive, z = self._ratios(x)
        square = z * z
        if math.isinf(self.d):
            shape = self._top * np.exp(-0.5 * square)
        else:
            shape = (self.d - 1) * self._top * np.where(square < 1.0, np.maximum(1.0 - square, 0.0) ** (0.5 * (self.d - 3)), 0.0)
        bend: Array = (square * shape) @ self.jumps / positive
        return bend

    @property
    def table_error(self) -> float:
        """The largest error of :attr:`table` in q and q', at the thirds and middles of its cells."""
        return self._table[1]

    @property
    def table(self) -> MeanTable:
        """q for compiled kernels, for finite d; refined until the error is below 5e-13, or 65536 cells."""
        return self._table[0]

    @cached_property
    def _table(self) -> tuple[MeanTable, float]:
        cells = _SMALLEST_TABLE
        while True:
            table = self._tabulate(cells)
            v = (np.arange(cells)[:, None] + np.array([1 / 3, 0.5, 2 / 3])).ravel() / cells
            t = table.scale * v / (1.0 - v)
            value, slope = np.empty_like(t), np.empty_like(t)
            lookup_all(table, t, value, slope)
            error = float(max(np.max(np.abs(value - self.value(t))), np.max(np.abs(slope - self.slope(t)))))
            if error < _TABLE_ERROR or cells >= _LARGEST_TABLE:
                return table, error
            cells *= 2

    def _tabulate(self, n: int) -> MeanTable:
        """Quintic Hermite polynomials from q, q', q'' at the edges of n cells."""
        scale = float(np.max(np.abs(self.knots)) * math.sqrt(self.d))
        v = np.arange(n + 1) / n
        g, dg, ddg = np.empty((3, n + 1))
        w = 1.0 - v[1:-1]
        t = scale * v[1:-1] / w
        q1 = self.slope(t)
        g[1:-1] = self.value(t)
        dg[1:-1] = q1 * scale / w**2
        ddg[1:-1] = self.curvature(t) * (scale / w**2) ** 2 + q1 * 2.0 * scale / w**3
        g[0], dg[0], ddg[0] = self.start, self.pull * scale, 2.0 * self.pull * scale
        # q = end + b / t + O(t^-3) at infinity.
        b = 0.5 * (self.d - 1) * self._top * float(self.jumps @ self.knots**2)
        g[-1], dg[-1], ddg[-1] = self.end, -b / scale, 2.0 * b / scale
        dg, ddg = dg / n, ddg / n**2
        # The rise over a cell as an integral of the slope: a difference of values would lose n digits' worth in q'.
        x, weights = np.polynomial.legendre.leggauss(6)
        v = (np.arange(n)[:, None] + 0.5 * (x + 1.0)) / n
        rise = (self.slope(scale * v / (1.0 - v)) * scale / (1.0 - v) ** 2) @ (0.5 * weights / n)
        d0, d1, c0, c1 = dg[:-1], dg[1:], ddg[:-1], ddg[1:]
        cells = np.stack(
            [
                g[:-1],
                d0,
                0.5 * c0,
                10.0 * rise - 6.0 * d0 - 4.0 * d1 - 1.5 * c0 + 0.5 * c1,
                -15.0 * rise + 8.0 * d0 + 7.0 * d1 + 1.5 * c0 - c1,
                6.0 * rise - 3.0 * (d0 + d1) + 0.5 * (c1 - c0),
            ],
            axis=1,
        )
        return MeanTable(np.ascontiguousarray(cells), scale, self.flat, self.start, self.pull)

    @cached_property
    def _top(self) -> float:
        """A(0)."""
        if math.isinf(self.d):
            return 1.0 / math.sqrt(2.0 * math.pi)
        return float(np.exp(gammaln(self.d / 2) - gammaln((self.d - 1) / 2)) / (math.sqrt(math.pi) * (self.d - 1)))

    def _ratios(self, t: Array) -> tuple[Array, Array]:
        """t made positive and finite, and c_k / t (..., n)."""
        positive = np.clip(t, 1e-100, 1e100)
        return positive, self.knots / positive[..., None]

    def _drop(self, z: Array) -> Array:
        """A(z) - A(0)."""
        square = z * z
        if math.isinf(self.d):
            falling: Array = self._top * np.expm1(-0.5 * square)
            return falling
        inside = square < 1.0
        return self._top * np.where(inside, np.expm1(0.5 * (self.d - 1) * np.log1p(-np.where(inside, square, 0.0))), -1.0)

    def _mass_within(self, z: Array) -> Array:
        """P(|n_1| < |z|), for d = infinity P(|G| < |z|)."""
        mass: Array = erf(np.abs(z) / math.sqrt(2.0)) if math.isinf(self.d) else betainc(0.5, 0.5 * (self.d - 1), np.minimum(z * z, 1.0))
        return mass


@lru_cache(maxsize=16)
def chi_rule(d: float, nodes: int) -> tuple[Array, Array]:
    """Nodes and weights for E g(|x|), x ~ N(0, I_d); for d = infinity the one node 1 of |x| / sqrt(d).

    The Gauss rule of Gamma(d/2) in |x|^2 / 2 by Golub and Welsch: Jacobi matrix of diagonal 2k + d/2 and off-diagonal
    sqrt(k (k + d/2 - 1)), weights the squared first entries of its eigenvectors. Nodes of negligible weight are left out.
    """
    if math.isinf(d):
        return np.ones(1), np.ones(1)
    k = np.arange(nodes)
    values, vectors = eigh_tridiagonal(2.0 * k + 0.5 * d, np.sqrt(k[1:] * (k[1:] + 0.5 * d - 1.0)))
    weights = vectors[0] ** 2
    kept = weights > _NEGLIGIBLE
    return np.sqrt(2.0 * values[kept]), weights[kept] / weights[kept].sum()
