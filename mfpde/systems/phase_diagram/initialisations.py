"""Initialisations by name: what they make of alpha, beta_1, beta_2 and the learning rates, and where that lies asymptotically."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mfpde.checks import is_real, number

Scale = Callable[[float, float, float], float]
"""A scale as a function of the width m, the input dimension d and the row's parameter."""


@dataclass(frozen=True)
class Scales:
    """f = (1/alpha) sum_k a_k relu(w_k.x) with a_k of standard deviation beta_1 and w_k of beta_2, trained at rates lr_a and lr_w."""

    alpha: float
    beta_1: float
    beta_2: float
    lr_a: float = 1.0
    lr_w: float = 1.0

    @property
    def kappa(self) -> float:
        """beta_1 beta_2 / alpha."""
        return self.beta_1 * self.beta_2 / self.alpha

    @property
    def kappa_prime(self) -> float:
        """(beta_1 / beta_2) sqrt(lr_w / lr_a)."""
        return self.beta_1 / self.beta_2 * math.sqrt(self.lr_w / self.lr_a)

    @property
    def time_unit(self) -> float:
        """beta_1 beta_2 / sqrt(lr_a lr_w), the training time in which the normalised time grows by 1."""
        return self.beta_1 * self.beta_2 / math.sqrt(self.lr_a * self.lr_w)

    def coordinates(self, m: float) -> tuple[float, float]:
        """(gamma, gamma') at the width m: -log kappa / log m and -log kappa' / log m."""
        # Adding 0 turns the -0 of a kappa that is 1 into 0.
        return -math.log(self.kappa) / math.log(m) + 0.0, -math.log(self.kappa_prime) / math.log(m) + 0.0


@dataclass(frozen=True)
class Initialisation:
    """One row of the table.

    Attributes
    ----------
    title : str
    source : {"paper", "ours"}
        Whether the row is in Table 1 of Luo, Xu, Ma, Zhang 2021 or derived in docs/phase_diagram.
    alpha, beta_1, beta_2, rate_ratio : functions of (m, d, parameter)
        rate_ratio is lr_w / lr_a.
    coordinates : function of (m, parameter)
        The asymptotic (gamma, gamma').
    parameter : str or None
        The name of the parameter that the row needs.
    """

    title: str
    source: str
    alpha: Scale
    beta_1: Scale
    beta_2: Scale
    coordinates: Callable[[float, float], tuple[float, float]]
    rate_ratio: Scale = lambda m, d, q: 1.0
    parameter: str | None = None

    def scales(self, m: float, d: float, parameter: float = 0.0, lr_a: float | None = None, lr_w: float | None = None) -> Scales:
        """The row at width m and input dimension d, with its own learning rates unless others are given."""
        given = (m, d, parameter)
        rate = 1.0 if lr_a is None else lr_a
        return Scales(
            self.alpha(*given), self.beta_1(*given), self.beta_2(*given), rate, rate * self.rate_ratio(*given) if lr_w is None else lr_w
        )


def _one(m: float, d: float, q: float) -> float:
    return 1.0


def _fan_in(variance: float) -> tuple[Scale, Scale]:
    """Standard deviations sqrt(variance / fan_in) of both layers."""
    return lambda m, d, q: math.sqrt(variance / m), lambda m, d, q: math.sqrt(variance / d)


def _at(gamma: float, gamma_prime: float) -> Callable[[float, float], tuple[float, float]]:
    return lambda m, q: (gamma, gamma_prime)


_XAVIER: tuple[Scale, Scale] = (lambda m, d, q: math.sqrt(2.0 / (m + 1.0)), lambda m, d, q: math.sqrt(2.0 / (m + d)))

