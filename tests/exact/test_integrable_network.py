"""Networks under integrable parameterizations: exponents, identities at finite width, a plain loop, sizes against width."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.special import ndtr

import mfpde as mf
from mfpde.systems.integrable import IntegrableNetwork, Parameterization
from mfpde.systems.integrable.coordinates import coordinate_check
from mfpde.systems.integrable.orders import predicted_orders
from mfpde.systems.integrable.parameterizations import PARAMETERIZATIONS
from mfpde.systems.integrable.scales import make_scales

NAMES = ("ip", "ip-llr", "ip-bias", "ip-non-centered", "mup", "ntp", "sp", "hp", "hpz")
RNG = np.random.default_rng(7)
X, PROBE = RNG.standard_normal((3, 4)), RNG.standard_normal((5, 4))
Y = np.array([1.0, -0.5, 0.3])


def halves(*numerators):
    return tuple(Fraction(n, 2) for n in numerators)


TABLE = {  # depth 4: a, then c at step 0 and later, in halves
    "ip": ((0, 2, 2, 2, 2), (-2, -4, -4, -4, -2), (-2, -4, -4, -4, -2)),
    "ip-llr": ((0, 2, 2, 2, 2), (-5, -6, -6, -6, -5), (-2, -4, -4, -4, -2)),
    "ip-bias": ((0, 2, 2, 2, 2), (-5, -6, -5, -4, -2), (-2, -4, -4, -4, -2)),
    "ip-non-centered": ((0, 2, 2, 2, 2), (-2, -4, -4, -4, -2), (-2, -4, -4, -4, -2)),
    "mup": ((0, 1, 1, 1, 2), (-2, -2, -2, -2, -2), (-2, -2, -2, -2, -2)),
    "ntp": ((0, 1, 1, 1, 1), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    "sp": ((0, 1, 1, 1, 1), (0, -2, -2, -2, -2), (0, -2, -2, -2, -2)),
    "hp": ((0, 2, 2, 2, 2), (-2, -2, -2, -2, -2), (-2, -4, -4, -4, -2)),
    "hpz": ((0, 2, 2, 2, 2), (-2, -2, -2, -2, -2), (-2, -4, -4, -4, -2)),
}


@pytest.mark.parametrize("name", NAMES)
def test_exponents_of_the_table(name):
    a, first, later = TABLE[name]
    system = IntegrableNetwork(d=2, depth=4, parameterization=name)
    assert system.exponents(1).a == halves(*a)
    assert system.exponents(0).a == (halves(0, 1, 1, 1, 2) if name in ("hp", "hpz") else halves(*a))
    assert system.first_lr_exponents() == system.exponents(0).c == halves(*first)
    assert system.exponents(1).c == halves(*later)
    biases = (halves(-5, -4, -3, -2, 0), halves(-2, -2, -2, -2, 0)) if name == "ip-bias" else (None, None)
    assert (system.exponents(0).bias, system.exponents(1).bias) == biases


@pytest.mark.parametrize(("activation", "s"), [("relu^2", 1 + 2 + 4), ("relu^3", 1 + 3 + 9), ("quadratic", 7), ("relu", 3)])
def test_large_rates_of_homogeneous_activations(activation, s):
    system = IntegrableNetwork(d=2, depth=3, parameterization="ip-llr", activation=activation)
    assert system.first_lr_exponents() == halves(-1 - s, -2 - s, -2 - s, -1 - s)


# --- the same training, written plainly in the effective weights ---------------------------------------------------------------------

SIGMA = {
    "relu": (lambda z: z * (z > 0), lambda z: 1.0 * (z > 0)),
    "relu^2": (lambda z: (z * (z > 0)) ** 2, lambda z: 2 * z * (z > 0)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "gelu": (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)),
    "slope 1": (lambda z: z, lambda z: 1.0 + 0.0 * z),
    "slope 1/2": (lambda z: 0.5 * z, lambda z: 0.5 + 0.0 * z),
}


def plain_training(system, weights, biases, batches, lr, m, chi_at_zero=False, linear_first=None):
    """Effective weights W^l and biases after all batches; one sample and one layer at a time, straight from the definition."""
    names = [system.activation] * system.depth
    depth, first, later = system.depth, system.exponents(0), system.exponents(1)
    start = weights
    weights = [m ** -float(a) * w for a, w in zip(first.a, start, strict=True)]
    biases = list(biases)
    for k, (x, labels) in enumerate(batches):
        e = first if k == 0 else later
        used = [names[0]] + [linear_first] * (depth - 1) if linear_first and k == 0 else names
        gradients, bias_gradients = [np.zeros_like(w) for w in weights], [None if b is None else np.zeros_like(b) for b in biases]
        for row, label in zip(x, labels, strict=True):
            below, pre = [row], []
            for layer in range(depth):
                h = weights[layer] @ below[-1]
                if biases[layer] is not None:
                    h = h + biases[layer] * (m ** -float(e.a[0]) if layer == 0 else 1.0)
                pre.append(h)
                below.append(SIGMA[used[layer]][0](h))
            f = weights[depth] @ below[-1] + (0.0 if biases[depth] is None else biases[depth])
            f = 0.0 * f if k == 0 and chi_at_zero else f
            target = label if system.loss == "mse" else np.eye(system.outputs)[label]
            chi = ((f if system.loss == "mse" else np.exp(f) / np.sum(np.exp(f))) - target) / len(x)
            gradients[depth] += np.outer(chi, below[-1])
            if biases[depth] is not None:
                bias_gradients[depth] += chi
            upper = weights[depth].T @ chi
            for layer in range(depth - 1, -1, -1):
                d = upper * SIGMA[used[layer]][1](pre[layer])
                gradients[layer] += np.outer(d, below[layer])
                if biases[layer] is not None:
                    bias_gradients[layer] += d * (m ** -float(e.a[0]) if layer == 0 else 1.0)
                upper = weights[layer].T @ d
        moves = [-lr * m ** -float(2 * a + c) * g for a, c, g in zip(e.a, e.c, gradients, strict=True)]
        if k == 0:
            kept = [0.0 if 0 < i < depth and not system.scaling.keep else m ** -float(a) for i, a in enumerate(later.a)]
            weights = [scale * w for scale, w in zip(kept, start, strict=True)]
        weights = [w + move for w, move in zip(weights, moves, strict=True)]
        for i, g in enumerate(bias_gradients):
            if g is not None:
                c = e.c[0] if e.bias is None else e.bias[i]
                biases[i] = biases[i] - lr * m ** -float(c) * g
    return weights, biases


def output(system, weights, biases, x):
    for layer in range(system.depth):
        h = x @ weights[layer].T + (0.0 if biases[layer] is None else biases[layer])
        x = SIGMA[system.activation][0](h)
    return x @ weights[-1].T + (0.0 if biases[-1] is None else biases[-1])


def compare(system, m, batches, lr, rtol, dense=False, linear_first=None, **arguments):
    given = (lambda k: batches[k]) if dense else batches
    network = system.network(m=m, batches=given, lr=lr, probe=PROBE, rng=11, **arguments)
    assert network.factored != dense
    outer = network.initial.outer
    hidden = [network.initial.hidden(layer) for layer in range(2, system.depth + 1)]
    biases = [outer.get(f"b{layer}") for layer in range(1, system.depth + 1)] + [outer.get("b_out")]
    zero = arguments.get("f0", "zero") == "zero" and system.scaling.zero_output
    weights = [outer["w1"], *hidden, outer["w_out"]]
    plain = plain_training(system, weights, biases, batches, lr, m, zero, linear_first)
    expected = output(system, *plain, PROBE)
    run = mf.solve(network, [0.0, len(batches)])
    found = run.observables["f"][-1].reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * np.max(np.abs(expected)))
    scales = [m ** -float(a) for a in system.exponents(1).a]
    dropped = [0 < i < system.depth and not system.scaling.keep for i in range(system.depth + 1)]
    for w, u, scale, drop, change in zip(
        plain[0], weights, scales, dropped, network.weight_changes(run.final_state), strict=True
    ):
        np.testing.assert_allclose(change, w if drop else w - scale * u, rtol=0, atol=rtol * np.max(np.abs(w)))


BATCHES = [(X, Y), (X[::-1] * 0.7, -Y), (X[:2] + 0.2, Y[:2])]


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_training_against_a_plain_loop(name, dense):
    compare(IntegrableNetwork(d=4, depth=3, parameterization=name), 37, BATCHES, 0.1 if name == "sp" else 0.5, 1e-12, dense)


@pytest.mark.parametrize("name", ["ip-llr", "hpz", "mup", "ip-bias"])
def test_several_outputs_and_cross_entropy_against_a_plain_loop(name):
    system = IntegrableNetwork(d=4, depth=2, parameterization=name, outputs=3, loss="cross-entropy", bias1=False)
    compare(system, 40, [(x, np.array([2, 0, 1])[: len(x)]) for x, _ in BATCHES], 0.6, 1e-12)
    squares = IntegrableNetwork(d=4, depth=1, parameterization=name, outputs=2, activation="tanh")
    compare(squares, 40, [(x, np.column_stack([y, y**2])) for x, y in BATCHES], 0.6, 1e-12, dense=True)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(("name", "f0"), [("ip-llr", "true"), ("hp", "zero"), ("hpz", "true")])
def test_higher_homogeneity_against_a_plain_loop(name, f0, dense):
    system = IntegrableNetwork(d=4, depth=3, parameterization=name, activation="relu^2", init_variance=0.5)
    compare(system, 36, BATCHES, 0.3, 1e-12, dense, f0=f0)


def test_first_passes_of_tanh_against_a_plain_loop():
    system = IntegrableNetwork(d=4, depth=3, parameterization="ip-llr", activation="tanh")
    compare(system, 36, BATCHES, 0.5, 1e-12, first_pass="exact")
    compare(IntegrableNetwork(d=4, depth=3, parameterization="hp", activation="tanh"), 36, BATCHES, 0.5, 1e-12, linear_first="slope 1")
    compare(IntegrableNetwork(d=4, depth=3, parameterization="hp", activation="tanh"), 36, BATCHES, 0.5, 1e-12, first_pass="exact")
    compare(IntegrableNetwork(d=4, depth=3, parameterization="hpz", activation="gelu"), 36, BATCHES, 0.5, 1e-12, linear_first="slope 1/2")


# --- identities ----------------------------------------------------------------------------------------------------------------------


def trained(name, m, depth, activation, first_pass="linearized", steps=1, variance=None):
    system = IntegrableNetwork(d=4, depth=depth, parameterization=name, activation=activation, init_variance=variance)
    network = system.network(m=m, batches=[(X, Y)] * 4, lr=0.3, probe=PROBE, rng=5, first_pass=first_pass)
    y = network.state0
    for k in range(steps):
        y = network.step(k, y)
    return network, y


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("activation", ["relu", "relu^2", "relu^3"])
@pytest.mark.parametrize(("m", "tolerance"), [(256, 0.0), (250, 1e-14)])
def test_first_updates_of_ip_llr_are_those_of_mup(depth, activation, m, tolerance):
    """Written out with rates m^{(L+2)/2} and gradients of the inverse size, against muP: no difference where powers of m are exact."""
    # Powers of relu amplify: with their default variance the outputs after the step would be no finite numbers.
    variance = None if activation == "relu" else 0.25
    network, y = trained("ip-llr", m, depth, activation, "exact", variance=variance)
    mup, z = trained("mup", m, depth, activation, variance=variance)
    for name, found, expected in zip("1hhho"[: depth + 1], network.weight_changes(y), mup.weight_changes(z), strict=True):
        # In the outer layers the state holds the sum with the initial weights, which rounds.
        size = np.max(np.abs(expected)) + (0.0 if name == "h" else 1.0)
        assert np.max(np.abs(found - expected)) <= tolerance * size


@pytest.mark.parametrize("first_pass", ["linearized", "exact"])
@pytest.mark.parametrize(("m", "tolerance"), [(256, 0.0), (250, 1e-14)])
def test_ip_llr_is_hp_at_all_times(first_pass, m, tolerance):
    for depth, activation, variance in ((2, "relu", None), (4, "relu", None), (2, "relu^2", 0.5)):
        llr, y = trained("ip-llr", m, depth, activation, first_pass, 4, variance)
        hp, z = trained("hp", m, depth, activation, steps=4, variance=variance)
        f, g = llr.predict(y, PROBE), hp.predict(z, PROBE)
        assert np.max(np.abs(f - g)) <= tolerance * np.max(np.abs(g))
        assert np.max(np.abs(g)) > 1e-6


@pytest.mark.parametrize("activation", ["relu", "relu^2"])
def test_reported_fields_have_their_true_scale(activation):
    """Before any step IP-LLR, computed in rescaled variables, is naive IP, computed as written."""
    (llr, y), (ip, z) = trained("ip-llr", 250, 4, activation, steps=0), trained("ip", 250, 4, activation, steps=0)
    for found, expected in zip(llr.preactivations(y, PROBE), ip.preactivations(z, PROBE), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.max(np.abs(expected)))
    np.testing.assert_allclose(llr.predict(y, PROBE), ip.predict(z, PROBE), rtol=1e-11)


def test_hpz_differs_from_hp_by_the_initial_part_alone():
    (hp, y), (hpz, z) = trained("hp", 256, 3, "relu"), trained("hpz", 256, 3, "relu")
    for found, expected in zip(hpz.weight_changes(z), hp.weight_changes(y), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.max(np.abs(hp.predict(y, PROBE) - hpz.predict(z, PROBE))) > 1e-3


def test_rates_of_the_first_step_are_the_only_ones():
    """c_l changed by 1/2 moves dW^l x^{l-1} by m^{1/2} exactly; with the table's, it is of order one in every layer."""
    widths, depth = (64, 192, 576), 3
    sizes = np.empty((2, depth + 1, len(widths)))
    for i, m in enumerate(widths):
        for layer in range(depth + 1):
            known = PARAMETERIZATIONS["ip-llr"]
            moved = list(known.exponents(0, depth).c)
            moved[layer] -= Fraction(1, 2)
            other = Parameterization(name="faster", a=known.a, c=known.c, first_c=moved, rescaled=True)
            for j, parameterization in enumerate((known, other)):
                system = IntegrableNetwork(d=4, depth=depth, parameterization=parameterization)
                squares = []
                for seed in range(8):
                    network = system.network(m=m, batches=[(X, Y)], lr=8.0, probe=PROBE, rng=seed)
                    y = network.step(0, network.state0)
                    below = [X.T, *(np.maximum(h, 0.0) for h in network.preactivations(y, X))]
                    squares.append(np.mean((network.weight_changes(y)[layer] @ below[layer]) ** 2))
                sizes[j, layer, i] = np.sqrt(np.mean(squares))
    # The fields below layer l do not know of c_l.
    np.testing.assert_allclose(sizes[1] / sizes[0], np.sqrt(widths)[None, :].repeat(depth + 1, axis=0), rtol=1e-10)
    slopes = np.polyfit(np.log(widths), np.log(sizes[0]).T, 1)[0]
    assert np.max(np.abs(slopes)) < 0.15


