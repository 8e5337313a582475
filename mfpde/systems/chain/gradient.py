"""Forward and backward pass of a chain, in blocks of samples and neurons.

Memory is O(parameters + one block for each thread): never samples times neurons. The partition into blocks, and the
order in which they are summed, are fixed by the problem's sizes; the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.kernels.activation import activate_array
from mfpde.kernels.chain import backward_block
from mfpde.systems.chain.system import Layer
from mfpde.threads import run_blocks

ROWS = 256
NEURONS = 512
_SLOT_NUMBERS = 2**24
# A state that blows up gives infinities and NaN, for whoever integrates it to see; NumPy's warnings know no more.
_QUIET = np.errstate(over="ignore", invalid="ignore")

Source = Callable[[slice, int], tuple[Array, Array, Array]]
"""Inputs (r, d), labels (r, k) and weights (r,) of the given rows, which are block number `block`."""


class Neurons(NamedTuple):
    """One layer at one state, arranged for matrix products.

    `v` (m, k_l), `affine` = (A, b) (m, k_{l-1} + 1), `scale` = |A|^(homogeneity - 1) (m,), `unit` = A/|A| or 0 (m, k_{l-1}),
    `readout` = weight scale v, `back` = weight scale A; `code` and `parameters` name sigma.
    """

    code: int
    parameters: npt.NDArray[np.float64]
    v: Array
    affine: Array
    scale: Array
    unit: Array
    readout: Array
    back: Array


def arrange(layer: Layer, theta: Array, weights: Array) -> Neurons:
    """The particles theta (m, p) with weights (m,) of a layer, arranged for matrix products."""
    k, a = layer.outputs, theta[:, layer.outputs : -1]
    scale, unit = np.ones_like(weights), np.zeros((len(theta), 0), theta.dtype)
    if layer.homogeneity == 2:
        scale = np.sqrt(np.einsum("mk,mk->m", a, a))
        unit = np.divide(a, scale[:, None], out=np.zeros_like(a), where=scale[:, None] > 0.0)
    q = (weights * scale)[:, None]
    v, affine = np.ascontiguousarray(theta[:, :k]), np.ascontiguousarray(theta[:, k:])
    return Neurons(layer.sigma.code, layer.sigma.compiled_parameters, v, affine, scale, unit, q * v, q * a)


def outputs(chain: Sequence[Neurons], x: Array) -> Array:
    """f(x) of shape (n, k_L) for inputs x (n, d)."""
    f = np.empty((len(x), chain[-1].v.shape[1]), x.dtype)
    blocks = -(-len(x) // ROWS)
    slots = min(16, blocks)

    @_QUIET
    def work(slot: int) -> None:
        z: Array = np.empty(ROWS * NEURONS, x.dtype)
        for block in range(slot, blocks, slots):
            rows = slice(block * ROWS, min((block + 1) * ROWS, len(x)))
            f[rows] = _forward(chain, x[rows], z)[-1][:, :-1]

    run_blocks(work, slots)
    return f


def velocities(layers: Sequence[Layer], chain: Sequence[Neurons], n: int, source: Source) -> list[Array]:
    """theta' (m_l, p_l) of every layer: -rate sum over samples of weight [d_theta psi_l]^T delta_l.

    Parameters
    ----------
    layers, chain
        The layers and their neurons at this state.
    n, source
        Number of samples, and where blocks of them come from.
    """
    blocks = -(-n // ROWS)
    size = sum(c.v.size + c.affine.size for c in chain)
    slots = min(blocks, max(2, min(16, _SLOT_NUMBERS // size)))
    lowest = min((i for i, layer in enumerate(layers) if layer.train), default=len(layers))
    dtype = chain[0].v.dtype
    sums = [[tuple(np.zeros_like(a) for a in (c.v, c.affine, c.scale)) for c in chain[lowest:]] for _ in range(slots)]

    @_QUIET
    def work(slot: int) -> None:
        buffers: Array = np.empty((2, ROWS * NEURONS), dtype)
        for block in range(slot, blocks, slots):
            rows = slice(block * ROWS, min((block + 1) * ROWS, n))
            x, y, weights = source(rows, block)
            features = _forward(chain, x, buffers[0])
            delta: Array = (features[-1][:, :-1] - y) * weights[:, None]
            for i in range(len(layers) - 1, lowest - 1, -1):
                delta = _backward(layers[i], chain[i], features[i], delta, sums[slot][i - lowest], buffers, i > lowest)

    run_blocks(work, slots)
    moved = [np.zeros((len(c.v), layer.dim), dtype) for layer, c in zip(layers[:lowest], chain, strict=False)]
    for i in range(lowest, len(layers)):
        error_v, error_affine, error_scale = sums[0][i - lowest]
        for other in sums[1:]:
            for total, part in zip((error_v, error_affine, error_scale), other[i - lowest], strict=True):
                total += part
        moved.append(_finish(layers[i], chain[i], error_v, error_affine, error_scale))
    return moved


def _forward(chain: Sequence[Neurons], x: Array, buffer: Array) -> list[Array]:
    """F_0, ..., F_L of a block, each with a last column of ones, which multiplies the biases."""
    features = [_with_ones(x)]
    for c in chain:
        f = np.zeros((len(x), c.v.shape[1]), x.dtype)
        for part in _parts(len(c.v)):
            z = _product(features[-1], c.affine[part], buffer)
            activate_array(c.code, c.parameters, z.reshape(-1))
            f += z @ c.readout[part]
        features.append(_with_ones(f))
    return features


def _backward(
    layer: Layer, c: Neurons, feature: Array, delta: Array, sums: tuple[Array, ...], buffers: Array, descend: bool
) -> Array:
    """Add a block's share of the layer's gradients to `sums`, and return the error delta_{l-1} (nothing if not `descend`)."""
    error_v, error_affine, error_scale = sums
    below = np.zeros((len(feature), feature.shape[1] - 1), feature.dtype)
    for part in _parts(len(c.v)):
        value = _product(feature, c.affine[part], buffers[0])
        error = _product(delta, c.v[part], buffers[1])
        backward_block(c.code, c.parameters, value, error, error_scale[part])
        if "v" in layer.train:
            error_v[part] += value.T @ delta
        if "A" in layer.train or "b" in layer.train:
            error_affine[part] += error.T @ feature
        if descend:
            below += error @ c.back[part]
    return below


def _finish(layer: Layer, c: Neurons, error_v: Array, error_affine: Array, error_scale: Array) -> Array:
    rate_v, rate_a, rate_b = layer.part_rates
    scale = c.scale[:, None]
    a = scale * error_affine[:, :-1]
    if layer.homogeneity == 2:
        a += error_scale[:, None] * c.unit
    return np.hstack([-rate_v * scale * error_v, -rate_a * a, -rate_b * scale * error_affine[:, -1:]])


def _product(a: Array, b: Array, buffer: Array) -> Array:
    """a b^T, written into `buffer`."""
    out = buffer[: len(a) * len(b)].reshape(len(a), len(b))
    return np.matmul(a, b.T, out=out)


def _with_ones(f: Array) -> Array:
    return np.hstack([f, np.ones((len(f), 1), f.dtype)])


def _parts(m: int) -> Iterator[slice]:
    for start in range(0, m, NEURONS):
        yield slice(start, min(start + NEURONS, m))
