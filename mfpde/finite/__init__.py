"""How far a network of finite width drifts from its infinite-width limit. Knows the protocols, no system by name."""

from mfpde.finite.budget import error_budget
from mfpde.finite.budget_terms import ErrorBudget, Term
from mfpde.finite.comparison import compare
from mfpde.finite.constants import FiniteWidth, finite_width
from mfpde.finite.drift import Drift, drift
from mfpde.finite.extrapolation import Extrapolation, extrapolate
from mfpde.finite.norms import energy_distance
from mfpde.finite.prediction import PredictedRate
from mfpde.finite.rates import Rate, fit_rate
from mfpde.finite.resampling import NoFitError
from mfpde.finite.table import format_table

__all__ = [
    "Drift",
    "ErrorBudget",
    "Extrapolation",
    "FiniteWidth",
    "NoFitError",
    "PredictedRate",
    "Rate",
    "Term",
    "compare",
    "drift",
    "energy_distance",
    "error_budget",
    "extrapolate",
    "finite_width",
    "fit_rate",
    "format_table",
]
