"""A second layer as a piecewise-linear function of the first layer's feature.

Particles (w_j, b_j) of weights q_j make

    f(F) = sum_j q_j relu(w_j F + b_j),    G(F) = f'(F) = sum_j q_j w_j 1{w_j F + b_j > 0},

whose kinks are F = -b_j / w_j. Derived in docs/depth_separation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit

Vector = npt.NDArray[Any]


class Profile(NamedTuple):
    """The second layer as a function of F: n sorted positive kinks and n + 1 segments.

    On segment s, f = slope[s] F + intercept[s]; particle j is active on the segments start[j] <= s < stop[j].
    """

    kinks: Vector
    slope: Vector
    intercept: Vector
    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]


@jit
def profile(w: Vector, b: Vector, q: Vector) -> Profile:
    """The profile of particles (w, b) with weights q, each (m,); cost O(m log m).

    A particle with w = 0 has no kink; sums run over the particles that are on, so that nothing cancels.
    """
    m = len(w)
    position = np.empty(m)
    for j in range(m):
        position[j] = -b[j] / w[j] if w[j] != 0.0 else np.inf
        if not (0.0 < position[j] < np.inf):
            position[j] = np.inf
    order = np.argsort(position, kind="mergesort")
    n = 0
    while n < m and position[order[n]] < np.inf:
        n += 1
    kinks = np.empty(n)
    start = np.zeros(m, np.int64)
    stop = np.zeros(m, np.int64)
    for s in range(n):
        j = order[s]
        kinks[s] = position[j]
        if w[j] < 0.0:
            stop[j] = s + 1
        else:
            start[j] = s + 1
            stop[j] = n + 1
    for s in range(n, m):
        j = order[s]
        if b[j] > 0.0 or (b[j] == 0.0 and w[j] > 0.0):
            stop[j] = n + 1
    slope = np.zeros(n + 1)
    intercept = np.zeros(n + 1)
    rising_w = rising_b = falling_w = falling_b = 0.0
    for s in range(n, m):
        j = order[s]
        if stop[j] > 0:
            rising_w += q[j] * w[j]
            rising_b += q[j] * b[j]
    for s in range(n + 1):
        if s > 0 and w[order[s - 1]] > 0.0:
            rising_w += q[order[s - 1]] * w[order[s - 1]]
            rising_b += q[order[s - 1]] * b[order[s - 1]]
        slope[s] = rising_w
        intercept[s] = rising_b
    for s in range(n - 1, -1, -1):
        j = order[s]
        if w[j] < 0.0:
            falling_w += q[j] * w[j]
            falling_b += q[j] * b[j]
        slope[s] += falling_w
        intercept[s] += falling_b
    return Profile(kinks, slope, intercept, start, stop)


@jit
def particle_sums(p: Profile, sums: Vector, out: Vector) -> None:
    """out[j] = sum of sums[s] over the segments on which particle j is active; sums (n + 1,), out (m,)."""
    n = len(sums)
    below = np.zeros(n + 1)
    above = np.zeros(n + 1)
    for s in range(n):
        below[s + 1] = below[s] + sums[s]
        above[n - 1 - s] = above[n - s] + sums[n - 1 - s]
    for j in range(len(out)):
        if p.start[j] == 0:
            out[j] = below[p.stop[j]]
        else:
            out[j] = above[p.start[j]] if p.stop[j] == n else below[p.stop[j]] - below[p.start[j]]
