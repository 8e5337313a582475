"""Linear systems in R^K known only by their action on vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mfpde.flow import Array

_RELATIVE = 1e-8  # residual at which the search ends: the Newton steps around it forgive the rest
_LONGEST = 80


def gmres(apply: Callable[[Array], Array], b: Array) -> Array:
    """x with |apply(x) - b| <= 1e-8 |b|, or the best after 80 vectors (Saad, Schultz 1986, with repeated Gram-Schmidt).

    Parameters
    ----------
    apply
        The linear map, (K,) to (K,).
    b : array (K,)
    """
    size = float(np.linalg.norm(b))
    if size == 0.0:
        return np.zeros_like(b)
    longest = min(_LONGEST, b.size)
    basis, image = np.zeros((longest + 1, b.size)), np.zeros((longest + 1, longest))
    basis[0] = b / size
    right = np.zeros(longest + 1)
    right[0] = size
    for k in range(longest):
        new = apply(basis[k])
        for _ in range(2):
            parts = basis[: k + 1] @ new
            image[: k + 1, k] += parts
            new = new - parts @ basis[: k + 1]
        image[k + 1, k] = np.linalg.norm(new)
        weights = np.linalg.lstsq(image[: k + 2, : k + 1], right[: k + 2])[0]
        if np.linalg.norm(image[: k + 2, : k + 1] @ weights - right[: k + 2]) <= _RELATIVE * size or image[k + 1, k] == 0.0:
            break
        basis[k + 1] = new / image[k + 1, k]
    x: Array = weights @ basis[: len(weights)]
    return x
