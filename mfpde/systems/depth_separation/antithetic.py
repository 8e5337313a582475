"""The first layer's gradient over samples in pairs x and -x, from the pre-activations of one of each pair."""

from __future__ import annotations

import numpy as np

from mfpde.systems.depth_separation.gradient import SLOTS, Array, Head, first_layer_gradient


def paired_gradient(x: Array, w1: Array, scale: Array, head: Head, out: Array) -> None:
    """Fill out (m1, d) with V over the samples x and -x, half of which x (n, d) holds.

    With relu(-h) = relu(h) - h and 1{-h > 0} = 1 - 1{h > 0},

        F(-x) = F(x) - x.sum_i s_i w_i,    V_i = sum_x (c(x) + c(-x)) 1{w_i.x > 0} x - sum_x c(-x) x.

    A neuron at 0, which nothing activates, has V_i = 0. Elsewhere no w_i.x may be exactly 0, which -x would then activate.

    Parameters
    ----------
    x : array (n, d)
        In w1's dtype.
    w1, scale, head, out
        As in :func:`first_layer_gradient`; `head` is called twice a block, for x and for -x.
    """
    odd = np.zeros((SLOTS, w1.shape[1]))
    shift = scale.astype(float) @ w1

    def both(rows: slice, block: Array, features: Array, slot: int) -> Array:
        c = head(rows, block, features, slot)
        c_opposite = head(rows, -block, np.maximum(features - block @ shift, 0.0), slot)
        odd[slot] += c_opposite @ block
        return c + c_opposite

    first_layer_gradient(lambda rows, _: x[rows], len(x), w1, scale, both, out)
    out -= w1.any(axis=1, keepdims=True) * odd.sum(axis=0)
