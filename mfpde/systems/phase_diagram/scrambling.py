"""Error bars of the infinite-width law for inputs off the line: the spread over independent scramblings of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mfpde.checks import whole
from mfpde.solve import solve
from mfpde.streams import resolve_seed, stream

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint


class Estimate(NamedTuple):
    """A mean over scramblings and its standard error."""

    mean: float
    stderr: float


def scrambled_limit(
    point: PhasePoint, *, m: float | None = None, dynamics: str = "flow", nodes: int = 4096, replicas: int = 8, rng: int | None = 0
) -> dict[str, Estimate]:
    """The observables at the end of training by the law, each with its error, from `replicas` independent sets of nodes.

    Parameters
    ----------
    m, dynamics, nodes
        As for :meth:`PhasePoint.limit`, `nodes` those of one set.
    replicas : int
        At least 2.
    rng : int, optional
        Seed of all scramblings.

    Raises
    ------
    ValueError
        If the inputs lie on the line, where nodes are not drawn; an argument is out of range; or a run does not reach the tolerance.
    """
    if point.inputs.shape[1] == 2:
        raise ValueError("the inputs are on the line: the nodes there are those of Gauss, and limit().refined() estimates their error")
    seeds = stream(resolve_seed(rng), "replicas").integers(2**62, size=whole("replicas", replicas, least=2))
    runs = [solve(point.limit(m=m, dynamics=dynamics, nodes=nodes, rng=int(seed))) for seed in seeds]
    for run in runs:
        if not run.complete:
            raise ValueError(f"a run did not reach the tolerance: {run.message}")
    ends = {name: np.array([run.observables[name][-1] for run in runs]) for name in runs[0].observables}
    return {name: Estimate(float(np.mean(v)), float(np.std(v, ddof=1) / np.sqrt(len(v)))) for name, v in ends.items()}
