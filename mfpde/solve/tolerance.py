"""The size of a vector's error is measured against the vector's length, not entry by entry.

A neuron's weights on the input have no preferred axes: a rotation of the inputs turns all neurons and changes nothing else. A relative
tolerance of each entry would ask more of a neuron that happens to lie close to a coordinate plane, and so of some rotations more than
of others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mfpde.flow import Array, Packing

_SPACE = "input"


def measure_vectors(solver: Any, packing: Packing) -> None:
    """Let a Runge-Kutta `solver` accept steps by the errors of whole vectors: the fields of `packing` whose last axis is "input".

    With y the vector of p entries before the step, each entry is allowed atol + rtol |y| / sqrt(p), in place of atol + rtol |y_i|.
    """
    places, start = [], 0
    for field in packing.fields:
        size = int(np.prod(field.shape))
        if field.dims and field.dims[-1] == _SPACE:
            places.append((slice(start, start + size), field.shape))
        start += size
    if not places or not hasattr(solver, "_estimate_error_norm"):
        return
    estimate = solver._estimate_error_norm

    def estimate_error_norm(stages: Array, step: float, scale: Array) -> Any:
        allowed = scale.copy()
        for place, shape in places:
            y = solver.y[place].reshape(shape)
            allowed[place].reshape(shape)[:] = solver.atol + solver.rtol * np.sqrt(np.mean(y**2, axis=-1, keepdims=True))
        return estimate(stages, step, allowed)

    solver._estimate_error_norm = estimate_error_norm
