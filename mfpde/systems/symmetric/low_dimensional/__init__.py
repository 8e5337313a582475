"""Two-layer networks and a target that depends on a projection of the input (Hajjar, Chizat 2023)."""

from mfpde.systems.symmetric.low_dimensional.system import LowDimensionalTarget

__all__ = ["LowDimensionalTarget"]
