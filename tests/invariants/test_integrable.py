"""Gradients, symmetries and reproducibility of the networks under integrable parameterizations."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde import threads
from mfpde.systems.integrable import IntegrableNetwork

RNG = np.random.default_rng(3)
X, PROBE, Y = RNG.standard_normal((6, 3)), RNG.standard_normal((4, 3)), RNG.standard_normal(6)
NAMES = ("ip", "ip-llr", "ip-bias", "ip-non-centered", "mup", "ntp", "sp", "hp", "hpz")


def system_of(name, depth=2, **parameters):
    return IntegrableNetwork(d=3, depth=depth, parameterization=name, **parameters)


def endless(x=X, y=Y):
    """The same batch at every step, on demand: hidden weights are held as dense matrices."""
    return lambda k: (x, y)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_a_later_step_follows_the_gradient_of_the_reported_loss(name, loss):
    """Against central differences in every component of the state; in the state's scale w the rate is eta m^{-c} (W = m^{-a} w)."""
    outputs = 1 if loss == "mse" else 3
    labels = Y if loss == "mse" else np.array([0, 2, 1, 1, 0, 2])
    m, eta, h = 5, 0.7, 1e-5
    system = system_of(name, activation="tanh", outputs=outputs, loss=loss)
    network = system.network(m=m, batches=endless(y=labels), lr=eta, probe=PROBE, f0="true")
    y = network.step(0, network.state0)
    gradient = np.zeros_like(y)
    size = y.size - 2  # the last two count steps and keep the batch's loss
    for i in range(size):
        e = np.zeros_like(y)
        e[i] = h
        gradient[i] = (network.observe(1.0, y + e)["loss"] - network.observe(1.0, y - e)["loss"]) / (2 * h)
    exponents = system.exponents(1)
    rates = {f"w{layer}": exponents.c[layer - 1] for layer in (1, 2)} | {"w_out": exponents.c[2]}
    biases = exponents.c if exponents.bias is None else exponents.bias
    rates |= {"b1": biases[0], "b2": biases[1], "b_out": biases[2]}
    moved, expected = network.unpack(network.step(1, y) - y), network.unpack(gradient)
    for name_, c in rates.items():
        if name_ in moved:
            wanted = -eta * m ** -float(c) * expected[name_]
            np.testing.assert_allclose(moved[name_], wanted, rtol=0, atol=1e-7 * max(np.max(np.abs(wanted)), 1e-3), err_msg=name_)
    assert network.unpack(network.step(1, y))["batch_loss"] == pytest.approx(network.observe(1.0, y)["loss"], rel=1e-12)


