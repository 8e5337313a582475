"""The infinite-width chain: every layer's measure carried by weighted particles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import VelocityFlow
from mfpde.measures import Ensemble
from mfpde.streams import resolve_seed
from mfpde.systems.chain.flows import ChainFlow
from mfpde.systems.chain.network import check_widths, draw_layer
from mfpde.systems.chain.samples import Samples, frozen_samples
from mfpde.systems.chain.system import Chain, Layer


class ChainLimit(ChainFlow):
    """The infinite-width dynamics; its observables are the network's."""

    def __init__(
        self,
        chain: Chain,
        ensembles: Sequence[Ensemble],
        samples: Samples,
        config: Mapping[str, Any],
        doubled: Mapping[str, Any],
    ) -> None:
        super().__init__(chain, ensembles, samples, config)
        self._doubled = doubled

    def refined(self) -> VelocityFlow:
        """The same limit with twice the nodes, drawn particles and drawn samples; what was given exactly stays."""
        return self.chain.limit(**self._doubled)


def make_limit(
    chain: Chain, widths: Sequence[int | None] | None, nodes: int, samples: int | npt.ArrayLike | None, rng: int | None
) -> VelocityFlow:
    """The flow behind :meth:`Chain.limit`."""
    seed, per_axis = resolve_seed(rng), whole("nodes", nodes)
    sizes = check_widths(chain, [None] * len(chain.layers) if widths is None else widths)
    frozen, recorded = frozen_samples(chain, samples, seed, "float64")
    pairs = list(zip(chain.layers, sizes, strict=True))
    # A seed that nothing draws from and nobody gave would make every run of this limit another one, which no checkpoint fits.
    given = all(m is None or isinstance(layer.initial, Ensemble) for layer, m in pairs) and not isinstance(recorded, int)
    arguments = {"widths": sizes, "nodes": per_axis, "samples": recorded, "rng": None if rng is None and given else seed}
    config = {"system": "Chain", "parameters": chain.config(), "role": "limit", "arguments": arguments}
    ensembles = [_represent(i, layer, m, per_axis, seed) for i, (layer, m) in enumerate(pairs, 1)]
    doubled = {
        "widths": [m if m is None or isinstance(layer.initial, Ensemble) else 2 * m for layer, m in pairs],
        "nodes": 2 * per_axis,
        "samples": 2 * recorded if isinstance(recorded, int) else samples if samples is None else np.array(samples),
        "rng": seed,
    }
    return ChainLimit(chain, ensembles, frozen, config, doubled)


def _represent(i: int, layer: Layer, m: int | None, nodes: int, seed: int) -> Ensemble:
    if m is not None:
        return draw_layer(i, layer, m, seed)
    if isinstance(layer.initial, Ensemble):
        return layer.initial
    try:
        return layer.initial.gauss_hermite(nodes)
    except ValueError as error:
        raise ValueError(f"layer {i}: {error} (widths=[...])") from error
