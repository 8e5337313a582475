"""Odd and low-dimensional targets: gaps close like m^-1/2, at the start with prefactors that are exact."""

from __future__ import annotations

import numpy as np

import mfpde as mf
from mfpde.papers.drift_examples import odd

REPLICAS, LEVEL = 30, 0.999


def _check_start(rate, constant: float, spread: float) -> None:
    """r.m.s. = constant m^-1/2 at every width, within 4 standard errors of a mean of squares whose relative spread is given."""
    np.testing.assert_allclose(rate.values * np.sqrt(rate.widths), constant, rtol=2.0 * spread / np.sqrt(REPLICAS))


def test_odd_target_at_the_start() -> None:
    """w = (1/2m) sum a_j b_j with |a_j| = |b_j| = 1, so E |w|^2 = 1/(4m), and E f^2 = E relu(b.x)^2/m = 1/(2dm)."""
    d = 20
    study = mf.drift(odd(d=d), widths={"m": [8, 24, 72]}, replicas=REPLICAS, t_eval=[0.0], network={"paired": False}, tracers=False)
    _check_start(study.rate("w", t=0.0), 0.5, np.sqrt(2.0 / d))
    _check_start(study.rate("function_distance", t=0.0), np.sqrt(0.5 / d), np.sqrt(2.0 / d))


def test_rates_of_the_odd_target() -> None:
    study = mf.drift(odd(d=6), widths={"m": [12, 48, 192]}, replicas=REPLICAS, t_eval=[6.0], network={"paired": False}, rtol=1e-4)
    for gap in ("w", "function_distance", "nonlinearity", "neurons_rms"):
        rate = study.rate(gap, t=6.0, level=LEVEL)
        assert rate.covers(0.5), gap
        assert not rate.covers(0.0), gap
        assert not rate.covers(1.0), gap


def test_low_dimensional_target_at_the_start() -> None:
    """The mass of tau^+ is the share of a = 1, of variance 1/(4m), and E f^2 = E relu(b.x)^2/m = 1/(2m)."""
    d = 20
    system, settings = mf.LowDimensionalTarget(d=d, d_h=5), {"limit": {"nodes": 4}, "tracers": False}
    study = mf.drift(system, widths={"m": [8, 24, 72]}, replicas=REPLICAS, t_eval=[0.0], **settings)
    _check_start(study.rate("mass_plus", t=0.0), 0.5, np.sqrt(2.0))
    _check_start(study.rate("function_distance", t=0.0), np.sqrt(0.5), np.sqrt(2.0 / d))


def _fluctuations(limit, t: float) -> dict[str, float]:
    """c of X_m - X = c m^-1/2 xi: c^2 = sum_j w_j (IF_j - mean)^2, w_j IF_j the response to the logarithm of the weight of node j."""
    n, step, responses = limit.nodes, 1e-4, []
    for place in (*range(n), *range(2 * n, 3 * n)):
        shift = step * np.eye(1, limit.state0.size, place)[0]
        up, down = (mf.solve(limit, [t], 1e-9, 1e-12, y0=limit.state0 + sign * shift).observables for sign in (1, -1))
        responses.append({name: (up[name][0] - down[name][0]) / (2.0 * step) for name in ("mass_plus", "mass_minus", "loss")})
    table = {name: np.array([response[name] for response in responses]) for name in responses[0]}
    return {name: float(np.sqrt(np.sum(row**2 / np.tile(limit.weights, 2)) - np.sum(row) ** 2)) for name, row in table.items()}


def test_rates_of_the_low_dimensional_target() -> None:
    """Where the fluctuation is larger than the bias of 1/m; it is what the limit predicts from its response, to 4 standard errors."""
    system, t, nodes, widths = mf.LowDimensionalTarget(d=8, d_h=3), 1.0, {"nodes": 6}, [16, 48, 144]
    study = mf.drift(system, widths={"m": widths}, replicas=REPLICAS, t_eval=[t], limit=nodes, rtol=1e-5)
    for gap in ("mass_plus", "mass_minus", "loss", "function_distance", "neurons_rms"):
        rate = study.rate(gap, t=t, level=LEVEL)
        assert rate.predicted is not None, gap
        assert rate.covers(0.5), gap
        assert not rate.covers(0.0), gap
        assert not rate.covers(1.0), gap
    for gap, constant in _fluctuations(system.limit(**nodes), t).items():
        spread = study.gaps[gap][:, :, 0].std(axis=1, ddof=1) * np.sqrt(widths)
        np.testing.assert_allclose(spread, constant, rtol=4.0 / np.sqrt(2.0 * (REPLICAS - 1)))
