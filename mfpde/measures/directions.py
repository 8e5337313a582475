"""Directions on the sphere for integration: orthonormal frames with antithetic partners."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.threads import single_threaded_blas

Array = npt.NDArray[np.floating[Any]]


def orthogonal_directions(n: int, d: int, rng: np.random.Generator) -> Array:
    """Unit vectors u_1, -u_1, u_2, -u_2, ... (n, d), every 2 d rows one Haar-random orthonormal frame and its negative.

    Each row is uniform on the sphere. Averages over whole frames are exact for polynomials of degree <= 3. The last frame is
    cut to `n` rows; the first rows of a longer sample from an equal generator are the same.

    Haar: the Q of a Gaussian matrix's QR factorisation with the diagonal of R made positive (Mezzadri, Notices AMS 54, 2007).

    Raises
    ------
    ValueError
        If `n` or `d` is below 1.
    """
    if n < 1 or d < 1:
        raise ValueError(f"n = {n}, d = {d}: give integers >= 1")
    out = np.empty((n, d))
    # One matrix a time for large d, many for small: about 1e6 numbers, so that memory stays bounded and loops short.
    batch = max(1, 1_000_000 // d**2)
    with single_threaded_blas():
        for first in range(0, n, 2 * d * batch):
            rows = out[first : first + 2 * d * batch]
            frames = -(-len(rows) // (2 * d))
            q, r = np.linalg.qr(rng.standard_normal((frames, d, d)))
            signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
            u = np.swapaxes(q * signs[:, None, :], 1, 2).reshape(frames * d, d)
            rows[::2] = u[: (len(rows) + 1) // 2]
            rows[1::2] = -u[: len(rows) // 2]
    return out
