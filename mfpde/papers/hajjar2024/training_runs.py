"""One training run on MNIST: what a training curve shows of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from mfpde.datasets import Dataset, MiniBatches, mnist
from mfpde.flow import Array
from mfpde.solve.steppers import StepError
from mfpde.systems.integrable import IntegrableNetwork
from mfpde.systems.integrable.network import Training

MODELS = {"naive IP": "ip", "IP-LLR": "ip-llr", "muP": "mup", "IP-bias": "ip-bias", "IP-non-centered": "ip-non-centered"}
"""Names in the figures, and of the parameterizations; IP-LLR is the one whose first rates are calibrated."""

_SIZE_ROWS = 512
_TEST_CHUNK = 2000


def train(
    *, model: str, activation: str, depth: int, m: int, lr: float, batch: int, steps: int, seed: int, every: int, tested: int
) -> dict[str, Any]:
    """Train on MNIST by cross-entropy, in single precision, from the network's own f_0, the first step as it is written.

    Returns
    -------
    dict
        `loss` (steps,), of the batch each step saw; `size` (steps // every + 1,), the mean |f| over test images after every
        `every` steps; `accuracy` on the first `tested` test images; `made`, the number of steps; and `message`. After a run left the
        finite numbers its values are NaN, and its accuracy is that of its last good state.
    """
    images, test = data()
    batches = MiniBatches(images, size=batch, steps=steps, rng=seed, loss_rows=1)
    system = IntegrableNetwork(
        d=images.d, depth=depth, parameterization=MODELS[model], activation=activation, outputs=10, loss="cross-entropy"
    )
    probe = test.inputs(slice(0, _SIZE_ROWS))
    network = system.network(
        m=m, batches=batches, lr=lr, probe=probe, rng=seed, dtype="float32", f0="true", first_pass="exact",
        calibration="2021" if system.scaling.name == "ip-llr" else None,
    )  # fmt: skip
    size = np.full(steps // every + 1, np.nan)
    y, made, message = network.state0, steps, "complete"
    for k in range(steps + 1):
        if k % every == 0:
            size[k // every] = np.mean(np.abs(network.predict(y, probe)))
        try:
            y = network.step(k, y) if k < steps else y
        except StepError as error:
            made, message = k, str(error)
            break
    loss = network.unpack(y)["batch_loss"].astype(np.float64)
    loss[made:] = np.nan
    accuracy = np.mean(classes(network, y, test, tested) == test.y[:tested])
    return {"loss": loss, "size": size, "accuracy": float(accuracy), "made": float(made), "message": message, "rates": network.rates}


def classes(network: Training, y: Array, images: Dataset, count: int) -> Any:
    """The classes (count,) that the state `y` gives to the first images."""
    parts = [slice(i, min(i + _TEST_CHUNK, count)) for i in range(0, count, _TEST_CHUNK)]
    return np.concatenate([np.argmax(network.predict(y, images.inputs(part)), axis=1) for part in parts])


@lru_cache(maxsize=1)
def data() -> tuple[Dataset, Dataset]:
    """The training and test images."""
    return mnist("train"), mnist("test")
