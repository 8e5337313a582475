"""Mei, Misiakiewicz, Montanari, "Mean-field theory of two-layers neural networks: dimension-free bounds and kernel limit" (COLT 2019).

The paper has no experiment: every figure is ours and shows what its theorems are about, with settings of our choice, on systems
whose limit is known exactly. The results bound rates; the figures show the rates and constants themselves.
"""

from mfpde.papers.mei2019.constants import constants
from mfpde.papers.mei2019.error_split import split
from mfpde.papers.mei2019.kernel import kernel
from mfpde.papers.mei2019.noisy import noisy
from mfpde.papers.mei2019.spectrum import spectrum

__all__ = ["constants", "kernel", "noisy", "spectrum", "split"]
