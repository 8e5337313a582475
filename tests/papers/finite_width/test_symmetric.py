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
    study = mf.drift(odd(d=d), widths={"m": [16, 64, 256]}, replicas=REPLICAS, t_eval=[0.0], network={"paired": False}, tracers=False)
    _check_start(study.rate("w", t=0.0), 0.5, np.sqrt(2.0 / d))
    _check_start(study.rate("function_distance", t=0.0), np.sqrt(0.5 / d), np.sqrt(2.0 / d))


def test_rates_of_the_odd_target() -> None:
    study = mf.drift(odd(d=6), widths={"m": [12, 48, 192]}, replicas=REPLICAS, t_eval=[6.0], network={"paired": False})
    for gap in ("w", "function_distance", "nonlinearity", "neurons_rms"):
        rate = study.rate(gap, t=6.0, level=LEVEL)
        assert rate.covers(0.5), gap
        assert not rate.covers(0.0), gap
        assert not rate.covers(1.0), gap


def test_low_dimensional_target_at_the_start() -> None:
    """The mass of tau^+ is the share of a = 1, of variance 1/(4m), and E f^2 = E relu(b.x)^2/m = 1/(2m)."""
    d = 20
    study = mf.drift(mf.LowDimensionalTarget(d=d, d_h=5), widths={"m": [16, 64, 256]}, replicas=REPLICAS, t_eval=[0.0], tracers=False)
    _check_start(study.rate("mass_plus", t=0.0), 0.5, np.sqrt(2.0))
    _check_start(study.rate("function_distance", t=0.0), np.sqrt(0.5), np.sqrt(2.0 / d))


def test_rates_of_the_low_dimensional_target() -> None:
    """The loss is left out: its bias of 1/m is still as large as its fluctuation at such widths."""
    study = mf.drift(mf.LowDimensionalTarget(d=8, d_h=3), widths={"m": [24, 72, 216]}, replicas=REPLICAS, t_eval=[1.0], tracers=False)
    for gap in ("mass_plus", "mass_minus", "function_distance"):
        rate = study.rate(gap, t=1.0, level=LEVEL)
        assert rate.covers(0.5), gap
        assert not rate.covers(0.0), gap
        assert not rate.covers(1.0), gap
