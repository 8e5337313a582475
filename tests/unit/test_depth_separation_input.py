"""Impossible arguments of the depth-separation system: one line that names the thing, its value and what is allowed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import mfpde as mf

SMALL = mf.DepthSeparation(d=4)
PROJECTED = mf.DepthSeparation(d=4, projection=(4.0, 64.0, 1.0))
POSITIVE, NOT_NEGATIVE = "give a finite number > 0", "give a finite number >= 0"
UNITS = np.eye(4).repeat(4, axis=0)


def refused(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"d": 1}, "d = 1: give an integer >= 2"),
        ({"d": 4.0}, "d = 4.0: give an integer >= 2"),
        ({"d": True}, "d = True: give an integer >= 2"),
        ({"sigma_1": 0.0}, f"sigma_1 = 0.0: {POSITIVE}"),
        ({"sigma_1": -0.5}, f"sigma_1 = -0.5: {POSITIVE}"),
        ({"sigma_1": np.nan}, f"sigma_1 = nan: {POSITIVE}"),
        ({"sigma_1": np.inf}, f"sigma_1 = inf: {POSITIVE}"),
        ({"sigma_1": "0.5"}, f"sigma_1 = '0.5': {POSITIVE}"),
        ({"sigma_1": True}, f"sigma_1 = True: {POSITIVE}"),
        ({"sigma_2": -0.01}, f"sigma_2 = -0.01: {NOT_NEGATIVE}"),
        ({"sigma_2": np.nan}, f"sigma_2 = nan: {NOT_NEGATIVE}"),
        ({"sigma_r": -1}, f"sigma_r = -1: {NOT_NEGATIVE}"),
        ({"sigma_r": np.nan}, f"sigma_r = nan: {NOT_NEGATIVE}"),
        ({"alpha": 0}, f"alpha = 0: {POSITIVE}"),
        ({"alpha": np.nan}, f"alpha = nan: {POSITIVE}"),
        ({"homogeneity": 3}, "homogeneity = 3: give 1 or 2"),
        ({"homogeneity": 0}, "homogeneity = 0: give 1 or 2"),
        ({"homogeneity": 1.5}, "homogeneity = 1.5: give 1 or 2"),
        ({"homogeneity": "2"}, "homogeneity = '2': give 1 or 2"),
        ({"homogeneity": True}, "homogeneity = True: give 1 or 2"),
        ({"radius_cap": -3.0}, f"radius_cap = -3.0: {POSITIVE}"),
        ({"radius_cap": np.nan}, f"radius_cap = nan: {POSITIVE}"),
        ({"radius_cap": np.inf}, f"radius_cap = inf: {POSITIVE}"),
        ({"radius_cap": 1.0}, "radius_cap = 1.0: give a radius > 1, the kink of the target (None means d)"),
        ({"rates": (1.0, 1.0)}, "rates = (1.0, 1.0): give three numbers, for w1, w2 and b2"),
        ({"rates": 1.0}, "rates = 1.0: give three numbers, for w1, w2 and b2"),
        ({"rates": None}, "rates = None: give three numbers, for w1, w2 and b2"),
        ({"rates": (1.0, 0.0, 1.0)}, f"rates[1] = 0.0: {POSITIVE}"),
        ({"rates": (1.0, 1.0, np.nan)}, f"rates[2] = nan: {POSITIVE}"),
        ({"rates": ([1.0], 1.0, 1.0)}, f"rates[0] = [1.0]: {POSITIVE}"),
        ({"projection": (4.0, 64.0)}, "projection = (4.0, 64.0): give three numbers, for w1, w2 and b2"),
        ({"projection": (4.0, -64.0, 1.0)}, f"projection[1] = -64.0: {POSITIVE}"),
        ({"projection": (4.0, 64.0, 0.0)}, f"projection[2] = 0.0: {POSITIVE}"),
    ],
)
def test_parameters_of_the_system(parameters, message):
    refused(lambda: mf.DepthSeparation(**parameters), message)


def test_parameters_are_keywords_and_frozen():
    with pytest.raises(TypeError, match="positional"):
        mf.DepthSeparation(100)
    with pytest.raises(TypeError, match="sigma_3"):
        mf.DepthSeparation(sigma_3=1.0)
    with pytest.raises(AttributeError):
        SMALL.d = 5


def test_numbers_of_numpy_become_numbers_that_json_can_write():
    given = {"d": np.int64(4), "sigma_1": np.float32(0.5), "homogeneity": np.int32(2), "radius_cap": np.float64(3), "rates": np.ones(3)}
    system = mf.DepthSeparation(**given)
    assert system == mf.DepthSeparation(d=4, sigma_1=0.5, homogeneity=2, radius_cap=3.0)
    network = system.network(m1=np.int64(3), m2=np.int64(2), dynamics="sgd", dt=np.float32(0.5), batch=np.int64(8), directions=np.int64(16))
    assert json.loads(json.dumps(network.config))["arguments"]["m1"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first_layer": "sphere"}, "first_layer = 'sphere': give 'spherical', 'particles' or a mf.Ensemble of points (n1, 4)"),
        ({"first_layer": np.ones((3, 4))}, "first_layer = <ndarray>: give 'spherical', 'particles' or a mf.Ensemble"),
        ({"first_layer": mf.Ensemble(np.ones((3, 5)))}, "first_layer has points (3, 5) and n1 = None: give points (n1, 4)"),
        ({"first_layer": mf.Ensemble(np.ones((3, 4))), "n1": 2}, "first_layer has points (3, 4) and n1 = 2: give points (n1, 4)"),
        ({"first_layer": "particles"}, "n1 = None: first_layer='particles' needs a number of particles"),
        ({"first_layer": "particles", "n1": 0}, "n1 = 0: give an integer >= 1"),
        ({"first_layer": "particles", "n1": 2.5}, "n1 = 2.5: give an integer >= 1"),
        ({"n1": 10}, "n1 = 10: the spherical reduction has no particles; use first_layer='particles'"),
        ({"second_layer": "hermite"}, "second_layer = 'hermite': give one of ['concentrated', 'gauss-hermite', 'quantile', 'random'] or"),
        ({"second_layer": [[0.0, 0.01]]}, "second_layer = <list>: give one of ["),
        ({"second_layer": mf.Ensemble([[0.0, 0.01, 1.0]])}, "second_layer has points (1, 3): give columns (w2, b2)"),
        ({"nodes": 0}, "nodes = 0: give an integer >= 1"),
        ({"nodes": 8.0}, "nodes = 8.0: give an integer >= 1"),
        ({"rng": -1}, "rng = -1: give an integer seed >= 0, or None for a fresh one"),
        ({"rng": 0.5}, "rng = 0.5: give an integer seed >= 0, or None for a fresh one"),
        ({"first_layer": "particles", "n1": 8, "directions": 15}, "directions = 15: give an integer >= 16"),
    ],
)
def test_arguments_of_the_limit(arguments, message):
    refused(lambda: SMALL.limit(**arguments), message)


def test_quantiles_need_a_spread():
    message = "second_layer = 'quantile' needs sigma_2 > 0"
    refused(lambda: mf.DepthSeparation(d=4, sigma_2=0.0).limit(second_layer="quantile"), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"m1": 0}, "m1 = 0: give an integer >= 1"),
        ({"m1": -5}, "m1 = -5: give an integer >= 1"),
        ({"m1": True}, "m1 = True: give an integer >= 1"),
        ({"m2": 0}, "m2 = 0: give an integer >= 1"),
        ({"m2": 2.5}, "m2 = 2.5: give an integer >= 1"),
        ({"m2": "128"}, "m2 = '128': give an integer >= 1"),
        ({"dynamics": "adam"}, "dynamics = 'adam': give one of ('flow', 'gd', 'sgd')"),
        ({"dtype": "float16"}, "dtype = 'float16': give 'float64' or 'float32'"),
        ({"rng": True}, "rng = True: give an integer seed >= 0, or None for a fresh one"),
        ({"dt": 0.5}, "dt = 0.5: dynamics='flow' chooses its own steps; leave it out or use 'gd' or 'sgd'"),
        ({"dynamics": "gd", "dt": 0.0}, f"dt = 0.0: {POSITIVE}"),
        ({"dynamics": "gd", "dt": -0.5}, f"dt = -0.5: {POSITIVE}"),
        ({"dynamics": "sgd", "dt": np.nan}, f"dt = nan: {POSITIVE}"),
        ({"dynamics": "sgd", "dt": "0.5"}, f"dt = '0.5': {POSITIVE}"),
        ({"batch": 64}, "batch = 64: dynamics='flow' draws no samples; leave it out or use 'sgd'"),
        ({"dynamics": "gd", "batch": 64}, "batch = 64: dynamics='gd' draws no samples; leave it out or use 'sgd'"),
        ({"dynamics": "sgd", "batch": 0}, "batch = 0: give an integer >= 1"),
        ({"dynamics": "sgd", "batch": 64.0}, "batch = 64.0: give an integer >= 1"),
        ({"directions": 0}, "directions = 0: give an integer >= 16"),
        ({"directions": "many"}, "directions = 'many': give an integer >= 16"),
        ({"directions": UNITS[:8]}, "directions have shape (8, 4): give (n, 4) with n >= 16"),
        ({"directions": np.ones((20, 5))}, "directions have shape (20, 5): give (n, 4) with n >= 16"),
        ({"directions": np.vstack([UNITS, 2.0 * UNITS])}, "directions[16] has norm 2.0: give unit vectors, each row divided by its norm"),
        ({"directions": np.where(UNITS > 0, np.nan, UNITS)}, "directions[0] has norm nan: give unit vectors, each row divided by its norm"),
    ],
)
def test_arguments_of_the_network(arguments, message):
    refused(lambda: SMALL.network(**({"m1": 3, "m2": 2, "directions": 16} | arguments)), message)


@pytest.mark.parametrize("dynamics", ["flow", "gd"])
def test_only_sgd_projects(dynamics):
    message = f"projection = (4.0, 64.0, 1.0): dynamics='{dynamics}' has no per-sample gradients; use 'sgd' or None"
    refused(lambda: PROJECTED.network(dynamics=dynamics), message)
    refused(PROJECTED.limit, "projection = (4.0, 64.0, 1.0): only dynamics='sgd' has per-sample gradients to project; use None")
    assert PROJECTED.network(m1=3, m2=2, dynamics="sgd", directions=16).packing.size == 3 * 4 + 2 * 2 + 3


@pytest.mark.parametrize("dynamics", ["gd", "sgd"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t_eval": [0.0, 1.3]}, "t_eval has 1.3, no multiple of dt = 0.5: the nearest is 1.5"),
        ({"t_eval": [0.0, 1.0], "rtol": 1e-6}, "rtol = 1e-06: a flow in steps of its own takes none; leave it out"),
        ({"t_eval": [0.0, 1.0], "atol": 1e-9}, "atol = 1e-09: a flow in steps of its own takes none; leave it out"),
        ({"t_eval": [0.0, 1.0], "method": "RK45"}, "method = 'RK45': a flow in steps of its own takes none; leave it out"),
        ({"t_eval": [0.0, 1.0], "y0": np.zeros(3)}, "y0 has shape (3,): this flow's state has shape (16,)"),
    ],
)
def test_runs_in_steps(dynamics, arguments, message):
    network = SMALL.network(m1=3, m2=2, dynamics=dynamics, directions=16)
    refused(lambda: mf.solve(network, **arguments), message)


def test_what_has_no_resolution_or_no_prediction_says_so():
    refused(SMALL.network(m1=3, m2=2, directions=16).refined, "role = 'network': a network has no resolution to refine")
    refused(mf.DepthSeparation(homogeneity=1).escape_time, "homogeneity = 1 has no blow-up time")


def test_refinement_doubles_what_has_a_resolution_and_keeps_what_was_given():
    given = SMALL.limit(first_layer=mf.Ensemble(np.ones((3, 4))), directions=16, nodes=2).refined()
    assert (len(given.directions), given.unpack(given.state0)["w1"].shape, given.unpack(given.state0)["w2"].shape) == (32, (3, 4), (4,))
    concentrated = SMALL.limit(second_layer="concentrated").refined()
    assert concentrated.packing.size == 3


def test_a_network_of_another_dimension_is_not_coupled():
    other = mf.DepthSeparation(d=5).network(m1=3, m2=2, directions=16)
    refused(lambda: SMALL.coupled_limit(other), "network has neurons w1 of shape (3, 5): this system's have 4 coordinates")
    refused(lambda: SMALL.coupled_limit(SMALL.network(m1=3, m2=2, directions=16), nodes=0), "nodes = 0: give an integer >= 1")
