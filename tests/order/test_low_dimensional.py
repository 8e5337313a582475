"""Orders of convergence of the target of |x_H|: particles in d dimensions in their number, the reduced flow in its nodes."""

from __future__ import annotations

import numpy as np

import mfpde as mf
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget


def test_particles_approach_the_reduced_flow():
    """The reduction is exact: networks in d dimensions with the full kernel tend to it like m^(-1/2).

    The gaps come mostly from the numbers of positive and negative neurons, which are random: 64 independent networks a width leave a
    standard error of .09 on the logarithm of a mean square's root, and of .045 on the slope.
    """
    system, widths, replicas, t = LowDimensionalTarget(d=10, d_h=3), [32, 128, 512], 64, 0.5
    exact = mf.solve(system.limit(), [t], rtol=1e-9, atol=1e-11).observables
    names = ("mass_plus", "mass_minus", "loss", "cos2_minus", "sin2_plus")
    gaps = np.empty((len(names), len(widths)))
    for i, m in enumerate(widths):
        seeds = range(replicas * i, replicas * (i + 1))
        runs = [mf.solve(system.network(m=m, rng=seed), [t], rtol=1e-4, atol=1e-6).observables for seed in seeds]
        for j, name in enumerate(names):
            gaps[j, i] = np.sqrt(np.mean([(run[name][0] - exact[name][0]) ** 2 for run in runs]))
    slopes = np.polyfit(np.log(widths), np.log(gaps).T, 1)[0]
    np.testing.assert_allclose(slopes, -0.5, atol=0.15)


def test_nodes_converge_exponentially():
    """d = 30, d_h = 5, t = 25: eight nodes more gain at least a factor 20."""
    system = LowDimensionalTarget(d=30, d_h=5)
    runs = [mf.solve(system.limit(nodes=n), [25.0], rtol=1e-12, atol=1e-13).observables for n in (8, 16, 24, 48)]
    for name in ("mass_plus", "mass_minus", "loss", "cos2_minus", "sin2_plus", "w2_plus"):
        errors = [abs(run[name][0] - runs[-1][name][0]) for run in runs[:3]]
        assert errors[0] > 20.0 * errors[1] > 400.0 * errors[2], name
