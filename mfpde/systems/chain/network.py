"""The chain of finite width: its arguments, its neurons and the dynamics asked for."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import StepFlow, VelocityFlow
from mfpde.measures import Ensemble
from mfpde.streams import resolve_seed, stream
from mfpde.systems.chain.flows import ChainDescent, ChainFlow
from mfpde.systems.chain.samples import frozen_samples
from mfpde.systems.chain.system import Chain, Layer


def make_network(
    chain: Chain,
    widths: Sequence[int | None],
    dynamics: str,
    samples: int | npt.ArrayLike | None,
    dt: float | None,
    batch: int | None,
    rng: int | None,
    dtype: str,
) -> VelocityFlow | StepFlow:
    """The flow behind :meth:`Chain.network`."""
    if dynamics not in ("flow", "gd", "sgd"):
        raise ValueError(f"dynamics = {dynamics!r}: give 'flow', 'gd' or 'sgd'")
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype = {dtype!r}: give 'float64' or 'float32'")
    if (dt is None) != (dynamics == "flow") or (dt is not None and not (isfinite(dt) and dt > 0.0)):
        raise ValueError(f"dt = {dt!r}: give a finite step > 0 for 'gd' and 'sgd', none for 'flow', which chooses its own")
    if (batch is None) != (dynamics != "sgd"):
        raise ValueError(f"batch = {batch!r}: give a number of inputs for 'sgd', none for 'flow' and 'gd', which draw none")
    drawn = None if batch is None else whole("batch", batch)
    seed = resolve_seed(rng)
    sizes = check_widths(chain, widths)
    frozen, recorded = frozen_samples(chain, samples, seed, dtype)
    arguments: dict[str, Any] = {"widths": sizes, "dynamics": dynamics, "samples": recorded, "rng": seed, "dtype": dtype}
    if dt is not None:
        arguments["dt"] = float(dt)
    if drawn is not None:
        arguments["batch"] = drawn
    config = {"system": "Chain", "parameters": chain.config(), "role": "network", "arguments": arguments}
    neurons = [_neurons(i, layer, m, seed) for i, (layer, m) in enumerate(zip(chain.layers, sizes, strict=True), 1)]
    flow = ChainFlow(chain, neurons, frozen, config, dtype)
    return flow if dt is None else ChainDescent(flow, float(dt), drawn, seed)


def check_widths(chain: Chain, widths: Sequence[int | None]) -> list[int | None]:
    """The widths as integers or None; ValueError if they are not one for each layer."""
    if not isinstance(widths, (Sequence, np.ndarray)) or len(widths) != len(chain.layers):
        raise ValueError(f"widths = {widths!r}: give one for each of the {len(chain.layers)} layers")
    return [None if m is None else whole(f"widths[{i}]", m) for i, m in enumerate(widths)]


def draw_layer(i: int, layer: Layer, m: int, seed: int) -> Ensemble:
    """The first `m` particles of layer number `i`: of its Ensemble, or drawn from its initial law."""
    if isinstance(layer.initial, Ensemble):
        return layer.initial.prefix(m)
    return Ensemble(layer.initial.sample(m, stream(seed, "layer", i)))


def _neurons(i: int, layer: Layer, m: int | None, seed: int) -> Ensemble:
    if m is not None:
        return draw_layer(i, layer, m, seed)
    if isinstance(layer.initial, Ensemble):
        return layer.initial
    raise ValueError(f"layer {i}: its width is None, but its initial law is no Ensemble: give a number of neurons")
