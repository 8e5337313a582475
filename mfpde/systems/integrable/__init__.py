"""Integrable parameterizations of deep networks (Hajjar, Chizat, Giraud 2024)."""

from mfpde.systems.integrable.parameterizations import Parameterization
from mfpde.systems.integrable.system import IntegrableNetwork

__all__ = ["IntegrableNetwork", "Parameterization"]
