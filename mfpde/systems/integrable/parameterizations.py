"""The parameterizations as data: powers of the width in front of weights and learning rates, and what of the initial weights stays.

Width m, hidden layers l = 1..L, output L+1: h^l = m^{-a_l} w^l x^{l-1}, f = m^{-a_{L+1}} w^{L+1} x^L and
w^l <- w^l - eta m^{-c_l} dloss/dw^l. The effective weights W^l = m^{-a_l} w^l move by -eta m^{-(2 a_l + c_l)} dloss/dW^l.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

Powers = Sequence[Fraction | int] | Callable[[int, int], Sequence[Fraction | int]]
"""Layers 1, 2..L, L+1; or all L+1 of them; or a function of depth L and degree p that returns all L+1."""

HALF = Fraction(1, 2)


class Exponents(NamedTuple):
    """The exponents of one step: `a` and `c` (L+1 each), and those of the biases' rates (L+1), or None without such biases."""

    a: tuple[Fraction, ...]
    c: tuple[Fraction, ...]
    bias: tuple[Fraction, ...] | None


@dataclass(frozen=True, kw_only=True)
class Parameterization:
    """One way of scaling a deep network with its width.

    Attributes
    ----------
    name : str
    a, c : Powers
        Exponents of weights and learning rates from step 1 on.
    first_a, first_c : Powers, optional
        The same at step 0, where they differ. From step 1 on, W^l = m^{-a_l} w^l(0) + updates in any case.
    bias, first_bias : Powers, optional
        If given, layers 2..L+1 have unscaled biases too, and every bias has the rate eta m^{-bias_l}.
    mean : float
        w^l(0) = mean + U^l for l >= 2, U^l centred.
    keep : bool
        Whether the initial part of layers 2..L remains after step 0.
    rescaled : bool
        Whether step 0 is the large first step, which is computed in rescaled variables (docs/integrable); then sigma must be
        positively homogeneous there, or is linearised.
    zero_output : bool
        Whether f vanishes at step 0 as m grows, so that dloss/df may be taken at f = 0.
    no_limit : str, optional
        Why there is no closed infinite-width recursion; None if there is one.
    """

    name: str
    a: Powers
    c: Powers
    first_a: Powers | None = None
    first_c: Powers | None = None
    bias: Powers | None = None
    first_bias: Powers | None = None
    mean: float = 0.0
    keep: bool = True
    rescaled: bool = False
    zero_output: bool = True
    no_limit: str | None = None

    def exponents(self, step: int, depth: int, degree: int = 1) -> Exponents:
        """The exponents of step `step` for L = `depth` hidden layers and a p = `degree`-homogeneous activation.

        Raises
        ------
        ValueError
            If a sequence has neither 3 nor L+1 entries, or one is no finite number.
        """
        a, c, bias = self.a, self.c, self.bias
        if step == 0:
            a = a if self.first_a is None else self.first_a
            c = c if self.first_c is None else self.first_c
            bias = bias if self.first_bias is None else self.first_bias
        return Exponents(
            self._layers("a", a, depth, degree),
            self._layers("c", c, depth, degree),
            None if bias is None else self._layers("bias", bias, depth, degree),
        )

    def config(self, depth: int, degree: int) -> str | dict[str, Any]:
        """The name of a known parameterization, or all there is to know of another, as JSON values."""
        if PARAMETERIZATIONS.get(self.name) is self:
            return self.name
        steps = [self.exponents(k, depth, degree) for k in (0, 1)]
        listed = {
            f"{prefix}{key}": None if values is None else [str(v) for v in values]
            for prefix, step in zip(("first_", ""), steps, strict=True)
            for key, values in step._asdict().items()
        }
        rest = {"mean": self.mean, "keep": self.keep, "rescaled": self.rescaled, "zero_output": self.zero_output}
        return {"name": self.name, **listed, **rest}

    def _layers(self, name: str, powers: Powers, depth: int, degree: int) -> tuple[Fraction, ...]:
        given = powers(depth, degree) if callable(powers) else powers
        try:
            values = [Fraction(power) for power in given]
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name} of parameterization {self.name!r} is {given!r}: give a sequence of finite numbers") from error
        if len(values) == 3 and not callable(powers):
            values = [values[0], *[values[1]] * (depth - 1), values[2]]
        if len(values) != depth + 1:
            raise ValueError(
                f"{name} of parameterization {self.name!r} has {len(values)} exponents: give 3 (layers 1, 2..L, L+1) or L+1 = {depth + 1}"
            )
        return tuple(values)


def _large_first(depth: int, p: int) -> list[Fraction]:
    s = sum(p**i for i in range(depth))
    return [Fraction(-(1 + s), 2), *[Fraction(-(2 + s), 2)] * (depth - 1), Fraction(-(1 + s), 2)]


def _bias_first(depth: int, p: int) -> list[Fraction]:
    return [Fraction(-(depth + 1), 2), *[Fraction(-(depth - layer + 4), 2) for layer in range(2, depth + 1)], Fraction(-1)]


def _bias_rates_first(depth: int, p: int) -> list[Fraction]:
    return [*[Fraction(-(depth - layer + 2), 2) for layer in range(1, depth + 1)], Fraction(0)]


_A, _C = (0, 1, 1), (-1, -2, -1)
_MUP_A, _MUP_C = (0, HALF, 1), (-1, -1, -1)

_ALL = (
    Parameterization(name="ip", a=_A, c=_C),
    Parameterization(name="ip-llr", a=_A, c=_C, first_c=_large_first, rescaled=True),
    Parameterization(
        name="ip-bias",
        a=_A, c=_C,
        first_c=_bias_first,
        bias=lambda depth, p: [*[-1] * depth, 0],
        first_bias=_bias_rates_first,
        zero_output=False,
        no_limit="its initial predictor is a random constant, and its fields are no functions of the first batch's Gaussians",
    ),
    Parameterization(
        name="ip-non-centered",
        a=_A, c=_C,
        mean=1.0,
        zero_output=False,
        no_limit="all neurons of layers 2..L-1 are identical, which the recursion of centred weights does not describe",
    ),
    Parameterization(
        name="mup",
        a=_MUP_A,
        c=_MUP_C,
        no_limit="its initial weights m^{-1/2} U stay at every step, which no finite set of Gaussians describes",
    ),
    Parameterization(
        name="ntp",
        a=(0, HALF, HALF),
        c=(0, 0, 0),
        zero_output=False,
        no_limit="its infinite-width dynamics is that of a kernel, not of fields",
    ),
    Parameterization(
        name="sp",
        a=(0, HALF, HALF),
        c=(0, -1, -1),
        zero_output=False,
        no_limit="at these rates its output grows without bound with the width",
    ),
    Parameterization(name="hp", a=_A, c=_C, first_a=_MUP_A, first_c=_MUP_C, rescaled=True),
    Parameterization(name="hpz", a=_A, c=_C, first_a=_MUP_A, first_c=_MUP_C, keep=False, rescaled=True),
)
PARAMETERIZATIONS = {each.name: each for each in _ALL}
"""The known parameterizations by name."""


def get(parameterization: str | Parameterization) -> Parameterization:
    """The parameterization of that name, or the given one itself.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if isinstance(parameterization, Parameterization):
        return parameterization
    if not isinstance(parameterization, str) or parameterization not in PARAMETERIZATIONS:
        known = ", ".join(PARAMETERIZATIONS)
        raise ValueError(f"parameterization = {parameterization!r}: known are {known}, or give an mf.Parameterization")
    return PARAMETERIZATIONS[parameterization]
