"""Infinite-width training dynamics of neural networks, and how fast finite networks approach them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Bound at once: the name is also a folder's, and importing any module in there would put the folder in its place.
from mfpde.solve.loop import solve

if TYPE_CHECKING:
    from mfpde import activations, laws, measures, systems, targets
    from mfpde.finite.constants import finite_width
    from mfpde.finite.drift import drift
    from mfpde.flow import Trajectory
    from mfpde.measures import Ensemble
    from mfpde.solve import refinement, times
    from mfpde.systems.chain import Chain
    from mfpde.systems.depth_separation import DepthSeparation
    from mfpde.systems.two_layer import TwoLayer
    from mfpde.systems.two_layer.circle import CosineCircle
    from mfpde.systems.two_layer.isotropic import AnisotropicGaussians, IsotropicGaussians

_OBJECTS = {
    "AnisotropicGaussians": "mfpde.systems.two_layer.isotropic",
    "Chain": "mfpde.systems.chain",
    "CosineCircle": "mfpde.systems.two_layer.circle",
    "DepthSeparation": "mfpde.systems.depth_separation",
    "Ensemble": "mfpde.measures",
    "IsotropicGaussians": "mfpde.systems.two_layer.isotropic",
    "Trajectory": "mfpde.flow",
    "TwoLayer": "mfpde.systems.two_layer",
    "drift": "mfpde.finite",
    "finite_width": "mfpde.finite",
    "refinement": "mfpde.solve",
}
_MODULES = {
    "activations": "mfpde.activations",
    "laws": "mfpde.laws",
    "measures": "mfpde.measures",
    "systems": "mfpde.systems",
    "targets": "mfpde.targets",
    "times": "mfpde.solve.times",
}

__all__ = [
    "AnisotropicGaussians",
    "Chain",
    "CosineCircle",
    "DepthSeparation",
    "Ensemble",
    "IsotropicGaussians",
    "Trajectory",
    "TwoLayer",
    "activations",
    "drift",
    "finite_width",
    "laws",
    "measures",
    "refinement",
    "solve",
    "systems",
    "targets",
    "times",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import mfpde` itself stays cheap."""
    if name in _OBJECTS:
        found = getattr(import_module(_OBJECTS[name]), name)
    elif name in _MODULES:
        found = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'mfpde' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
