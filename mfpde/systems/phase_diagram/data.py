"""The training data of a point of the phase diagram, checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array


def checked_data(x: npt.ArrayLike | None, y: npt.ArrayLike | None, bias: bool) -> tuple[Array, Array]:
    """Read-only inputs (n,) or (n, d) and labels (n,) in double precision.

    Without x the four points of Luo, Xu, Ma, Zhang 2021, linspace(-1/2, 1/2, 4); without y the labels x^2 of inputs on the line.

    Raises
    ------
    ValueError
        If a shape does not fit, a number is not finite, two inputs are the same, or an input without a bias is 0.
    """
    inputs = _finite("x", np.linspace(-0.5, 0.5, 4) if x is None else x)
    if inputs.ndim not in (1, 2) or inputs.size == 0:
        raise ValueError(f"x has shape {inputs.shape}: give n inputs as (n,) or (n, d)")
    if y is None and inputs.ndim == 2:
        raise ValueError("y = None: the default labels x^2 are for inputs on the line, x (n,); give y")
    labels = _finite("y", inputs**2 if y is None else y)
    if labels.shape != inputs.shape[:1]:
        raise ValueError(f"y has shape {labels.shape}: give one label for each of the {len(inputs)} inputs")
    rows = inputs.reshape(len(inputs), -1)
    _, first = np.unique(rows, axis=0, return_index=True)
    if len(first) < len(rows):
        repeated = int(np.setdiff1d(np.arange(len(rows)), first)[0])
        raise ValueError(f"x[{repeated}] = {inputs[repeated].tolist()} is there twice: give every input once, with one label")
    empty = np.flatnonzero(~rows.any(axis=1))
    if not bias and empty.size:
        raise ValueError(f"x[{empty[0]}] is 0 and there is no bias: no neuron sees it; leave it out")
    for array in (inputs, labels):
        array.setflags(write=False)
    return inputs, labels


def _finite(name: str, values: npt.ArrayLike) -> Array:
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {values!r}: give an array of numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a NaN or an infinity: every value must be finite")
    return array
