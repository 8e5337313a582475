"""What is promised to somebody who calls public names only: runs that can be made again, and refusals that say what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl

import mfpde as mf
from mfpde.flow import Flow
from mfpde.systems.chain import Layer
from mfpde.systems.registry import build

ISOTROPIC = mf.IsotropicGaussians(d=3, delta=0.8)
ANISOTROPIC = mf.AnisotropicGaussians(d=4, gamma=0.5, delta=0.8)
CIRCLE = mf.CosineCircle(b=0.9)
NOISY = mf.CosineCircle(b=0.9, beta=5.0)
POINT = mf.PhasePoint(gamma=1.0, gamma_prime=0.0)
DEPTH = mf.DepthSeparation(d=3)
ODD = mf.OddTarget(cross_moment=[1.0, 0.5], covariance=1.0, second_moment=2.0)
DATA = mf.laws.Empirical(np.array([[0.0, 1.0], [1.0, 0.5]]), np.array([1.0, 0.0]))
NEURONS = mf.Ensemble([[1.0, 0.5, 0.5, 0.1], [0.5, -0.3, 0.4, 0.2]])
CHAIN = mf.Chain([Layer(outputs=1, initial=NEURONS)], DATA)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ISOTROPIC.network(m=4, eps=0.125),
        lambda: ISOTROPIC.network(m=4, dynamics="gd", eps=0.125),
        lambda: ISOTROPIC.network(m=4, dynamics="nonlinear"),
        lambda: ANISOTROPIC.network(m=4, dynamics="sgd", eps=0.125),
        lambda: CIRCLE.network(m=4, dynamics="nonlinear"),
        lambda: NOISY.network(m=4, dynamics="nonlinear", eps=2**-7),
        lambda: NOISY.network(m=4, dynamics="sgd", eps=0.125, noise_steps=2),
        lambda: POINT.limit(m=np.float32(64.0), nodes=2),
        lambda: POINT.limit(m=np.int64(64), nodes=2),
        lambda: DEPTH.limit(nodes=4),
        lambda: DEPTH.limit(first_layer="particles", n1=4, directions=18, nodes=4),
    ],
)
def test_a_configuration_written_as_json_makes_the_same_run(make: Callable[[], Flow]) -> None:
    flow = make()
    again = build(json.loads(json.dumps(flow.config)))
    assert again.config == flow.config
    first, second = mf.solve(flow, [0.0, 0.25]), mf.solve(again, [0.0, 0.25])
    np.testing.assert_array_equal(first.states, second.states)


@pytest.mark.parametrize("make", [lambda: DEPTH.limit(nodes=4), lambda: CHAIN.limit()], ids=["depth separation", "chain"])
def test_a_limit_without_chance_continues_when_it_is_made_again(make: Callable[[], Flow], tmp_path: Path) -> None:
    files = {"store": tmp_path / "run.h5", "checkpoint": tmp_path / "run.checkpoint"}
    assert not mf.solve(make(), [0.0, 1.0], max_steps=1, **files).complete
    continued = mf.solve(make(), [0.0, 1.0], **files)
    np.testing.assert_array_equal(continued.states, mf.solve(make(), [0.0, 1.0]).states)


def test_a_seed_is_recorded_where_something_is_drawn() -> None:
    for flow in (DEPTH.limit(second_layer="random", nodes=4), CHAIN.limit(rng=7), DEPTH.limit(nodes=4, rng=7)):
        assert isinstance(flow.config["arguments"]["rng"], int)


@pytest.mark.parametrize("dynamics", ["flow", "event", "paper"])
def test_neurons_that_see_no_input_are_refused(dynamics: str) -> None:
    with pytest.raises(ValueError, match="none of the 2 neurons is active on any input"):
        POINT.network(m=1, dynamics=dynamics, rng=1)


@pytest.mark.parametrize(
    "drawn",
    [
        lambda: POINT.network(m=30001, dynamics="flow").relative_displacements(np.ones(30001 * 6 + 6)),
        lambda: mf.laws.Gaussian(100, np.eye(100) + 0.1).sample(64, np.random.default_rng(0)),
    ],
    ids=["phase point", "correlated inputs"],
)
def test_what_is_drawn_does_not_depend_on_the_threads_of_the_blas(drawn: Callable[[], np.ndarray[Any, Any]]) -> None:
    import scipy.linalg  # noqa: F401

    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
            results.append(drawn())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mf.IsotropicGaussians(d=3, delta=0.8, activation="relu"), "activation = 'relu'"),
        (lambda: mf.IsotropicGaussians(d=math.inf, delta=0.8).limit(panel_tol=1e-6), "panel_tol = 1e-06: for d = inf"),
        (lambda: mf.AnisotropicGaussians(gamma="half", delta=0.8), "gamma = 'half'"),
        (lambda: mf.AnisotropicGaussians(gamma=1e-12, delta=0.8, d=4), "not a whole number between 0 and d"),
        (lambda: mf.DepthSeparation(d=3, rates=np.array(1.0)), "give three numbers"),
        (lambda: ODD.network(m=2, activation=["relu"]), r"activation = \['relu'\]"),
        (lambda: CHAIN.network(widths=3), "widths = 3: give one for each of the 1 layers"),
        (lambda: mf.measures.GaussianInit([0.0], 1.0).gauss_hermite("many"), "nodes = 'many'"),
        (lambda: mf.measures.GaussianInit([0.0], 1.0).quantiles(2.5), "m = 2.5"),
        (lambda: NEURONS.prefix(1.5), "m = 1.5: give an integer >= 1"),
        (lambda: NEURONS.prefix(True), "m = True: give an integer >= 1"),
        (lambda: NEURONS.duplicate(2.5), "k = 2.5: give an integer >= 1"),
        (lambda: mf.targets.Custom(None), "function = None"),
        (lambda: mf.targets.Radial(2.0), "function = 2.0"),
        (lambda: mf.solve(CIRCLE.limit(), [1j]), "t_eval = .*give a sequence of real numbers"),
        (lambda: mf.solve(CIRCLE.limit(), ["1"]), "t_eval = .*give a sequence of real numbers"),
        (lambda: mf.solve(CIRCLE.limit(), [1.0], y0=[1j]), "y0 has entries of type complex128"),
        (lambda: mf.solve(CIRCLE.limit(), [1.0], max_seconds="5"), "max_seconds = '5'"),
    ],
)
def test_what_is_impossible_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("spacing", [0.0, "fine", [0.1]])
def test_a_spacing_is_checked_by_every_back_end(spacing: Any) -> None:
    x = np.eye(2)
    network = mf.IntegrableNetwork(d=2, depth=2, parameterization="ip-llr")
    with pytest.raises(ValueError, match="spacing = "):
        network.limit(batches=[(x, np.ones(2))], lr=0.1, probe=x, backend="sector", spacing=spacing)
