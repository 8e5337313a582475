"""How errors of neurons are measured, and the method a flow asks for."""

import numpy as np
import pytest
from scipy.integrate import DOP853, RK45

import mfpde as mf
from mfpde.flow import Field, Packing
from mfpde.solve.tolerance import measure_vectors


@pytest.mark.parametrize("method", [RK45, DOP853])
def test_the_error_of_neurons_does_not_depend_on_the_axes(method):
    """Neurons along the axes, whose entries are mostly 0, and the same ones turned, with an error that is turned with them."""
    rng = np.random.default_rng(0)
    w1, rates, b = np.diag([1.0, 2.0, 3.0, 4.0]), rng.standard_normal((4, 4)), np.array([0.5, 1e-3])
    packing = Packing((Field("w1", (4, 4), ("neuron", "input")), Field("b", (2,), ("neuron_2",))))
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    norms = []
    for rotation in (np.eye(4), turn):
        y0, turned = packing.pack(w1=w1 @ rotation, b=b), packing.pack(w1=rates @ rotation, b=b)

        def velocity(t, y, turned=turned):
            return np.sin(5 * t) * turned

        solver = method(velocity, 0.0, y0, 1.0, rtol=1e-4, atol=1e-9, first_step=0.1)
        measure_vectors(solver, packing)
        solver.step()
        scale = solver.atol + solver.rtol * np.abs(y0)
        norms.append(solver._estimate_error_norm(solver.K, 0.1, scale))
    assert norms[0] == pytest.approx(norms[1], rel=1e-12)


def test_only_vectors_on_the_input_are_measured_whole():
    packing = Packing((Field("theta", (4, 4), ("neuron", "parameter")), Field("b", (2,), ("neuron_2",))))
    solver = RK45(lambda t, y: -y, 0.0, np.ones(18), 1.0)
    measure_vectors(solver, packing)
    assert "_estimate_error_norm" not in vars(solver)


def test_networks_with_jumps_take_the_lower_order_unless_told_otherwise():
    system = mf.DepthSeparation(d=4)
    network = system.network(m1=3, m2=2, directions=16, rng=0)
    assert mf.solve(network, [0.0, 0.1]).config["solve"]["method"] == "RK45"
    assert mf.solve(network, [0.0, 0.1], method="DOP853").config["solve"]["method"] == "DOP853"
    assert mf.solve(system.limit(), [0.0, 0.1]).config["solve"]["method"] == "DOP853"