# --- sizes against width -------------------------------------------------------------------------------------------------------------


def test_predicted_orders_of_naive_ip():
    for depth in (2, 3, 5):
        orders = predicted_orders(IntegrableNetwork(d=3, depth=depth, parameterization="ip"))
        assert orders["f_0"] == Fraction(-depth, 2)
        assert orders["f_change"] == -(depth - 2)
        assert orders["change_2"] == Fraction(-(depth - 2), 2)


def test_predicted_orders_of_layers_that_only_pass_on():
    """Hidden weights that do not learn pass on the change of layer 1, times m^{1/2 - a}: muP keeps it, IP loses m^{-1/2} a layer."""
    for a, loss in ((Fraction(1, 2), 0), (Fraction(1), Fraction(1, 2))):
        slow = Parameterization(name="passing", a=(0, a, 1), c=(-1, 50, 50))
        orders = predicted_orders(IntegrableNetwork(d=3, depth=3, parameterization=slow))
        assert orders["change_2"] == orders["change_1"] - loss
        assert orders["change_3"] == orders["change_1"] - 2 * loss


@pytest.mark.parametrize("name", ["ip-llr", "mup", "hp", "hpz", "ip-bias", "ip-non-centered"])
def test_everything_moves_at_order_one(name):
    orders = predicted_orders(IntegrableNetwork(d=3, depth=4, parameterization=name))
    assert {v for k, v in orders.items() if k != "f_0"} == {0}


