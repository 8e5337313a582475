"""Structure-preserving finite volumes for noisy mean-field PDEs in few dimensions."""

from mfpde.density.axes import Circle, Interval, Radius
from mfpde.density.field import FreeEnergy, MeanField
from mfpde.density.flow import DensityFlow, GridFlow
from mfpde.density.grid import Grid
from mfpde.density.richardson import Extrapolated, extrapolate
from mfpde.density.steady import gibbs

__all__ = [
    "Circle",
    "DensityFlow",
    "Extrapolated",
    "FreeEnergy",
    "Grid",
    "GridFlow",
    "Interval",
    "MeanField",
    "Radius",
    "extrapolate",
    "gibbs",
]
