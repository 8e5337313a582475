"""Ren, Zhou, Ge, "Depth Separation with Multilayer Mean-Field Networks" (ICLR 2023), and what its limit predicts beyond.

Figure 2 is the paper's; the other figures are ours. What the paper's text leaves open (the input law's scale, the radius cap,
p = 2, the step and batch of SGD, the times shown) is our choice: see docs/depth_separation.
"""

from mfpde.papers.ren2023.dimension import dimension
from mfpde.papers.ren2023.fig2 import figure_2
from mfpde.papers.ren2023.floor import floor
from mfpde.papers.ren2023.stages import stages
from mfpde.papers.ren2023.two_layer import two_layer
from mfpde.papers.ren2023.width_rates import width_rates

__all__ = ["dimension", "figure_2", "floor", "stages", "two_layer", "width_rates"]