@pytest.mark.parametrize(("name", "activation"), [("ip", "relu"), ("ip", "tanh"), ("mup", "relu"), ("ntp", "relu")])
def test_measured_exponents_cover_the_predicted(name, activation):
    """20 replicas at four widths: within 0.15 of the count of powers (the sizes of f_0, which need hundreds, within 0.3)."""
    x = np.random.default_rng(1).standard_normal((8, 10))
    system = IntegrableNetwork(d=10, depth=3, parameterization=name, activation=activation)
    batches = [(x, np.sin(3 * x[:, 0]))] * 5
    check = coordinate_check(system, widths=(64, 128, 256, 512), batches=batches, lr=0.1, probe=x, steps=5, replicas=20, f0="true")
    for quantity in check.sizes:
        fitted = check.exponent(quantity)
        assert abs(fitted.value - float(fitted.predicted)) < (0.3 if quantity == "f_0" else 0.15), (quantity, fitted)
        assert fitted.low < fitted.value < fitted.high


def test_ip_bias_starts_at_a_constant():
    system = IntegrableNetwork(d=4, depth=4, parameterization="ip-bias")
    sizes = []
    for m in (256, 1024):
        network = system.network(m=m, batches=[(X, Y)], lr=0.3, probe=PROBE)
        biases = network.unpack(network.state0)
        for layer, h in enumerate(network.preactivations(network.state0, PROBE)[1:], start=2):
            assert np.sqrt(np.mean((h - biases[f"b{layer}"][:, None]) ** 2)) < 4.0 / np.sqrt(m)
        f = network.predict(network.state0, PROBE)
        assert np.ptp(f) < 4.0 / np.sqrt(m)
        assert abs(f.mean()) > 0.1
        values = network.observe(1.0, network.step(0, network.state0))
        sizes.append([values[f"change_{layer}"] for layer in (1, 2, 3, 4)])
    assert np.all(np.abs(np.log(np.divide(*sizes))) < 0.9)
    assert np.min(sizes) > 0.05


