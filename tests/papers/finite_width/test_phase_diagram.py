"""Wide ReLU networks: the linear regime nears its linearisation, the critical line its limit of infinite width."""

from __future__ import annotations

import numpy as np

import mfpde as mf
from mfpde.finite.rates import fit_rate
from mfpde.systems.phase_diagram.linearisation import kernel_change, linearised_outputs

REPLICAS = 30


def _deviation(flow, t: float) -> np.ndarray:
    """f - f_lin at the training inputs, (n,)."""
    run = mf.solve(flow, [t])
    return np.asarray(flow.outputs(run.states[0]) - linearised_outputs(flow, run.t)[0])


def test_the_law_nears_its_linearisation() -> None:
    """As 1/(kappa m), the share of neurons that cross a kink: smooth activations would have (kappa m)^-2, even in a.

    A neuron's speed jumps at its kink, so that those of opposite a cross it in different numbers.
    """
    point, scales = mf.PhasePoint(gamma=0.5, gamma_prime=0.0), (16.0, 64.0)
    laws = [point.limit(m=scale**2, nodes=32) for scale in scales]
    for measure in (lambda law, t: np.linalg.norm(_deviation(law, t)), lambda law, t: kernel_change(law, mf.solve(law, [t]))[0]):
        sizes = [measure(law, 10.0 / scale) for law, scale in zip(laws, scales, strict=True)]
        np.testing.assert_allclose(-np.diff(np.log(sizes)) / np.log(4.0), 1.0, atol=0.05)


def test_networks_fluctuate_about_the_deviation_of_the_law() -> None:
    """gamma = 1/2: kinks are crossed by m^1/2 neurons of random place, each adding m^-1: m^-3/4 about the law's m^-1/2."""
    point, widths, t, replicas = mf.PhasePoint(gamma=0.5, gamma_prime=0.0), [256, 724, 2048], 10.0, 40
    gaps, shares = [], []
    for m in widths:
        law = _deviation(point.limit(m=m, nodes=32), t * point.kappa(m))
        found = np.array([_deviation(point.network(m=m, dynamics="flow", rng=seed), t) for seed in range(replicas)])
        gaps.append(np.linalg.norm(found - law, axis=1))
        shares.append(found @ law / (law @ law))
    rate = fit_rate(widths, gaps, joint=True, level=0.99)
    assert rate.covers(0.75)
    assert not rate.covers(0.5)
    assert not rate.covers(1.0)
    error = np.std(shares[-1], ddof=1) / np.sqrt(replicas)
    assert error < 0.2
    assert abs(np.mean(shares[-1]) - 1.0) < 4.0 * error


def test_critical_networks_tend_to_the_limit_at_equal_training() -> None:
    """gamma = 1: gaps of m^-1/2 at equal kappa t, t = m kappa t on the network's clock."""
    point, widths = mf.PhasePoint(gamma=1.0, gamma_prime=0.0), [64, 256, 1024]
    settings = {"replicas": REPLICAS, "network": {"dynamics": "flow"}, "limit": {"nodes": 4}}
    studies = [mf.drift(point, widths={"m": [m]}, t_eval=[2.0 / point.kappa(m)], **settings) for m in widths]
    for gap in ("rd_w", "loss", "function_distance", "neurons_rms"):
        rate = fit_rate(widths, np.array([study.gaps[gap][0, :, 0] for study in studies]), joint=True, level=0.999)
        assert rate.covers(0.5), gap
        assert not rate.covers(0.0), gap
        assert not rate.covers(1.0), gap
