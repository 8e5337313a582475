"""Orders in the step of the two-layer dynamics, and of the kernel limit in 1/alpha."""

from __future__ import annotations

import numpy as np

import mfpde as mf
from mfpde.flow import StepFlow
from mfpde.systems.two_layer import exact

STEPS = 0.2 / np.array([8, 16, 32, 64])


def slope(steps, errors):
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


def system(**options):
    return mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear((1.0, -0.5)),
        activation="erf",
        initial=mf.measures.GaussianInit([0.3, 0.0], 1.0),
        **options,
    )


def particles(flow, t):
    trajectory = mf.solve(flow, [t]) if isinstance(flow, StepFlow) else mf.solve(flow, [t], rtol=1e-11, atol=1e-13)
    return flow.particles(trajectory.states[0])["neurons"]


def test_descent_has_order_one():
    problem = system()
    reference = particles(problem.network(m=6, dynamics="particles", rng=1), 0.2)
    errors = [np.max(np.abs(particles(problem.network(m=6, dynamics="gd", eps=eps, rng=1), 0.2) - reference)) for eps in STEPS]
    assert abs(slope(STEPS, errors) - 1.0) < 0.1


def test_euler_maruyama_has_strong_order_one():
    """Additive noise: coupled by their Brownian paths, steps of eps and of the finest eps differ by O(eps), not O(eps^{1/2})."""
    problem, fine = system(beta=5.0), 512
    reference = particles(problem.network(m=40, dynamics="particles", eps=0.2 / fine, rng=1), 0.2)
    errors = []
    for eps in STEPS:
        network = problem.network(m=40, dynamics="gd", eps=eps, rng=1, noise_steps=round(eps * fine / 0.2))
        errors.append(np.sqrt(np.mean((particles(network, 0.2) - reference) ** 2)))
    # Against a reference of step 1/8 of the finest, an error of order one is eps - eps/8: the fitted slope is 1.05.
    assert abs(slope(STEPS, errors) - 1.05) < 0.12


def test_kernel_limit_has_order_one_or_two():
    alphas = np.array([32.0, 64.0, 128.0])
    for x0, order in ((0.5, 1.0), (0.0, 2.0)):
        gaps = []
        for alpha in alphas:
            closed = exact.bilinear_scaled(1.0, alpha, 1.0, 1.0, x0)
            gaps.append(abs(closed.residual - closed.limit))
        assert abs(slope(alphas, gaps) + order) < 0.05
