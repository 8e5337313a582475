"""Networks of the cosine model: bias and fluctuation of the risk against the exact constants of the 1/N corrections."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf

SYSTEM = mf.CosineCircle(b=0.8)
TIMES = [0.0, 1.0]
WIDTH, REPLICAS = 64, 300


@pytest.fixture(scope="module")
def rows():
    """Bias and variance at both times, predicted and measured, by observable and time."""
    correction = mf.finite_width(SYSTEM.limit(method="nodes", nodes=24), TIMES, observables=("risk", "z"))
    study = mf.drift(SYSTEM, widths={"m": [WIDTH]}, replicas=REPLICAS, t_eval=TIMES, tracers=False)
    return {(str(row["observable"]), float(row["t"])): row for row in study.compare(correction, width="m")}


def test_bias_of_the_risk(rows):
    """At the start, where z = 0, N (E R_N - R) = E|e^{iw}|^2 - |z|^2 = 1; measured within 4 standard errors at both times."""
    assert rows["risk", 0.0]["predicted_bias"] == pytest.approx(1.0, abs=1e-6)
    for t in TIMES:
        assert abs(rows["risk", t]["bias_z"]) < 4.0


def test_fluctuation(rows):
    """N Var z = 1/2 at the start, and N Var R = 4 b^2 N Var z; later the predicted ones but for a relative O(1/N)."""
    assert rows["z", 0.0]["predicted_variance"] == pytest.approx(0.5, abs=1e-6)
    assert rows["risk", 0.0]["predicted_variance"] == pytest.approx(4.0 * 0.8**2 * 0.5, abs=1e-6)
    for t in TIMES:
        row = rows["z", t]
        assert abs(row["variance"] - row["predicted_variance"]) < 4.0 * row["variance_error"] + 5.0 / WIDTH * row["predicted_variance"]
    assert np.isfinite(rows["risk", 1.0]["variance_z"])