@pytest.mark.parametrize("name", ["ip-llr", "mup", "hpz"])
def test_factors_and_dense_matrices_give_the_same_training(name):
    system = system_of(name, depth=3)
    batches = [(X, Y), (X[:3], Y[:3]), (X, -Y)]
    factored = system.network(m=80, batches=batches, lr=0.4, probe=PROBE)
    dense = system.network(m=80, batches=lambda k: batches[k], lr=0.4, probe=PROBE)
    assert (factored.factored, dense.factored) == (True, False)
    y, z = mf.solve(factored, [0, 1, 2, 3]), mf.solve(dense, [0, 1, 2, 3])
    for key in ("f", "change_1", "change_2", "change_3"):
        np.testing.assert_allclose(y.observables[key], z.observables[key], rtol=0, atol=1e-12 * np.max(np.abs(z.observables[key])))
    for found, expected in zip(factored.weight_changes(y.final_state), dense.weight_changes(z.final_state), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


@pytest.mark.parametrize("name", ["ip", "ip-llr", "hpz"])
def test_initial_weights_too_many_to_keep_are_drawn_again(name, monkeypatch):
    batches = [(X, Y)] * 2
    monkeypatch.setattr("mfpde.systems.integrable.blocks.BLOCK", 16)
    kept = mf.solve(system_of(name, depth=3).network(m=300, batches=batches, lr=0.4, probe=PROBE), [0, 1, 2])
    monkeypatch.setattr("mfpde.systems.integrable.initial._HELD", 0)
    network = system_of(name, depth=3).network(m=300, batches=batches, lr=0.4, probe=PROBE)
    assert network.factored
    assert network.initial.held is None
    again = mf.solve(network, [0, 1, 2])
    np.testing.assert_allclose(again.observables["f"], kept.observables["f"], rtol=0, atol=1e-13)


def test_permuted_neurons_move_alike_to_the_bit():
    """With weights, inputs and rates that are small multiples of powers of two no sum rounds, in whatever order it is made."""
    rng = np.random.default_rng(0)
    m = 16
    x = rng.integers(-2, 3, (2, 3)).astype(float)
    network = system_of("ip", depth=2).network(m=m, batches=endless(x, np.array([1.0, -2.0])), lr=0.125, probe=x)
    y = network.pack(
        w1=rng.integers(-2, 3, (m, 3)),
        b1=rng.integers(-2, 3, m),
        w2=rng.integers(-2, 3, (m, m)),
        w_out=rng.integers(-2, 3, (1, m)),
        steps=1,
        batch_loss=[0],
    )
    below, above = rng.permutation(m), rng.permutation(m)
    moved = network.unpack(network.step(1, y))
    state = network.unpack(y)
    permuted = network.pack(
        w1=state["w1"][below],
        b1=state["b1"][below],
        w2=state["w2"][above][:, below],
        w_out=state["w_out"][:, above],
        steps=1,
        batch_loss=[0],
    )
    again = network.unpack(network.step(1, permuted))
    assert np.any(moved["w2"] != state["w2"])
    np.testing.assert_array_equal(again["w1"], moved["w1"][below])
    np.testing.assert_array_equal(again["b1"], moved["b1"][below])
    np.testing.assert_array_equal(again["w2"], moved["w2"][above][:, below])
    np.testing.assert_array_equal(again["w_out"], moved["w_out"][:, above])
    np.testing.assert_array_equal(network.predict(network.step(1, permuted), x), network.predict(network.step(1, y), x))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_thread_count_does_not_change_a_bit(dense, dtype, monkeypatch):
    used = []
    original = threads.run_blocks
    monkeypatch.setattr("mfpde.systems.integrable.blocks.run_blocks", lambda work, n: used.append(original(work, n)))
    batches, results = [(X, Y), (X, -Y)], []
    for count in (1, 2):
        threads.set_threads(count)
        given = (lambda k: batches[k]) if dense else batches
        network = system_of("ip-llr", depth=3).network(m=600, batches=given, lr=0.5, probe=PROBE, dtype=dtype)
        results.append(network.step(1, network.step(0, network.state0)))
        assert used[-1] == count
    threads.set_threads(None)
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("dense", [False, True])
def test_a_run_continues_to_the_same_bits(dense, tmp_path):
    batches = [(X + 0.1 * k, Y) for k in range(6)]

    def network():
        return system_of("hp").network(m=160, batches=(lambda k: batches[k]) if dense else batches, lr=0.4, probe=PROBE, dtype="float32")

    files = {"store": tmp_path / "run.h5", "checkpoint": tmp_path / "run.checkpoint"}
    times = [0, 1, 4, 6]
    assert not mf.solve(network(), times, max_steps=3, **files).complete
    continued, whole = mf.solve(network(), times, **files), mf.solve(network(), times)
    np.testing.assert_array_equal(continued.states, whole.states)
    for name, values in whole.observables.items():
        np.testing.assert_array_equal(continued.observables[name], values)


def test_losses_of_the_batches_are_kept():
    batches = [(X[:2], Y[:2]), (X[2:], Y[2:]), (X, Y)]
    network = system_of("mup").network(m=50, batches=batches, lr=0.2, probe=X, f0="true")
    run = mf.solve(network, [0, 1, 2, 3])
    assert network.unpack(run.states[1])["batch_loss"][1:].tolist() == [0.0, 0.0]
    f = run.observables["f"]
    expected = [0.5 * np.mean((f[0, :2] - Y[:2]) ** 2), 0.5 * np.mean((f[1, 2:] - Y[2:]) ** 2), 0.5 * np.mean((f[2] - Y) ** 2)]
    np.testing.assert_allclose(network.unpack(run.final_state)["batch_loss"], expected, rtol=1e-12)
    # The union holds every sample twice: once of its own batch, once of the last.
    np.testing.assert_allclose(run.observables["loss"], 0.5 * np.mean((f - Y) ** 2, axis=1), rtol=1e-12)
    assert not np.any(run.observables["f_stderr"])


def test_calibrated_first_step_moves_every_layer_by_its_target():
    """2023: mean |dW^l x| on batch 1 is the target where no cap holds, and the next layer sees the fields of the step."""
    system = system_of("ip-llr", depth=3, activation="tanh")
    batches = [(X, Y), (X[::-1] + 0.3, Y)]
    network = system.network(m=400, batches=batches, lr=0.05, probe=PROBE, calibration="2023")
    y = network.step(0, network.state0)
    rates, changes, h = network.rates, network.weight_changes(y), network.preactivations(y, batches[1][0])
    assert rates[0] == 0.05
    sizes = [np.mean(np.abs(changes[i] @ np.tanh(h[i - 1]))) for i in (1, 2, 3)]
    for rate, size in zip(rates[1:], sizes, strict=True):
        assert rate == 1000.0 or size == pytest.approx(1.0, rel=1e-10)
    assert rates[1] < 1000.0
    plain = system.network(m=400, batches=batches, lr=0.05, probe=PROBE)
    assert plain.rates == (0.05,) * 4
    again = network.step(1, y) - y
    assert np.max(np.abs(again)) > 0.0


def test_calibrations_differ_as_their_versions_do():
    """2021: output target 0.1, cap 500; where the cap holds, layers above see the uncapped rate."""
    system = system_of("ip-llr", depth=2)
    batches = [(X, Y), (X[::-1] + 0.3, Y)]
    early, late = (
        system.network(m=300, batches=batches, lr=0.05, probe=PROBE, calibration=year).rates for year in ("2021", "2023")
    )
    assert early[1] == pytest.approx(late[1])
    assert early[1] < 500.0
    assert early[2] == pytest.approx(0.1 * late[2])
    tiny = [(X, 1e-9 * Y), (X, 1e-9 * Y)]
    early, late = (system.network(m=300, batches=tiny, lr=0.05, probe=PROBE, calibration=year).rates for year in ("2021", "2023"))
    assert (early[1], late[1], late[2]) == (500.0, 1000.0, 1000.0)


def test_fields_above_a_capped_layer():
    """In 2021 the output sees the uncapped fields of layer 2: labels are so small that its rate would be 700, over the cap of 500."""
    system, m, lr, seen = system_of("ip-llr"), 300, 0.05, X[::-1] + 0.3

    def parts(labels):
        """The changes of layers 2 and 3 at rate 1 with such labels, and the fields and initial part that layer 2 sees."""
        unit, slow = (system.network(m=m, batches=[(X, labels)], lr=rate, probe=PROBE) for rate in (1.0, lr))
        x = np.maximum(slow.preactivations(slow.step(0, slow.state0), seen)[0], 0.0)
        _, hidden, output = unit.weight_changes(unit.step(0, unit.state0))
        return hidden @ x, unit.initial.hidden(2) @ x / m, output

    size = np.mean(np.abs(parts(1e-3 * Y)[0])) / 1e-3
    labels = Y / (700.0 * size)
    moved, kept, output = parts(labels)
    uncapped = 1.0 / np.mean(np.abs(moved))
    assert 600.0 < uncapped < 800.0
    rates = system.network(m=m, batches=[(X, labels), (seen, Y)], lr=lr, probe=PROBE, calibration="2021").rates
    wanted = [0.1 / np.mean(np.abs(output @ np.maximum(kept + above * moved, 0.0))) for above in (uncapped, 500.0)]
    assert rates[1:] == (500.0, pytest.approx(wanted[0], rel=1e-9))
    assert wanted[0] < 0.9 * wanted[1] < 450.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_precisions_agree(dtype):
    network = system_of("ip-llr", depth=3).network(m=256, batches=[(X, Y)] * 3, lr=0.4, probe=PROBE, dtype=dtype)
    other = system_of("ip-llr", depth=3).network(m=256, batches=[(X, Y)] * 3, lr=0.4, probe=PROBE)
    f, g = (mf.solve(each, [0, 3]).observables["f"][-1] for each in (network, other))
    np.testing.assert_allclose(f, g, rtol=0, atol=(0.0 if dtype == "float64" else 1e-5) * np.max(np.abs(g)))
