"""The chain against differences of its loss, a plain NumPy twin and exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from mfpde import activations, laws, targets
from mfpde.measures import Ensemble, GaussianInit, ProductInit, SphereInit
from mfpde.systems.chain import Chain, Layer

HAT = activations.piecewise_linear(knots=(-1.0, 0.2, 2.0), values=(0.5, -1.0, 1.5))


def gaussian(p, scale=0.7, mean=0.0):
    return GaussianInit([mean] * p, scale**2)


def weighted(m, p, seed):
    """Particles with unequal weights, the second one a passive tracer."""
    rng = np.random.default_rng(seed)
    q = rng.random(m)
    q[1] = 0.0
    return Ensemble(rng.standard_normal((m, p)), q / q.sum())


def mixed_chain(sigmas=("relu", "tanh", HAT, "gelu")):
    """d = 3, k = 2 throughout, L = 4: mixed activations, degrees, rates, weights and frozen parts."""
    a, b, c, d = sigmas
    layers = [
        Layer(outputs=2, activation=a, initial=weighted(7, 6, 1), homogeneity=2, rates=(0.5, 1.0, 2.0)),
        Layer(outputs=2, activation=b, initial=weighted(5, 5, 2), rates=3.0),
        Layer(outputs=2, activation=c, initial=weighted(6, 5, 3), train=("A", "b"), homogeneity=2),
        Layer(outputs=2, activation=d, initial=weighted(4, 5, 4), train=("v", "b"), rates=(1.0, 7.0, 0.3)),
    ]
    target = targets.Custom(lambda x: np.stack([x[:, 0] * x[:, 1], np.abs(x[:, 2])], axis=1), "products", outputs=2)
    return Chain(layers, laws.Gaussian(3), target)


def twin(chain, thetas, weights, x, y, q_x):
    """Loss and velocities by loops over samples and neurons, straight from the definitions."""
    moved = [np.zeros_like(theta) for theta in thetas]
    loss = 0.0
    for n in range(len(x)):
        features = [x[n]]
        for layer, theta, q in zip(chain.layers, thetas, weights, strict=True):
            f = np.zeros(layer.outputs)
            for j, one in enumerate(theta):
                v, a, b = one[: layer.outputs], one[layer.outputs : -1], one[-1]
                size = np.linalg.norm(a) ** (layer.homogeneity - 1)
                f += q[j] * size * layer.sigma(a @ features[-1] + b) * v
            features.append(f)
        delta = features[-1] - y[n]
        loss += 0.5 * q_x[n] * delta @ delta
        for i in reversed(range(len(thetas))):
            layer, k, f = chain.layers[i], chain.layers[i].outputs, features[i]
            below = np.zeros_like(f)
            for j, one in enumerate(thetas[i]):
                v, a, b = one[:k], one[k:-1], one[-1]
                size, power = np.linalg.norm(a), layer.homogeneity - 1
                z = a @ f + b
                s, ds = layer.sigma(z), layer.sigma.derivative(z)
                moved[i][j, :k] -= q_x[n] * size**power * s * delta
                moved[i][j, k:-1] -= q_x[n] * (delta @ v) * (size**power * ds * f + power * s * a / size)
                moved[i][j, -1] -= q_x[n] * (delta @ v) * size**power * ds
                below += weights[i][j] * (delta @ v) * size**power * ds * a
            delta = below
    for layer, part in zip(chain.layers, moved, strict=True):
        part[:, : layer.outputs] *= layer.part_rates[0]
        part[:, layer.outputs : -1] *= layer.part_rates[1]
        part[:, -1] *= layer.part_rates[2]
    return loss, moved


@pytest.mark.parametrize("samples", [3, 300])
def test_velocity_and_loss_agree_with_the_twin(samples):
    chain = mixed_chain()
    flow = chain.network(widths=[None] * 4, samples=samples)
    loss, moved = twin(chain, list(flow.unpack(flow.state0).values()), flow.weights, *flow.samples[:3])
    assert flow.observe(0.0, flow.state0)["loss"] == pytest.approx(loss, rel=1e-12)
    for name, v in flow.unpack(flow.velocity(0.0, flow.state0)).items():
        exact = moved[int(name[-1]) - 1]
        assert np.max(np.abs(v - exact)) <= 1e-12 * np.max(np.abs(exact)), name


def test_neurons_in_several_blocks_agree_with_the_twin():
    chain = Chain([Layer(outputs=1, activation="tanh", initial=gaussian(4), homogeneity=2)], laws.Gaussian(2), targets.RadialHat())
    flow = chain.network(widths=[1025], samples=3)
    _, (exact,) = twin(chain, list(flow.unpack(flow.state0).values()), flow.weights, *flow.samples[:3])
    assert np.max(np.abs(flow.velocity(0.0, flow.state0).reshape(-1, 4) - exact)) <= 1e-12 * np.max(np.abs(exact))


@pytest.mark.parametrize("sigmas", [("tanh", "gelu", "softplus", "erf"), ("cosine", "quadratic", "tanh", "identity")])
def test_velocity_is_minus_the_gradient_of_the_loss(sigmas):
    chain = mixed_chain(sigmas)
    flow = chain.network(widths=[None] * 4, samples=40)
    gradient, h = np.zeros_like(flow.state0), 1e-4

    def loss(i, by):
        y = flow.state0.copy()
        y[i] += by
        return flow.observe(0.0, y)["loss"]

    for i in range(len(gradient)):
        # fourth order, so that truncation is far below 1e-7 at a step where rounding is too
        gradient[i] = (8 * (loss(i, h) - loss(i, -h)) - (loss(i, 2 * h) - loss(i, -2 * h))) / (12 * h)
    parts = flow.unpack(gradient)
    for name, v in flow.unpack(flow.velocity(0.0, flow.state0)).items():
        layer, q = chain.layers[int(name[-1]) - 1], flow.weights[int(name[-1]) - 1]
        rates = np.repeat(layer.part_rates, (layer.outputs, layer.inputs, 1))
        difference = q[:, None] * v + rates * parts[name]
        assert np.max(np.abs(difference)) <= 1e-7 * np.max(np.abs(parts[name])), name


def test_the_loss_falls_at_the_rate_of_the_gradient():
    chain = mixed_chain()
    flow = chain.network(widths=[None] * 4, samples=40)
    v, h = flow.velocity(0.0, flow.state0), 1e-6
    slope = (flow.observe(0, flow.state0 + h * v)["loss"] - flow.observe(0, flow.state0 - h * v)["loss"]) / (2 * h)
    # dL/dt = -sum over particles of weight |theta'|^2 / rate
    exact = 0.0
    for (name, part), layer in zip(flow.unpack(v).items(), chain.layers, strict=True):
        rates = np.repeat(layer.part_rates, (layer.outputs, layer.inputs, 1))
        moving = rates > 0.0
        exact -= np.sum(flow.weights[int(name[-1]) - 1][:, None] * part[:, moving] ** 2 / rates[moving])
    assert slope == pytest.approx(exact, rel=1e-7)


def test_a_linear_output_layer_solves_its_linear_equation():
    """Only v of the last layer moves: v_j' = -E (f - f*) s_j(x), a linear equation with a matrix exponential."""
    first = Layer(outputs=2, activation="tanh", initial=gaussian(6), train=())
    last = Layer(outputs=1, activation="erf", initial=gaussian(4), train=("v",), rates=1.5)
    chain = Chain([first, last], laws.Gaussian(3), targets.Linear([1.0, -0.5, 0.2]))
    flow = chain.network(widths=[9, 6], samples=200)
    state = flow.unpack(flow.state0)
    features = np.tanh(flow.samples.x @ state["layer1"][:, 2:5].T + state["layer1"][:, 5]) @ state["layer1"][:, :2] / 9
    s = activations.erf(features @ state["layer2"][:, 1:3].T + state["layer2"][:, 3])
    gram, right = s.T @ s / 200 / 6, s.T @ flow.samples.y[:, 0] / 200
    t = 20.0
    augmented = expm(1.5 * t * np.block([[-gram, right[:, None]], [np.zeros((1, 7))]]))
    exact = augmented[:6] @ np.append(state["layer2"][:, 0], 1.0)
    run = solve_ivp(flow.velocity, (0.0, t), flow.state0, method="DOP853", rtol=1e-11, atol=1e-13)
    final = flow.unpack(run.y[:, -1])
    np.testing.assert_allclose(final["layer2"][:, 0], exact, rtol=1e-9)
    np.testing.assert_array_equal(final["layer1"], state["layer1"])
    np.testing.assert_array_equal(final["layer2"][:, 1:], state["layer2"][:, 1:])


