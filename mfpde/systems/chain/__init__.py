"""The general L-layer multilayer mean field with vector features."""

from mfpde.systems.chain.system import Chain, Layer

__all__ = ["Chain", "Layer"]
