"""Runs of a study: inputs weighed exactly, a limit solved once, networks that cannot start or blow up, a single width."""

from __future__ import annotations

import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import mfpde as mf
from mfpde.finite import norms, one_run
from mfpde.papers.drift_examples import two_layer
from mfpde.streams import stream
from tests import toys


class Linear:
    """f(x) = slope x_1 as the only thing that a flow knows."""

    def predict(self, slope, x):
        return slope * np.asarray(x)[:, 0]


POINTS = mf.laws.Empirical([[1.0, 0.0], [2.0, 7.0], [-3.0, 0.0]], weights=[0.5, 0.25, 0.25])


@pytest.mark.parametrize(("law", "second"), [
    (POINTS, 0.5 + 0.25 * 4.0 + 0.25 * 9.0),
    (mf.laws.Mixture([POINTS, mf.laws.Empirical([[5.0, 1.0]])], [0.8, 0.2]), 0.8 * 3.75 + 0.2 * 25.0),
])  # fmt: skip
def test_a_law_on_few_points_is_weighed_exactly(law, second):
    """(E (2 x - 5 x)^2)^{1/2} = 3 (E x^2)^{1/2}, whatever the seed."""
    inputs = norms.inputs_of(law, stream(0, "x"))
    assert len(inputs[0]) == len(law.atoms()[1])
    assert norms.function_distance(Linear(), Linear(), 2.0, 5.0, inputs) == pytest.approx(3.0 * np.sqrt(second), rel=1e-14)


@pytest.mark.parametrize("law", [
    mf.laws.Gaussian(2),
    mf.laws.Mixture([POINTS, mf.laws.Gaussian(2)], [0.5, 0.5]),
    mf.laws.Empirical(np.linspace(-1.0, 1.0, 8194).reshape(4097, 2)),
])  # fmt: skip
def test_any_other_law_is_sampled(law):
    x, weights = norms.inputs_of(law, stream(3, "x"))
    np.testing.assert_array_equal(x, law.sample(4096, stream(3, "x")))
    np.testing.assert_array_equal(weights, 1.0 / 4096)


def test_outputs_with_several_components_are_apart_by_their_euclidean_norm():
    class Plane:
        def predict(self, y, x):
            return np.tile(y, (len(x), 1))

    inputs = np.zeros((2, 1)), np.array([0.25, 0.75])
    assert norms.function_distance(Plane(), Plane(), [3.0, 4.0], [0.0, 0.0], inputs) == pytest.approx(5.0, rel=1e-15)


def test_function_distance_of_a_study_on_data():
    """A phase point's law is its four inputs: the gap is the root mean square over them."""
    system = mf.PhasePoint(gamma=1.0, gamma_prime=0.0)
    found = mf.drift(system, widths={"m": [8]}, replicas=1, t_eval=[0.0, 1.0], network={"dynamics": "flow"}, limit={"nodes": 4})
    seed = int(stream(0, "replica", 0).integers(2**63))
    network = system.network(m=8, dynamics="flow", rng=seed)
    limit = system.coupled_limit(network, nodes=4)
    values = [flow.predict(mf.solve(flow, [0.0, 1.0]).final_state, system.x) for flow in (network, limit)]
    assert found.gaps["function_distance"][0, 0, 1] == pytest.approx(np.sqrt(np.mean((values[0] - values[1]) ** 2)), rel=1e-12)


def test_the_moments_of_an_odd_target_are_a_law_of_few_points():
    system = mf.OddTarget(cross_moment=[1.0, 1.0, 1.0], covariance=np.diag([1.0, 2.0, 3.0]), second_moment=9.0)
    x, weights = system.law.atoms()
    assert x.shape == (6, 3)
    np.testing.assert_allclose(x.T @ (weights[:, None] * x), np.diag([1.0, 2.0, 3.0]), rtol=0.0, atol=1e-14)


