"""Training curves on MNIST by activation, for five models, with bands over seeds; test accuracies beside the published ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.papers.hajjar2024.shared import published, results
from mfpde.papers.hajjar2024.training_runs import MODELS, train
from mfpde.papers.produce import extend, produce_kept
from mfpde.plot import Data, Tables, new_figure

_NUMBERS = {model: i for i, model in enumerate(MODELS)}
ACTIVATIONS = ["relu", "gelu", "elu", "tanh"]
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "models": list(MODELS), "activations": ACTIVATIONS, "depth": 6, "m": 1024,
        "lr": 0.01, "batch": 512, "steps": 600, "seeds": 5, "every": 10, "tested": 10000,
    },
    "quick": {
        "models": list(MODELS), "activations": ACTIVATIONS, "depth": 4, "m": 256,
        "lr": 0.01, "batch": 128, "steps": 100, "seeds": 2, "every": 10, "tested": 2000,
    },
}  # fmt: skip


def training(preset: str, out: Path, progress: bool) -> list[Path]:
    """Loss and mean |f| against the step for naive IP, IP-LLR (calibrated), muP, IP-bias and IP-non-centered, by activation."""
    return produce_kept("hajjar2024-training", PRESETS[preset], compute, draw, out, progress)


def compute(
    *, models: list[str], activations: list[str], depth: int, m: int, lr: float, batch: int, steps: int, seeds: int, every: int,
    tested: int, progress: bool, store: Path | None = None,
) -> Tables:  # fmt: skip
    """Tables ``loss_<a>`` and ``size_<a>`` for each activation, and ``accuracy``.

    In all of them `model` counts naive IP, IP-LLR, muP, IP-bias, IP-non-centered from 0. Means and standard errors over the seeds are
    those of runs that did not leave the finite numbers up to that step. ``accuracy`` has a row a model and activation, with the number
    of runs that did (`stopped`), and the published mean of five seeds (NaN where there is none, or at sizes other than the published ones).
    """
    grid = [(a, model) for a in activations for model in models]
    configs = [
        {"model": model, "activation": a, "depth": depth, "m": m, "lr": lr, "batch": batch, "steps": steps, "seed": seed,
         "every": every, "tested": tested}
        for a, model in grid for seed in range(seeds)
    ]  # fmt: skip
    runs = iter(results(train, configs, store, progress))
    tables: dict[str, dict[str, list[float]]] = {}
    same_size = {"depth": depth, "m": m, "batch": batch, "steps": steps} == {"depth": 6, "m": 1024, "batch": 512, "steps": 600}
    for activation, model in grid:
        found = [next(runs) for _ in range(seeds)]
        for name, at in (("loss", np.arange(steps)), ("size", every * np.arange(steps // every + 1))):
            mean, error, count = _over_seeds(np.array([run[name] for run in found]))
            extend(tables.setdefault(f"{name}_{activation}", {}), model=_NUMBERS[model], step=at, mean=mean, error=error, runs=count)
        accuracy = np.array([run["accuracy"] for run in found])
        extend(
            tables.setdefault("accuracy", {}), model=_NUMBERS[model], activation=activations.index(activation),
            mean=accuracy.mean(), error=accuracy.std(ddof=1) / math.sqrt(seeds), least=accuracy.min(), largest=accuracy.max(), seeds=seeds,
            stopped=sum(run["made"] != steps for run in found),
            published=published("accuracy", model=model, data="MNIST", depth=6, activation=activation) if same_size else np.nan,
        )  # fmt: skip
    return tables


def draw(data: Data) -> Any:
    """Losses, mean |f| and test accuracies with bars of two standard errors; a column an activation.

    Below an accuracy stands how many of its runs left the finite numbers, where some did.
    """
    activations = [name.removeprefix("loss_") for name in data if name.startswith("loss_")]
    figure, axes = new_figure(len(activations), width=2.9 * len(activations), height=6.2, rows=3)
    for i, activation in enumerate(activations):
        for row, name, label in ((0, "loss", "loss of the batch"), (1, "size", "mean $|f|$ on test images")):
            panel, table = axes[row, i], data[f"{name}_{activation}"]
            for j in np.unique(table["model"]).astype(int):
                step, mean, error = (table[column][table["model"] == j] for column in ("step", "mean", "error"))
                panel.fill_between(step, mean - error, mean + error, color=f"C{j}", alpha=0.25, lw=0)
                panel.plot(step, mean, color=f"C{j}", lw=1.0, label=list(MODELS)[j])
            panel.set(xlabel="step", ylabel=label if i == 0 else None)
        axes[0, i].set(title=activation, ylim=(0.0, 3.5))
        axes[0, i].axhline(math.log(10.0), color="0.5", lw=0.7, ls="--")
        axes[1, i].set_yscale("symlog", linthresh=0.01)
        _accuracies(axes[2, i], data["accuracy"], i)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    axes[2, 0].set_ylabel("test accuracy")
    return figure


def _accuracies(panel: Any, table: Any, activation: int) -> None:
    here = table["activation"] == activation
    model, mean, error = (table[name][here] for name in ("model", "mean", "error"))
    stopped, seeds = table["stopped"][here], table["seeds"][here]
    for j, value, half, ended, runs in zip(model.astype(int), mean, 2.0 * error, stopped, seeds, strict=True):
        panel.errorbar(j, value, half, color=f"C{j}", marker="o", ms=4, capsize=2, lw=1.0)
        if ended:
            place = {"xytext": (0, -3), "textcoords": "offset points", "ha": "center", "va": "top"}
            panel.annotate(f"{ended:g}/{runs:g} stopped", (j, value - half), fontsize=6, **place)
    known = np.isfinite(table["published"][here])
    if known.any():
        panel.plot(model[known], table["published"][here][known], "kx", ms=6, label="published")
        panel.legend(loc="upper right")
    panel.axhline(0.1, color="0.5", lw=0.7, ls="--")
    panel.set(ylim=(0.0, 1.0))
    panel.set_xticks(model, [list(MODELS)[int(j)].replace("non-centered", "nc") for j in model], rotation=30, fontsize=7)


def _over_seeds(values: Any) -> tuple[Any, Any, Any]:
    """Mean, standard error and number of the finite entries of each column (NaN for the error of fewer than two)."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    squares = np.where(finite, (values - mean) ** 2, 0.0).sum(axis=0)
    error = np.sqrt(np.divide(squares, (count - 1) * count, out=np.full(count.shape, np.nan), where=count > 1))
    return mean, error, count
