"""The law of the inputs, the depth-separation system, threads and files: one function a check."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from scipy.special import jv

from mfpde.datafiles import reference_rows
from mfpde.flow import Trajectory, VelocityFlow
from mfpde.laws import Bessel
from mfpde.selfcheck.check import Check
from mfpde.solve import solve
from mfpde.systems.depth_separation import DepthSeparation
from mfpde.threads import set_threads, thread_count


def law() -> Check:
    """M_0(1) = J_nu(K)^2 + 2 sum_k J_(nu+k)(K)^2, and M_2(1) in closed form, by SciPy's Bessel functions."""
    law = Bessel(100)
    z = law.wavenumber
    squares = jv(50.0 + np.arange(200), z) ** 2
    mass = squares[0] + 2.0 * squares[1:].sum()
    second = 50.0 * (squares[0] - jv(49.0, z) * jv(51.0, z))
    error = max(abs(float(law.partial_moment(0, 1.0)) - mass), abs(float(law.partial_moment(2, 1.0)) - second))
    return Check("partial moments of the Bessel law at d = 100, r = 1", error, 1e-12)


def limit() -> Check:
    """The concentrated limit against the reference table of an independent integration."""
    rows = [r for r in reference_rows("depth_separation_concentrated.csv") if (r["d"], r["p"], r["observable"]) == ("100", "1", "loss")]
    flow = DepthSeparation(homogeneity=1, sigma_1=0.05).limit(second_layer="concentrated")
    run = solve(flow, t_eval=[float(r["t"]) for r in rows], rtol=1e-10, atol=1e-14)
    error = np.max(np.abs(run.observables["loss"] / np.array([float(r["value"]) for r in rows]) - 1.0))
    return Check("loss of the concentrated limit up to t = 2000, relative", float(error), 1e-7)


def invariant() -> Check:
    """The limit conserves E|w1|^2 / p - E w2^2."""
    run = solve(DepthSeparation().limit(nodes=8), t_eval=[0, 100, 300], rtol=1e-10, atol=1e-13)
    values = run.observables["invariant"]
    return Check("E|w1|^2 / p - E w2^2 of the limit, largest change up to t = 300", float(np.max(np.abs(values - values[0]))), 1e-9)


def descent() -> Check:
    """The derivative of the loss along the velocity is minus its squared norm."""
    flow, sizes = _small_network(), {"w1": 16, "w2": 8, "b2": 8}
    y, step = flow.state0, 1e-6
    velocity = flow.velocity(0.0, y)
    predicted = -sum(float(np.sum(part**2)) / sizes[name] for name, part in flow.unpack(velocity).items())
    ahead, behind = (flow.observe(0.0, y + h * velocity)["loss"] for h in (step, -step))
    return Check("loss of a network falls at the rate of its gradient, relative", abs((ahead - behind) / (2 * step * predicted) - 1), 1e-6)


def threads() -> Check:
    """The same bits from 1 and 2 threads."""
    flow, before = _small_network(), thread_count()
    velocities = []
    try:
        for count in (1, 2):
            set_threads(count)
            velocities.append(flow.velocity(0.0, flow.state0))
    finally:
        set_threads(before)
    return Check("numbers that differ between 1 and 2 threads", float(np.sum(velocities[0] != velocities[1])), 0)


def file() -> Check:
    """A file gives back every bit."""
    run = solve(DepthSeparation(d=10).limit(nodes=4), t_eval=[0, 1, 2])
    with tempfile.TemporaryDirectory() as folder:
        again = Trajectory.load(run.save(Path(folder) / "run.h5"))
    return Check("numbers that a file does not give back", float(np.sum(again.states != run.states)), 0)


def _small_network() -> VelocityFlow:
    flow = DepthSeparation(d=10).network(m1=16, m2=8, directions=512)
    assert isinstance(flow, VelocityFlow)
    return flow
