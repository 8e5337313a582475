"""The factors that powers of the width become in one step's arithmetic.

The state holds V^l with W^l = m^{-A_l} V^l, A_l the exponents from step 1 on, and V^l = U^l at the start. A step computes
h^1 = k_1 (V^1 x + b^1), h^l = k_l V^l x^{l-1}, f = k_out V^{L+1} x^L, and backwards dx^L = (V^{L+1})^T chi,
dh^l = dx^l sigma'(h^l), dx^{l-1} = k_l (V^l)^T dh^l; then V^l <- V^l - eta u_l dh^l (x^{l-1})^T.

Written directly, k_l = m^{-a_l}. In rescaled variables (step 0 of a positively p-homogeneous or linearised network), k_l = m^{-1/2} and
k_1 = 1 make every field of order one: h^l = m^{-e_l} h~^l with e_1 = a_1, e_l = a_l - 1/2 + p e_{l-1}; the gradients of f by x^l and
h^l carry m^{-g_l} and m^{-b_l}, g_L = a_{L+1}, b_l = g_l + (p-1) e_l, g_{l-1} = a_l - 1/2 + b_l. Exponents are added as
fractions, so that no large power ever meets a small field (derived in docs/integrable).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mfpde.systems.integrable.system import IntegrableNetwork


class Scales(NamedTuple):
    """Factors of one step.

    Attributes
    ----------
    forward : tuple (L,)
        k_1, ..., k_L.
    output : float
        k_out.
    update : tuple (L+1,)
        u_1, ..., u_{L+1}.
    bias : tuple (L+1,)
        The same for the biases; that of layer 1 and, where they exist, those of layers 2, ..., L+1.
    report : tuple (L,)
        The true pre-activation of layer l is ``report[l-1]`` times the computed one.
    linear : float or None
        The slope that replaces sigma in layers 2..L, None if sigma stays.
    """

    forward: tuple[float, ...]
    output: float
    update: tuple[float, ...]
    bias: tuple[float, ...]
    report: tuple[float, ...]
    linear: float | None


def make_scales(system: IntegrableNetwork, m: int, step: int, rescaled: bool, linear: float | None) -> Scales:
    """The factors of step `step` (0, or 1 for every later one) at width `m`; with `linear`, p = 1."""
    depth, now, later = system.depth, system.exponents(step), system.exponents(1)
    a, c = now.a, now.c
    p = 1 if linear is not None else system.degree
    half = Fraction(1, 2)
    e, b = [Fraction(0)] * depth, [a[depth]] * depth
    if rescaled:
        e[0] = a[0]
        for i in range(1, depth):
            e[i] = a[i] - half + p * e[i - 1]
        b[depth - 1] = a[depth] + (p - 1) * e[depth - 1]
        for i in range(depth - 1, 0, -1):
            b[i - 1] = a[i] - half + b[i] + (p - 1) * e[i - 1]
    forward = [Fraction(0), *[half] * (depth - 1)] if rescaled else list(a[:depth])
    inputs = [Fraction(0), *(p * e[i] for i in range(depth))]
    outer = [*b, Fraction(0)]
    update = [later.a[i] - 2 * a[i] - c[i] - outer[i] - inputs[i] for i in range(depth + 1)]
    bias = [update[0], *[Fraction(0)] * depth]
    if now.bias is not None:
        bias = [-(now.bias[0] + a[0] + a[depth]), *(-(now.bias[i] + a[depth]) for i in range(1, depth)), -now.bias[depth]]

    def power(exponents: list[Fraction]) -> tuple[float, ...]:
        return tuple(float(m) ** float(x) for x in exponents)

    (output,) = power([-(a[depth] + inputs[depth])])
    return Scales(power([-x for x in forward]), output, power(update), power(bias), power([-x for x in e]), linear)
