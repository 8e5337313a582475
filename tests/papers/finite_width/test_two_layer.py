"""Two-layer networks: what each of the coupled dynamics costs, against exact constants and the orders of Mei et al. (2019)."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.finite.rates import fit_rate
from mfpde.systems.two_layer import exact, finite_exact
from mfpde.systems.two_layer.split import error_split

D = 32


def _linear() -> mf.TwoLayer:
    return mf.TwoLayer(
        law=mf.laws.Gaussian(D),
        target=mf.targets.Linear(np.eye(D)[0]),
        activation="identity",
        initial=mf.measures.GaussianInit(np.zeros(D), 1.0),
        clock=0.5,
    )


def test_distance_of_the_neurons_of_a_linear_network() -> None:
    """N E |w - its characteristic|^2 = tr (1 - e^{-Ss})^2 C0, the same for every N and every neuron."""
    study = mf.drift(_linear(), widths={"m": [4, 12, 36]}, replicas=20, t_eval=[1.0], network={"dynamics": "particles"})
    rate, largest = study.rate("neurons_rms", t=1.0), study.rate("neurons_max", t=1.0)
    constant = np.sqrt(exact.linear_gaps(1.0, np.eye(D), np.eye(D)).distance)
    assert rate.covered
    assert rate.high - rate.low < 0.2
    np.testing.assert_allclose(rate.values * np.sqrt(rate.widths), constant, rtol=4.0 / np.sqrt(2.0 * 20 * D))
    np.testing.assert_allclose(largest.values, rate.values, rtol=1e-6)


def test_step_costs_its_length_and_samples_its_root() -> None:
    """The gap of the step is nearly the same in every replica, so that its interval is narrower than the next order in eps."""
    steps, dynamics = [2.0**-4, 2.0**-6, 2.0**-8], ("particles", "gd", "sgd")
    splits = [error_split(mf.CosineCircle(b=0.8), m=32, eps=eps, t_eval=[1.0], replicas=30, dynamics=dynamics) for eps in steps]
    step, samples = (fit_rate(steps, [split.risk[gap][:, 0] for split in splits], joint=True) for gap in ("particles-gd", "gd-sgd"))
    assert step.slopes[0] == pytest.approx(-1.0, abs=0.005)
    assert samples.covers(-0.5)
    assert not samples.covers(-1.0)
    assert not samples.covers(0.0)


def test_what_sampling_the_neurons_costs_two_classes() -> None:
    """N (E R_N - R) at the start, exact at every N: N (mean risk of the two halves - the whole's) has the same mean and little noise."""
    n, constant, system = 16, 7.41176207426485, mf.IsotropicGaussians(d=40, delta=0.8)
    whole, half = (system.network(m=m, dynamics="particles") for m in (n, n // 2))
    costs = []
    for seed in range(120):
        neurons = whole.unpack(system.network(m=n, dynamics="particles", rng=seed).state0)["theta"]
        risks = [half.observe(0.0, half.pack(theta=part))["risk"] for part in np.split(neurons, 2)]
        costs.append(n * (np.mean(risks) - whole.observe(0.0, whole.pack(theta=neurons))["risk"]))
    error = np.std(costs, ddof=1) / np.sqrt(len(costs))
    assert error < 0.08 * constant
    assert abs(np.mean(costs) - constant) < 4.0 * error


def test_bias_and_fluctuation_of_a_bilinear_network() -> None:
    """Predicted from six nodes an axis, in closed form, and measured."""
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear([1.0, 0.0]),
        activation="identity",
        second_layer="trained",
        initial=mf.measures.GaussianInit([0.0, 0.0, 0.0], [1.0, 1.0, 0.0]),
        clock=0.5,
    )
    correction = mf.finite_width(system.limit(method="nodes", nodes=6), [0.5])
    assert correction.drift["risk"][0] == pytest.approx(finite_exact.bilinear_drift(0.5, 1.0, 1.0), abs=1e-7)
    n = 40
    study = mf.drift(system, widths={"m": [n]}, replicas=60, t_eval=[0.5], tracers=False, network={"dynamics": "particles"})
    (row,) = study.compare(correction, width="m")
    assert abs(row["bias_z"]) < 4.0
    assert abs(row["variance"] - row["predicted_variance"]) < 4.0 * row["variance_error"] + 5.0 / n * row["predicted_variance"]
