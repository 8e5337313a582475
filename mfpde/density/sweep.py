"""One implicit step of the mean-field PDE along one axis of a grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mfpde.density.field import FreeEnergy
from mfpde.density.krylov import gmres
from mfpde.density.root import find_root
from mfpde.flow import Array
from mfpde.kernels.scharfetter_gummel import implicit_lines
from mfpde.solve.steppers import StepError
from mfpde.threads import run_blocks

Inverse = Callable[[Array], Array]

_BLOCK = 2**14  # cells in a block of work: enough to outweigh handing it to a thread
_DENSE = 32  # order parameters up to which the Jacobian is a matrix
_SHORTEST = 2.0**-20  # smallest increase of the step on the way to the whole one


class Sweep:
    """Implicit steps of d_s rho = d_a (rho d_a Psi[rho]) + (1/beta) d_a^2 rho along the axis a, Psi and rho at the step's end.

    The flux of Scharfetter and Gummel, J = (1/(beta h)) [Ber(phi_{i+1} - phi_i) rho_i - Ber(phi_i - phi_{i+1}) rho_{i+1}] with
    phi = beta Psi, has the sign of -(Psi + log rho / beta)_{i+1} + (Psi + log rho / beta)_i, and F is convex: a step of any
    length lowers F (docs/density.rst). The step is a root problem for the order parameters at its end.
    """

    def __init__(self, energy: FreeEnergy, axis: int) -> None:
        grid = energy.grid
        self._axis, self._energy = axis, energy
        self._h, self._periodic = grid.axes[axis].width, grid.axes[axis].periodic
        self._volume, self._beta = grid.volume, energy.beta
        self._turned = tuple(np.moveaxis(np.empty(grid.shape), axis, -1).shape)
        self._potential = energy.beta * self._lines(energy.drift_potential)
        self._directions = energy.beta * np.stack([self._lines(feature) for feature in energy.features])

    def step(self, rho: Array, ds: float) -> Array:
        """The density after `ds`; `rho` and the result have the grid's shape.

        Raises
        ------
        mfpde.solve.steppers.StepError
            If no order parameters are found that the density at the step's end reproduces to 1e-10.
        """
        start = self._lines(rho)
        z = self._moments(start)
        scale = self._energy.scale(rho)
        after, reached, stride = start, 0.0, 1.0
        # A long step may be too far for Newton's method from the old order parameters: then lengthen it bit by bit.
        while reached < 1.0:
            part = min(1.0, reached + stride)
            root = find_root(*self._problem(start, part * ds), z, scale)
            if root is not None:
                (z, after), reached, stride = root, part, 2.0 * stride
            elif stride < _SHORTEST:
                raise StepError(f"the implicit step ds = {ds:g} has no root that Newton's method finds: take a shorter step")
            else:
                stride *= 0.5
        return np.ascontiguousarray(np.moveaxis(after.reshape(self._turned), -1, self._axis))

    def _problem(self, start: Array, ds: float) -> tuple[Callable[[Array], tuple[Array, Array]], Callable[[Array], Inverse]]:
        """Residual z[after] - z with the density after the step, and the inverse of its derivative, as functions of z."""

        def evaluate(z: Array) -> tuple[Array, Array]:
            after = self._implicit(start, z, ds, self._directions[:0])[0]
            return self._moments(after) - z, after

        def dense(z: Array) -> Inverse:
            tangents = self._implicit(start, z, ds, self._directions)[1].reshape(len(z), -1)
            matrix = self._directions.reshape(len(z), -1) @ tangents.T * (self._volume / self._beta) - np.eye(len(z))
            return partial(np.linalg.solve, matrix)

        def free(z: Array) -> Inverse:
            def apply(v: Array) -> Array:
                change = np.tensordot(v, self._directions, 1)[None]
                return self._moments(self._implicit(start, z, ds, change)[1][0]) - v

            return partial(gmres, apply)

        return evaluate, dense if len(self._directions) <= _DENSE else free

    def _implicit(self, start: Array, z: Array, ds: float, directions: Array) -> tuple[Array, Array]:
        phi = self._potential + np.tensordot(z, self._directions, 1)
        after, tangents = np.empty_like(start), np.empty_like(directions)
        rate, lines = ds / (self._beta * self._h**2), len(start)

        each = max(1, _BLOCK // start.shape[1])

        def block(b: int) -> None:
            begin = b * each
            implicit_lines(phi, start, rate, self._periodic, directions, begin, min(begin + each, lines), after, tangents)

        if lines <= each:
            block(0)
        else:
            run_blocks(block, -(-lines // each))
        return after, tangents

    def _moments(self, lines: Array) -> Array:
        z: Array = self._directions.reshape(len(self._directions), -1) @ lines.ravel() * (self._volume / self._beta)
        return z

    def _lines(self, values: Array) -> Array:
        """The values with this axis last, (lines, n)."""
        return np.ascontiguousarray(np.moveaxis(values, self._axis, -1)).reshape(-1, values.shape[self._axis])
