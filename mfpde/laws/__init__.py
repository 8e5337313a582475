"""Laws of the input x: samples, second moments, and for radial laws the density and partial moments of the radius."""

from mfpde.laws.base import Law
from mfpde.laws.bessel import Bessel, CappedBessel
from mfpde.laws.empirical import Empirical
from mfpde.laws.gaussian import Gaussian
from mfpde.laws.mixture import Mixture
from mfpde.laws.moments import moment_table
from mfpde.laws.radial import RadialLaw, Sphere

__all__ = ["Bessel", "CappedBessel", "Empirical", "Gaussian", "Law", "Mixture", "RadialLaw", "Sphere", "moment_table"]
