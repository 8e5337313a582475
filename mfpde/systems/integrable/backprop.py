"""One gradient step written by hand: fields forward, gradients backward, weights updated as soon as their gradient is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mfpde.activations import Activation
from mfpde.flow import Array
from mfpde.solve.steppers import StepError
from mfpde.systems.integrable.blocks import phase, row_blocks, rows
from mfpde.systems.integrable.fields import LINEAR, activate_fields, gate_fields
from mfpde.systems.integrable.scales import Scales
from mfpde.systems.integrable.weights import Finish, Weights, add_product


class State(NamedTuple):
    """The arrays of a state by name, and its hidden weights."""

    arrays: Mapping[str, Array]
    hidden: Weights


class Fields(NamedTuple):
    """What a forward pass leaves behind: x^0, ..., x^L and sigma'(h^1), ..., sigma'(h^L), neurons first, and f (n, outputs)."""

    x: list[Array]
    gate: list[Array]
    f: Array


def forward(state: State, scales: Scales, sigma: Activation, x: Array, keep: list[Array] | None = None) -> Fields:
    """The pass of the inputs `x` (n, d) forward; pre-activations h^1, ..., h^L (m, n), in the scale of `scales`, are added to `keep`."""
    depth = len(scales.forward)
    fields, gates = [x.T], []
    for layer in range(1, depth + 1):
        out, gate = _layer(state, scales, sigma, layer, fields[-1], keep)
        fields.append(out)
        gates.append(gate)
    f = (fields[-1].T @ state.arrays["w_out"].T) * x.dtype.type(scales.output)
    if "b_out" in state.arrays:
        f += state.arrays["b_out"]
    return Fields(fields, gates, f)


def check_finite(fields: Fields) -> None:
    """Raise :class:`mfpde.solve.steppers.StepError`, naming the first layer whose fields are not finite, if there is one."""
    for layer, x in enumerate(fields.x[1:], start=1):
        if not np.isfinite(x).all():
            raise StepError(f"blow-up: the fields of layer {layer} are too large for {x.dtype}")
    if not np.isfinite(fields.f).all():
        raise StepError(f"blow-up: the output, layer {len(fields.x)}, is too large for {fields.f.dtype}")


def _layer(
    state: State, scales: Scales, sigma: Activation, layer: int, x: Array, keep: list[Array] | None
) -> tuple[Array, Array]:
    """x^l and sigma'(h^l) of one layer, from x^{l-1}."""
    m = len(state.arrays["w1"])
    scale = x.dtype.type(scales.forward[layer - 1])
    out, gate = np.empty((2, m, x.shape[1]), x.dtype)
    bias = state.arrays.get(f"b{layer}", np.zeros(m, x.dtype))
    if layer == 1:  # the bias of layer 1 is scaled like its weights, others are not
        bias = bias * scale
    linear = layer > 1 and scales.linear is not None
    code, parameters = (LINEAR, np.array([scales.linear])) if linear else (sigma.code, sigma.compiled_parameters)
    pre = None if keep is None else np.empty_like(out)

    def finish(chosen: slice) -> None:
        if pre is not None:
            pre[chosen] = out[chosen] * scale + bias[chosen, None]
        activate_fields(code, parameters, out[chosen], scale, bias[chosen], gate[chosen])

    if layer == 1:
        _first(state.arrays["w1"], x, out, finish)
    else:
        state.hidden.product(layer, x, out, finish)
    if keep is not None and pre is not None:
        keep.append(pre)
    return out, gate


def may_overflow(sizes: Sequence[float], degree: int, dtype: np.dtype[Any]) -> bool:
    """Whether weights of these mean sizes, layers 1, ..., L+1, bring outputs near the end of the type's range.

    Under a p = `degree`-homogeneous activation f is of degree p^{L+1-l} in the weights of layer l. A quarter of the range is far from
    weights in use and leaves room for entries and fields that are much larger than the mean.
    """
    powers = float(degree) ** np.arange(len(sizes))[::-1]
    return bool(powers @ np.log(np.maximum(sizes, 1.0)) > 0.25 * np.log(np.finfo(dtype).max))


def backward(
    state: State, scales: Scales, fields: Fields, chi: Array, rates: Sequence[float], new: Mapping[str, Array]
) -> list[float]:
    """Write the weights after the step into the arrays `new`; `chi` (n, outputs) is dloss/df, `rates` eta of layers 1, ..., L+1.

    Returns
    -------
    list of float
        The mean sizes of the new weights of layers 1, ..., L+1; of the step's change where they are held as factors.

    Raises
    ------
    mfpde.solve.steppers.StepError
        If a layer's new weights are not finite.
    """
    arrays, depth = state.arrays, len(scales.forward)
    factors = [-rate * u for rate, u in zip(rates, scales.update, strict=True)]
    bias_factors = [-rate * u for rate, u in zip(rates, scales.bias, strict=True)]
    _add(arrays["w_out"], factors[depth], chi.T @ fields.x[depth].T, new["w_out"], depth + 1)
    sizes = [float(np.mean(np.abs(new["w_out"])))]
    if "b_out" in arrays:
        _add(arrays["b_out"], bias_factors[depth], np.sum(chi, axis=0), new["b_out"], depth + 1)
    d: Array = arrays["w_out"].T @ chi.T
    gate_fields(d, d.dtype.type(1), fields.gate[depth - 1])
    for layer in range(depth, 0, -1):
        if f"b{layer}" in arrays:
            _add(arrays[f"b{layer}"], bias_factors[layer - 1], np.sum(d, axis=1), new[f"b{layer}"], layer)
        x = fields.x[layer - 1]
        if layer == 1:
            sizes.append(add_product(arrays["w1"], factors[0], d, x, new["w1"]))
        else:
            sizes.append(state.hidden.update(layer, factors[layer - 1], d, x, new))
        if not math.isfinite(sizes[-1]):
            raise StepError(f"blow-up: the weights of layer {layer} are too large for {new['w1'].dtype}")
        if layer > 1:
            d = _below(state, scales, layer, d, fields.gate[layer - 2])
    return sizes[::-1]


def _below(state: State, scales: Scales, layer: int, d: Array, gate: Array) -> Array:
    """dh^{l-1} (m, n) from dh^l."""
    out, scale = np.empty_like(gate), d.dtype.type(scales.forward[layer - 1])

    def finish(chosen: slice) -> None:
        gate_fields(out[chosen], scale, gate[chosen])

    state.hidden.transposed(layer, d, out, finish)
    return out


def _first(w: Array, x: Array, out: Array, finish: Finish) -> None:
    def work(b: int) -> None:
        chosen = rows(len(w), b)
        np.matmul(w[chosen], x, out=out[chosen])
        finish(chosen)

    phase(work, row_blocks(len(w)))


def _add(old: Array, factor: float, gradient: Array, out: Array, layer: int) -> None:
    np.multiply(gradient, gradient.dtype.type(factor), out=out)
    out += old
    if not np.isfinite(out).all():
        raise StepError(f"blow-up: the weights of layer {layer} are too large for {out.dtype}")
