"""Implicit steps of a Markov chain on a line or a ring, by elimination without a single subtraction.

The matrix is I + A, A the generator of jumps between neighbours: its columns sum to 1 and its off-diagonal entries are
not positive. Elimination that keeps the excess of each column over its jumps, instead of the diagonal, only adds,
multiplies and divides numbers >= 0 (Grassmann, Taksar, Heyman 1985, for stationary laws). So a non-negative right side
gives a non-negative solution with every cell accurate to a few roundings, and the same sum, however large the rates are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit

Array = npt.NDArray[np.floating[Any]]

FACTORS = 5  # rows of `factors`: shares that leave a cell for the next and for the last, that enter from there, and 1/pivot


@jit
def eliminate(right: Array, left: Array, periodic: bool, factors: Array) -> None:
    """Factor I + A.

    Parameters
    ----------
    right, left : array (n,)
        Rates >= 0, times the step, across the face i: from cell i to cell i + 1 and back. The last face joins the last
        cell to the first; without `periodic` it is closed and its rates are not read. n >= 3.
    factors : array (5, n)
        Written; what :func:`substitute` needs.
    """
    n = right.size
    last = n - 1
    out = left[last] if periodic else 0.0
    back = right[last] if periodic else 0.0
    excess, excess_last = 1.0, 1.0
    for i in range(last):
        inverse = 1.0 / (excess + right[i] + out)
        factors[0, i] = right[i] * inverse
        factors[1, i] = out * inverse
        factors[2, i] = left[i] * inverse
        factors[3, i] = back * inverse
        factors[4, i] = inverse
        kept = excess * inverse
        excess_last += back * kept
        if i == last - 1:
            excess_last += left[i] * kept
        excess = 1.0 + left[i] * kept
        out = left[i] * factors[1, i]
        back = back * factors[0, i]
    factors[4, last] = 1.0 / excess_last


@jit
def substitute(factors: Array, x: Array) -> None:
    """Solve (I + A) x = b in place: `x` (n,) holds b before and the solution after."""
    last = x.size - 1
    flow, pooled = x[0], x[last]
    for i in range(last - 1):
        x[i] = flow
        pooled += factors[1, i] * flow
        flow = x[i + 1] + factors[0, i] * flow
    x[last - 1] = flow
    pooled = (pooled + (factors[0, last - 1] + factors[1, last - 1]) * flow) * factors[4, last]
    x[last] = above = pooled
    for i in range(last - 1, -1, -1):
        above = (factors[4, i] * x[i] + factors[3, i] * pooled) + factors[2, i] * above
        x[i] = above