def test_a_two_layer_linear_chain_follows_the_closed_form():
    """F = E a x, f = E c F, target b x with E x^2 = 1, unequal weights: abar' = -cbar (abar cbar - b), and symmetric in c.

    The difference of squares abar^2 - cbar^2 = D is conserved; with abar = cbar (D = 0) u = abar cbar is logistic,
    u' = 2 u (b - u), so u(t) = b / (1 + (b/u0 - 1) exp(-2 b t)).
    """
    # layer 1: v = 1 fixed, A trained; layer 2 likewise; every particle moves by the same amount
    first = Ensemble([[1.0, 0.1, 0.0], [1.0, 0.3, 0.0]], [0.5, 0.5])
    second = Ensemble([[1.0, -0.4, 0.0], [1.0, 0.4, 0.0], [1.0, 0.2, 0.0]], [0.1, 0.4, 0.5])
    layers = [Layer(outputs=1, activation="identity", initial=e, train=("A",)) for e in (first, second)]
    law = laws.Empirical(np.array([[1.0], [-1.0]]), weights=[0.5, 0.5])
    chain = Chain(layers, law, targets.Linear([1.7]))
    flow = chain.limit()
    b, t, a0, c0 = 1.7, 2.5, 0.2, -0.04 + 0.16 + 0.1
    assert a0 != c0
    run = solve_ivp(flow.velocity, (0.0, t), flow.state0, method="DOP853", rtol=1e-12, atol=1e-14)
    final = flow.unpack(run.y[:, -1])
    a, c = final["layer1"][:, 1] @ first.weights, final["layer2"][:, 1] @ second.weights
    # u' = (a^2 + c^2)(b - u), a^2 + c^2 = sqrt(D^2 + 4 u^2), D = a0^2 - c0^2: separable, so time is an integral over u
    from scipy.integrate import quad

    difference = a0**2 - c0**2
    elapsed = quad(lambda u: 1 / (np.sqrt(difference**2 + 4 * u * u) * (b - u)), a0 * c0, a * c, epsabs=1e-13, epsrel=1e-12)[0]
    assert elapsed == pytest.approx(t, rel=1e-10)
    assert a * a - c * c == pytest.approx(difference, abs=1e-11)
    assert flow.observe(t, run.y[:, -1])["loss"] == pytest.approx(0.5 * (a * c - b) ** 2, rel=1e-9)
    np.testing.assert_allclose(np.diff(final["layer2"][:, 1]), np.diff(second.points[:, 1]), atol=1e-12)


