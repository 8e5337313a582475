"""The compiled part of the chain's backward pass: everything element by element that lies between two matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.activation import RELU, activate, activate_derivative
from mfpde.kernels.jit import jit

Array = npt.NDArray[np.floating[Any]]
Parameters = npt.NDArray[np.float64]


@jit
def backward_block(code: int, parameters: Parameters, z: Array, c: Array, cs: Array) -> None:
    """Overwrite z with sigma(z) and c with c sigma'(z), and add the column sums of c sigma(z) to `cs`.

    Parameters
    ----------
    code, parameters
        The activation, as in :func:`mfpde.kernels.activation.activate`.
    z, c : array (rows, neurons)
        Pre-activations, and the error seen by each neuron, v_j . delta(x).
    cs : array (neurons,)
        In: what was summed so far.
    """
    rows, neurons = z.shape
    for i in range(rows):
        if code == RELU:
            for j in range(neurons):
                inactive = z[i, j] <= 0.0
                z[i, j] = 0.0 if inactive else z[i, j]
                cs[j] += c[i, j] * z[i, j]
                c[i, j] = 0.0 if inactive else c[i, j]
        else:
            for j in range(neurons):
                x = z[i, j]
                s = activate(code, parameters, x)
                z[i, j] = s
                cs[j] += c[i, j] * s
                c[i, j] *= activate_derivative(code, parameters, x)
