"""Weighted nodes of the initial law at infinite width.

The dynamics is homogeneous of degree one in a neuron z = (a, w) and sees second moments only, so the Gaussian law of z in R^(1 + p)
can be replaced by sqrt(1 + p) u, u uniform on the sphere: no radial quadrature (derived in docs/phase_diagram). The law is symmetric in
a, so nodes come in pairs (a, w), (-a, w) of equal weight: f = 0 at the start to the last bit, and the antisymmetric copies are the same
law again.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mfpde.flow import Array
from mfpde.streams import stream
from mfpde.systems.phase_diagram.directions import angles, rays
from mfpde.systems.phase_diagram.initial import Initial


def line_law(X: Array, nodes: int) -> Initial:
    """Gauss-Legendre nodes for inputs X (n, 2): `nodes` in the angle of w on each cell between two rays, 2 `nodes` in that of a to w.

    z = sqrt(3) (sin psi, cos psi cos theta, cos psi sin theta) with weight dtheta/(2 pi) cos psi dpsi/2: the moments of every cell
    are right to rounding.
    """
    ends = angles(rays(X))
    ends = ends[np.append(np.diff(ends) > 1e-12, True)]
    points, weights = np.polynomial.legendre.leggauss(nodes)
    lengths = np.diff(np.append(ends, ends[0] + 2.0 * math.pi))
    theta = (ends[:, None] + 0.5 * lengths[:, None] * (points + 1.0)).ravel()
    of_theta = (0.5 * lengths[:, None] * weights / (2.0 * math.pi)).ravel()
    heights, of_heights = np.polynomial.legendre.leggauss(2 * nodes)
    psi = 0.5 * math.pi * heights[nodes:]
    of_psi = 0.5 * math.pi * of_heights[nodes:] * np.cos(psi) / 2.0
    grid, rise = (v.ravel() for v in np.meshgrid(theta, psi, indexing="ij"))
    level = math.sqrt(3.0) * np.cos(rise)
    w = np.column_stack([level * np.cos(grid), level * np.sin(grid)])
    return _paired(math.sqrt(3.0) * np.sin(rise), w, np.outer(of_theta, of_psi).ravel())


def sphere_law(p: int, nodes: int, seed: int) -> Initial:
    """`nodes` points of a scrambled Sobol sequence, normalised onto the sphere of R^(1 + p), and their mirror images in a.

    Different seeds scramble independently: the spread of results over them is their error.
    """
    from scipy.special import ndtri
    from scipy.stats.qmc import Sobol

    with np.errstate(all="ignore"):
        uniform = Sobol(1 + p, rng=stream(seed, "scrambling")).random(nodes)
    u = ndtri(np.clip(uniform, 2.0**-54, 1.0 - 2.0**-54))
    u *= math.sqrt(1 + p) / np.linalg.norm(u, axis=1, keepdims=True)
    return _paired(np.ascontiguousarray(u[:, 0]), np.ascontiguousarray(u[:, 1:]), np.full(nodes, 0.5 / nodes))


def _paired(a: Array, w: Array, c: Array) -> Initial:
    """The nodes and their mirror images, all of them measured."""
    return replace(Initial.of(a, w, c, antisymmetric=True), first=2 * len(a))
