"""The phase diagram of two-layer ReLU networks of Luo, Xu, Ma, Zhang (2021)."""

from mfpde.systems.phase_diagram.system import PhasePoint

__all__ = ["PhasePoint"]