def test_neurons_of_non_centered_ip_stay_alike():
    """The spread over neurons of layers 2..L-1 is of order m^{-1/2}, before and after training; that of layer 1 of order one."""
    system = IntegrableNetwork(d=4, depth=4, parameterization="ip-non-centered")
    spreads = []
    for m in (128, 2048):
        network = system.network(m=m, batches=[(X, Y)] * 3, lr=0.1, probe=PROBE)
        run = mf.solve(network, [0.0, 3.0])
        for y in run.states:
            h = network.preactivations(y, PROBE)
            spreads.append([np.mean(np.std(h[i], axis=0)) for i in (1, 2)])
            assert np.mean(np.std(h[0], axis=0)) > 0.5
    ratio = np.array(spreads[:2]) / np.array(spreads[2:])
    assert np.all((ratio > 3.2) & (ratio < 4.8))


def test_initial_laws():
    """Kernel s2 (x.x'/(d+1) + 1) of layer 1, variances s2 and 1 of the others: 20000 neurons, five standard errors."""
    system = IntegrableNetwork(d=4, depth=1, parameterization="ip-llr", init_variance=1.7)
    network = system.network(m=20_000, batches=[(X, Y)], lr=0.1, probe=PROBE)
    (h,) = network.preactivations(network.state0, PROBE)
    kernel = 1.7 * (PROBE @ PROBE.T / 5 + 1)
    error = np.sqrt((np.outer(np.diag(kernel), np.diag(kernel)) + kernel**2) / network.m)
    assert np.max(np.abs(h.T @ h / network.m - kernel) / error) < 5.0
    assert abs(np.mean(network.initial.outer["w_out"] ** 2) - 1.0) < 5.0 * np.sqrt(2.0 / network.m)
    deep = IntegrableNetwork(d=4, depth=2, parameterization="ip-non-centered", init_variance=1.7)
    outer = deep.network(m=3000, batches=lambda k: (X, Y), lr=0.1, probe=PROBE).initial.outer["w_out"]
    assert abs(np.mean(outer) - 1.0) < 5.0 / np.sqrt(3000)
    w = deep.network(m=300, batches=[(X, Y)], lr=0.1, probe=PROBE).initial.hidden(2) - 1.0
    assert abs(np.mean(w**2) - 1.7) < 5.0 * 1.7 * np.sqrt(2.0) / 300
    assert abs(np.mean(w)) < 5.0 * np.sqrt(1.7) / 300
    narrow = deep.network(m=70, batches=[(X, Y)], lr=0.1, probe=PROBE).initial.outer
    for name, values in deep.network(m=300, batches=[(X, Y)], lr=0.1, probe=PROBE).initial.outer.items():
        chosen = values[:, :70] if name == "w_out" else values[:70]
        np.testing.assert_array_equal(narrow[name], chosen)


