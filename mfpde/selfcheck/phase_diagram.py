"""The phase diagram: the public solver against closed forms, invariants and itself at a finer resolution."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from mfpde.datafiles import reference_rows
from mfpde.selfcheck.check import Check
from mfpde.solve import solve
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.condensation import condensation
from mfpde.systems.phase_diagram.phase_map import phase_map
from mfpde.systems.phase_diagram.rotation import rotate
from mfpde.systems.phase_diagram.slopes import local_slopes
from mfpde.systems.phase_diagram.training import train_law


def _at(gamma: float, gamma_prime: float, m: float = math.inf) -> PhasePoint:
    return PhasePoint(gamma=gamma, gamma_prime=gamma_prime)


def linear_end() -> Check:
    """The infinite-width law at kappa m = 1e5 is where the closed form of the linear end says."""
    point, m = PhasePoint(gamma=0.5, gamma_prime=0.0), 1e10
    run = solve(point.limit(m=m))
    found, expected = float(run.observables["rd_w"][-1]), point.linear_end(m, float(run.t[-1]))[0]
    return Check("phase diagram, linear end: RD_w relative to the closed form", abs(found / expected - 1.0), 1e-5)


def slopes() -> Check:
    """Local slopes of the law at m = 1e12 are the exponents, in each of the regions 1 to 4."""
    gaps = []
    for gamma, gamma_prime in ((0.6, -0.3), (0.6, 0.3), (1.3, 0.6), (1.6, 0.2)):
        found, expected = local_slopes(partial(_at, gamma, gamma_prime), 1e12), _at(gamma, gamma_prime).exponents
        gaps += [abs(found.s_w - expected.s_w), abs(found.s_a - expected.s_a)]
    return Check("phase diagram, annealed law: local slopes at m = 1e12", max(gaps), 0.02)


def resolution() -> Check:
    """At the mean-field point half the step and twice the nodes move RD_w by the stated error only."""
    limit = PhasePoint(gamma=1.0, gamma_prime=0.0).limit(nodes=8)
    coarse, fine = (float(solve(flow).observables["rd_w"][-1]) for flow in (limit, limit.refined()))  # type: ignore[attr-defined]
    return Check("phase diagram, infinite width: RD_w at half the resolution", abs(coarse - fine), 4e-4)


def invariant() -> Check:
    """Gradient flow between switches keeps kappa'^2 a^2 - |w|^2 of every neuron."""
    run = solve(PhasePoint(gamma=1.2, gamma_prime=-0.1).network(m=100, dynamics="event"))
    return Check("phase diagram, event flow: invariant drift", float(run.observables["invariant_drift"].max()), 1e-9)


def dynamics() -> Check:
    """Runge-Kutta steps and the flow located switch by switch end at the same displacement."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0)
    ends = [float(solve(point.network(m=100, dynamics=name)).observables["rd_w"][-1]) for name in ("flow", "event")]
    return Check("phase diagram, flow against event flow: RD_w", abs(ends[0] / ends[1] - 1.0), 3e-3)


def condensed() -> Check:
    """Condensed neurons sit on the directions of the kinks at x = 1/6 and -1/6."""
    flow = PhasePoint(gamma=1.75, gamma_prime=0.0).network(m=1000, dynamics="flow")
    clusters = condensation(flow, solve(flow).final_state).clusters[:2]
    kinks = (-math.atan(1.0 / 6.0), math.atan(1.0 / 6.0) - math.pi)
    gap = max(min(abs(cluster.angle - kink) for cluster in clusters) for kink in kinks)
    return Check("phase diagram, condensed neurons: angle from the kinks", gap, 2e-3)


def printed_row() -> Check:
    """S_w of the law along gamma' = 0, widths 1000 to 40,000, beside the row read from Figure 4 of Luo et al. 2021, one network a point."""
    rows = reference_rows("luo2021_fig4_row.csv")
    gammas = [float(row["gamma"]) for row in rows]
    found = phase_map(gammas=gammas, gamma_primes=[0.0], widths=[1000, 6000, 40_000], seeds=1, dynamics="limit", nodes=6)
    gap = max(abs(s - float(row["s_w"])) for s, row in zip(found.s_w[0].tolist(), rows, strict=True))
    return Check("phase diagram, printed row of Figure 4: S_w", gap, 0.05)


def span() -> Check:
    """Two inputs in three dimensions: the law on their span is the law on the sphere."""
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=np.array([[1.0, 0.2, 0.1], [0.3, -1.0, 0.4]]), y=np.array([0.7, 0.4]))
    rotation = rotate(point)
    assert rotation is not None
    inside = rotation.whole(train_law(rotation.point, 1000.0), float(rotation.frozen))
    return Check("phase diagram, inputs rotated to their span: RD_w", abs(inside.rd_w / train_law(point, 1000.0).rd_w - 1.0), 0.01)


CASES: list[Callable[[], Check]] = [linear_end, slopes, resolution, invariant, dynamics, condensed, printed_row, span]
