"""Orders of convergence of the density solver, fitted where the cell Peclet number max |d phi| is below 1, phi = beta Psi. Flow clock s."""

from __future__ import annotations

import numpy as np
import pytest

from mfpde.density import DensityFlow, Grid, Interval, Radius, extrapolate
from mfpde.solve import solve
from tests import mean_fields as known


def end(flow, name):
    """The observable at s = 0.5."""
    return solve(flow, [0.5]).observables[name][0]


def slope_of_differences(values):
    """Order p of values(n) = limit + c n^-p at n, 2n, 4n, ..."""
    differences = np.abs(np.diff(values))
    return -np.polyfit(np.arange(len(differences)), np.log2(differences), 1)[0]


def peclet(flow, mass=1e-4):
    """The largest cell Peclet number at the start, among cells that all but `mass` lies in."""
    rho, phi = flow.unpack(flow.state0)["rho"], flow.energy.beta * flow.psi(flow.state0)
    occupied = np.where(rho * flow.grid.volume > mass / rho.size, phi, np.nan)
    return max(float(np.nanmax(np.abs(np.diff(occupied, axis=axis)))) for axis in range(rho.ndim))


def radial(n, steps):
    grid = Grid(Radius(cutoff=8.0, d=3, cells=n))
    field = known.radial_quadratic(3)
    return DensityFlow(field=field, grid=grid, log_density=known.centred(0.6), dt=0.5 / steps, beta=1.0, ridge=0.2, edge_bound=1e-4)


def plane(n, steps):
    grid = Grid(Interval(low=-6.0, high=6.0, cells=n), Interval(low=-6.0, high=6.0, cells=n))
    field = known.quadratic(2)
    return DensityFlow(field=field, grid=grid, log_density=known.centred(0.6), dt=0.5 / steps, beta=1.0, ridge=0.2, edge_bound=1e-4)


def circle(n, steps):
    return known.noisy_cosine(n, steps, s=0.5)


CASES = [(circle, "z", 64), (circle, "free_energy", 64), (radial, "q", 128), (plane, "q11", 64)]


@pytest.mark.parametrize(("make", "name", "coarsest"), CASES)
def test_second_order_in_space(make, name, coarsest):
    assert peclet(make(coarsest, 8)) < 1.0
    values = [end(make(coarsest * 2**k, 8), name) for k in range(3)]
    assert slope_of_differences(values) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("make", "name", "coarsest"), CASES)
def test_first_order_in_time(make, name, coarsest):
    values = [end(make(coarsest, 64 * 2**k), name) for k in range(3)]
    assert slope_of_differences(values) == pytest.approx(1.0, abs=0.05)


def test_richardson_removes_two_orders_a_level():
    exact = known.cosine_by_modes(0.5, 0.8, 10.0)[0]
    coarse = [abs(extrapolate(circle(n, n * n // 64), [0.5], levels=1).observables["z"][0] - exact) for n in (32, 64, 128)]
    assert -np.polyfit(np.arange(3), np.log2(coarse), 1)[0] == pytest.approx(4.0, abs=0.3)


def test_estimates_bound_the_errors():
    exact = known.cosine_by_modes(0.5, 0.8, 10.0)[0]
    for n, levels in ((16, 1), (16, 2), (32, 2), (64, 2)):
        run = extrapolate(circle(n, n), [0.5], levels=levels)
        assert abs(run.observables["z"][0] - exact) <= run.error["z"][0] <= 1.0 / n
    for d in (2, 10, 20):
        run = extrapolate(known.noisy_radial(d, 80, 64), [0.25])
        assert abs(run.observables["q"][0] / np.sqrt(2 * d) - known.quadratic_mu(0.25)) <= run.error["q"][0] / np.sqrt(2 * d)
