"""Odd targets: the predictor stays linear, and two moments of the neurons are all there is to know."""

from mfpde.systems.symmetric.odd.system import OddTarget

__all__ = ["OddTarget"]
