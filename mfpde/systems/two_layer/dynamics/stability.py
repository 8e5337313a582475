"""The longest steps with which training of a linear network is stable."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from mfpde.flow import Array


def descent_bound(variances: Array, ridge: float) -> float:
    """The length on the flow clock from which on w - b <- (1 - length (S + ridge)) (w - b) does not contract: 2 / (max S + ridge)."""
    return 2.0 / (float(np.max(variances)) + ridge)


def sgd_bound(variances: Array, batch: int) -> float:
    """The length on the flow clock from which on one-pass SGD of a linear network on Gaussian inputs does not contract in mean square.

    With eigenvalues v of E x x^T and batches of n samples, the second moments of the error contract if and only if
    sum_j (length v_j / n) / (2 - length v_j (1 + 1/n)) < 1, every denominator positive; 2/(d + 2) for v = 1, n = 1. Derived in
    docs/two_layer from E (x x^T - S) A (x x^T - S) = S A S + S tr(S A).
    """
    top = 2.0 / ((1.0 + 1.0 / batch) * float(np.max(variances)))

    def excess(length: float) -> float:
        return float(np.sum(length * variances / batch / (2.0 - length * variances * (1.0 + 1.0 / batch)))) - 1.0

    return float(brentq(excess, 1e-3 * top / len(variances), top * (1.0 - 1e-12)))