TABLE = {
    "lecun": Initialisation("LeCun normal", "paper", _one, *_fan_in(1.0), _at(0.5, 0.5)),
    "he": Initialisation("He normal", "paper", _one, *_fan_in(2.0), _at(0.5, 0.5)),
    "xavier": Initialisation("Xavier (Glorot), the default of Keras Dense", "paper", _one, *_XAVIER, _at(1.0, 0.0)),
    "ntk": Initialisation("NTK", "paper", lambda m, d, q: math.sqrt(m), _one, _one, _at(0.5, 0.0)),
    "mean-field": Initialisation("mean field", "paper", lambda m, d, q: m, _one, _one, _at(1.0, 0.0)),
    "e-ma-wu": Initialisation(
        "E, Ma, Wu 2020, beta_1 = m^-p", "paper", _one, lambda m, d, q: m**-q, _one, lambda m, q: (q, q), parameter="p"
    ),
    "pytorch": Initialisation("PyTorch Linear default, uniform(+-fan_in^-1/2)", "ours", _one, *_fan_in(1.0 / 3.0), _at(0.5, 0.5)),
    "flax": Initialisation("Flax and Haiku default (LeCun)", "ours", _one, *_fan_in(1.0), _at(0.5, 0.5)),
    "mup": Initialisation(
        "muP trained by SGD, lr_w / lr_a = m^2", "ours", _one, lambda m, d, q: 1.0 / m, _one, _at(1.0, 0.0), lambda m, d, q: m * m
    ),
    "lazy": Initialisation(
        "lazy scaling f = m^(s - 1) sum", "ours", lambda m, d, q: m ** (1.0 - q), _one, _one, lambda m, q: (1.0 - q, 0.0), parameter="s"
    ),
}
"""Adaptive optimisers are outside this table. A bias that starts at 0 changes constants, not coordinates."""


def get(name: str, parameter: float | None = None) -> tuple[Initialisation, float]:
    """The row called `name` and the value of its parameter, 0 if it has none.

    Raises
    ------
    ValueError
        If there is no such row, or its parameter is missing, not a number or not one of this row.
    """
    if name not in TABLE:
        raise ValueError(f"initialisation {name!r} is unknown: the names are {', '.join(TABLE)}")
    row = TABLE[name]
    if row.parameter is None:
        if parameter is not None:
            raise ValueError(f"parameter = {parameter!r}: initialisation {name!r} has none; leave it out")
        return row, 0.0
    if parameter is None:
        raise ValueError(f"initialisation {name!r} has a parameter: give {row.parameter}, such as 0.5")
    if not is_real(parameter) or not math.isfinite(parameter):
        raise ValueError(f"parameter ({row.parameter}) = {parameter!r}: give a finite number")
    return row, float(parameter)


def scales(
    init: str | None,
    *,
    m: float,
    d: float,
    alpha: float | None = None,
    beta_1: float | None = None,
    beta_2: float | None = None,
    lr_a: float | None = None,
    lr_w: float | None = None,
    parameter: float | None = None,
) -> Scales:
    """The scales of a named initialisation at width m and input dimension d, or the given numbers.

    Raises
    ------
    ValueError
        If neither or both are given, a number is not > 0, or m is not > 1.
    """
    width = number("m", m, positive=True)
    if width <= 1.0:
        raise ValueError(f"m = {m!r}: give a width > 1, the coordinates are logarithms in base m")
    given = {"alpha": alpha, "beta_1": beta_1, "beta_2": beta_2, "lr_a": lr_a, "lr_w": lr_w}
    checked = {name: number(name, value, positive=True) for name, value in given.items() if value is not None}
    rates = {name: checked.pop(name) for name in ("lr_a", "lr_w") if name in checked}
    if init is None:
        missing = [name for name in ("alpha", "beta_1", "beta_2") if name not in checked]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing: give alpha, beta_1 and beta_2, or the name of an initialisation")
        if parameter is not None:
            raise ValueError(f"parameter = {parameter!r}: it belongs to a named initialisation; leave it out")
        return Scales(**checked, **rates)
    if checked:
        name = next(iter(checked))
        raise ValueError(f"{name} = {checked[name]!r}: initialisation {init!r} fixes it; leave one of them out")
    row, value = get(init, parameter)
    return row.scales(width, number("d", d, positive=True), value, **rates)
