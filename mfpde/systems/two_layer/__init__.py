"""Two-layer networks in the mean-field scaling."""

from mfpde.systems.two_layer.potentials.base import Potential
from mfpde.systems.two_layer.potentials.closed_forms import potential_for
from mfpde.systems.two_layer.potentials.labels import Teacher
from mfpde.systems.two_layer.potentials.quadrature import QuadraturePotential
from mfpde.systems.two_layer.system import TwoLayer

__all__ = ["Potential", "QuadraturePotential", "Teacher", "TwoLayer", "potential_for"]
