"""The smallest C-invariant subspace that contains Xbar: the only directions that ever move."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mfpde.flow import Array

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget

_EQUAL = 1e-13


class Subspace(NamedTuple):
    """Orthonormal eigenvectors of C.

    Attributes
    ----------
    basis : array (d, r)
    variances, cross : arrays (r,)
        The eigenvalues of C, and Xbar in this basis.
    """

    basis: Array
    variances: Array
    cross: Array


def excited(system: OddTarget) -> Subspace:
    """One eigenvector for each eigenvalue of C whose eigenspace Xbar meets: Xbar's own projection on that space.

    Eigenvalues within 1e-13 of each other are taken as one, which changes C by less than its rounding.
    """
    if isinstance(system.covariance, float):
        size = float(np.linalg.norm(system.Xbar))
        return Subspace((system.Xbar / size)[:, None], np.array([system.covariance]), np.array([size]))
    found = whole(system)
    starts = np.flatnonzero(np.diff(found.variances, prepend=-np.inf) > _EQUAL * found.variances)
    basis, variances, cross = [], [], []
    for part in np.split(np.arange(system.d), starts[1:]):
        projection = found.basis[:, part] @ found.cross[part]
        size = float(np.linalg.norm(found.cross[part]))
        if size > 0.0:
            basis.append(projection / size)
            variances.append(float(found.variances[part].mean()))
            cross.append(size)
    return Subspace(np.column_stack(basis), np.array(variances), np.array(cross))


def whole(system: OddTarget) -> Subspace:
    """All eigenvectors of C, r = d."""
    if isinstance(system.covariance, float):
        return Subspace(np.eye(system.d), np.full(system.d, system.covariance), system.Xbar)
    variances, basis = np.linalg.eigh(system.C)
    return Subspace(basis, variances, basis.T @ system.Xbar)