@dataclass(frozen=True)
class Counting:
    """x' = -x from m normal numbers beside x' = -x from 1; each limit made leaves a line in `log`."""

    log: Path

    def config(self):
        return {}

    def limit(self, *, start=1.0):
        with self.log.open("a") as file:
            file.write(f"{multiprocessing.current_process().pid}\n")
        return toys.Toy(decay, [start])

    def network(self, *, m, rng):
        return toys.Toy(decay, stream(rng, "start").standard_normal(m))


def decay(t, y):
    return -y


def study(system, **arguments):
    return mf.drift(system, **({"widths": {"m": [2, 4, 8]}, "replicas": 4, "t_eval": [0.0, 1.0]} | arguments))


def same(one, other):
    assert list(one.gaps) == list(other.gaps)
    for name, gap in one.gaps.items():
        np.testing.assert_array_equal(gap, other.gaps[name])


def test_a_limit_that_no_network_enters_is_solved_once_in_a_process(tmp_path):
    log = tmp_path / "log"
    here = study(Counting(log))
    assert len(log.read_text().split()) == 1
    assert not one_run._solved
    log.unlink()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        same(here, study(Counting(log), executor=processes))
    solved = log.read_text().split()
    assert len(solved) == len(set(solved)) <= 2
    with ThreadPoolExecutor(2) as threads:
        same(here, study(Counting(log), executor=threads))


def test_every_study_solves_its_own_limit(tmp_path):
    """The same description, another limit: what one study has solved is not taken for the other's."""
    system = Counting(tmp_path / "log")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        found = [study(system, limit={"start": start}, executor=processes).gaps["first"][0, 0, 0] for start in (1.0, 3.0, 1.0)]
    assert found[1] - found[0] == pytest.approx(-2.0, abs=1e-12)
    assert found[2] == found[0]


def test_runs_of_a_shared_limit_are_kept_under_the_names_they_always_had(tmp_path):
    """A second study reads them all: the limit's name for this process is not in them."""
    system = Counting(tmp_path / "log")
    first = study(system, store=tmp_path / "store")
    same(first, study(system, store=tmp_path / "store"))
    assert len((tmp_path / "log").read_text().split()) == 1


def test_another_function_of_the_same_name_is_another_study(tmp_path):
    def loss(target):
        system = mf.LowDimensionalTarget(d=4, d_h=2, target=target)
        return mf.drift(system, widths={"m": [4]}, replicas=1, t_eval=[0.0], store=tmp_path).observables["loss"][0, 0, 0]

    assert loss(lambda r: 2.0 * r) > 2.0 * loss(lambda r: r)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    loss(lambda r: r)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_a_limit_with_tracers_is_one_for_every_network(monkeypatch):
    made = []
    couple = mf.CosineCircle.coupled_limit
    monkeypatch.setattr(mf.CosineCircle, "coupled_limit", lambda self, network, **given: made.append(1) or couple(self, network, **given))
    mf.drift(mf.CosineCircle(b=0.5), widths={"m": [4, 8]}, replicas=2, t_eval=[0.0, 0.5])
    assert len(made) == 4


@dataclass(frozen=True)
class Troubled:
    """Normal numbers that decay; what `trouble` says befalls the networks of one replica's seed."""

    trouble: str
    seed: int

    def config(self):
        return {"trouble": self.trouble}

    def limit(self):
        return toys.Toy(decay, [1.0])

    def network(self, *, m, rng):
        flow = toys.Toy(decay, stream(rng, "start").standard_normal(m))
        if rng == self.seed:
            TROUBLES[self.trouble](flow)
        return flow


def _division(t, y):
    return {"first": float(y[0]), "norm": 1.0 / int(t < 0.5)}


def _algebra(t, y):
    raise np.linalg.LinAlgError("Eigenvalues did not converge")


TROUBLES = {
    "velocity": lambda flow: setattr(flow, "rhs", lambda t, y: y * np.nan),
    "state": lambda flow: setattr(flow, "state0", flow.state0 * np.inf),
    "division": lambda flow: setattr(flow, "observe", _division),
    "algebra": lambda flow: setattr(flow, "observe", _algebra),
}


