"""Mei, Montanari, Nguyen, "A mean field view of the landscape of two-layer neural networks" (PNAS 115, 2018, E7665).

The settings of these figures are from memory and unchecked; their files say so. Steps, snapshot times and seeds are our choice.
"""

from mfpde.papers.mei2018.anisotropic import anisotropic
from mfpde.papers.mei2018.histograms import histograms
from mfpde.papers.mei2018.separation import separation
from mfpde.papers.mei2018.two_basins import two_basins

__all__ = ["anisotropic", "histograms", "separation", "two_basins"]
