"""Depth separation with a three-layer mean-field network (Ren, Zhou, Ge 2023)."""

from mfpde.systems.depth_separation.system import DepthSeparation

__all__ = ["DepthSeparation"]