def test_no_power_of_the_width_leaves_single_precision():
    """The factors of every step at m = 1e5, up to eight layers, and a step of a network that wide."""
    for name in NAMES:
        for depth in range(1, 9):
            system = IntegrableNetwork(d=3, depth=depth, parameterization=name)
            for step, rescaled in ((0, system.scaling.rescaled), (1, False)):
                scales = make_scales(system, 10**5, step, rescaled, None)
                factors = np.array([*scales.forward, scales.output, *scales.update, *scales.bias])
                assert np.all(np.abs(np.log10(factors)) < 25), (name, depth)
        wide = IntegrableNetwork(d=3, depth=1, parameterization=name).network(
            m=10**5, batches=[(X[:, :3], Y)] * 2, lr=0.5, probe=PROBE[:, :3], dtype="float32"
        )
        double = IntegrableNetwork(d=3, depth=1, parameterization=name).network(
            m=10**5, batches=[(X[:, :3], Y)] * 2, lr=0.5, probe=PROBE[:, :3]
        )
        f, g = (mf.solve(each, [0.0, 1.0, 2.0]).observables["f"] for each in (wide, double))
        np.testing.assert_allclose(f, g, rtol=0, atol=1e-4 * np.max(np.abs(g)))


def test_deep_first_step_in_single_precision_is_that_of_double():
    """L = 8 hidden layers: gradients written out would be of order m^{-4}."""
    system = IntegrableNetwork(d=4, depth=8, parameterization="ip-llr")
    results = []
    for dtype in ("float32", "float64"):
        network = system.network(m=512, batches=[(X, Y)] * 3, lr=8.0, probe=PROBE, dtype=dtype)
        results.append(network.weight_changes(mf.solve(network, [0.0, 1.0]).final_state))
    for single, double in zip(*results, strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=0, atol=3e-6 * np.max(np.abs(double)))
