"""Infinite-width training dynamics of neural networks, and how fast finite networks approach them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Bound at once: the name is also a folder's, and importing any module in there would put the folder in its place.
from mfpde.solve.loop import solve

if TYPE_CHECKING:
    from mfpde import activations, datasets, finite, laws, measures, study, systems, targets
    from mfpde.finite.budget import error_budget
    from mfpde.finite.constants import finite_width
    from mfpde.finite.drift import drift
    from mfpde.finite.rates import fit_rate
    from mfpde.flow import Trajectory
    from mfpde.measures import Ensemble
    from mfpde.solve import refinement, times
    from mfpde.systems.chain import Chain
    from mfpde.systems.depth_separation import DepthSeparation
    from mfpde.systems.integrable import IntegrableNetwork, Parameterization
    from mfpde.systems.integrable.coordinates import coordinate_check
    from mfpde.systems.phase_diagram import PhasePoint
    from mfpde.systems.phase_diagram.phase_map import phase_map
    from mfpde.systems.phase_diagram.scrambling import scrambled_limit
    from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget
    from mfpde.systems.symmetric.odd import OddTarget
    from mfpde.systems.symmetric.symmetry import symmetry_residual
    from mfpde.systems.two_layer import TwoLayer
    from mfpde.systems.two_layer.circle import CosineCircle
    from mfpde.systems.two_layer.isotropic import AnisotropicGaussians, IsotropicGaussians

_OBJECTS = {
    "AnisotropicGaussians": "mfpde.systems.two_layer.isotropic",
    "Chain": "mfpde.systems.chain",
    "CosineCircle": "mfpde.systems.two_layer.circle",
    "DepthSeparation": "mfpde.systems.depth_separation",
    "Ensemble": "mfpde.measures",
    "IntegrableNetwork": "mfpde.systems.integrable",
    "IsotropicGaussians": "mfpde.systems.two_layer.isotropic",
    "LowDimensionalTarget": "mfpde.systems.symmetric.low_dimensional",
    "OddTarget": "mfpde.systems.symmetric.odd",
    "Parameterization": "mfpde.systems.integrable",
    "PhasePoint": "mfpde.systems.phase_diagram",
    "Trajectory": "mfpde.flow",
    "TwoLayer": "mfpde.systems.two_layer",
    "coordinate_check": "mfpde.systems.integrable.coordinates",
    "drift": "mfpde.finite",
    "error_budget": "mfpde.finite",
    "finite_width": "mfpde.finite",
    "fit_rate": "mfpde.finite",
    "phase_map": "mfpde.systems.phase_diagram.phase_map",
    "refinement": "mfpde.solve",
    "scrambled_limit": "mfpde.systems.phase_diagram.scrambling",
    "symmetry_residual": "mfpde.systems.symmetric.symmetry",
}
_MODULES = {
    "activations": "mfpde.activations",
    "datasets": "mfpde.datasets",
    "finite": "mfpde.finite",
    "laws": "mfpde.laws",
    "measures": "mfpde.measures",
    "study": "mfpde.study",
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
    "IntegrableNetwork",
    "IsotropicGaussians",
    "LowDimensionalTarget",
    "OddTarget",
    "Parameterization",
    "PhasePoint",
    "Trajectory",
    "TwoLayer",
    "activations",
    "coordinate_check",
    "datasets",
    "drift",
    "error_budget",
    "finite",
    "finite_width",
    "fit_rate",
    "laws",
    "measures",
    "phase_map",
    "refinement",
    "scrambled_limit",
    "solve",
    "study",
    "symmetry_residual",
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
