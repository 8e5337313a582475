"""Reference values of the infinite-width recursion, d = 3, loss (f - y)^2 / 2, at (.6, .8, 0) and at the training input."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.integrable import IntegrableNetwork
from mfpde.systems.integrable.exact import relu_first_step

X, PROBE = np.array([[1.0, 0.0, 0.0]]), np.array([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0]])


def limit(depth, parameterization, labels=(1.0, 1.0, 1.0), lr=0.5, activation="relu", x=X, **options):
    system = IntegrableNetwork(d=3, depth=depth, parameterization=parameterization, activation=activation)
    batches = [(x, np.atleast_1d(np.array(y))) for y in labels]
    return system.limit(batches=batches, lr=lr, probe=PROBE, **options)


def outputs(*arguments, **options):
    flow = limit(*arguments, **options)
    run = mf.solve(flow, range(flow.problem.steps + 1))
    return run.observables["f"][1:], run.observables["f_stderr"][1:]


@pytest.mark.parametrize(("depth", "value"), [
    (1, 0.913691304873334), (2, 0.222141122910261), (3, 0.0279504692301986), (4, 0.00351681273576651), (6, 5.56761920369235e-05),
])  # fmt: skip
def test_first_step_of_relu(depth, value):
    assert relu_first_step(X[0], PROBE, depth, -0.5)[0] == pytest.approx(value, rel=1e-13)
    flow = limit(depth, "ip-llr", labels=(1.0,))
    assert flow.backend == "sector"
    assert flow.predict(flow.step(0, flow.state0), PROBE)[0] == pytest.approx(value, rel=1e-13)


# f_1, f_2, f_3, each at the probe and at the training input.
LATER = {
    (2, "hpz"): (
        [0.222141122910261, 0.240011939430755], [0.758011511560853, 0.848601989197222], [0.996360110268993, 1.12392683664565],
    ),
    (2, "ip-llr"): (
        [0.222141122910261, 0.240011939430755], [0.782809276964766, 0.876655314395089], [0.982566622758471, 1.10740692879971],
    ),
    (3, "hpz"): (
        [0.0279504692301986, 0.0301990295180494], [0.0846635048173721, 0.0926697682097552], [0.214354016818524, 0.237740560426768],
    ),
    (3, "hp"): (
        [0.0279504692301986, 0.0301990295180494], [0.0897118718880441, 0.0981776043815730], [0.235164801983713, 0.260934708099911],
    ),
    (4, "hpz"): (
        [0.00351681273576651, 0.00379973340490893], [0.00546514743625288, 0.00592014894561826], [0.00815130791812843, 0.00885383404298939],
    ),
    (4, "ip-llr"): (
        [0.00351681273576651, 0.00379973340490893], [0.00554362967246918, 0.00600517786939347], [0.00838774380092898, 0.00911106926640599],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("depth", "parameterization"), LATER)
def test_three_steps_on_one_input(depth, parameterization):
    f, stderr = outputs(depth, parameterization)
    np.testing.assert_allclose(f, LATER[depth, parameterization], rtol=1e-11, atol=0)
    assert np.array_equal(stderr, np.zeros((3, 2)))


def test_alternating_labels():
    dead, _ = outputs(2, "hpz", (1.0, -1.0, 1.0))
    assert np.array_equal(dead[1:], np.zeros((2, 2)))
    alive, _ = outputs(2, "ip-llr", (1.0, -1.0, 1.0))
    np.testing.assert_allclose(alive[1:, 0], [-0.031172065898809, -0.0011469233666264], rtol=1e-11)


def test_tanh_by_quadrature():
    f, _ = outputs(2, "hp", (1.0,), activation="tanh")
    assert f[0, 0] == pytest.approx(0.182793871436, abs=1e-12)


@pytest.mark.parametrize(("depth", "values", "errors"), [(3, [0.3063, 0.5735], [5e-4, 6e-4]), (4, [0.04475, 0.1173], [4e-5, 1e-4])])
def test_tanh_with_more_layers_revives_at_the_second_step(depth, values, errors):
    flow = limit(depth, "ip-llr", lr=1.0, activation="tanh")
    assert flow.backend == "trapezoid"
    f = mf.solve(flow, [1, 2, 3]).observables["f"]
    assert np.max(np.abs(f[0])) < 1e-15
    assert np.all(np.abs(f[1:, 0] - values) < 3.0 * np.array(errors))


@pytest.mark.parametrize(("depth", "value", "error"), [(2, 0.04017, 7e-5), (3, 0.0018786, 4.6e-6)])
def test_batch_of_two(depth, value, error):
    f, stderr = outputs(depth, "hpz", ((1.0, -0.5),), x=np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), samples=2**17)
    assert 0.0 < stderr[0, 0] < 0.01 * abs(value)
    assert abs(f[0, 0] - value) < 3.0 * np.hypot(stderr[0, 0], error)
