"""The kernel limit: residual dynamics under a frozen kernel, the network behind it at a finite scale, and spectra."""

from mfpde.systems.two_layer.kernel.flow import ResidualFlow
from mfpde.systems.two_layer.kernel.residuals import KernelLimit, NodeKernel
from mfpde.systems.two_layer.kernel.sphere import eigenvalues, multiplicities, relu_kernel

__all__ = ["KernelLimit", "NodeKernel", "ResidualFlow", "eigenvalues", "multiplicities", "relu_kernel"]
