"""The depth-separation network is the chain with two layers: the same velocities on the same samples."""

from __future__ import annotations

import numpy as np
import pytest

import mfpde as mf
from mfpde.systems.chain import Layer


@pytest.mark.parametrize("rates", [(1.0, 1.0, 1.0), (0.5, 2.0, 1.5)])
@pytest.mark.parametrize("p", [1, 2])
def test_velocities_agree(p, rates):
    d, m1, m2, batch = 9, 12, 7, 600
    system = mf.DepthSeparation(d=d, homogeneity=p, sigma_1=0.8, sigma_2=0.7, sigma_r=0.3, rates=rates)
    network = system.network(m1=m1, m2=m2, dynamics="sgd", batch=batch, rng=4)
    x = system.law.sample(batch, np.random.default_rng(2))
    y = network.state0
    state = network.unpack(y)
    first = mf.Ensemble(np.column_stack([np.ones(m1), state["w1"], np.zeros(m1)]))
    second = mf.Ensemble(np.column_stack([np.ones(m2), state["w2"], state["b2"]]))
    chain = mf.Chain(
        [
            Layer(outputs=1, initial=first, train=["A"], rates=rates[0], homogeneity=p),
            Layer(outputs=1, initial=second, train=["A", "b"], rates=(1.0, rates[1], rates[2])),
        ],
        system.law,
        mf.targets.RadialHat(),
    )
    flow = chain.limit(samples=x)
    expected = flow.unpack(flow.velocity(0.0, flow.state0))
    moved = network.unpack(network.gradient_step(y, lambda rows, block: x[rows]))
    np.testing.assert_allclose(moved["w1"], expected["layer1"][:, 1:-1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(moved["w2"], expected["layer2"][:, 1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(moved["b2"], expected["layer2"][:, 2], rtol=0, atol=1e-13)
    np.testing.assert_allclose(network.predict(y, x), flow.predict(flow.state0, x), rtol=0, atol=1e-13)
