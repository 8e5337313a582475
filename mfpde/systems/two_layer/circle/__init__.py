"""The cosine model on the circle: a two-layer network whose mean field is one complex number."""

from mfpde.systems.two_layer.circle.system import CosineCircle

__all__ = ["CosineCircle"]
