"""Bias and fluctuation beside their predictions, extrapolation, stated rates, tables and files of a drift."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

import mfpde as mf
from mfpde.finite import Drift, FiniteWidth, format_table
from mfpde.finite.extrapolation import extrapolate
from mfpde.finite.prediction import predictions
from mfpde.finite.rates import fit_rate
from mfpde.papers.drift import make_system
from mfpde.store import StoreError
from mfpde.streams import stream
from mfpde.systems.two_layer.finite_exact import linear_drift
from tests import toys

WIDTHS = np.array([128.0, 256.0, 512.0, 1024.0])


@dataclass(frozen=True)
class Square:
    """m standard normal numbers at rest; their mean, its square, and both as an array. The limit: two atoms, by their weights."""

    def config(self):
        return {}

    def predicted_rates(self):
        return {
            "mean": {"exponent": 0.5, "constant": 1.0, "source": "variance 1/m"},
            "square": [
                {"exponent": 9.0, "width": "n"},
                {"exponent": 1.0, "source": "m mean^2 is chi-square", "statistic": "rms", "width": "m"},
                {"exponent": 1.0, "constant": 1.0, "source": "variance 1/m", "statistic": "bias"},
            ],
        }

    def limit(self):
        flow = toys.Toy(lambda t, y: flow.weights.sum() * np.zeros(2), [-1.0, 1.0])
        flow.weights = np.array([0.5, 0.5])
        return _Observed(flow)

    def network(self, *, m, rng):
        flow = toys.Toy(lambda t, y: np.zeros(m), stream(rng, "start").standard_normal(m))
        flow.observe = lambda t, y: _moments(np.mean(y))
        return flow


class _Observed(toys.Toy):
    def __init__(self, flow):
        self.__dict__.update(flow.__dict__)

    def observe(self, t, y):
        return _moments(self.weights @ y)


def _moments(mean):
    return {"mean": float(mean), "square": float(mean**2), "both": np.array([[mean, 2.0 * mean**2]])}


def _drift(system=None, **arguments):
    return mf.drift(system or Square(), **{"widths": {"m": [4, 16, 64]}, "replicas": 60, "t_eval": [0.0, 1.0]} | arguments)


def test_an_ensemble_agrees_with_the_prediction():
    """Mean of variance 1/N without bias; its square with bias 1/N, of variance 2/N^2: 0 to leading order."""
    correction = mf.finite_width(Square().limit(), [0.0, 2.0], ("mean", "square", "both"))
    assert correction.variance["mean"] == pytest.approx(1.0)
    assert correction.drift["square"] == pytest.approx(1.0)
    assert correction.drift["both"].shape == (2, 1, 2)
    assert correction.drift["both"][0, 0] == pytest.approx([0.0, 2.0], abs=1e-9)
    table = _drift(replicas=400).compare(correction)
    assert len(table) == (1 + 1 + 2) * 3
    assert set(table["t"]) == {0.0}
    assert np.all(np.abs(table["bias_z"]) < 4.0)
    rows = table[(table["observable"] == "mean") | (table["observable"] == "both") & (table["entry"] == 0)]
    assert np.all(np.abs(rows["variance_z"]) < 4.0)
    assert rows["variance_error"] == pytest.approx([np.sqrt(2.0 / 400)] * 6, rel=0.15)
    square = table[table["observable"] == "square"]
    assert square["bias"] == pytest.approx([1.0] * 3, abs=4.0 * np.sqrt(2.0 / 400))
    assert square["variance"] == pytest.approx(2.0 / square["width"], rel=0.6)
    assert np.all(square["replicas"] == 400)
    assert square["bias_error"] == pytest.approx(np.sqrt(2.0 / 400), rel=0.4)
    double = table[(table["observable"] == "both") & (table["entry"] == 1)]
    np.testing.assert_array_equal(double["bias_z"], square["bias_z"])


def test_a_wrong_prediction_is_noticed():
    correction = mf.finite_width(Square().limit(), [0.0], ("mean", "square"))
    wrong = replace(correction, drift={"square": 1.4 * correction.drift["square"]}, variance={"square": correction.variance["square"]})
    table = _drift(replicas=800, widths={"m": [16]}).compare(wrong, width="m")
    assert np.all(table["bias_z"] < -4.0)


def test_what_cannot_be_compared_is_refused():
    result, limit = _drift(), Square().limit()
    with pytest.raises(ValueError, match="no time in common"):
        result.compare(mf.finite_width(limit, [0.5], ("mean",)))
    with pytest.raises(ValueError, match="no observable in common"):
        result.compare(replace(mf.finite_width(limit, [0.0], ("mean",)), drift={}))
    with pytest.raises(ValueError, match="need at least 4"):
        _drift(replicas=3).compare(mf.finite_width(limit, [0.0], ("mean",)))


def test_limits_without_weights_say_why():
    tracers = mf.DepthSeparation(d=5)
    line = mf.TwoLayer(
        law=mf.laws.Gaussian(2),
        target=mf.targets.Linear([1.0, 0.0]),
        activation="identity",
        initial=mf.measures.GaussianInit([0.0, 0.0], [1.0, 0.0]),
    )
    for limit, words in [
        (mf.CosineCircle(b=0.8).limit(), "has no attribute weights"),
        (toys.NoisySteps(), "moves in steps of its own"),
        (tracers.coupled_limit(tracers.network(m1=2, m2=3, directions=16)), "carries 3 tracers of weight 0"),
        (line.coupled_limit(line.network(m=4), method="nodes", nodes=3), "does not depend on its weights"),
        (mf.LowDimensionalTarget(d=4, d_h=2).limit(nodes=4), "has weights that sum to 0.5, those of no law of neurons"),
        (make_system("Chain", {}).limit(nodes=2), "has no attribute weights"),
    ]:
        with pytest.raises(ValueError, match=words):
            mf.finite_width(limit, [0.5], tuple(limit.observe(0.0, limit.state0))[:1])


def test_a_second_layer_beside_a_spread_that_negative_weights_do_not_have():
    """Var of the mean of N normal w2 is sigma_2^2 / N; the standard deviation of b2, 0 at the start, was not asked for."""
    system = mf.DepthSeparation(d=5, sigma_1=0.5, sigma_2=0.1)
    found = mf.finite_width(system.limit(nodes=8), [0.0, 5.0], ("w2_mean",), rtol=1e-6, atol=1e-8)
    assert found.variance["w2_mean"][0] == pytest.approx(0.01, rel=1e-9)
    assert found.drift["w2_mean"][0] == pytest.approx(0.0, abs=1e-10)


def test_a_stated_rate_stands_beside_the_fitted_one():
    result = _drift()
    rate = result.rate("mean", t=1.0)
    assert (rate.predicted.exponent, rate.predicted.constant, rate.covered) == (0.5, 1.0, rate.low <= 0.5 <= rate.high)
    assert result.rate("square", t=1.0, statistic="mean").predicted.exponent == 1.0
    assert result.rate("square", t=1.0, statistic="bias").predicted.constant == 1.0
    assert result.rate("both", t=1.0).predicted is None
    assert result.rate("both", t=1.0).covered is None
    assert result.rate("mean", t=1.0, statistic="bias").predicted is None
    assert result.rate("mean", statistic="mean").predicted.constant is None
    assert not replace(rate, predicted=replace(rate.predicted, exponent=2.0)).covered
    assert replace(rate, predicted=replace(rate.predicted, exponent=rate.exponent)).covered


def test_predictions_are_checked():
    @dataclass
    class Stated:
        rates: dict

        def predicted_rates(self):
            return self.rates

    assert predictions(Stated({})) == predictions(object()) == {}
    for rates, words in [
        ({"a": {"constant": 1.0}}, "exponent"),
        ({"a": [{"exponent": 1.0, "power": 2}]}, "power"),
        ({"a": {"exponent": 1.0, "statistic": "max"}}, "statistic = 'max'"),
        ({"a": {"exponent": "fast"}}, r"predicted_rates\(\)\['a'\] = .*exponent = 'fast': give a finite number"),
        ({"a": {"exponent": None}}, "exponent = None: give a finite number"),
        ({"a": {"exponent": 0.5, "constant": np.inf}}, "constant = inf: give a finite number"),
    ]:
        with pytest.raises(ValueError, match=words):
            predictions(Stated(rates))


def test_one_table_of_all_rates():
    result = _drift()
    table = result.table(t=1.0)
    assert table["gap"].tolist() == list(result.gaps)
    by_name = {row["gap"]: row for row in table}
    rate = result.rate("square", t=1.0)
    row = by_name["square"]
    assert (row["exponent"], row["low"], row["high"], row["p_value"]) == (rate.exponent, rate.low, rate.high, rate.p_value)
    assert (row["predicted"], row["covered"], row["excluded"], row["source"]) == (1.0, rate.covered, 0, "m mean^2 is chi-square")
    assert np.isnan(row["predicted_prefactor"])
    assert by_name["mean"]["predicted_prefactor"] == 1.0
    assert np.isnan(by_name["both"]["predicted"])
    assert result.table(t=1.0, statistic="bias")["gap"].tolist() == ["mean", "square"]
    text = format_table(table).splitlines()
    assert len(text) == 1 + len(table)
    assert re.search(rf"square +rms +\d\.\d{{3}} .* 1 {'inside' if rate.covered else 'OUTSIDE'}", text[2])
    with pytest.raises(ValueError, match="at least 3 different widths"):
        _drift(widths={"m": [4, 8]}).table(t=1.0)
    with pytest.raises(ValueError, match="statistic = 'max'"):
        result.table(statistic="max")


def test_a_gap_that_cannot_be_fitted_has_a_row_that_says_why():
    system = mf.DepthSeparation(d=5)
    settings = {"widths": {"m1": [2, 4, 8]}, "fixed": {"m2": 2}, "replicas": 2, "t_eval": [0.0], "network": {"directions": 16}}
    table = mf.drift(system, **settings).table(t=0.0)
    row = table[table["gap"] == "first_layer_rms"][0]
    assert np.isnan(row["exponent"])
    assert "without variance" in row["warning"]
    text = format_table(table)
    ((number, names),) = re.findall(r"^\[(\d+)\] (.*): the gaps at a width are all 0", text, re.MULTILINE)
    marked = [line.split()[0] for line in text.splitlines() if line.endswith(f"[{number}]")]
    assert marked == names.split(", ") == [row["gap"] for row in table if "are all 0" in row["warning"]]
    assert {"rho", "slope", "b2_mean", "first_layer_rms", "second_layer_max"} <= set(marked)


def _measured(gap, observable=None):
    """One time, `gap` (n_widths, replicas, ...) of an observable of the networks, or of a distance."""
    seen = {} if observable is None else {"f": observable[:, :, None]}
    return Drift(np.zeros(1), [{"m": 2}, {"m": 4}, {"m": 8}], {"f": gap[:, :, None]}, np.ones(gap.shape[:2], bool), "nested", seen)


@pytest.mark.parametrize("statistic", ["rms", "mean", "bias"])
@pytest.mark.parametrize("size", [1e-20, 1.0, 1e6])
def test_a_gap_that_is_rounding_has_no_rate(size, statistic):
    noise = np.random.default_rng(0).standard_normal((3, 5))
    rounding, gap = 1e-15 * size * noise, 1e-11 * size * noise
    with pytest.raises(ValueError, match=r"are all 0: without variance .*; nothing separates network and limit there"):
        _measured(rounding, size + rounding).rate("f", t=0.0, statistic=statistic)
    values = _measured(gap, size + gap).rate("f", t=0.0, statistic=statistic).values
    np.testing.assert_array_equal(values, fit_rate([2, 4, 8], gap, statistic=statistic, joint=True).values)


def test_a_gap_from_a_limit_that_vanishes_is_none_of_rounding():
    """Rounding is small beside both: a network of 1e-18 beside a limit of 0 is apart from it."""
    gap = 1e-18 * np.random.default_rng(0).standard_normal((3, 5))
    assert np.all(_measured(gap, gap).rate("f", t=0.0).values > 0.0)
    assert np.all(_measured(gap, np.ones_like(gap)).sup("f") == 0.0)


def test_rounding_of_distances_and_arrays():
    noise = np.random.default_rng(0).standard_normal((3, 5, 2))
    with pytest.raises(ValueError, match="are all 0"):
        _measured(1e-15 * np.abs(noise[..., 0])).rate("f")
    assert np.all(_measured(1e-11 * np.abs(noise[..., 0])).rate("f").values > 0.0)
    # One entry of an array may be 0 and carry the gap.
    array = np.array([1.0, 0.0]) + noise * [0.0, 1e-9]
    np.testing.assert_allclose(_measured(noise * [0.0, 1e-9], array).sup("f"), 1e-9 * np.abs(noise[..., 1]), rtol=1e-12)
    with pytest.raises(ValueError, match="are all 0"):
        _measured(noise * [0.0, 1e-15], array).rate("f")


def test_one_note_names_all_gaps_that_no_network_enters():
    gaps = {name: np.full((3, 5, 1), value) for name, value in (("a", 0.1), ("b", 0.2), ("c", 0.0), ("d", 0.3), ("e", 0.0))}
    found = Drift(np.zeros(1), [{"m": 2}, {"m": 4}, {"m": 8}], gaps, np.ones((3, 5), bool), "nested")
    notes = [line for line in format_table(found.table()).splitlines() if line.startswith("[")]
    assert [note.split(":")[0] for note in notes] == ["[1] a, b, d", "[2] c, e"]
    assert ["or the seeds are equal" in note for note in notes] == [True, False]


def test_extrapolation_of_an_exact_law():
    noise = np.random.default_rng(0).standard_normal((1, 12))
    values = 0.25 + 3.0 / WIDTHS[:, None] ** 0.7 + 1e-3 * noise
    free = extrapolate(WIDTHS, values, exponent=None, joint=True)
    assert free.value == pytest.approx(0.25 + 1e-3 * noise.mean(), abs=1e-6)
    assert (free.constant, free.exponent) == pytest.approx((3.0, 0.7), rel=1e-3)
    fixed = extrapolate(WIDTHS[::-1], values[::-1], exponent=0.7, joint=True)
    assert fixed.value == pytest.approx(0.25 + 1e-3 * noise.mean(), abs=1e-12)
    assert fixed.covers(0.25)


@pytest.mark.parametrize("exponent", [1.0, None])
def test_intervals_of_extrapolations_cover(exponent):
    covered, p_values = [], []
    for seed in range(200):
        noise = np.random.default_rng(seed).standard_normal((4, 30))
        values = 2.0 + 40.0 / WIDTHS[:, None] + noise / np.sqrt(WIDTHS)[:, None]
        found = extrapolate(WIDTHS, values, exponent=exponent, resamples=200, rng=seed)
        covered.append(found.covers(2.0))
        p_values.append(found.p_value)
    assert 0.90 <= np.mean(covered) <= 0.995
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.10 or exponent is None


def test_a_law_of_another_exponent_is_noticed():
    noise = np.random.default_rng(1).standard_normal((4, 30))
    found = extrapolate(WIDTHS, 2.0 + 40.0 / WIDTHS[:, None] ** 0.3 + 0.01 * noise, exponent=2.0)
    assert "poor fit" in found.warning


def test_extrapolation_of_a_drift():
    result = _drift(replicas=200)
    found = result.extrapolate("square", t=1.0)
    assert found.covers(0.0)
    assert found.constant == pytest.approx(1.0, abs=0.5)
    assert found.widths.tolist() == [4, 16, 64]
    with pytest.raises(ValueError, match="observable 'cube' is unknown: the networks report mean, square, both"):
        result.extrapolate("cube", t=1.0)
    with pytest.raises(ValueError, match="both is an array"):
        result.extrapolate("both", t=1.0)
    with pytest.raises(ValueError, match="an extrapolation needs at least 4"):
        result.extrapolate("square", t=1.0, exponent=None)
    with pytest.raises(ValueError, match=re.escape("exponent = -1.0: give a finite number > 0")):
        result.extrapolate("square", t=1.0, exponent=-1.0)


def test_signed_bias_with_its_error():
    result = _drift()
    gap = result.gaps["square"]
    result.gaps["square"][0, 3, 1] = np.nan
    mean, error = result.bias("square_gap")
    assert mean.shape == error.shape == (3, 2)
    kept = np.delete(gap[0, :, 1], 3)
    assert mean[0, 1] == pytest.approx(np.mean(kept))
    assert error[0, 1] == pytest.approx(np.std(kept, ddof=1) / np.sqrt(59))
    assert result.bias("both")[0].shape == (3, 2, 1, 2)


def test_many_excluded_runs_are_warned_of():
    gaps = WIDTHS[:, None] ** -0.5 * np.random.default_rng(2).standard_normal((4, 30))
    gaps[:, :3] = np.nan
    assert fit_rate(WIDTHS, gaps).warning == ""
    gaps[0, 3] = np.nan
    rate = fit_rate(WIDTHS, gaps)
    assert (rate.excluded, rate.runs) == (13, 120)
    assert rate.warning == "13 of 120 runs did not complete: the others are a selection; shorten the time or the steps"


@dataclass(frozen=True)
class Breaking(Square):
    """One network leaves the finite numbers after t = 0."""

    def network(self, *, m, rng):
        flow = super().network(m=m, rng=rng)
        if m == 16 and rng % 5 == 0:
            flow.rhs = lambda t, y: np.full(m, np.inf if t > 0.3 else 0.0)
        return flow


def test_everything_is_in_the_file(tmp_path):
    result = _drift(Breaking(), t_eval=[0.0, 1.0])
    result.observables["own"] = result.observables["mean"] + 1.0
    assert 0 < len(result.failed) < 60
    first = result.failed[0]
    assert (first["m"], first["rows"]) == (16, 1)
    assert first["message"].startswith("network: ")
    assert result.rate("mean", t=1.0).excluded == len(result.failed)
    assert result.rate("mean", t=0.0).excluded == 0
    again = mf.finite.Drift.load(result.save(tmp_path / "drift.h5"))
    assert (again.widths, again.coupling, again.predicted, again.failed) == (
        result.widths, result.coupling, result.predicted, result.failed
    )
    for ours, theirs in ((result.gaps, again.gaps), (result.observables, again.observables)):
        assert list(ours) == list(theirs)
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])
    np.testing.assert_array_equal(result.complete, again.complete)
    assert again.rate("square", t=1.0).exponent == result.rate("square", t=1.0).exponent


def test_one_line_a_run_and_time(tmp_path):
    result = _drift(replicas=2)
    with result.save(tmp_path / "drift.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * 2 * 2
    last = lines[-1]
    assert [last[name] for name in ("m", "replica", "t", "complete")] == ["64", "1", "1.0", "True"]
    assert float(last["square"]) == result.gaps["square"][2, 1, 1]
    assert float(last["both.1"]) == result.gaps["both"][2, 1, 1, 0, 1]
    assert float(last["network.mean"]) == result.observables["mean"][2, 1, 1]


def test_other_files_are_refused(tmp_path):
    from mfpde.store.tables import write_tables

    other = write_tables(tmp_path / "other.h5", {"gaps": {"a": [1.0]}}, {})
    with pytest.raises(StoreError, match="holds other tables"):
        mf.finite.Drift.load(other)
    with pytest.raises(StoreError, match="No such file"):
        mf.finite.Drift.load(tmp_path / "none.h5")


def test_mirrored_pairs_measure_the_constant_of_the_risk(monkeypatch):
    """Linear networks in 40 dimensions, c known for every N: to 3 percent, where single networks have twice the error."""
    monkeypatch.setattr("mfpde.finite.norms._SAMPLES", 1)  # of the function distance, which is not used
    inputs, initial, s, m = np.full(40, 0.5), np.full(40, 2.0), 0.5, 100
    system = mf.TwoLayer(
        law=mf.laws.Gaussian(40, np.diag(inputs)),
        target=mf.targets.Linear(np.eye(40)[0]),
        activation="identity",
        initial=mf.measures.GaussianInit(np.zeros(40), initial),
        clock=0.5,
    )
    c, none = np.array([linear_drift(s, inputs, initial)]), np.empty((1, 0))
    known = FiniteWidth(np.array([s]), {}, {"risk": c}, {"risk": np.array([4.0 * 0.5**2 * 2.0 * np.exp(-2.0 * s)])}, none, none, none)
    arguments = {"widths": {"m": [m]}, "replicas": 80, "t_eval": [s], "dynamics": "particles", "tracers": False}
    paired, single = (mf.drift(system, coupling=coupling, **arguments).compare(known, width="m")[0] for coupling in ("mirrored", "nested"))
    assert paired["bias_error"] < 0.03 * c[0]
    assert abs(paired["bias_z"]) < 4.0
    assert single["bias_error"] > 1.5 * paired["bias_error"]
    assert abs(single["bias_z"]) < 4.0
    assert all(np.isnan(paired[name]) for name in ("variance", "variance_error", "predicted_variance", "variance_z"))


def test_what_the_systems_predict_are_gaps_of_theirs():
    """Every stated rate reads, and belongs to a gap that a small drift of that system has."""
    line = mf.TwoLayer(
        law=mf.laws.Gaussian(3, 1.0),
        target=mf.targets.Linear([1.0, 0.0, 0.0]),
        activation="identity",
        second_layer="fixed",
        initial=mf.measures.GaussianInit([0.0] * 3, 1.0),
    )
    x, y = np.eye(2), np.array([1.0, -1.0])
    batches = {"batches": ((x, y),), "probe": x, "lr": 0.1}
    cases = [
        (mf.DepthSeparation(d=4), {"m1": [4], "m2": [3]}, {"directions": 16}, {"nodes": 4}),
        (line, {"m": [4]}, {}, {}),
        (mf.CosineCircle(b=0.5), {"m": [4]}, {}, {}),
        (mf.IsotropicGaussians(d=4, delta=0.5), {"m": [4]}, {"dynamics": "particles"}, {}),
        (mf.OddTarget.cubic(3), {"m": [4]}, {}, {}),
        (mf.LowDimensionalTarget(d=4, d_h=2), {"m": [4]}, {}, {"nodes": 4}),
        (mf.IntegrableNetwork(d=2, depth=2, parameterization="hpz"), {"m": [8]}, batches, {**batches, "tie": "zero"}),
    ]
    for system, widths, network, limit in cases:
        result = mf.drift(system, widths=widths, t_eval=[0.0, 1.0], replicas=1, network=network, limit=limit)
        assert result.predicted, type(system).__name__
        assert set(result.predicted) <= set(result.gaps), type(system).__name__