@pytest.mark.parametrize(("trouble", "message"), [
    ("velocity", "network: blow-up: the velocity at t = 0 is not finite"),
    ("state", "network: blow-up: the state at t = 0 is not finite"),
    ("division", "network: blow-up: ZeroDivisionError: float division by zero"),
    ("algebra", "network: blow-up: LinAlgError: Eigenvalues did not converge"),
])  # fmt: skip
@pytest.mark.parametrize("replica", [0, 2])
def test_a_network_that_cannot_start_is_marked_and_the_others_are_kept(trouble, message, replica):
    seed = int(stream(0, "replica", replica).integers(2**63))
    good, found = study(Troubled("velocity", -1)), study(Troubled(trouble, seed))
    assert np.argwhere(~found.complete).tolist() == [[i, replica] for i in range(3)]
    assert {name: run[name] for run in found.failed[:1] for name in run} == {"m": 2, "replica": replica, "rows": 0, "message": message}
    for name, gap in good.gaps.items():
        for i, r in itertools.product(range(3), range(4)):
            np.testing.assert_array_equal(found.gaps[name][i, r], np.nan if r == replica else gap[i, r])
    rate = found.rate("first", t=1.0)
    assert (rate.excluded, rate.runs) == (3, 12)
    assert "3 of 12 runs did not complete" in rate.warning


def test_a_study_in_which_nothing_starts_says_so():
    system = Troubled("velocity", int(stream(0, "replica", 0).integers(2**63)))
    found = mf.drift(system, widths={"m": [2]}, replicas=1, t_eval=[1.0])
    assert found.failed == [{"m": 2, "replica": 0, "rows": 0, "message": "network: blow-up: the velocity at t = 0 is not finite"}]
    assert found.table().size == 0
    with pytest.raises(ValueError, match="gap 'loss' is unknown: there are none, because no run reached a time"):
        found.rate("loss")


def test_impossible_settings_are_still_errors(tmp_path):
    with pytest.raises(ValueError, match="rtol = 2"):
        study(Counting(tmp_path / "log"), rtol=2.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"widths": {"m1": [4, 8, 16]}}, r"^TwoLayer.network\(\): missing a required argument: 'm'; name its arguments in widths"),
        ({"widths": {"m": [4, 8, 16]}, "network": {"batches": 2}}, "unexpected keyword argument 'batches'"),
        ({"widths": {"m": [4, 8, 16]}, "limit": {"points": 2}, "tracers": False}, r"^TwoLayer.limit\(\): .* 'points'"),
    ],
)
def test_arguments_that_network_or_limit_does_not_take(given, message):
    with pytest.raises(ValueError, match=message):
        mf.drift(two_layer(d=2), t_eval=[0.0], **given)
    with pytest.raises(ValueError, match=r"^LowDimensionalTarget.coupled_limit\(\): .* 'points'; name its arguments in limit"):
        mf.drift(mf.LowDimensionalTarget(d=4, d_h=2), widths={"m": [4]}, t_eval=[0.0], limit={"points": 2})


def test_flows_with_nothing_in_common_are_refused(tmp_path):
    class Silent(Counting):
        def limit(self):
            flow = super().limit()
            flow.observe = lambda t, y: {"other": 0.0}
            return flow

    with pytest.raises(ValueError, match="nothing to compare: the network reports first, norm; the limit other; give both flows"):
        study(Silent(tmp_path / "log"))


def test_observables_of_two_shapes_are_refused(tmp_path):
    """Two times and two entries: subtracted as they are, rows would meet columns."""

    class Pairs(Counting):
        def network(self, *, m, rng):
            flow = super().network(m=m, rng=rng)
            flow.observe = lambda t, y: {"first": np.array([1.0, 2.0])}
            return flow

    with pytest.raises(ValueError, match=r"first has shape \(2,\) in the network and \(\) in the limit"):
        study(Pairs(tmp_path / "log"))


