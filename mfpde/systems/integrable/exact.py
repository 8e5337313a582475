"""The output after one step on one training input, in closed form."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array


def relu_first_step(
    x: npt.ArrayLike, probe: npt.ArrayLike, depth: int, step: float, s2: float = 2.0, bias1: bool = True
) -> Array:
    """f_1 at the inputs `probe` after a step on the single input `x`: ReLU, any number of hidden layers.

    Parameters
    ----------
    x : array (d,)
    probe : array (n, d)
    depth : int
        Hidden layers.
    step : float
        e = learning rate x d loss / d f at f = 0: -eta y for the loss (f - y)^2 / 2.
    s2, bias1
        Variance of the initial entries (of layer 1: over d + 1); whether layer 1 has a bias.

    Returns
    -------
    array (n,)
        With q_l, p_l the variances of the first forward and backward fields and lam_l = E x~_0^l x_1^l(probe):
        -e (k (pi - phi) / (2 pi) + lam_1) for one layer, else -kap_L / 4 - e lam_L, where kap_l = e lam_{l-1} and
        lam_l = sqrt(q_l p_l) |kap_l| / (2 pi). Derived in docs/integrable_recursion.
    """
    first, inputs, one = np.asarray(x, float), np.asarray(probe, float), float(bias1)
    share = s2 / (len(first) + 1.0)
    k = inputs @ first + one
    q = share * float(first @ first) + s2 * one
    p = (0.5 * s2) ** (depth - 1)
    before, cross = share * np.einsum("ij,ij->i", inputs, inputs) + s2 * one, share * (inputs @ first) + s2 * one
    # 1 - cos^2 of the angle from the part of the probe across x, which keeps its digits where the two are parallel.
    along = cross / q
    across = np.einsum("ij,ij->i", inputs - along[:, None] * first, inputs - along[:, None] * first)
    rest = share * across + s2 * one * (1.0 - along) ** 2 + (step * k) ** 2 * p
    phi = np.arctan2(np.sqrt(q * rest), cross)
    lam = np.sqrt(q * (before + (step * k) ** 2 * p)) / (2.0 * math.pi) * (np.sin(phi) + (math.pi - phi) * np.cos(phi))
    if depth == 1:
        output: Array = -step * k * (math.pi - phi) / (2.0 * math.pi) - step * lam
        return output
    for _ in range(2, depth + 1):
        q, p = 0.5 * s2 * q, p / (0.5 * s2)
        kap = step * lam
        lam = math.sqrt(q * p) * np.abs(kap) / (2.0 * math.pi)
    return np.asarray(-0.25 * kap - step * lam)
