"""The stationary law of the noisy flow: the fixed point of the Gibbs map, directly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mfpde.density.field import FreeEnergy
from mfpde.density.root import find_root
from mfpde.flow import Array
from mfpde.threads import single_threaded_blas


def gibbs(energy: FreeEnergy, edge_bound: float = 1e-6) -> Array:
    """The density rho = exp(-beta Psi[rho]) / Z on the grid, the minimiser of the free energy.

    Its order parameters are the minimiser of the strictly convex (1/2) |z|^2 + (1/beta) log Z(z), whose gradient is z - z[rho_z]
    and whose Hessian is 1 + beta Cov(Phi): damped Newton steps find it from anywhere. Equal to the fixed point of
    :class:`mfpde.density.DensityFlow` on the same grid.

    Parameters
    ----------
    energy : FreeEnergy
    edge_bound : float
        As in :class:`mfpde.density.DensityFlow`.

    Returns
    -------
    array of the grid's shape
        The density in the grid's coordinates.

    Raises
    ------
    ValueError
        If the law reaches the ends of the grid, or no root is found to 1e-10.
    """
    grid, features = energy.grid, energy.features.reshape(len(energy.features), -1)

    def law(z: Array) -> Array:
        return grid.normalised(-energy.beta * (energy.drift_potential + np.tensordot(z, energy.features, 1)))

    def evaluate(z: Array) -> tuple[Array, Array]:
        rho = law(z)
        return energy.order_parameters(rho) - z, rho

    def inverse(z: Array) -> Callable[[Array], Array]:
        mass = law(z).ravel() * grid.volume
        centred = features - (features @ mass)[:, None]
        return partial(np.linalg.solve, -np.eye(len(z)) - energy.beta * (centred * mass) @ centred.T)

    start = np.zeros(len(features))
    with single_threaded_blas():
        root = find_root(evaluate, inverse, start, energy.scale(law(start)))
    if root is None:
        raise ValueError(f"no Gibbs measure found to 1e-10 at beta = {energy.beta:g}: lower beta, or take a grid that resolves the law")
    energy.check_edge(root[1], edge_bound, "of the Gibbs measure")
    return root[1]
