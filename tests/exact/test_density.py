"""The density solver against exact laws and plain NumPy twins. Clock: the flow clock s."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from mfpde.density import Circle, DensityFlow, FreeEnergy, Grid, Interval, MeanField, Radius, extrapolate, gibbs
from mfpde.density.krylov import gmres
from mfpde.density.root import find_root
from mfpde.kernels.scharfetter_gummel import implicit_lines
from mfpde.kernels.tridiagonal import FACTORS, eliminate, substitute
from mfpde.solve import solve
from tests import mean_fields as known


def generator(right, left, periodic):
    """Dense I + A, columns summing to 1, from the rates across the faces."""
    n = len(right)
    a = np.eye(n)
    for i in range(n if periodic else n - 1):
        j = (i + 1) % n
        a[i, i] += right[i]
        a[j, i] -= right[i]
        a[j, j] += left[i]
        a[i, j] -= left[i]
    return a


def scharfetter_gummel(phi, rate, periodic):
    def ber(z):
        return np.where(np.abs(z) < 1e-12, 1.0, z / np.expm1(np.where(z == 0, 1.0, z)))

    z = np.roll(phi, -1) - phi
    return generator(rate * ber(z), rate * ber(-z), periodic)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("n", [4, 5, 40])
def test_elimination_solves_the_dense_system(n, periodic):
    rng = np.random.default_rng(n)
    right, left, b = 10 ** rng.uniform(-3, 3, n), 10 ** rng.uniform(-3, 3, n), rng.standard_normal(n)
    factors, x = np.zeros((FACTORS, n)), b.copy()
    eliminate(right, left, periodic, factors)
    substitute(factors, x)
    assert x == pytest.approx(np.linalg.solve(generator(right, left, periodic), b), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("periodic", [False, True])
def test_elimination_keeps_mass_and_sign_at_rates_of_any_size(periodic):
    rng = np.random.default_rng(1)
    right, left, b = 10 ** rng.uniform(-20, 14, 300), 10 ** rng.uniform(-20, 14, 300), rng.random(300)
    factors, x = np.zeros((FACTORS, 300)), b.copy()
    eliminate(right, left, periodic, factors)
    substitute(factors, x)
    assert x.min() >= 0.0
    assert x.sum() == pytest.approx(b.sum(), rel=1e-13)


@pytest.mark.parametrize("periodic", [False, True])
def test_lines_and_their_tangents_are_those_of_the_dense_twin(periodic):
    rng = np.random.default_rng(2)
    phi, rho, directions = 3 * rng.standard_normal((3, 20)), rng.random((3, 20)), rng.standard_normal((2, 3, 20))
    phi[0, :10] = phi[0, 0] + 1e-3 * np.arange(10)  # the series near 0

    def step(phi):
        return np.stack([np.linalg.solve(scharfetter_gummel(u, 1.7, periodic), p) for u, p in zip(phi, rho, strict=True)])

    after, tangents = np.full_like(rho, np.nan), np.full_like(directions, np.nan)
    implicit_lines(phi, rho, 1.7, periodic, directions, 1, 3, after, tangents)
    assert np.isnan(after[0]).all()
    implicit_lines(phi, rho, 1.7, periodic, directions, 0, 1, after, tangents)
    assert after == pytest.approx(step(phi), rel=1e-12)
    for direction, tangent in zip(directions, tangents, strict=True):
        h = 1e-5
        assert tangent == pytest.approx((step(phi + h * direction) - step(phi - h * direction)) / (2 * h), abs=1e-8)


def test_gmres_solves_systems_that_are_not_symmetric():
    rng = np.random.default_rng(3)
    matrix, b = np.eye(50) + 0.3 * rng.standard_normal((50, 50)), rng.standard_normal(50)
    assert np.linalg.norm(matrix @ gmres(lambda v: matrix @ v, b) - b) < 1.1e-8 * np.linalg.norm(b)
    assert gmres(lambda v: 2 * v, b) == pytest.approx(b / 2, rel=1e-14)
    assert not gmres(lambda v: matrix @ v, 0 * b).any()


def search(f, slope, z):
    """find_root for one unknown, and how often f was evaluated."""
    seen = []

    def evaluate(z):
        seen.append(z)
        return f(z), "found"

    return find_root(evaluate, lambda at: lambda residual: residual / slope(at), np.array([z]), 1.0), len(seen)


def test_roots_are_found_where_newton_steps_are_too_long():
    (z, found), evaluations = search(np.arctan, lambda z: 1 / (1 + z**2), 30.0)
    assert abs(z[0]) < 1e-14
    assert found == "found"
    assert evaluations < 40


def test_a_kept_jacobian_that_fails_is_renewed():
    root, evaluations = search(lambda z: np.where(z > 0.05, z, 5 * z - 0.2), lambda z: np.where(z > 0.05, 1.0, 5.0), 10.0)
    assert root is not None
    assert root[0] == pytest.approx([0.04], abs=1e-15)
    assert evaluations == 4


def test_a_small_residual_that_is_no_root_is_none():
    root, evaluations = search(lambda z: z**2 + 0.01, lambda z: 2 * z, 3.0)
    assert root is None
    assert evaluations < 100


def test_a_step_is_implicit_in_density_and_potential():
    flow = known.noisy_cosine(24, 1, s=0.7, log_density=lambda p: np.cos(p[:, 0] - 1.0))
    after = flow.step(0, flow.state0)
    phi = flow.energy.beta * flow.psi(after)
    matrix = scharfetter_gummel(phi, flow.dt / (flow.energy.beta * flow.grid.axes[0].width ** 2), True)
    assert matrix @ after == pytest.approx(flow.state0, rel=1e-12)


def test_noisy_cosine_model_to_1e_7():
    run = extrapolate(known.noisy_cosine(32, 64), [0.5, 1.0])
    assert run.observables["z"][1] == pytest.approx(0.293046886880596, abs=1e-7)
    assert run.observables["free_energy"][1] == pytest.approx(-0.046360997192020, abs=1e-7)
    assert run.observables["z"][0] == pytest.approx(known.cosine_by_modes(0.5, 0.8, 10.0)[0], abs=1e-7)
    late = extrapolate(known.noisy_cosine(32, 320, s=5.0), [5.0])
    assert late.observables["z"][0] == pytest.approx(0.589047923842901, abs=1e-7)
    assert late.observables["free_energy"][0] == pytest.approx(-0.122562376146805, abs=1e-7)


def test_second_mode_of_the_noisy_cosine_model():
    base = known.cosine(0.8)
    both = MeanField(
        external=base.external,
        features=lambda p: np.concatenate([base.features(p), 1e-9 * np.cos(2 * p.T)]),  # too weak to act
        constant=base.constant,
        names=("z", "z_im", "second"),
    )
    flow = DensityFlow(field=both, grid=Grid(Circle(cells=32)), log_density=known.uniform, dt=1 / 64, beta=10.0)
    assert 1e9 * extrapolate(flow, [1.0]).observables["second"][0] == pytest.approx(0.080187354838608, abs=1e-7)


GIBBS = [
    (1.0, 0.26042357732881814434, -1.6232898250837198236),
    (10.0, 0.63376982262671389342, -0.12448592435782313762),
    (100.0, 0.77413074043436677874, -0.010595355670690108091),
]


@pytest.mark.parametrize(("beta", "z", "free_energy"), GIBBS)
def test_gibbs_measure_of_the_cosine_model(beta, z, free_energy):
    energy = FreeEnergy(known.cosine(0.8), Grid(Circle(cells=128)), beta)
    found = energy.observe(gibbs(energy))
    assert found["z"] == pytest.approx(z, abs=1e-12)
    assert found["free_energy"] == pytest.approx(free_energy, abs=1e-12)
    assert found["risk"] == found["loss"] == pytest.approx((0.8 - z) ** 2, abs=1e-12)
    assert found["mass"] == pytest.approx(1.0, abs=1e-14)


def test_gibbs_measure_of_a_strong_field():
    energy = FreeEnergy(known.cosine(1.3), Grid(Circle(cells=512)), 200.0)
    z = brentq(known.cosine_gibbs_residual, 0.0, 1.0, args=(1.3, 200.0), xtol=1e-15)
    assert energy.observe(gibbs(energy))["z"] == pytest.approx(z, abs=1e-12)


@pytest.mark.parametrize(("beta", "z", "free_energy"), GIBBS)
def test_long_runs_end_in_the_gibbs_measure(beta, z, free_energy):
    flow = known.noisy_cosine(96, 1, s=5.0 * beta, beta=beta)
    run = solve(flow, [300.0 * beta])
    assert run.final_state == pytest.approx(gibbs(flow.energy), abs=1e-12)
    assert run.observables["z"][0] == pytest.approx(z, abs=1e-12)


def test_noisy_quadratic_on_a_line_to_1e_5():
    run = extrapolate(known.noisy_quadratic(400, 64, half=7.0), [0.25, 0.5])
    assert run.observables["q11"] / np.sqrt(2) == pytest.approx(known.quadratic_mu(run.t), abs=1e-5)
    assert known.quadratic_mu(0.5) == pytest.approx(0.91659509038339831134, abs=1e-15)


@pytest.mark.parametrize("d", [2, 3, 10])
def test_noisy_quadratic_in_the_radius_to_1e_5(d):
    run = extrapolate(known.noisy_radial(d, 200, 64), [0.5])
    assert run.observables["q"] / np.sqrt(2 * d) == pytest.approx(known.quadratic_mu(0.5), abs=1e-5)
    assert run.observables["risk"] == pytest.approx(2 * d * (known.quadratic_mu(0.5) - 1) ** 2, abs=1e-5)


def test_noisy_quadratic_in_the_plane():
    run = extrapolate(known.noisy_quadratic(64, 32, axes=2, half=6.0, mu0=0.6, beta=2.0), [0.5], levels=1)
    for name in ("q11", "q22"):
        assert run.observables[name] / np.sqrt(2) == pytest.approx(known.quadratic_mu(0.5, mu0=0.6, beta=2.0), abs=5e-5)
    assert run.observables["q12"] == pytest.approx(0.0, abs=1e-13)


def test_stationary_quadratic_laws_are_gaussian():
    mu = 0.97562460986251964319
    grids = [
        (known.quadratic(1), Grid(Interval(low=-8, high=8, cells=200)), 1, "q11"),
        (known.quadratic(2), Grid(Interval(low=-8, high=8, cells=120), Interval(low=-8, high=8, cells=100)), 2, "q22"),
        (known.radial_quadratic(3), Grid(Radius(cutoff=10, d=3, cells=200)), 3, "q"),
        (known.radial_quadratic(21), Grid(Radius(cutoff=14, d=21, cells=200)), 21, "q"),
    ]
    for field, grid, d, name in grids:
        energy = FreeEnergy(field, grid, 10.0, 0.2)
        found = energy.observe(gibbs(energy))
        assert found[name] / np.sqrt(2 * d if name == "q" else 2) == pytest.approx(mu, abs=1e-11)
        exact = 0.5 * (0.2 * d * mu + 2 * d * (mu - 1) ** 2) - d * np.log(2 * np.pi * np.e * mu) / 20
        assert found["free_energy"] == pytest.approx(exact, abs=1e-10)


def test_free_energy_of_the_linear_gaussian_laws():
    energy = known.noisy_linear(128, 10).energy
    mean, variance = known.linear_exact(0.5)
    found = energy.observe(energy.grid.density(lambda p: -np.sum((p - mean) ** 2 / (2 * variance), axis=1)))
    assert found["risk"] == pytest.approx(0.46871046402270797614, abs=1e-11)
    assert found["free_energy"] == pytest.approx(0.094089292276263248232, abs=1e-11)
    end = energy.observe(gibbs(energy))
    assert end["risk"] == pytest.approx(0.01064399880039920141, abs=1e-11)
    assert end["free_energy"] == pytest.approx(-0.08955267338151104503, abs=1e-11)


def test_noisy_linear_model_in_the_plane():
    run = extrapolate(known.noisy_linear(48, 16), [0.5])
    mean, _ = known.linear_exact(0.5)
    assert run.observables["risk"] == pytest.approx(0.46871046402270797614, abs=1e-4)
    assert run.observables["free_energy"] == pytest.approx(0.094089292276263248232, abs=1e-4)
    assert run.observables["m1"] == pytest.approx(mean[0], abs=1e-4)
    assert run.observables["m2"] == pytest.approx(2 * mean[1], abs=1e-4)
