"""Coordinates in which a Gaussian input is standard normal, and labels in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.threads import single_threaded_blas

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class StandardLabel:
    """y = constant + <linear, g> + <g, quadratic g> + sum_t teacher_weights_t sigma*(.; teacher_t), g the standardised input.

    Attributes
    ----------
    constant, linear, quadratic
        A number, (d,) and a symmetric (d, d).
    square : float
        E y^2 of the polynomial part.
    teacher, teacher_weights : arrays (n, dim), (n,) or None
        Neurons in the coordinates of x.
    """

    constant: float
    linear: Array
    quadratic: Array
    square: float
    teacher: Array | None = None
    teacher_weights: Array | None = None


def times(rows: Array, matrix: Array) -> Array:
    """rows @ matrix on one thread: a multi-threaded BLAS may split the sums, and the bits would depend on its threads."""
    with single_threaded_blas():
        product: Array = rows @ matrix
    return product


class Standardise:
    """x = L g with g ~ N(0, I), L a number, a diagonal or a lower triangle: <w, x> = <L^T w, g>.

    Parameters
    ----------
    d : int
        Dimension of x.
    cov : number, vector (d,) or matrix (d, d)
        Covariance of x, positive definite.
    """

    def __init__(self, d: int, cov: npt.ArrayLike) -> None:
        variances = np.asarray(cov, np.float64)
        self.d = d
        self._factor: Array = np.linalg.cholesky(variances) if variances.ndim == 2 else np.sqrt(variances)

    def inward(self, w: Array) -> Array:
        """Rows L^T w of the rows w (m, d); new and contiguous."""
        rows = times(w, self._factor) if self._factor.ndim == 2 else w * self._factor
        return np.ascontiguousarray(rows)

    def outward(self, gradient: Array) -> Array:
        """Rows L g of the rows g (m, d): what a gradient in L^T w is in w. May overwrite them."""
        if self._factor.ndim == 2:
            return times(gradient, self._factor.T)
        gradient *= self._factor
        return gradient

    def label(self, constant: float, linear: Array, quadratic: Array) -> StandardLabel:
        """constant + <linear, x> + <x, quadratic x> in the coordinates g, with E y^2 = (constant + tr B)^2 + |l|^2 + 2 |B|^2."""
        slope, form = self.inward(linear[None])[0], self.inward(self.inward(quadratic).T)
        mean = constant + float(np.trace(form))
        return StandardLabel(constant, slope, form, mean**2 + float(slope @ slope + 2.0 * np.sum(form**2)))
