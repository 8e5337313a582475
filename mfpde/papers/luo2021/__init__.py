"""Luo, Xu, Ma, Zhang, "Phase diagram for two-layer ReLU neural networks at infinite-width limit" (JMLR 22(71), 2021).

Figures 1 to 7 and 10, and what is not in print: gradient flow and infinite width beside the recipe, errors over seeds, the map of S_a.
"""

from mfpde.papers.luo2021.boxes import boxes, image_boxes
from mfpde.papers.luo2021.condensed import condensed
from mfpde.papers.luo2021.displacement import displacement
from mfpde.papers.luo2021.images import images
from mfpde.papers.luo2021.layers import layers
from mfpde.papers.luo2021.plane import plane
from mfpde.papers.luo2021.slopes_map import slopes_map

__all__ = ["boxes", "condensed", "displacement", "image_boxes", "images", "layers", "plane", "slopes_map"]
