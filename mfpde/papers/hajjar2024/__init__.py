"""Figures of Hajjar, Chizat, Giraud (2024), arXiv 2110.15596: integrable parameterizations of deep networks."""

from mfpde.papers.hajjar2024.coordinates import coordinates
from mfpde.papers.hajjar2024.freeze import freeze
from mfpde.papers.hajjar2024.identities import identities
from mfpde.papers.hajjar2024.initialisation import initialisation
from mfpde.papers.hajjar2024.ranks import ranks
from mfpde.papers.hajjar2024.recursion import recursion
from mfpde.papers.hajjar2024.regression import regression
from mfpde.papers.hajjar2024.training import training

__all__ = ["coordinates", "freeze", "identities", "initialisation", "ranks", "recursion", "regression", "training"]
