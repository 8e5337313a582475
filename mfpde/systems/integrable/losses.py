"""The losses, as means over a batch, and their derivatives chi with respect to the output."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array

LOSSES = ("mse", "cross-entropy")


def checked_labels(loss: str, y: npt.ArrayLike, n: int, outputs: int, title: str) -> npt.NDArray[Any]:
    """Labels as (n, outputs) float64 for "mse", as (n,) integers for "cross-entropy".

    Raises
    ------
    ValueError
        If the shape is another, a number is not finite, or a class is out of range.
    """
    labels = np.asarray(y)
    if loss == "mse":
        values = np.array(labels, np.float64)
        if values.shape not in ((n, outputs), *([(n,)] if outputs == 1 else [])):
            raise ValueError(f"{title}: labels have shape {values.shape}: {n} inputs and outputs = {outputs} need {(n, outputs)}")
        if not np.isfinite(values).all():
            raise ValueError(f"{title}: labels contain NaN or infinity: give finite numbers")
        return values.reshape(n, outputs)
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ValueError(f"{title}: labels have shape {labels.shape}, type {labels.dtype}: cross-entropy needs {n} integers")
    wrong = labels[(labels < 0) | (labels >= outputs)]
    if wrong.size:
        raise ValueError(f"{title}: label {int(wrong[0])} is out of range: outputs = {outputs} allows 0 ... {outputs - 1}")
    return labels.astype(np.int64)


def values(loss: str, f: Array, y: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The loss of each sample (n,) for outputs f (n, outputs): |f - y|^2 / 2, or -log softmax(f)_y."""
    out = f.astype(np.float64)
    if loss == "mse":
        return np.asarray(0.5 * np.sum((out - y) ** 2, axis=1))
    top = out.max(axis=1)
    return np.asarray(np.log(np.sum(np.exp(out - top[:, None]), axis=1)) + top - out[np.arange(len(out)), y])


def derivative(loss: str, f: Array, y: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """chi (n, outputs), the derivative of each sample's loss with respect to its outputs f (n, outputs)."""
    out = f.astype(np.float64)
    if loss == "mse":
        return np.asarray(out - y)
    chi = np.exp(out - out.max(axis=1)[:, None])
    chi /= np.sum(chi, axis=1)[:, None]
    chi[np.arange(len(out)), y] -= 1.0
    return np.asarray(chi)
