"""The distance W2 between neurons and a limit whose law, or the law of one coordinate that tells everything, lies on a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mfpde.flow import Array

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_HALVINGS = 50  # towards the ends, where quantiles of unbounded laws grow like the root of a logarithm
_LEAST, _MOST = 1e-300, 1.0 - 2.0**-53


@dataclass(frozen=True)
class LineLaw:
    """A law on the line, or on a circle, by its quantile function.

    Attributes
    ----------
    quantile
        Levels u (any shape) in (0, 1) to places; increasing.
    breaks : array (n,)
        Levels between which `quantile` is smooth.
    period : float or None
        The length of the circle; the quantile function then starts from one of its points and rises by the period.
    """

    quantile: Callable[[Array], Array]
    breaks: Array = field(default_factory=lambda: np.empty(0))
    period: float | None = None


def atoms_law(places: Array, weights: Array, period: float | None = None) -> LineLaw:
    """The law sum_j weights_j delta_{places_j}, weights summing to 1."""
    kept = weights > 0.0
    if period is not None:
        places = _wrapped(places, period)
    order = np.argsort(places[kept], kind="stable")
    sorted_places, levels = places[kept][order], np.cumsum(weights[kept][order])
    last = len(sorted_places) - 1
    return LineLaw(lambda u: sorted_places[np.minimum(np.searchsorted(levels, u), last)], levels[:-1], period)


def cells_law(edges: Array, masses: Array, period: float | None = None) -> LineLaw:
    """The law with `masses` (n,) spread evenly over the cells between `edges` (n + 1,)."""
    levels = np.concatenate([[0.0], np.cumsum(np.maximum(masses, 0.0))])
    levels /= levels[-1]
    return LineLaw(lambda u: np.interp(u, levels, edges), levels[1:-1], period)


def line_w2(places: Array, weights: Array, law: LineLaw) -> float:
    """W2 of sum_j weights_j delta_{places_j} and `law`, (int_0^1 |Q(u) - Q_law(u)|^2 du)^{1/2}.

    On the circle, of the length of arcs: the least value over all shifts s of the levels, Q_law(u + s), in which the square is convex.
    Quadrature in u on the pieces where both are smooth: exact for atoms and cells, else to about ten digits.
    """
    if law.period is not None:
        places = _wrapped(places, law.period)
    order = np.argsort(places, kind="stable")
    places, levels = places[order], np.cumsum(weights[order])[:-1]
    if law.period is None:
        edges = _graded(np.unique(np.concatenate([[0.0], levels, law.breaks, [1.0]]).clip(0.0, 1.0)))
        return float(np.sqrt(_square(places, levels, edges, law.quantile)))
    from scipy.optimize import minimize_scalar

    period = law.period

    def square(shift: float) -> float:
        def quantile(u: Array) -> Array:
            turns = np.floor(u + shift)
            lifted: Array = law.quantile((u + shift - turns).clip(_LEAST, _MOST)) + period * turns
            return lifted

        broken = np.mod(law.breaks - shift, 1.0)
        return _square(places, levels, np.unique(np.concatenate([[0.0], levels, broken, [1.0]]).clip(0.0, 1.0)), quantile)

    found = minimize_scalar(square, bounds=(-1.0, 1.0), method="bounded", options={"xatol": 1e-9})
    return float(np.sqrt(min(found.fun, square(0.0))))


def _wrapped(angles: Array, period: float) -> Array:
    """In [-period/2, period/2)."""
    wrapped: Array = np.mod(angles + 0.5 * period, period) - 0.5 * period
    return wrapped


def _square(places: Array, levels: Array, edges: Array, quantile: Callable[[Array], Array]) -> float:
    lengths = np.diff(edges)
    middles = edges[:-1] + 0.5 * lengths
    u = (middles[:, None] + 0.5 * lengths[:, None] * _NODES).clip(_LEAST, _MOST)
    gaps = places[np.minimum(np.searchsorted(levels, middles), len(places) - 1)][:, None] - quantile(u)
    return float(np.sum(0.5 * lengths * (gaps**2 @ _WEIGHTS)))


def _graded(edges: Array) -> Array:
    """The edges with the first and the last piece halved again and again towards 0 and 1."""
    shares = 2.0 ** -np.arange(1.0, _HALVINGS)
    return np.unique(np.concatenate([edges, edges[1] * shares, 1.0 - (1.0 - edges[-2]) * shares]))