def test_a_four_layer_chain_learns_a_composition():
    """f* = sin(2 |tanh(x_1 + x_2)| - x_1), k = 2 between the layers: the loss falls below a twentieth of the best affine fit's."""
    target = targets.as_target(lambda x: np.sin(2 * np.abs(np.tanh(x[:, 0] + x[:, 1])) - x[:, 0]))
    layers = [Layer(outputs=2, activation=a, initial=gaussian(5, 1.5)) for a in ("tanh", "gelu", "relu")]
    layers.append(Layer(outputs=1, activation="relu", initial=gaussian(4, 1.5)))
    flow = Chain(layers, laws.Gaussian(2), target).network(widths=[30] * 4, dynamics="gd", samples=256, dt=0.2, rng=0)
    x, labels = flow.flow.samples.x, flow.flow.samples.y[:, 0]
    affine = np.column_stack([x, np.ones(256)])
    best_affine = 0.5 * np.mean((labels - affine @ np.linalg.lstsq(affine, labels)[0]) ** 2)
    y = flow.state0
    assert flow.observe(0.0, y)["loss"] > best_affine
    for k in range(800):
        y = flow.step(k, y)
    assert flow.observe(160.0, y)["loss"] < best_affine / 20


def depth_separation_chain(p, w1, w2):
    first = Ensemble(np.column_stack([np.ones(len(w1)), w1, np.zeros(len(w1))]))
    second = Ensemble(np.column_stack([np.ones(len(w2)), w2]))
    layers = [
        Layer(outputs=1, initial=first, train=("A",), homogeneity=p, rates=(1.0, 0.7, 1.0)),
        Layer(outputs=1, initial=second, train=("A", "b"), rates=(1.0, 1.3, 0.4)),
    ]
    return Chain(layers, laws.Gaussian(w1.shape[1]), targets.RadialHat())