def test_descent_that_diverges_stops_and_is_marked():
    """An odd target learnt in steps far too long: the last good state is kept, its moments overflow, and the study goes on."""
    system = mf.OddTarget(law=mf.laws.Gaussian(3), target=mf.targets.Linear([1.0, 0.0, 0.0]))
    for m, paired in ((6, True), (5, False)):
        run = mf.solve(system.network(m=m, dynamics="gd", lr=1000.0, paired=paired), np.arange(20.0))
        assert not run.complete
        assert run.message.startswith("blow-up: the state after step")
        assert np.isfinite(run.final_state).all()
        assert np.isfinite(run.observables["loss"][:3]).all()
        assert not np.isfinite(run.observables["loss"][-1])
    found = mf.drift(system, widths={"m": [8, 16]}, replicas=2, t_eval=np.arange(20.0), dynamics="gd", network={"lr": 1000.0}, laws=True)
    assert not found.complete.any()
    assert all(3 <= run["rows"] < 20 and "network: blow-up" in run["message"] for run in found.failed)
    assert np.isfinite(found.bias("loss")[0][:, :3]).all()


def test_gaps_that_overflow_are_no_part_of_a_mean():
    found = mf.drift(mf.CosineCircle(b=0.8), widths={"m": [4]}, replicas=4, t_eval=[1.0])
    gaps = found.gaps["risk"].copy()
    gaps[0, 1] = np.inf
    mean, error = replace(found, gaps={"risk": gaps}).bias("risk")
    kept = gaps[0, [0, 2, 3], 0]
    assert mean[0, 0] == pytest.approx(kept.mean(), rel=1e-14)
    assert error[0, 0] == pytest.approx(kept.std(ddof=1) / np.sqrt(3.0), rel=1e-14)


def test_a_gap_that_overflows_is_infinite_and_left_out():
    """Beside an observable that is infinite too, it is no rounding."""
    found = mf.drift(mf.CosineCircle(b=0.8), widths={"m": [4, 8, 16]}, replicas=6, t_eval=[0.0, 1.0])
    gaps, observed = found.gaps["risk"].copy(), found.observables["risk"].copy()
    gaps[0, 1, 1] = observed[0, 1, 1] = np.inf
    lost = replace(found, gaps={"risk": gaps}, observables={"risk": observed})
    assert lost.sup("risk")[0, 1] == np.inf
    assert lost.rate("risk", t=1.0).excluded == 1
    kept = found.gaps["risk"][0, [0, 2, 3, 4, 5], 1]
    assert lost.rate("risk", t=1.0).values[0] == pytest.approx(np.sqrt(np.mean(kept**2)), rel=1e-14)
    many = np.stack([1e200 * gaps, gaps], axis=-1)
    both = replace(found, gaps={"risk": many}, observables={"risk": np.stack([observed, observed], axis=-1)})
    assert both.sup("risk")[0, 1] == np.inf


def test_laws_that_are_infinitely_far_apart():
    far = np.array([[1e200], [0.0]])
    assert set(norms.law_distances({"u": far}, {"u": -far}, {"u": "assignment"}).values()) == {np.inf}
    assert np.isfinite(list(norms.law_distances({"u": far / 1e100}, {"u": -far / 1e100}, {"u": "assignment"}).values())).all()


def test_one_width_needs_no_name():
    """Bias and fluctuation belong to a width; a rate needs three of them, and says so."""
    system = mf.CosineCircle(b=0.8)
    found = mf.drift(system, widths={"m": [32]}, replicas=6, t_eval=[0.0, 1.0])
    constant = np.array([[0.1, 0.2], [0.3, 0.4]])
    correction = mf.finite.FiniteWidth(found.t, {}, {"risk": constant[0]}, {"risk": constant[1]}, *np.empty((3, 2, 0)))
    np.testing.assert_array_equal(found.compare(correction), found.compare(correction, width="m"))
    with pytest.raises(ValueError, match=r"widths = \[32.0\]: a rate needs at least 3 different widths"):
        found.rate("risk", t=1.0)
    grid = mf.drift(mf.DepthSeparation(d=5), widths={"m1": [4], "m2": [3]}, replicas=4, t_eval=[0.0], network={"directions": 16})
    with pytest.raises(ValueError, match=r"widths with one value each: \['m1', 'm2'\]; name one as width="):
        grid.rate("loss")
