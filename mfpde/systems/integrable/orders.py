"""What counting powers of the width predicts for the size of the output, of its change and of every layer's change."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfpde.systems.integrable.system import IntegrableNetwork

HALF = Fraction(1, 2)


def predicted_orders(system: IntegrableNetwork) -> dict[str, Fraction]:
    """The exponents of m in `f_0`, `f_change` (f_1 - f_0) and `change_1`, ..., `change_L` after the first step.

    A sum over m centred independent terms counts m^{1/2}, any other m. Where nothing grows with m the same exponents hold at every
    fixed later step, by the same count. Cancellations are not seen (docs/integrable): with a linearised first pass and L >= 3,
    f_1 - f_0 is smaller by m^{-1/2}.
    """
    depth, scaling, p = system.depth, system.scaling, system.degree
    first, later = system.exponents(0), system.exponents(1)
    a = first.a
    total = Fraction(1) if scaling.mean else HALF

    biases = [Fraction(0)] if first.bias is not None else []
    h = [-a[0]]
    for i in range(1, depth):
        h.append(max([total - a[i] + p * h[i - 1], *biases]))
    f0 = max([total - a[depth] + p * h[-1], *biases])

    d = [Fraction(0)] * depth
    d[-1] = (p - 1) * h[-1] - a[depth]
    for i in range(depth - 1, 0, -1):
        d[i - 1] = (p - 1) * h[i - 1] + total - a[i] + d[i]

    effective = [-(2 * a[i] + first.c[i]) for i in range(depth + 1)]
    change: list[Fraction] = []
    for i in range(depth):
        found = [effective[i] + d[i]]
        if i > 0:
            size = max(h[i - 1], change[i - 1])
            # dW x: the update's rank-one factors meet the fields of the new step.
            found = [effective[i] + d[i] + p * h[i - 1] + 1 + p * size]
            if scaling.keep:
                found.append(total - later.a[i] + (p - 1) * size + change[i - 1])
            if not scaling.keep or later.a[i] != a[i]:
                found.append(h[i])
        if first.bias is not None:
            found.append(d[i] - first.bias[i])
        change.append(max(found))
    size = max(h[-1], change[-1])
    # The initial output weights are aligned with what the first step adds to x^L: their sum is not centred.
    moved = [1 - later.a[depth] + (p - 1) * size + change[-1], effective[depth] + p * h[-1] + 1 + p * size]
    if first.bias is not None:
        moved.append(-first.bias[depth])
    return {"f_0": f0, "f_change": max(moved), **{f"change_{i}": each for i, each in enumerate(change, 1)}}