@pytest.mark.parametrize("p", [1, 2])
def test_the_depth_separation_network_is_an_instance(p):
    """Its gradient, written out: w1' = -E[D G grad(|w1|^(p-1) relu(w1.x))], w2' = -E[D 1 F], b2' = -E[D 1]; and its invariant."""
    rng = np.random.default_rng(0)
    w1, w2 = 0.5 * rng.standard_normal((30, 5)), rng.standard_normal((8, 2))
    flow = depth_separation_chain(p, w1, w2).network(widths=[None, None], samples=600)
    x, n = flow.samples.x, 600
    size, z = np.linalg.norm(w1, axis=1), flow.samples.x @ w1.T
    f1 = np.maximum(z, 0) @ size ** (p - 1) / 30
    active = np.outer(f1, w2[:, 0]) + w2[:, 1] > 0
    error = np.mean(np.maximum(np.outer(f1, w2[:, 0]) + w2[:, 1], 0), axis=1) - np.maximum(1 - np.linalg.norm(x, axis=1), 0)
    g = error * (active @ w2[:, 0] / 8)
    exact_w1 = -((z > 0) * g[:, None]).T @ x / n * size[:, None] ** (p - 1)
    if p == 2:
        exact_w1 -= (np.maximum(z, 0).T @ g / n / size)[:, None] * w1
    velocity = flow.unpack(flow.velocity(0.0, flow.state0))
    np.testing.assert_allclose(velocity["layer1"][:, 1:-1], 0.7 * exact_w1, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(velocity["layer2"][:, 1], -1.3 * active.T @ (error * f1) / n, rtol=1e-10)
    np.testing.assert_allclose(velocity["layer2"][:, 2], -0.4 * active.T @ error / n, rtol=1e-10)
    growth_1 = 2 * np.mean(np.sum(w1 * velocity["layer1"][:, 1:-1], axis=1)) / (p * 0.7)
    growth_2 = 2 * np.mean(w2[:, 0] * velocity["layer2"][:, 1]) / 1.3
    assert growth_1 == pytest.approx(growth_2, rel=1e-12)


def test_a_neuron_at_zero_stays_where_the_rule_puts_it():
    w1 = np.array([[0.0, 0.0], [0.5, 0.2]])
    for p in (1, 2):
        flow = depth_separation_chain(p, w1, np.array([[0.5, 0.1]])).network(widths=[None, None], samples=50)
        np.testing.assert_array_equal(flow.unpack(flow.velocity(0.0, flow.state0))["layer1"][0], 0.0)


def test_the_limit_by_gauss_hermite_converges_spectrally():
    layers = [Layer(outputs=1, activation="erf", initial=GaussianInit([0.5, 0.4, 0.0, 0.1], [0.3, 0.05, 0.0, 0.0]))]
    layers.append(Layer(outputs=1, activation="cosine", initial=GaussianInit([0.4, 0.7, 0.2], [0.0, 0.05, 0.05])))
    chain = Chain(layers, laws.Gaussian(2), targets.RadialHat())

    def loss_at_one(flow):
        y = solve_ivp(flow.velocity, (0.0, 1.0), flow.state0, method="DOP853", rtol=1e-10, atol=1e-13).y[:, -1]
        return flow.observe(1.0, y)["loss"]

    losses = [loss_at_one(chain.limit(nodes=nodes, samples=50, rng=0)) for nodes in (2, 4, 8, 16)]
    changes = np.abs(np.diff(losses))
    assert changes[1] < changes[0] / 30
    assert changes[2] < changes[0] / 3000
    drawn = loss_at_one(chain.limit(widths=[2000, 2000], samples=50, rng=0))
    assert abs(drawn - losses[-1]) < 0.02 * losses[-1]


def test_refining_a_limit_doubles_what_was_drawn_and_keeps_what_was_given():
    given = Ensemble(np.random.default_rng(1).standard_normal((5, 3)))
    layers = [Layer(outputs=1, initial=gaussian(4)), Layer(outputs=1, initial=gaussian(3)), Layer(outputs=1, initial=given)]
    limit = Chain(layers, laws.Gaussian(2), targets.RadialHat()).limit(widths=[6, None, None], nodes=2, samples=30, rng=4)
    fine = limit.refined()
    assert fine.config["arguments"] == {"widths": [12, None, None], "nodes": 4, "samples": 60, "rng": 4}
    state, refined = limit.unpack(limit.state0), fine.unpack(fine.state0)
    np.testing.assert_array_equal(refined["layer1"][:6], state["layer1"])
    assert refined["layer2"].shape == (4**3, 3)
    np.testing.assert_array_equal(refined["layer3"], given.points)
    np.testing.assert_array_equal(fine.samples.x[:30], limit.samples.x)


def test_empirical_laws_are_integrated_exactly():
    x = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    y = np.array([1.0, -1.0, 0.5])
    layer = Layer(outputs=1, activation="tanh", initial=gaussian(4))
    weighted_law, repeated = laws.Empirical(x, y, [0.25, 0.25, 0.5]), laws.Empirical(x[[0, 1, 2, 2]], y[[0, 1, 2, 2]])
    a, b = (Chain([layer], law).network(widths=[5]) for law in (weighted_law, repeated))
    assert a.observe(0, a.state0)["loss"] == pytest.approx(b.observe(0, b.state0)["loss"], rel=1e-14)
    assert a.observe(0, a.state0)["loss_stderr"] == 0.0
    np.testing.assert_allclose(a.velocity(0, a.state0), b.velocity(0, b.state0), rtol=1e-12)
    # batches keep inputs and labels together: at a state that fits every label, SGD does not move
    exact = Layer(outputs=1, activation="identity", initial=Ensemble([[1.0, 2.0, -1.0, 0.5]]))
    sgd = Chain([exact], laws.Empirical(x, x @ [2.0, -1.0] + 0.5)).network(widths=[None], dynamics="sgd", dt=0.1, batch=600)
    np.testing.assert_allclose(sgd.step(0, sgd.state0), sgd.state0, atol=1e-15)


def test_sphere_init_needs_a_width_in_the_limit_and_other_bad_input():
    sphere = Layer(outputs=1, initial=ProductInit([gaussian(1), SphereInit(3, 1.0), gaussian(1)]))
    chain = Chain([sphere], laws.Gaussian(3), targets.RadialHat())
    bad = [
        (lambda: chain.limit(), r"layer 1: SphereInit has no Gauss-Hermite nodes"),
        (lambda: chain.limit(widths=[4, 4]), "give one for each of the 1 layers"),
        (lambda: chain.limit(widths=[4], nodes=0), "nodes = 0"),
        (lambda: chain.network(widths=[0]), r"widths\[0\] = 0"),
        (lambda: chain.network(widths=[None]), "layer 1: its width is None"),
        (lambda: chain.network(widths=[3], dynamics="adam"), "dynamics = 'adam'"),
        (lambda: chain.network(widths=[3], dynamics="gd"), "dt = None"),
        (lambda: chain.network(widths=[3], dt=0.1), "dt = 0.1: .* none for 'flow'"),
        (lambda: chain.network(widths=[3], dynamics="gd", dt=-1.0), "dt = -1.0"),
        (lambda: chain.network(widths=[3], dynamics="sgd", dt=0.1), "batch = None"),
        (lambda: chain.network(widths=[3], dynamics="sgd", dt=0.1, batch=0), "batch = 0"),
        (lambda: chain.network(widths=[3], dtype="float16"), "dtype = 'float16'"),
        (lambda: chain.network(widths=[3], samples=0), "samples = 0"),
        (lambda: chain.network(widths=[3], samples=np.zeros((4, 2))), r"samples has shape \(4, 2\)"),
        (lambda: chain.network(widths=[3], rng=-1), "rng = -1"),
        (lambda: Chain([], laws.Gaussian(3), targets.RadialHat()), "layers is empty"),
        (lambda: Chain([sphere], laws.Gaussian(2), targets.RadialHat()), "layer 1: .* 1 outputs and 2 inputs it needs 4"),
        (lambda: Chain([sphere], laws.Gaussian(3)), "target is None"),
        (lambda: Chain([sphere], laws.Gaussian(3), targets.Custom(np.abs, outputs=3)), "1 outputs, the target 3"),
        (lambda: Layer(outputs=0, initial=gaussian(3)), "outputs = 0"),
        (lambda: Layer(outputs=2, initial=gaussian(3)), "leave none for A"),
        (lambda: Layer(outputs=1, initial=gaussian(3), train="vA"), "train = 'vA'"),
        (lambda: Layer(outputs=1, initial=gaussian(3), rates=(1.0, 2.0)), r"rates = \(1.0, 2.0\)"),
        (lambda: Layer(outputs=1, initial=gaussian(3), rates=-1.0), "rates = -1.0"),
        (lambda: Layer(outputs=1, initial=gaussian(3), homogeneity=3), "homogeneity = 3"),
        (lambda: Layer(outputs=1, initial=3), "initial = 3"),
    ]
    for call, message in bad:
        with pytest.raises(ValueError, match=message):
            call()
