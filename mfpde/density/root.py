"""Roots in R^K whose residual is checked: damped Newton steps that keep a Jacobian while it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mfpde.flow import Array

T = TypeVar("T")

_TARGET = 1e-14  # residual, in units of `scale`, at which the search ends
_ACCEPTED = 1e-10  # and the one that is a root where rounding stops the search earlier
_KEPT = 0.1  # a Jacobian is kept while a step leaves less than this part of the residual
_SMALLEST = 2.0**-12  # shortest part of a Newton step that is tried
_STEPS = 100


def find_root(
    evaluate: Callable[[Array], tuple[Array, T]], linear: Callable[[Array], Callable[[Array], Array]], z: Array, scale: float
) -> tuple[Array, T] | None:
    """A root of `evaluate`.

    Parameters
    ----------
    evaluate
        Maps z (K,) to the residual (K,) and to whatever else belongs to z.
    linear
        Maps z to a function that applies the inverse of the residual's derivative there to a vector (K,).
    z : array (K,)
        Where the search starts.
    scale : float
        Size in which residuals, Euclidean norms, are measured, > 0.

    Returns
    -------
    tuple or None
        The root and what belongs to it; None if the scaled residual stays above 1e-10.
    """
    residual, found = evaluate(z)
    size = float(np.linalg.norm(residual)) / scale
    inverse: Callable[[Array], Array] | None = None
    fresh = False
    for _ in range(_STEPS):
        if size <= _TARGET:
            break
        if inverse is None:
            inverse, fresh = linear(z), True
        try:
            newton = inverse(residual)
        except np.linalg.LinAlgError:
            break
        part = 1.0
        while True:
            trial = z - part * newton
            residual_there, found_there = evaluate(trial)
            size_there = float(np.linalg.norm(residual_there)) / scale
            if size_there < (1.0 - 0.1 * part) * size or not fresh or part < _SMALLEST:
                break
            part *= 0.5
        if not size_there < size:
            if fresh:
                break
            inverse = None
            continue
        if not size_there < _KEPT * size:
            inverse = None
        z, residual, found, size, fresh = trial, residual_there, found_there, size_there, False
    return (z, found) if size <= _ACCEPTED else None
