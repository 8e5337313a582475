"""Integrable parameterizations: a network's outputs leave the infinite-width recursion by m^-1/2."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.finite.rates import fit_rate

BATCH = (np.array([[1.0, 0.0, 0.0]]), np.array([1.0]))
TRAINING = {"batches": [BATCH] * 3, "lr": 0.5, "probe": np.array([[0.6, 0.8, 0.0]])}
WIDTHS, REPLICAS, TIMES = [64, 192, 576], 30, [1.0, 2.0, 3.0]


def _outputs(system: mf.IntegrableNetwork, m: int, seed: int) -> np.ndarray:
    return np.asarray(mf.solve(system.network(m=m, rng=seed, **TRAINING), TIMES).observables["f"][:, 0])


@pytest.mark.parametrize(("parameterization", "activation", "depth"), [("ip-llr", "relu", 1), ("hp", "tanh", 2)])
def test_gap_to_the_recursion(parameterization: str, activation: str, depth: int) -> None:
    system = mf.IntegrableNetwork(d=3, depth=depth, parameterization=parameterization, activation=activation)
    limit = mf.solve(system.limit(**TRAINING), TIMES).observables["f"][:, 0]
    gaps = np.array([[_outputs(system, m, seed) for seed in range(REPLICAS)] for m in WIDTHS]) - limit
    for i, t in enumerate(TIMES):
        rate = fit_rate(WIDTHS, gaps[:, :, i], joint=True, level=0.999)
        assert rate.covers(system.predicted_rates()["f"]["exponent"]), t
        assert not rate.covers(0.0), t
        assert not rate.covers(1.0), t


def test_one_homogeneous_activation_makes_hp_and_ip_llr_one() -> None:
    """So that relu needs no study of its own under "hp"."""
    networks = [mf.IntegrableNetwork(d=3, depth=3, parameterization=name) for name in ("hp", "ip-llr")]
    np.testing.assert_allclose(*(_outputs(network, 256, 0) for network in networks), rtol=1e-12)
