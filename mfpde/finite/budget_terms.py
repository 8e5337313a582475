"""The terms of an error budget, their sum, and what to change to halve it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array

_MOST = 2.0**20
_COLUMNS = ("value", "bias", "bias_error", "fluctuation", "fluctuation_error", "size")


@dataclass(frozen=True)
class Term:
    """What one source contributes to the gap.

    Attributes
    ----------
    name : str
        The argument, or "rtol", "limit rtol", "limit resolution".
    value : float
        The argument's value; NaN for a resolution.
    bias, bias_error : float
        Its part of the mean gap, with sign, and the standard error of that.
    fluctuation, fluctuation_error : float
        The standard deviation over R replicas of its part of the gap, and the standard error of that for Gaussian parts, relatively
        1/sqrt(2(R - 1)): a quarter at 9 replicas.
    order : float
        The bias falls like the factor^-order when refined, and so does the fluctuation's square where `grows`; NaN if that is not known.
    factor : float
        By which the value was refined.
    """

    name: str
    value: float
    bias: float
    bias_error: float
    fluctuation: float
    fluctuation_error: float
    order: float
    factor: float

    @property
    def grows(self) -> bool:
        """Whether refining makes the value larger."""
        return self.factor > 1.0

    @property
    def size(self) -> float:
        """sqrt(bias^2 + fluctuation^2)."""
        return float(np.hypot(self.bias, self.fluctuation))

    def after(self, factor: float) -> tuple[float, float]:
        """Bias and fluctuation once the source is finer by `factor` >= 1."""
        shrink = factor**-self.order
        return self.bias * shrink, self.fluctuation * (np.sqrt(shrink) if self.grows else shrink)


@dataclass(frozen=True)
class ErrorBudget:
    """The gap of an observable between networks and the limit, split into its sources.

    Attributes
    ----------
    observable : str
    t : float
    limit : float
        The limit's value.
    values : array (replicas,)
        The networks' values.
    terms : list of Term
        One for each source.
    """

    observable: str
    t: float
    limit: float
    values: Array
    terms: Sequence[Term]

    @property
    def observed(self) -> float:
        """The root mean square over replicas of network minus limit."""
        return float(np.sqrt(np.mean((self.values - self.limit) ** 2)))

    @property
    def predicted(self) -> float:
        """What the terms make together: biases add up, and so do variances."""
        return _together([(term.bias, term.fluctuation) for term in self.terms])

    @property
    def sampling(self) -> float:
        """The standard error of the mean gap, from the finite number of replicas."""
        return float(np.std(self.values, ddof=1) / np.sqrt(self.values.size))

    @property
    def largest(self) -> Term:
        """The term of the largest size."""
        return max(self.terms, key=lambda term: term.size)

    def table(self) -> npt.NDArray[Any]:
        """One row a term, the largest first, then ``replicas``, whose size is the standard error of the mean gap.

        Returns
        -------
        structured array
            ``term``, ``value``, ``bias``, ``bias_error``, ``fluctuation``, ``fluctuation_error``, ``size``.
        """
        rows = [(term.name, *(getattr(term, name) for name in _COLUMNS)) for term in sorted(self.terms, key=lambda term: -term.size)]
        error = _spread_error(self.sampling, self.values.size)
        rows.append(("replicas", self.values.size, 0.0, 0.0, self.sampling, error, self.sampling))
        return np.array(rows, [("term", f"U{max(len(row[0]) for row in rows)}"), *((name, float) for name in _COLUMNS)])

    def halving(self) -> dict[str, float]:
        """What would halve the gap: the fewest of the largest terms, each refined by one common factor, and their new values.

        Empty if refining all of them is not enough, such as where the error of the limit is the larger part.
        """
        known = sorted((term for term in self.terms if np.isfinite(term.order) and term.size > 0.0), key=lambda term: -term.size)
        for count in range(1, len(known) + 1):
            chosen = known[:count]
            if self._after(chosen, _MOST) < 0.5 * self.predicted:
                low, high = 0.0, float(np.log(_MOST))
                for _ in range(60):
                    middle = 0.5 * (low + high)
                    low, high = (middle, high) if self._after(chosen, np.exp(middle)) > 0.5 * self.predicted else (low, middle)
                if high < np.log(64.0) or count == len(known):
                    return {term.name: term.value * np.exp(high if term.grows else -high) for term in chosen}
        return {}

    def __str__(self) -> str:
        head = f"{self.observable} at t = {self.t:g}: limit {self.limit:.6g}, gap {self.observed:.3g} (rms of {self.values.size} networks)"
        lines = [head, f"{'term':<18}{'value':>10}{'bias':>12}{'+-':>10}{'fluctuation':>13}{'+-':>10}{'size':>11}"]
        for row in self.table():
            bias = f"{row['bias']:>12.3g}{row['bias_error']:>10.2g}"
            fluctuation = f"{row['fluctuation']:>13.3g}{row['fluctuation_error']:>10.2g}"
            lines.append(f"{row['term']:<18}{row['value']:>10.4g}{bias}{fluctuation}{row['size']:>11.3g}")
        lines.append(f"together {self.predicted:.3g}; the largest is {self.largest.name}")
        change = ", ".join(f"{name} = {value:.4g}" for name, value in self.halving().items())
        return "\n".join([*lines, f"to halve the gap: {change or 'refine the limit; the terms of the network are not enough'}"])

    def _after(self, chosen: Sequence[Term], factor: float) -> float:
        return _together([term.after(factor) if term in chosen else (term.bias, term.fluctuation) for term in self.terms])


def shrunk(name: str, value: float, change: Array, factor: float, order: float) -> Term:
    """The term of a step made `factor` < 1 times as long: in every replica the error is Delta/(1 - factor^order)."""
    errors = change / (1.0 - factor**order)
    return Term(name, float(value), *_moments(errors), order, float(factor))


def grown(name: str, value: float, change: Array, factor: float, order: float) -> Term:
    """The term of a number made `factor` > 1 times as large, from nested seeds: bias and variance are Delta's over 1 - factor^-order."""
    scale = 1.0 - factor**-order
    bias, error, spread, spread_error = _moments(change)
    root = np.sqrt(scale)
    return Term(name, float(value), bias / scale, error / scale, spread / root, spread_error / root, order, float(factor))


def _moments(errors: Array) -> tuple[float, float, float, float]:
    """Mean, its standard error, standard deviation, and the standard error of that."""
    if errors.size == 1:
        return float(errors[0]), 0.0, 0.0, 0.0
    spread = float(np.std(errors, ddof=1))
    return float(np.mean(errors)), float(spread / np.sqrt(errors.size)), spread, _spread_error(spread, errors.size)


def _spread_error(spread: float, count: int) -> float:
    """The standard error of the standard deviation of `count` Gaussian numbers, to first order of 1/count (it is chi-distributed)."""
    return float(spread / np.sqrt(2.0 * (count - 1)))


def _together(parts: Sequence[tuple[float, float]]) -> float:
    return float(np.sqrt(sum(bias for bias, _ in parts) ** 2 + sum(fluctuation**2 for _, fluctuation in parts)))
