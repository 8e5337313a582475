"""What the integrable system refuses, what it says then, and what a run that blows up keeps."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

import mfpde as mf
from mfpde.datasets import Dataset, MiniBatches
from mfpde.systems.integrable import IntegrableNetwork, Parameterization
from mfpde.systems.integrable.backprop import may_overflow
from mfpde.systems.integrable.batches import checked_batches
from mfpde.systems.integrable.coordinates import coordinate_check

X, Y = np.random.default_rng(0).standard_normal((4, 3)), np.array([1.0, 2.0, -1.0, 0.5])
GOOD = {"d": 3, "depth": 2, "parameterization": "ip-llr"}
RUN = {"m": 20, "batches": [(X, Y)] * 2, "lr": 0.1, "probe": X}


def refused(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d": 0}, "d = 0: give an integer >= 1"),
        ({"depth": 1.5}, "depth = 1.5: give an integer >= 1"),
        ({"outputs": 0}, "outputs = 0: give an integer >= 1"),
        ({"parameterization": "mu-p"}, "parameterization = 'mu-p': known are ip, ip-llr, ip-bias, ip-non-centered, mup, ntp, sp, hp, hpz"),
        ({"parameterization": ["ip"]}, "parameterization = ['ip']: known are ip, ip-llr"),
        ({"activation": "sigmoid"}, "activation = 'sigmoid': known are relu"),
        ({"activation": "softplus", "init_variance": 1.0}, "activation = 'softplus' has sigma(0) != 0"),
        ({"activation": "cosine", "parameterization": "mup"}, "init_variance = None: activation 'cosine' has no default"),
        ({"init_variance": 0.0}, "init_variance = 0.0: give a finite number > 0"),
        ({"init_variance": np.nan}, "init_variance = nan: give a finite number > 0"),
        ({"bias1": 1}, "bias1 = 1: give True or False"),
        ({"loss": "hinge"}, "loss = 'hinge': give one of mse, cross-entropy"),
        ({"loss": "cross-entropy"}, "outputs = 1: cross-entropy needs 2 classes"),
    ],
)
def test_an_impossible_system(change, message):
    refused(lambda: IntegrableNetwork(**(GOOD | change)), message)


def test_a_flat_activation_cannot_make_the_large_first_step():
    hat = mf.activations.piecewise_linear([-2.0, -1.0, 1.0, 2.0], [1.0, 0.0, 0.0, 1.0])
    change = {"activation": hat, "init_variance": 1.0}
    refused(lambda: IntegrableNetwork(**(GOOD | change)), "activation = 'piecewise_linear': 'ip-llr' needs a homogeneous one")
    assert IntegrableNetwork(**(GOOD | change | {"parameterization": "ip"})).degree == 1


@pytest.mark.parametrize(("name", "values"), [("a", (0, 1)), ("c", (-1, -2, -2, -1)), ("first_c", (1,) * 5), ("bias", (0,))])
def test_exponents_of_the_wrong_length(name, values):
    given = {"a": (0, 1, 1), "c": (-1, -2, -1)} | {name: values}
    message = f"{name.removeprefix('first_')} of parameterization 'own' has {len(values)} exponents: give 3 (layers 1, 2..L, L+1) or L+1"
    refused(lambda: IntegrableNetwork(**(GOOD | {"parameterization": Parameterization(name="own", **given)})), message)


@pytest.mark.parametrize("values", [(0, "one", 1), (0, np.nan, 1), (0, np.inf, 1), 3, (0, None, 1)])
def test_exponents_that_are_no_numbers(values):
    own = Parameterization(name="own", a=(0, 1, 1), c=values)
    message = f"c of parameterization 'own' is {values!r}: give a sequence of finite numbers"
    refused(lambda: IntegrableNetwork(**(GOOD | {"parameterization": own})), message)


def test_a_parameterization_of_ones_own():
    """Ten lines: muP with slower output weights, given for every layer; it trains, and its exponents stand in the configuration."""
    own = Parameterization(
        name="slow output",
        a=(0, Fraction(1, 2), 1),
        c=lambda depth, degree: [-1] * depth + [Fraction(-1, 2)],
        no_limit="nobody has derived it",
    )
    system = IntegrableNetwork(**(GOOD | {"parameterization": own}))
    network, mup = system.network(**RUN), IntegrableNetwork(**(GOOD | {"parameterization": "mup"})).network(**RUN)
    moved, expected = (each.weight_changes(each.step(0, each.state0)) for each in (network, mup))
    np.testing.assert_allclose(moved[2], expected[2] * 20**-0.5, rtol=1e-9)
    np.testing.assert_allclose(moved[1], expected[1], rtol=1e-12)
    assert system.config()["parameterization"]["c"] == ["-1", "-1", "-1/2"]
    refused(lambda: system.limit(batches=RUN["batches"], lr=0.1, probe=X), "parameterization = 'slow output' has no closed")


@pytest.mark.parametrize("name", ["ip-bias", "ip-non-centered", "mup", "ntp", "sp"])
def test_no_limit_without_a_closed_recursion(name):
    system = IntegrableNetwork(**(GOOD | {"parameterization": name}))
    message = f"parameterization = '{name}' has no closed infinite-width recursion: "
    refused(lambda: system.limit(batches=RUN["batches"], lr=0.1, probe=X), message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": 0}, "m = 0: give an integer >= 1"),
        ({"lr": -1.0}, "lr = -1.0: give a finite number >= 0"),
        ({"dtype": "float16"}, "dtype = 'float16': give 'float64' or 'float32'"),
        ({"f0": "small"}, "f0 = 'small': give 'zero' or 'true'"),
        ({"first_pass": "quick"}, "first_pass = 'quick': give 'linearized' or 'exact'"),
        ({"calibration": "2022"}, "calibration = '2022': give None, '2021' or '2023'"),
        ({"calibration": "2021", "batches": [(X, Y)]}, "calibration = '2021' looks at batches 0 and 1"),
        ({"rng": -1}, "rng = -1: give an integer seed >= 0"),
        ({"probe": X[:, :2]}, "probe has shape (4, 2): give finite inputs of shape (n, 3)"),
        ({"probe": X * np.nan}, "probe has shape (4, 3): give finite inputs"),
        ({"batches": []}, "batches is empty"),
        ({"batches": "mnist"}, "batches is a str: give a sequence of (X, y) or a callable"),
        ({"batches": [X]}, "batches[0] is a ndarray: give a pair (X, y)"),
        ({"batches": [(X, Y), (X[:, :2], Y)]}, "batches[1]: X has shape (4, 2): give inputs of shape (n, 3)"),
        ({"batches": [(X, Y[:3])]}, "batches[0]: labels have shape (3,): 4 inputs and outputs = 1 need (4, 1)"),
        ({"batches": [(X, Y * np.inf)]}, "batches[0]: labels contain NaN or infinity"),
        ({"batches": [(X * np.nan, Y)]}, "batches[0]: X contains NaN or infinity"),
    ],
)
def test_an_impossible_network(change, message):
    refused(lambda: IntegrableNetwork(**GOOD).network(**(RUN | change)), message)


def test_no_calibration_without_a_large_first_step():
    system = IntegrableNetwork(**(GOOD | {"parameterization": "mup"}))
    refused(lambda: system.network(**RUN, calibration=2021), "calibration = 2021: parameterization 'mup' has no large first step")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, 3], "batches[0]: label 3 is out of range: outputs = 3 allows 0 ... 2"),
        ([0, 1, 2, -1], "batches[0]: label -1 is out of range"),
        ([0.0, 1.0, 2.0, 0.0], "batches[0]: labels have shape (4,), type float64: cross-entropy needs 4 integers"),
        ([0, 1], "batches[0]: labels have shape (2,), type int64: cross-entropy needs 4 integers"),
    ],
)
def test_impossible_classes(labels, message):
    system = IntegrableNetwork(**(GOOD | {"outputs": 3, "loss": "cross-entropy"}))
    refused(lambda: system.network(**(RUN | {"batches": [(X, labels)]})), message)


def test_no_step_beyond_the_batches():
    network = IntegrableNetwork(**GOOD).network(**RUN)
    refused(lambda: mf.solve(network, [0, 3]), "t_eval ends at 3: this flow has 2 steps of 1")


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize(
    ("name", "activation", "lr"),
    [
        ("mup", "relu", 100.0),
        ("ip-llr", "relu^2", 0.01),
        ("sp", "gelu", 3.0),
        (Parameterization(name="hidden alone", a=(0, Fraction(1, 2), Fraction(1, 2)), c=(30, -4, 30)), "relu", 1.0),
    ],
)
def test_a_run_that_blows_up_names_the_layer_and_keeps_the_last_good_state(name, activation, lr, dense):
    """A state is good if its outputs are finite: finite weights whose fields overflow are no good state."""
    system = IntegrableNetwork(d=3, depth=3, parameterization=name, activation=activation)
    batches = [(X, Y)] * 7
    network = system.network(m=30 if dense else 120, batches=(lambda k: (X, Y)) if dense else batches, lr=lr, probe=X, dtype="float32")
    assert network.factored != dense
    run = mf.solve(network, range(8))
    assert not run.complete
    assert re.search(r"blow-up: the (fields|weights) of layer [1234] are too large for float32|layer 4, is too large", run.message)
    assert np.all(np.isfinite(run.final_state))
    assert np.all(np.isfinite(run.observables["f"]))
    assert network.unpack(run.final_state)["steps"] == run.t[-1] >= 1
    with pytest.raises(Exception, match="blow-up"):
        network.step(int(run.t[-1]), run.final_state)


def test_weights_count_with_the_power_in_which_the_output_has_them():
    """e^22.2 is a quarter of single precision's range, e^177.4 of double's; under relu^3 and L = 2, f has power 9 in the first weights."""
    single, double = np.dtype("float32"), np.dtype("float64")
    assert not may_overflow([1e3, 1.0, 1.0], 1, single)
    assert may_overflow([1e3, 1.0, 1.0], 3, single)
    assert not may_overflow([1e3, 1.0, 1.0], 3, double)
    assert not may_overflow([1.0, 1.0, 1e9], 3, single)
    assert may_overflow([1.0, 1e10, 1.0], 1, single)
    assert not may_overflow([1e-30, 1e9, 1.0], 1, single)


def test_batches_of_every_kind():
    data = Dataset("small", np.arange(12, dtype=np.uint8).reshape(4, 3), np.array([0, 1, 2, 1]), 0.0, 1.0)
    batches = checked_batches(MiniBatches(data, 2, 5), d=3, outputs=3, loss="cross-entropy")
    assert (batches.count, batches.at(4).x.dtype, batches.union().x.shape) == (5, np.float32, (4, 3))
    assert batches.config()["data"] == "small"
    endless = checked_batches(lambda k: (X + k, Y), d=3, outputs=1, loss="mse")
    assert endless.count is None
    np.testing.assert_array_equal(endless.at(7).x, X + 7)
    np.testing.assert_array_equal(endless.union().x, X)
    fixed = checked_batches([(X, Y), (X[:1], Y[:1])], d=3, outputs=1, loss="mse")
    np.testing.assert_array_equal(fixed.union().x, np.concatenate([X, X[:1]]))
    assert fixed.config() == checked_batches([[X, Y[:, None]], (X[:1], Y[:1])], d=3, outputs=1, loss="mse").config()
    assert fixed.config() != checked_batches([(X, Y), (X[:1], Y[1:2])], d=3, outputs=1, loss="mse").config()


def test_coordinate_check_wants_widths():
    system = IntegrableNetwork(**GOOD)
    arguments = {"batches": RUN["batches"], "lr": 0.1, "probe": X}
    refused(lambda: coordinate_check(system, widths=[8], **arguments), "widths = [8]: give two or more different ones")
    refused(lambda: coordinate_check(system, widths=[8, 16], replicas=1, **arguments), "replicas = 1: give an integer >= 2")
    refused(lambda: coordinate_check(system, widths=[8, 16], steps=0, **arguments), "steps = 0: give an integer >= 1")
    check = coordinate_check(system, widths=[8, 16], replicas=3, **arguments)
    assert check.table().splitlines()[1].startswith("f_0")
    again = coordinate_check(system, widths=[8, 16], replicas=3, **arguments)
    assert check.exponent("f_0") == again.exponent("f_0")
