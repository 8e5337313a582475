"""How far a network of finite width drifts from its infinite-width limit. Knows the protocols, no system by name."""

from mfpde.finite.constants import FiniteWidth, finite_width
from mfpde.finite.drift import Drift, drift
from mfpde.finite.rates import Rate, fit_rate

__all__ = ["Drift", "FiniteWidth", "Rate", "drift", "finite_width", "fit_rate"]
