"""Which limit a parameterization has, read off its exponents."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mfpde.flow import Array
from mfpde.systems.integrable.activation import at_zero, slope
from mfpde.systems.integrable.parameterizations import PARAMETERIZATIONS

if TYPE_CHECKING:
    from mfpde.systems.integrable.system import IntegrableNetwork


def limit_rates(system: IntegrableNetwork, lr: float, steps: int) -> Array | None:
    """The rates (steps, L + 1) of the recursion's weight layers, or None if the network never moves in the limit.

    From step 1 on W^l must be m^{-1} times the initial weights, or nothing, plus the updates (l >= 2), with effective rates
    m^{-(2 a + c)} = m, 1, ..., 1, 1/m. Then the first step decides: with the large rates of "ip-llr", or as muP, every layer moves.
    With the rates of later steps it depends on the depth (docs/integrable_recursion): L = 1 moves in both layers; L = 2 with a
    first layer and an output layer that stand still at step 0, whose fields are of order m^{-1/2} there; L >= 3, or L = 2 with
    sigma'(0) = 0 of degree p >= 2, does not move at all.

    Raises
    ------
    ValueError
        If the exponents are others.
    """
    scaling, depth, degree = system.scaling, system.depth, system.degree
    later, first = system.exponents(1), system.exponents(0)
    averages = (Fraction(0), *[Fraction(1)] * depth)
    effective = tuple(-(2 * a + c) for a, c in zip(later.a, later.c, strict=True))
    if scaling.no_limit is not None or later.bias is not None or scaling.mean != 0.0 or later.a != averages or effective != (
        1, *[0] * (depth - 1), -1
    ):  # fmt: skip
        why = scaling.no_limit or "from step 1 on its layers are no averages that move at order one"
        raise ValueError(f"parameterization = {scaling.name!r} has no closed infinite-width recursion: {why}")
    flat = system.sigma.homogeneity is None and slope(system.sigma) == 0.0
    if depth >= 2 and (flat or at_zero(system.sigma) != 0.0):
        raise ValueError(f"activation = {system.sigma.name!r}: the recursion needs sigma(0) = 0, and sigma homogeneous or sigma'(0) != 0")
    rates = np.full((steps, depth + 1), lr)
    large = [PARAMETERIZATIONS[name].exponents(0, depth, degree)[:2] for name in ("ip-llr", "mup")]
    if depth == 1 or first[:2] in large:
        return rates
    if first[:2] != later[:2]:
        raise ValueError(
            f"parameterization = {scaling.name!r}: the exponents of its first step are neither the large ones of 'ip-llr' or 'hp' "
            "nor those of later steps"
        )
    if depth >= 3 or degree >= 2:
        return None
    rates[0, 0] = rates[0, -1] = 0.0
    return rates
