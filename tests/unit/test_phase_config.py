"""A flow of the phase diagram is rebuilt from its configuration, and a stopped run of any of them goes on."""

import json

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.registry import build

POINT = PhasePoint(gamma=1.0, gamma_prime=-0.1)
FLOWS = {
    "paper": lambda: POINT.network(m=20, rng=3),
    "redrawn": lambda: POINT.network(m=20, redraw=True, dtype="float32"),
    "flow": lambda: POINT.network(m=20, dynamics="flow"),
    "refined flow": lambda: POINT.network(m=20, dynamics="flow").refined(),
    "event": lambda: POINT.network(m=10, dynamics="event"),
    "refined event": lambda: POINT.network(m=10, dynamics="event").refined(),
    "limit": lambda: POINT.limit(m=100.0, nodes=2),
    "refined limit": lambda: POINT.limit(nodes=2).refined(),
    "limit by the recipe": lambda: POINT.limit(dynamics="paper", nodes=2),
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_is_rebuilt_from_its_configuration(name):
    flow = FLOWS[name]()
    again = build(json.loads(json.dumps(flow.config)))
    assert json.dumps(again.config) == json.dumps(flow.config)
    assert type(again) is type(flow)
    np.testing.assert_array_equal(mf.solve(again, max_steps=2).states, mf.solve(flow, max_steps=2).states)


@pytest.mark.parametrize("name", ["paper", "flow", "event", "limit", "limit by the recipe"])
def test_a_stopped_run_goes_on(name, tmp_path):
    flow = FLOWS[name]()
    pair = {"store": tmp_path / "run.h5", "checkpoint": tmp_path / "run.checkpoint"}
    stopped = mf.solve(flow, max_steps=3, **pair)
    rebuilt = build({key: stopped.config[key] for key in ("system", "parameters", "role", "arguments")})
    resumed, whole = mf.solve(rebuilt, **pair), mf.solve(flow)
    assert resumed.complete
    np.testing.assert_array_equal(resumed.states, whole.states)


def test_what_a_search_found_is_no_argument():
    flow = FLOWS["paper"]()
    assert flow.config["found"] == {"lr0": flow.lr0, "dt": flow.dt, "tries": flow.run.tries}
    assert FLOWS["limit by the recipe"]().config["found"]["dt"] > 0.0


def test_a_coupled_limit_is_refined_with_its_tracers():
    network = FLOWS["flow"]()
    fine = POINT.coupled_limit(network, nodes=2).refined()
    assert (fine.initial.tracers, fine.rho) == (40, 0.125)
    assert len(fine.a0) - 40 == len(POINT.limit(nodes=4).a0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rho": 0.1}, r"rho = 0\.1: dynamics='paper'"),
        ({"accuracy": 1e-9, "dynamics": "flow"}, "accuracy = 1e-09"),
        ({"rho": -1.0, "dynamics": "flow"}, "rho"),
    ],
)
def test_arguments_of_another_dynamics_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        POINT.network(m=5, **arguments)


def test_networks_of_the_recipe_drift_from_their_limit_at_any_time():
    study = mf.drift(POINT, widths={"m": [20, 40]}, replicas=2, t_eval=[0.0, 300.0, 1000.0], dynamics="paper", limit={"nodes": 4})
    assert study.complete.all()
    assert np.isfinite(study.gaps["rd_w"]).all()
