"""Rates that a system states, to stand beside the fitted ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfpde.checks import is_real

STATISTICS = ("rms", "mean", "bias")
"""sqrt(mean gap^2), mean |gap| and |mean gap| over the replicas."""


@dataclass(frozen=True)
class PredictedRate:
    """gap ~ constant width^-exponent.

    Attributes
    ----------
    exponent : float
    constant : float or None
        The prefactor, where it is known.
    source : str
        Where the rate is stated or derived.
    statistic : {"rms", "mean", "bias"}
        Of which statistic over replicas; "rms" also stands for "mean", but for its constant.
    width : str or None
        The width that grows; None means any.
    """

    exponent: float
    constant: float | None = None
    source: str = ""
    statistic: str = "rms"
    width: str | None = None

    def __post_init__(self) -> None:
        """Check the numbers and the statistic; ValueError names what is impossible."""
        for name, value in (("exponent", self.exponent), ("constant", self.constant)):
            if not (is_real(value) and np.isfinite(value)) and (name, value) != ("constant", None):
                raise ValueError(f"{name} = {value!r}: give a finite number")
        if self.statistic not in STATISTICS:
            raise ValueError(f"statistic = {self.statistic!r}: give one of {STATISTICS}")


Predictions = Mapping[str, Sequence[PredictedRate]]


def predictions(system: Any) -> dict[str, tuple[PredictedRate, ...]]:
    """What ``system.predicted_rates()`` says, empty if the system has no such method.

    It returns, by the name of a gap, one prediction or several: mappings of the attributes of :class:`PredictedRate`, such as
    ``{"risk": [{"exponent": 0.5, "source": "..."}, {"exponent": 1.0, "statistic": "bias", "source": "..."}]}``.

    Raises
    ------
    ValueError
        If a prediction has an unknown key, none of the exponent, or an impossible value.
    """
    stated = system.predicted_rates() if hasattr(system, "predicted_rates") else {}
    return {name: tuple(_read(name, one) for one in ([given] if isinstance(given, Mapping) else given)) for name, given in stated.items()}


def find_prediction(stated: Predictions, name: str, statistic: str, width: str) -> PredictedRate | None:
    """The prediction for a statistic of the gap `name` as `width` grows; without its constant where that is another statistic's."""
    wanted = [statistic, "rms"] if statistic == "mean" else [statistic]
    for kind in wanted:
        for one in stated.get(name, ()):
            if one.statistic == kind and one.width in (None, width):
                return one if kind == statistic else PredictedRate(one.exponent, None, one.source, statistic, one.width)
    return None


def _read(name: str, given: Mapping[str, Any]) -> PredictedRate:
    try:
        return PredictedRate(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"predicted_rates()[{name!r}] = {dict(given)!r}: {error}") from error
