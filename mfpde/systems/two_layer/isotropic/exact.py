"""Minimisers of the risk: the best single atom, the best law, and the separation from which one atom no longer suffices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfpde.flow import Array
from mfpde.systems.two_layer.isotropic.landscape import Landscape
from mfpde.systems.two_layer.isotropic.mean_activation import MeanActivation

_GRID = 800
_CERTIFIED = 1e-13
_ROUNDS = 40


@dataclass(frozen=True)
class Atom:
    """All neurons at one radius.

    Attributes
    ----------
    radius : float
        r*, which may be infinite.
    risk : float
        R of the law that sits there.
    """

    radius: float
    risk: float


@dataclass(frozen=True)
class MinimalRisk:
    """A law of the radius with (nearly) the least risk.

    Attributes
    ----------
    risk : float
        Its risk, an upper bound of inf R.
    certificate : float
        2 [int psi d rho - inf psi] >= risk - inf R: how far above the infimum the risk can be at most (R is convex).
    radii, weights : array (n,)
        The atoms; a radius may be 0 or infinite.
    """

    risk: float
    certificate: float
    radii: Array
    weights: Array


def best_single_atom(landscape: Landscape) -> Atom:
    """The global minimiser of R over laws of one atom, radius 0 and infinity included.

    dR/dr = 2 psi'(r; delta_r): every sign change on a grid of [0, infinity) is located to rounding.
    """
    from scipy.optimize import brentq

    def slope(r: float) -> float:
        return float(landscape.potential_slope(r, landscape.responses(r)))

    grid = landscape.radius_grid(_GRID)
    responses = landscape.responses(grid[:-1])
    slopes = np.einsum("nk,nk,k->n", landscape.slopes(grid[:-1]), responses - landscape.labels, landscape.probabilities)
    rising = np.flatnonzero((slopes[:-1] < 0.0) & (slopes[1:] >= 0.0))
    radii = [0.0, *(brentq(slope, grid[i], grid[i + 1], xtol=1e-15, rtol=1e-14) for i in rising), math.inf]
    atoms = [Atom(float(r), landscape.risk(landscape.responses(r))) for r in radii]
    return min(atoms, key=lambda atom: atom.risk)


def minimal_risk(landscape: Landscape) -> MinimalRisk:
    """inf R over all laws of the radius, as a convex quadratic problem in the weights, with its optimality certificate.

    The weights on a grid from 0 to infinity minimise |sum_j p_j (y - q_j)|^2 over the simplex, which is a non-negative least
    squares problem: with a row of ones for sum p = 1 its solution is the minimiser times a number. Atoms are then exchanged:
    the local minima of psi join, unused ones leave, until the certificate is below 1e-13 or does not fall any more.
    """
    from scipy.optimize import nnls

    radii = landscape.radius_grid(_GRID // 4)
    best: MinimalRisk | None = None
    for _ in range(_ROUNDS):
        misses = (landscape.labels - landscape.responses(radii)) * np.sqrt(landscape.probabilities)
        solution, _ = nnls(np.vstack([misses.T, np.ones(len(radii))]), np.append(np.zeros(misses.shape[1]), 1.0), maxiter=100 * len(radii))
        used = solution > 0.0
        radii, weights = radii[used], solution[used] / solution.sum()
        fields = weights @ landscape.responses(radii)
        minima, values = landscape.lowest(fields)
        gap = 2.0 * float(weights @ landscape.potential(radii, fields) - values[0])
        found = MinimalRisk(landscape.risk(fields), gap, radii, weights)
        if best is not None and gap >= best.certificate:
            return best
        best = found
        if gap < _CERTIFIED:
            break
        radii = np.unique(np.concatenate([radii, minima]))
    assert best is not None
    return best


def threshold(mean: MeanActivation, chi_nodes: int) -> float:
    """The separation Delta^h above which one atom is not the global minimiser any more, by psi(infinity) = psi(r*).

    For d = infinity the atom reaches R = 0 there: q((1 + Delta) r) = 1 and q((1 - Delta) r) = -1.

    Raises
    ------
    ValueError
        If the activation's first violation of psi(r) >= psi(r*) is not at infinity, or no separation in (0, 1) is critical.
    """
    from scipy.optimize import brentq

    if math.isinf(mean.d):
        upper, lower = _crossing(mean, 1.0), _crossing(mean, -1.0)
        found = (upper - lower) / (upper + lower)
    else:

        def margin(delta: float) -> float:
            landscape = Landscape(mean, delta, chi_nodes)
            fields = landscape.responses(best_single_atom(landscape).radius)
            return float(landscape.potential(np.inf, fields) - fields @ (landscape.probabilities * (fields - landscape.labels)))

        grid = np.linspace(0.05, 0.95, 12)
        margins = np.array([margin(delta) for delta in grid])
        falling = np.flatnonzero((margins[:-1] > 0.0) & (margins[1:] <= 0.0))
        if falling.size != 1:
            raise ValueError(f"activation: psi(infinity) = psi(r*) at {falling.size} separations, one was expected; use minimal_risk()")
        found = float(brentq(margin, grid[falling[0]], grid[falling[0] + 1], xtol=1e-14, rtol=1e-14))
    landscape = Landscape(mean, 0.999 * found, chi_nodes)
    fields = landscape.responses(best_single_atom(landscape).radius)
    below = fields @ (landscape.probabilities * (fields - landscape.labels)) - landscape.lowest(fields)[1][0]
    if below > 1e-10:
        raise ValueError(f"activation: below delta = {found:.6g} a finite radius beats the single atom already; use minimal_risk()")
    return float(found)


def _crossing(mean: MeanActivation, level: float) -> float:
    """The only t with q(t) = level."""
    from scipy.optimize import brentq

    t = np.geomspace(1e-3, 1e4, 4001) * float(np.max(np.abs(mean.knots)))
    above = mean.value(t) > level
    changes = np.flatnonzero(above[1:] != above[:-1])
    if changes.size != 1:
        raise ValueError(f"activation: its mean takes the value {level:g} at {changes.size} scales, once was expected; use minimal_risk()")
    i = changes[0]
    return float(brentq(lambda s: float(mean.value(s)) - level, t[i], t[i + 1], xtol=1e-16, rtol=1e-15))
