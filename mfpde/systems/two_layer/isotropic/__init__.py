"""Two Gaussian classes that differ in scale: the radial mean field, its minimisers, and the anisotropic case."""

from mfpde.systems.two_layer.isotropic.anisotropic import AnisotropicGaussians
from mfpde.systems.two_layer.isotropic.system import IsotropicGaussians

__all__ = ["AnisotropicGaussians", "IsotropicGaussians"]
