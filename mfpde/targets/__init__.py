"""Targets f*: functions of inputs x (n, d) with values (n,), or (n, k) for targets of k outputs; and labels of classes."""

from mfpde.targets.base import Array, Custom, Sum, Target, as_target
from mfpde.targets.classes import ClassLabels
from mfpde.targets.polynomial import Linear, OddCubic, Polynomial
from mfpde.targets.radial import Norm, ProjectedNorm, Radial, RadialHat

__all__ = [
    "Array",
    "ClassLabels",
    "Custom",
    "Linear",
    "Norm",
    "OddCubic",
    "Polynomial",
    "ProjectedNorm",
    "Radial",
    "RadialHat",
    "Sum",
    "Target",
    "as_target",
]
