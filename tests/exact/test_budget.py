"""Error budgets where every term is known, and where networks are real."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

import mfpde as mf
from mfpde.finite.budget import error_budget
from mfpde.finite.budget_terms import grown, shrunk
from mfpde.flow import Field, Packing, StepFlow
from mfpde.streams import stream
from mfpde.systems.two_layer import finite_exact
from tests.toys import Toy

START, T = 0.3, 1.0


class Steps(StepFlow):
    """f' = 1 - f in Euler steps from the mean of m neurons; the risk (1 - f)^2 is read with an error averaged over n samples."""

    clock = "time"

    def __init__(self, m, dt, n, seed):
        self.dt, self.config = dt, {}
        self.packing = Packing((Field("f", (1,), ("one",)),))
        self.state0 = np.array([START + np.mean(stream(seed, "neurons").standard_normal(m))])
        self.error = 0.5 * np.mean(stream(seed, "samples").standard_normal(n))

    def step(self, k, y):
        return y + self.dt * (1.0 - y)

    def observe(self, t, y):
        return {"risk": float((1.0 - y[0]) ** 2 + self.error), "state": y}


@dataclass(frozen=True)
class Known:
    """Limit with an error of `resolution`, none when refined."""

    resolution: float = 0.0

    def config(self):
        return {"resolution": self.resolution}

    def network(self, *, m, dt, n, rng):
        return Steps(m, dt, n, rng)

    def limit(self):
        def make(error):
            flow = Toy(lambda t, y: 1.0 - y, [START])
            flow.observe = lambda t, y: {"risk": float((1.0 - y[0]) ** 2 + error), "state": y}
            return flow

        flow = make(self.resolution)
        flow.refined = lambda: make(0.0)
        return flow


def _known(m=40, dt=0.125, n=200, replicas=400, resolution=0.0, **more):
    return error_budget(
        Known(resolution),
        **{"network": {"m": m, "dt": dt, "n": n}, "refine": {"m": 2, "dt": 0.5, "n": 2}} | more,
        t=T,
        observable="risk",
        replicas=replicas,
    )


def test_every_term_of_a_known_case():
    """Bias and fluctuation of width, step and samples in closed form; the rest of the fluctuation is of higher order."""
    m, dt, n = 40, 0.125, 200
    found = _known()
    decay, gap = math.exp(-2.0 * T), 1.0 - START
    width, step, samples = (next(term for term in found.terms if term.name == name) for name in ("m", "dt", "n"))
    euler = (1.0 - dt) ** (2.0 * T / dt)
    assert width.bias == pytest.approx(euler / m, abs=4.0 * width.bias_error)
    assert width.fluctuation == pytest.approx(2.0 * gap * euler / math.sqrt(m), rel=0.15)
    # What one halving leaves out of the step's error is of its second order.
    assert step.bias == pytest.approx((gap**2 + 1.0 / m) * (euler - decay), rel=0.2)
    assert samples.bias == pytest.approx(0.0, abs=4.0 * samples.bias_error)
    assert samples.fluctuation == pytest.approx(0.5 / math.sqrt(n), rel=0.15)
    assert width.bias_error == pytest.approx(width.fluctuation * math.sqrt(0.5) / math.sqrt(400) / 0.5, rel=1e-9)
    assert found.limit == pytest.approx(gap**2 * decay, rel=1e-6)
    assert 1.0 / 1.5 < found.predicted / found.observed < 1.5
    assert found.largest.name == found.table()["term"][0] == max((samples, width, step), key=lambda term: term.size).name


@pytest.mark.parametrize(
    ("case", "largest"), [({"dt": 0.5}, "dt"), ({"m": 5}, "m"), ({"n": 10}, "n"), ({"resolution": 0.4}, "limit resolution")]
)
def test_the_largest_term_is_named(case, largest):
    found = _known(replicas=100, **case)
    assert found.largest.name == largest
    assert 1.0 / 1.5 < found.predicted / found.observed < 1.5


def test_what_halves_the_gap_does():
    found = _known(dt=0.0625, n=2000, m=10)
    change = found.halving()
    assert list(change) == ["m"]
    again = _known(dt=0.0625, n=2000, m=round(change["m"]))
    assert again.observed == pytest.approx(0.5 * found.observed, rel=0.1)
    assert "to halve the gap: m = " in str(found)


def test_a_limit_that_is_too_coarse_cannot_be_made_up_for():
    found = _known(resolution=1.0, replicas=4)
    assert found.halving() == {}
    assert "refine the limit" in str(found)
    resolution = next(term for term in found.terms if term.name == "limit resolution")
    assert resolution.bias == pytest.approx(-1.0, rel=1e-12)


def test_extrapolated_moments():
    """Changes 1 and 3: mean 2, standard deviation sqrt 2; 1 - 4^(-1/2) = 1/2 and 1 - .5 = 1/2."""
    change = np.array([1.0, 3.0])
    wider, finer = grown("m", 8, change, 4.0, 0.5), shrunk("dt", 0.1, change, 0.5, 1.0)
    assert (wider.bias, wider.bias_error, wider.fluctuation) == pytest.approx((4.0, 2.0, 2.0))
    assert (finer.bias, finer.bias_error, finer.fluctuation) == pytest.approx((4.0, 2.0, 2.0 * math.sqrt(2.0)))
    assert (wider.fluctuation_error, finer.fluctuation_error) == pytest.approx((math.sqrt(2.0), 2.0))
    assert wider.after(16.0) == pytest.approx((1.0, 1.0))
    assert finer.after(2.0) == pytest.approx((2.0, math.sqrt(2.0)))


