"""Probability measures over neurons: ensembles, initial laws, directions on the sphere, and distances."""

from mfpde.measures.directions import orthogonal_directions
from mfpde.measures.distances import sliced_wasserstein, wasserstein, wasserstein_1d
from mfpde.measures.ensemble import Ensemble
from mfpde.measures.initial import GaussianInit, InitialLaw, ProductInit, SphereInit

__all__ = [
    "Ensemble",
    "GaussianInit",
    "InitialLaw",
    "ProductInit",
    "SphereInit",
    "orthogonal_directions",
    "sliced_wasserstein",
    "wasserstein",
    "wasserstein_1d",
]
