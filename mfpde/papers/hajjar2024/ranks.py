"""Ranks after the first step of IP-LLR on MNIST: of the pre-activations of every layer and of every layer's weight update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpde.datasets import MiniBatches
from mfpde.flow import Array
from mfpde.papers.hajjar2024.shared import published, results
from mfpde.papers.hajjar2024.training_runs import data as mnist_data
from mfpde.papers.produce import extend, produce_kept
from mfpde.plot import Data, Tables, new_figure
from mfpde.systems.integrable import IntegrableNetwork

ACTIVATIONS = ["relu", "gelu", "elu"]
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"activations": ACTIVATIONS, "depth": 6, "m": 1024, "batch": 512, "images": 60000, "trials": 5, "lr": 0.01},
    "quick": {"activations": ACTIVATIONS, "depth": 6, "m": 256, "batch": 128, "images": 4000, "trials": 2, "lr": 0.01},
}
_CHUNK = 2000
_KINDS = ("fields", "updates")


def ranks(preset: str, out: Path, progress: bool) -> list[Path]:
    """Ranks of pre-activations and weight updates after step 1 of IP-LLR on MNIST, beside the published ones."""
    return produce_kept("hajjar2024-ranks", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, activations: list[str], depth: int, m: int, batch: int, images: int, trials: int, lr: float, progress: bool,
    store: Path | None = None,
) -> Tables:  # fmt: skip
    """Tables ``fields`` (pre-activations on the first `images` training images) and ``updates`` (W_1 - W_0), a row an activation and layer.

    `published` is NaN at other sizes than the published ones. The rank is the number of singular values above the largest times
    max(rows, columns) times the rounding unit 2^-23 of single precision.
    """
    configs = [
        {"activation": a, "depth": depth, "m": m, "batch": batch, "images": images, "lr": lr, "seed": seed}
        for a in activations for seed in range(trials)
    ]  # fmt: skip
    runs = iter(results(found_ranks, configs, store, progress))
    same = {"depth": depth, "m": m, "batch": batch, "images": images} == {"depth": 6, "m": 1024, "batch": 512, "images": 60000}
    tables: dict[str, dict[str, list[float]]] = {kind: {} for kind in _KINDS}
    for i, activation in enumerate(activations):
        found = [next(runs) for _ in range(trials)]
        for kind in _KINDS:
            values = np.array([run[kind] for run in found])
            layers = 1 + np.arange(values.shape[1])
            known = [published(f"rank_{kind}", activation=activation, layer=layer) if same else np.nan for layer in layers]
            extend(
                tables[kind], activation=i, layer=layers, mean=values.mean(axis=0), least=values.min(axis=0), largest=values.max(axis=0),
                published=known,
            )  # fmt: skip
    return tables


def draw(data: Data) -> Any:
    """Two panels: ranks of pre-activations and of updates by layer."""
    figure, axes = new_figure(2, width=8.0, height=3.0)
    titles = ("pre-activations after step 1", "weight updates of step 1")
    for panel, kind, title in zip(axes[0], _KINDS, titles, strict=True):
        table = data[kind]
        for i in np.unique(table["activation"]).astype(int):
            at = table["activation"] == i
            layer, mean = table["layer"][at] + 0.08 * (i - 1), table["mean"][at]
            spread = np.array([mean - table["least"][at], table["largest"][at] - mean])
            panel.errorbar(layer, mean, spread, color=f"C{i}", marker="o", lw=0.9, capsize=2, label=ACTIVATIONS[i])
            if np.isfinite(table["published"][at]).any():
                panel.plot(layer, table["published"][at], color=f"C{i}", marker="x", ms=7, ls="none")
        top = max(table["largest"].max() for table in data.values())
        panel.set(yscale="log", xlabel="layer", ylabel="rank", title=title, ylim=(0.8, 2.0 * top))
        panel.set_xticks(np.unique(table["layer"]))
    if np.isfinite(data["fields"]["published"]).any():
        axes[0, 0].plot([], [], "kx", ms=7, label="published")
    axes[0, 0].legend(loc="upper right")
    return figure


def found_ranks(*, activation: str, depth: int, m: int, batch: int, images: int, lr: float, seed: int) -> dict[str, Array]:
    """Ranks of h^1, ..., h^L (`fields`) and of the updates of W^1, ..., W^{L+1} (`updates`) of one network, calibrated as in 2021."""
    train, _ = mnist_data()
    system = IntegrableNetwork(d=train.d, depth=depth, parameterization="ip-llr", activation=activation, outputs=10, loss="cross-entropy")
    batches = MiniBatches(train, size=batch, steps=2, rng=seed, loss_rows=1)
    network = system.network(
        m=m, batches=batches, lr=lr, probe=train.inputs(slice(0, 1)), rng=seed, dtype="float32", f0="true", first_pass="exact",
        calibration="2021",
    )  # fmt: skip
    y = network.step(0, network.state0)
    gram = np.zeros((depth, m, m))
    for first in range(0, images, _CHUNK):
        fields = network.preactivations(y, train.inputs(slice(first, min(first + _CHUNK, images))))
        for total, h in zip(gram, fields, strict=True):
            total += h @ h.T
    updates = [_rank(_gram(change), max(change.shape)) for change in network.weight_changes(y)]
    return {"fields": np.array([_rank(total, max(m, images)) for total in gram]), "updates": np.array(updates)}


def _gram(matrix: Array) -> Array:
    a = np.asarray(matrix, np.float64)
    return a @ a.T


def _rank(gram: Array, larger_side: int) -> float:
    """The numerical rank of a matrix in single precision from its Gram matrix in double precision."""
    squares = np.linalg.eigvalsh(gram)
    return float(np.sum(squares > squares[-1] * (larger_side * 2.0**-23) ** 2))

