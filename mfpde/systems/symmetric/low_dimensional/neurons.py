"""Neurons (a, b) in R^(1 + d), their angles to H, and the observables they share with the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfpde.flow import Array, Field, Packing


@dataclass(frozen=True)
class PolarNeurons:
    """Initial neurons (a, b) with |a| = |b|, in the polar form in which the limit moves them.

    Attributes
    ----------
    signs, c, theta : array (m,)
        The sign of a, the weight |a| |b| and the angle of b to H.
    head, rest : array (m, d)
        The unit vectors along the parts of b in H and in its complement.
    """

    signs: Array
    c: Array
    theta: Array
    head: Array
    rest: Array

    @classmethod
    def of(cls, a: Array, b: Array, d_h: int) -> PolarNeurons:
        """Those of a (m,) and b (m, d)."""
        head, rest = b.copy(), b.copy()
        head[:, d_h:], rest[:, :d_h] = 0.0, 0.0
        lengths = [norms(part) for part in (head, rest)]
        for part, length in zip((head, rest), lengths, strict=True):
            part /= np.where(length > 0.0, length, 1.0)[:, None]
        return cls(np.sign(a), np.abs(a) * norms(b), np.arctan2(lengths[1], lengths[0]), head, rest)

    @property
    def m(self) -> int:
        """How many."""
        return int(self.signs.size)

    def moved(self, c: Array, theta: Array) -> Array:
        """The neurons (m, 1 + d) of the weights c and angles theta (m,): |a| = |b| = sqrt(c)."""
        size = np.sqrt(c)
        b = size[:, None] * (np.cos(theta)[:, None] * self.head + np.sin(theta)[:, None] * self.rest)
        return np.column_stack([self.signs * size, b])


def neuron_packing(m: int, d: int) -> Packing:
    """The state of a network: `a` (m,) and `b` (m, d)."""
    return Packing((Field("a", (m,), ("neuron",)), Field("b", (m, d), ("neuron", "coordinate"))))


def norms(b: Array) -> Array:
    """|b_j|, (m,)."""
    lengths: Array = np.sqrt(np.einsum("mk,mk->m", b, b))
    return lengths


def observe_neurons(a: Array, b: Array, d_h: int, loss: float) -> dict[str, float]:
    """The observables of the limit for neurons of weight |a| |b| / m: masses by the sign of a, loss, distances from the ends.

    What belongs to a sign without mass is NaN.
    """
    lengths = norms(b)
    c = np.abs(a) * lengths / a.size
    head, rest = norms(b[:, :d_h]), norms(b[:, d_h:])
    theta = np.arctan2(rest, head)
    with np.errstate(invalid="ignore", divide="ignore"):
        cos2, sin2 = (np.where(lengths > 0.0, (part / lengths) ** 2, 0.0) for part in (head, rest))
    plus, minus = np.where(a > 0.0, c, 0.0), np.where(a < 0.0, c, 0.0)
    values = {"mass_plus": float(plus.sum()), "mass_minus": float(minus.sum()), "loss": loss}
    values |= {"cos2_minus": _mean(minus, cos2), "sin2_plus": _mean(plus, sin2)}
    return values | {"w2_minus": math.sqrt(_mean(minus, (0.5 * np.pi - theta) ** 2)), "w2_plus": math.sqrt(_mean(plus, theta**2))}


def _mean(weights: Array, values: Array) -> float:
    total = float(weights.sum())
    return float(weights @ values) / total if total > 0.0 else math.nan
