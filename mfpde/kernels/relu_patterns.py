"""Activation patterns of neurons on a line, and how far each neuron is from changing its own.

The points x_0 < ... < x_{n-1} are active for w x_i + b > 0. The active ones are the first c, or the last c: cell 0 is empty, cell n is
full, 1 <= c < n are the first c points and n + c the last c. All neurons z = (a, w, b) of a cell s move by the same linear map; from
the positions z_ref they had when the cell was last looked at, they have come to z_ref + Psi_s z_ref.

Point i switches where v_i.z_ref changes sign, v_i = (I + Psi_s)^T (0, x_i, 1). The margin of a neuron is its least |u.X_i| / |X_i| over
all points, u = z_ref / |z_ref|: as v_i.u differs from X_i.u / |X_i| by less than v_i / |v_i| from where it was, the neuron has kept its
pattern while every v_i / |v_i| is closer than the margin to where it was.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.kernels.jit import jit, jit_fast
from mfpde.kernels.relu_line import BLOCK

Array = npt.NDArray[np.floating[Any]]
Cells = npt.NDArray[np.int16]

BINS = 256
"""Margins are kept as whole numbers k, (k / BINS)^2 <= margin."""


@jit_fast
def classify(x: Array, z: Array, d: Array, cells: Cells, margins: Cells) -> None:
    """Cell and margin of every neuron z + d; `x` (n,) in increasing order. Padding, which is 0 and never moves, gets the widest margin.

    Parameters
    ----------
    z, d : arrays (3 BLOCK K,)
    cells, margins : arrays (BLOCK K,)
        Results.
    """
    n = x.shape[0]
    least, active, first = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    w, b, norm = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for k in range(cells.shape[0] // BLOCK):
        start, moved = z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], d[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        for j in range(BLOCK):
            a = start[j] + moved[j]
            w[j], b[j] = start[j + BLOCK] + moved[j + BLOCK], start[j + 2 * BLOCK] + moved[j + 2 * BLOCK]
            norm[j] = a * a + w[j] * w[j] + b[j] * b[j]
        for i in range(n):
            xi, size = x[i], 1.0 / (1.0 + x[i] * x[i])
            for j in range(BLOCK):
                h = w[j] * xi + b[j]
                distance, on = h * h * size, 1.0 if h > 0.0 else 0.0
                if i == 0:
                    least[j], active[j], first[j] = distance, on, on
                else:
                    least[j], active[j] = min(least[j], distance), active[j] + on
        cell, margin = cells[BLOCK * k : BLOCK * (k + 1)], margins[BLOCK * k : BLOCK * (k + 1)]
        for j in range(BLOCK):
            least[j] = BINS * math.sqrt(math.sqrt(least[j] / norm[j])) if norm[j] > 0.0 else BINS - 1.0
        for j in range(BLOCK):
            margin[j] = np.int16(least[j])
            cell[j] = np.int16(active[j] + (n if first[j] == 0.0 and active[j] > 0.0 else 0.0))


@jit
def transport(psi: Array, cells: Cells, z: Array, d: Array) -> None:
    """Bring the neurons of the cells s >= 0 from their reference z + d to where they are: d += Psi_s (z + d)."""
    for k in range(cells.shape[0] // BLOCK):
        start, moved = z[3 * BLOCK * k : 3 * BLOCK * (k + 1)], d[3 * BLOCK * k : 3 * BLOCK * (k + 1)]
        cell = cells[BLOCK * k : BLOCK * (k + 1)]
        for j in range(BLOCK):
            if cell[j] >= 0:
                a, w, b = start[j] + moved[j], start[j + BLOCK] + moved[j + BLOCK], start[j + 2 * BLOCK] + moved[j + 2 * BLOCK]
                p = psi[cell[j]]
                moved[j] += p[0, 0] * a + p[0, 1] * w + p[0, 2] * b
                moved[j + BLOCK] += p[1, 0] * a + p[1, 1] * w + p[1, 2] * b
                moved[j + 2 * BLOCK] += p[2, 0] * a + p[2, 1] * w + p[2, 2] * b


@jit
def turned(x: Array, psi: Array) -> float:
    """max_i |v_i / |v_i| - X_i / |X_i|| for a cell's Psi (3, 3)."""
    largest = 0.0
    for i in range(x.shape[0]):
        size = 1.0 / math.sqrt(1.0 + x[i] * x[i])
        along, level = x[i] * size, size
        va = along * psi[1, 0] + level * psi[2, 0]
        vw = along + along * psi[1, 1] + level * psi[2, 1]
        vb = level + along * psi[1, 2] + level * psi[2, 2]
        v = math.sqrt(va * va + vw * vw + vb * vb)
        largest = max(largest, (va / v) ** 2 + (vw / v - along) ** 2 + (vb / v - level) ** 2)
    return math.sqrt(largest)


@jit
def move_cell(psi: Array, g: float, h: float, slow: float, fast: float) -> None:
    """Psi <- Psi + K (I + Psi), one Euler step of a cell, K its da = -(1 / kappa') (w g + b h), dw = -kappa' a g, db = -kappa' a h."""
    for j in range(3):
        a, w, b = psi[0, j] + (j == 0), psi[1, j] + (j == 1), psi[2, j] + (j == 2)
        psi[0, j] -= slow * (g * w + h * b)
        psi[1, j] -= fast * g * a
        psi[2, j] -= fast * h * a


@jit
def add_outputs(x: Array, s: int, psi: Array, second: Array, f: Array) -> None:
    """f_i += sum over the neurons of cell s of a relu(w x_i + b), from second = sum z_ref z_ref^T (3, 3)."""
    n = x.shape[0]
    along = level = 0.0
    for k in range(3):
        row = 0.0
        for j in range(3):
            row += (psi[0, j] + (j == 0)) * second[j, k]
        along += row * (psi[1, k] + (k == 1))
        level += row * (psi[2, k] + (k == 2))
    first, last = (0, s) if s <= n else (2 * n - s, n)
    for i in range(first, last):
        f[i] += along * x[i] + level


@jit
def displacement(j: int, psi: Array, second: Array, mixed: Array, squares: Array) -> float:
    """sum d_j^2 over the neurons of a cell, d = d_ref + Psi z_ref, from sums of z_ref z_ref^T, d_ref z_ref^T (3, 3) and d_ref^2 (3,)."""
    total = squares[j]
    for k in range(3):
        total += 2.0 * mixed[j, k] * psi[j, k]
        for i in range(3):
            total += psi[j, k] * second[k, i] * psi[j, i]
    return float(total)
