"""The network of finite width: its arguments, its initial neurons and the dynamics asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole as integer
from mfpde.flow import Array
from mfpde.laws import Empirical, Law
from mfpde.measures import SphereInit
from mfpde.streams import resolve_seed, stream
from mfpde.systems.symmetric.odd.gradients import ACTIVATIONS, Points, Population, Source, factors
from mfpde.systems.symmetric.odd.limit import step_size
from mfpde.systems.symmetric.odd.moments import labels
from mfpde.systems.symmetric.odd.neurons import Batches, Draw, Network, NeuronDescent, NeuronFlow
from mfpde.systems.symmetric.odd.representation import mean_labels, mirrored
from mfpde.targets import Target

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.system import OddTarget

_BATCH, _TEST_POINTS = 512, 4096

def make_network(
    system: OddTarget,
    m: int,
    dynamics: str,
    lr: float | None,
    batch: int | None,
    data: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    paired: bool,
    activation: str,
    rng: int | None,
) -> NeuronFlow | NeuronDescent:
    """The flow behind :meth:`OddTarget.network`."""
    if dynamics not in ("flow", "gd", "sgd"):
        raise ValueError(f"dynamics = {dynamics!r}: give 'flow', 'gd' or 'sgd'")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(f"activation = {activation!r}: give 'relu' or 'linear'")
    if not isinstance(paired, (bool, np.bool_)):
        raise ValueError(f"paired = {paired!r}: give True or False")
    width, step, kappa, seed = integer("m", m), step_size(dynamics, lr), ACTIVATIONS[activation], resolve_seed(rng)
    if paired and width % 2:
        raise ValueError(f"m = {width}: paired neurons (a, b), (-a, -b) need an even width; give one, or paired=False")
    if not paired and not system.by_law and kappa != 0.0:
        raise ValueError("paired = False: free relu neurons see more of the law than its moments; give the system law and target")
    arguments: dict[str, Any] = {
        "m": width, "dynamics": dynamics, "lr": step, "data": None, "paired": bool(paired), "activation": activation, "rng": seed,
    }  # fmt: skip
    own = None if data is None else _checked_data(data, system.d)
    if own is not None:
        arguments["data"] = own.config()
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "network", "arguments": arguments}
    network = Network(system, _draw(width, system.d, paired, seed), kappa, _test(system, kappa, paired), config)
    if dynamics == "sgd":
        assert step is not None
        arguments["batch"] = samples = _BATCH if batch is None else integer("batch", batch)
        if paired and samples % 2:
            raise ValueError(f"batch = {samples}: paired samples (x, y), (-x, -y) need an even batch; give one, or paired=False")
        return NeuronDescent(network, Batches(_sampler(system, own), samples, paired, seed, kappa), step)
    if batch is not None:
        raise ValueError(f"batch = {batch!r}: dynamics={dynamics!r} draws no samples; leave it out or use 'sgd'")
    source = _source(system, own, kappa, paired)
    return NeuronFlow(network, source) if step is None else NeuronDescent(network, lambda k: source, step)


def _draw(m: int, d: int, paired: bool, seed: int) -> Array:
    """The initial neurons (m, d + 1); a pair is two rows that follow each other."""
    count = m // 2 if paired else m
    a = np.where(stream(seed, "signs").random(count) < 0.5, 1.0, -1.0)
    neurons = np.column_stack([a, SphereInit(d, 1.0).sample(count, stream(seed, "directions"))])
    return np.stack([neurons, -neurons], axis=1).reshape(m, d + 1) if paired else neurons


def _test(system: OddTarget, kappa: float, paired: bool) -> Source:
    """Where the even part of the predictor is measured: under the law if it is known in closed form, or on points."""
    if paired or kappa == 0.0:
        x, y = mean_labels(system)
        return Points(x, y, np.full(len(x), 1.0 / len(x)), kappa)
    return _population(system) or _sample(system)


def _source(system: OddTarget, own: Empirical | None, kappa: float, paired: bool) -> Source:
    """What full gradients are taken of."""
    if own is not None:
        assert own.y is not None
        x, y = mirrored(own.x, own.y) if paired else (own.x, own.y)
        return Points(x, y, np.full(len(x), 1.0 / len(x)), kappa)
    if paired or kappa == 0.0:
        x, y = mean_labels(system)
        return Points(x, y, np.full(len(x), 1.0 / len(x)), kappa)
    found = _population(system)
    if found is None:
        exact = "exact gradients of free neurons are known for Gaussian and radial laws, their mixtures, and data"
        raise ValueError(f"law = {type(system.law).__name__}: {exact}; use dynamics='sgd' or paired=True")
    return found


def _population(system: OddTarget) -> Source | None:
    """The law of the inputs for free relu neurons, where expectations are exact."""
    law: Law = system.law
    if isinstance(law, Empirical):
        return Points(law.x, labels(law, system.target), law.weights, 1.0)
    found = factors(law)
    return None if found is None else Population(found, system.Xbar, system.C)


def _sample(system: OddTarget) -> Source:
    """4096 fixed samples of any other law; their labels are not used."""
    x = system.law.sample(_TEST_POINTS, stream(0, "test points"))
    return Points(x, np.zeros(len(x)), np.full(len(x), 1.0 / len(x)), 1.0)


def _sampler(system: OddTarget, own: Empirical | None) -> Draw:
    """Draws of n samples (x, y)."""
    law: Law = system.law if own is None else own
    target: Target | None = system.target if own is None else None
    if own is None and not system.by_law:
        raise ValueError("dynamics = 'sgd': samples need a law; give the system law and target, or data=(X, y)")
    if isinstance(law, Empirical):
        y = labels(law, target)

        def rows(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
            drawn = law.sample_rows(n, rng)
            return law.x[drawn], y[drawn]

        return rows

    assert target is not None

    def fresh(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = law.sample(n, rng)
        return x, target(x)

    return fresh


def _checked_data(data: Any, d: int) -> Empirical:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"data = {type(data).__name__}: give a pair (X, y) of inputs (n, {d}) and labels (n,)")
    own = Empirical(data[0], data[1])
    if own.d != d or own.y is None or own.y.ndim != 1:
        raise ValueError(f"data: X has shape {own.x.shape} and y {np.shape(data[1])}; give inputs (n, {d}) and labels (n,)")
    return own