def test_errors_of_fluctuations_are_those_over_repetitions():
    """The spread of what eight replicas find is the error that they state."""
    terms = [_known(replicas=8, rng=seed).terms for seed in range(100)]
    for found in list(zip(*terms, strict=True))[::2]:  # width and samples; the fluctuation of the step is no Gaussian's
        spread = np.std([term.fluctuation for term in found])
        stated = np.mean([term.fluctuation_error for term in found])
        assert stated == pytest.approx(spread, rel=0.25), found[0].name


def test_the_table_shows_every_error():
    found = _known(replicas=8)
    table = found.table()
    assert table["fluctuation_error"] == pytest.approx(table["fluctuation"] / math.sqrt(14.0), rel=1e-12)
    for name, row in zip(table["term"], str(found).splitlines()[2:], strict=False):
        assert row.split()[0] == name.split()[0]
        assert len(row.removeprefix(name).split()) == 6


def test_a_known_order():
    """The same change, read as second order: Delta/(1 - 1/4)."""
    first, second = (_known(replicas=4, orders=orders).terms[1] for orders in ({}, {"dt": 2.0}))
    assert first.bias * 0.5 == pytest.approx(second.bias * 0.75, rel=1e-12)


def test_gradient_descent_of_a_linear_network():
    """E R_N - R is known for every N and step; tolerances and limit add nothing."""
    inputs, initial, eps, m = np.array([1.0, 4.0]), np.array([1.0, 0.5]), 0.02, 20
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(2, np.diag(inputs)),
        target=mf.targets.Linear([1.0, -1.0]),
        activation="identity",
        initial=mf.measures.GaussianInit([0.0, 0.0], initial),
        clock=0.5,
    )
    network = {"m": m, "dynamics": "gd", "eps": eps}
    found = error_budget(system, network=network, t=0.5, observable="risk", replicas=200, refine={"m": 2, "eps": 0.5})
    assert 1.0 / 1.5 < found.predicted / found.observed < 1.5
    exact = finite_exact.linear_drift(0.5, inputs, initial) / m
    # Explicit steps lose about eps S_i of the decay, here at most 8 percent.
    assert found.terms[0].bias == pytest.approx(exact, rel=0.08, abs=4.0 * found.terms[0].bias_error)
    by_name = {term.name: term for term in found.terms}
    assert abs(by_name["limit rtol"].bias) < 1e-5
    factors = (1.0 - eps * inputs) ** round(0.5 / eps), np.exp(-0.5 * inputs)
    euler, flow = (float(np.sum(inputs * (1.0 + initial / m) * factor**2)) for factor in factors)
    assert by_name["eps"].bias == pytest.approx(euler - flow, rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"refine": {"m3": 2}}, "refine has 'm3': give its value in network, which has m, dt, n"),
        ({"refine": {"m": 1}}, "refine['m'] = 1: give a factor > 1 for a number that grows"),
        ({"refine": {"m": 0.5}}, "refine['m'] = 0.5 turns 40 into 20"),
        ({"refine": {"dt": 2}}, "refine['dt'] = 2 makes 0.5 coarser: give a factor < 1"),
        ({"refine": ["m"]}, "refine = ['m']: give values by name"),
        ({"network": 40}, "network = 40: give values by name"),
        ({"refine": {"m": "2"}}, "refine['m'] = '2': give a factor > 1"),
        ({"network": {"m": 4, "dt": 0.5, "n": 3, "rng": 1}}, "network has rng"),
        ({"replicas": 3}, "replicas = 3: give an integer >= 4"),
        ({"orders": {"d": 1.0}}, "orders has 'd': refine has m, dt, n"),
        ({"orders": {"dt": 0.0}}, "orders['dt'] = 0.0: give a finite number > 0"),
        ({"t": -1.0}, "t = -1.0: give a finite number >= 0"),
        ({"observable": "state"}, "observable = 'state': the network reports the numbers risk"),
        ({"observable": "los"}, "observable = 'los': the network reports the numbers risk"),
    ],
)
def test_impossible_arguments(arguments, message):
    chosen = {"network": {"m": 40, "dt": 0.5, "n": 3}, "refine": {"m": 2, "dt": 0.5, "n": 2}, "t": T, "observable": "risk", "replicas": 4}
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        error_budget(Known(), **chosen | arguments)


def test_a_run_that_stops_early_is_an_error(monkeypatch):
    monkeypatch.setattr(Steps, "step", lambda self, k, y: y * np.inf)
    with pytest.raises(ValueError, match=re.escape("the network with {'m': 40")):
        _known(replicas=4)


def test_a_budget_without_terms_is_refused():
    """Steps beside steps, nothing named: nothing can be refined."""

    class InSteps(Known):
        def limit(self):
            return Steps(1, 0.5, 1, 0)

    with pytest.raises(ValueError, match=r"^refine = \{\}: nothing here has tolerances or a resolution"):
        error_budget(InSteps(), network={"m": 4, "dt": 0.5, "n": 3}, refine={}, t=T, observable="risk", replicas=4)


def test_a_network_whose_arithmetic_fails_is_an_error(monkeypatch):
    monkeypatch.setattr(Steps, "step", lambda self, k, y: float(k) // 0)
    with pytest.raises(ValueError, match=r"did not reach t = .*: blow-up: ZeroDivisionError"):
        _known(replicas=4)
