"""What every step of the density solver keeps, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfpde.density import Circle, DensityFlow, FreeEnergy, Grid, Interval, MeanField, Radius, extrapolate, gibbs
from mfpde.solve import solve
from mfpde.solve.steppers import StepError
from mfpde.threads import set_threads
from tests import mean_fields as known


def networks(seed, dimensions, k=6):
    """A random network of `k` data points: labels up to 3, tanh or cosine neurons."""
    rng = np.random.default_rng(seed)
    x, y, q = rng.standard_normal((k, dimensions)), 3 * rng.uniform(-1, 1, k), rng.dirichlet(np.ones(k))

    def neurons(p):
        return np.tanh(x @ p.T) if seed % 2 else np.cos(2 * x @ p.T + y[:, None])

    return MeanField(
        external=lambda p: -(q * y) @ neurons(p),
        features=lambda p: np.sqrt(q)[:, None] * neurons(p),
        constant=float(q @ y**2),
        names=tuple(f"z{i}" for i in range(k)),
    )


GRIDS = {
    "interval": Grid(Interval(low=-4.0, high=5.0, cells=60)),
    "circle": Grid(Circle(cells=50)),
    "radius": Grid(Radius(cutoff=5.0, d=5, cells=40)),
    "plane": Grid(Interval(low=-3.0, high=3.0, cells=18), Interval(low=-4.0, high=4.0, cells=25)),
    "torus": Grid(Circle(cells=16), Circle(cells=20)),
    "cylinder": Grid(Circle(cells=12), Interval(low=-3.0, high=3.0, cells=17)),
    "radii": Grid(Radius(cutoff=4.0, d=2, cells=15), Radius(cutoff=4.0, d=7, cells=14)),
    "space": Grid(Interval(low=-3.0, high=3.0, cells=9), Circle(cells=8), Radius(cutoff=3.0, d=2, cells=7)),
}


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("beta", [1.0, 100.0])
def test_mass_sign_and_falling_free_energy_for_steps_of_any_length(kind, beta):
    grid = GRIDS[kind]
    for seed, dt in enumerate([1e-3, 0.1, 3.0, 100.0, 1e6]):
        field = networks(seed, len(grid.axes))
        rough = np.random.default_rng(seed).uniform(-3, 3, len(grid.points))
        ridge = 0.0 if grid.periodic else 0.3
        flow = DensityFlow(field=field, grid=grid, log_density=lambda p, r=rough: r, dt=dt, beta=beta, ridge=ridge, edge_bound=1.0)
        run = solve(flow, np.arange(9) * dt)
        assert run.complete, run.message
        assert run.states.min() >= 0.0
        assert run.observables["mass"] == pytest.approx(1.0, abs=1e-14 * 9)
        energy = run.observables["free_energy"]
        assert np.all(np.diff(energy) <= 1e-13 * (1.0 + np.abs(energy[1:])))
        assert energy[0] - energy[-1] > 1e-4


def test_the_fixed_point_of_every_step_is_the_gibbs_measure():
    for kind, grid in GRIDS.items():
        ridge = 0.0 if grid.periodic else 0.3
        for seed, beta, dt in ((1, 2.0, 0.1), (2, 20.0, 1e3)):
            field = networks(seed, len(grid.axes))
            flow = DensityFlow(field=field, grid=grid, log_density=known.uniform, dt=dt, beta=beta, ridge=ridge, edge_bound=1.0)
            end = gibbs(flow.energy, edge_bound=1.0)
            assert flow.step(1, end.ravel()) == pytest.approx(end.ravel(), abs=1e-11), kind
            log_ratio = np.log(end) - flow.grid.log_jacobian + beta * flow.psi(end.ravel())
            assert np.ptp(log_ratio) < 1e-9, kind
            assert flow.energy.value(end) <= flow.energy.value(flow.unpack(flow.state0)["rho"])


COLD = [
    (1.3, lambda p: 2 * np.cos(p[:, 0] - 3.0)),
    (0.8, lambda p: 50 * np.cos(p[:, 0])),  # beyond the target: the old potential pushes everything to the far side
]


@pytest.mark.parametrize("dt", [0.5, 16.7, 100.0])
@pytest.mark.parametrize(("b", "log_density"), COLD)
def test_a_strong_cold_field_lowers_the_free_energy_at_any_step(b, log_density, dt):
    flow = known.noisy_cosine(128, 1, s=dt, b=b, beta=200.0, log_density=log_density)
    run = solve(flow, np.arange(30) * dt)
    assert run.complete
    assert np.all(np.diff(run.observables["free_energy"]) <= 1e-15)
    assert run.states.min() >= 0.0


def test_lagged_potentials_would_raise_the_free_energy():
    """The check above can fail: a step in the old potential fails it at the same parameters."""
    b, log_density = COLD[1]
    flow = known.noisy_cosine(128, 1, s=16.7, b=b, beta=200.0, log_density=log_density)
    (sweep,) = flow._sweeps
    lagged, _ = sweep._implicit(flow.state0[None], flow.order_parameters(flow.state0), flow.dt, sweep._directions[:0])
    assert flow.energy.value(lagged[0]) > flow.energy.value(flow.state0) + 0.1


def test_mass_stays_exact_over_many_steps():
    run = solve(known.noisy_quadratic(200, 2000, s=20.0), [20.0])
    assert run.observables["mass"] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("kind", ["interval", "plane"])
def test_many_order_parameters_move_like_their_span(kind):
    """81 copies of 6 features, each a 9th as strong, have the same kernel, but steps take the way without matrices."""
    few = networks(4, len(GRIDS[kind].axes))
    many = MeanField(external=few.external, features=lambda p: np.repeat(few.features(p), 81, axis=0) / 9.0, constant=few.constant)
    runs = []
    for field in (few, many):
        flow = DensityFlow(field=field, grid=GRIDS[kind], log_density=known.centred(0.5), dt=5.0, beta=50.0, ridge=0.1, edge_bound=1.0)
        runs.append(solve(flow, [5.0, 25.0]))
    assert runs[1].complete
    assert runs[1].states == pytest.approx(runs[0].states, abs=1e-11)
    assert runs[1].observables["risk"] == pytest.approx(runs[0].observables["risk"], abs=1e-12)


def test_reflections_and_rotations_of_the_problem_turn_the_solution():
    straight = known.noisy_cosine(40, 10, log_density=lambda p: np.sin(p[:, 0]))
    mirrored = known.noisy_cosine(40, 10, log_density=lambda p: -np.sin(p[:, 0]))
    assert solve(mirrored, [1.0]).final_state == pytest.approx(solve(straight, [1.0]).final_state[::-1], abs=1e-13)
    turned = MeanField(
        external=lambda p: -0.8 * np.cos(p[:, 0] - 2 * np.pi / 40 * 7),
        features=known.cosine(0.8).features,
        constant=0.64,
    )
    flow = DensityFlow(
        field=turned, grid=straight.grid, log_density=lambda p: np.sin(p[:, 0] - 2 * np.pi / 40 * 7), dt=straight.dt, beta=10.0
    )
    assert solve(flow, [1.0]).final_state == pytest.approx(np.roll(solve(straight, [1.0]).final_state, 7), abs=1e-13)


def test_an_axis_that_the_potential_does_not_see_changes_nothing():
    line = known.noisy_cosine(30, 8)
    grid = Grid(Circle(cells=30), Circle(cells=12))
    flow = DensityFlow(field=known.cosine(0.8), grid=grid, log_density=known.uniform, dt=line.dt, beta=10.0)
    plane, one = solve(flow, [1.0]), solve(line, [1.0])
    assert plane.unpack()["rho"] * 2 * np.pi == pytest.approx(np.repeat(one.final_state[:, None], 12, axis=1), abs=1e-13)
    assert plane.observables["z"] == pytest.approx(one.observables["z"], abs=1e-13)


def test_same_bits_with_one_and_two_threads():
    states = []
    for threads in (1, 2):
        set_threads(threads)
        try:
            states.append(solve(known.noisy_quadratic(160, 100, s=0.05, axes=2), [0.005]).final_state)
        finally:
            set_threads(None)
    assert states[0].tobytes() == states[1].tobytes()


def test_a_run_stored_in_parts_has_the_bits_of_one_run(tmp_path):
    flow = known.noisy_cosine(32, 40)
    files = {"store": tmp_path / "run.h5", "checkpoint": tmp_path / "run.checkpoint"}
    assert not solve(flow, [0.5, 1.0], max_steps=13, **files).complete
    resumed, whole = solve(flow, [0.5, 1.0], **files), solve(flow, [0.5, 1.0])
    assert resumed.complete
    assert resumed.states.tobytes() == whole.states.tobytes()
    assert resumed.unpack()["rho"].shape == (32,)
    other = known.noisy_cosine(32, 40, b=0.9)
    assert other.config != flow.config


def test_edge_mass_and_its_bound():
    wide, narrow = Grid(Interval(low=-8.0, high=8.0, cells=100)), Grid(Interval(low=-2.0, high=2.0, cells=100))
    flow = known.noisy_quadratic(100, 64, half=8.0)
    assert flow.energy.grid.edge_mass(wide.density(known.centred(0.5))) < 1e-12
    ends = narrow.edge_mass(narrow.density(known.centred(0.5)))
    assert ends == pytest.approx(2 * (math.erf(2.0) - math.erf(1.92)) / 2 / math.erf(2.0), rel=1e-3)
    with pytest.raises(ValueError, match=r"edge_mass = .* of the initial density .*wider interval"):
        known.noisy_quadratic(100, 64, half=2.0, mu0=0.5)
    leaking = known.noisy_quadratic(100, 64, half=4.0)
    with pytest.raises(ValueError, match=r"edge_mass = .* at s = .*wider interval"):
        solve(leaking, [0.5])
    with pytest.raises(ValueError, match=r"edge_mass = .* of the Gibbs measure"):
        gibbs(leaking.energy)
    ring = Grid(Circle(cells=10))
    assert ring.edge_mass(ring.density(known.uniform)) == 0.0
    ball = Grid(Radius(cutoff=1.0, d=3, cells=100))
    assert ball.edge_mass(ball.density(known.uniform)) == pytest.approx(1 - 0.98**3, rel=1e-3)


def test_a_grid_too_coarse_for_the_tolerance_is_refused_with_the_grid_to_take():
    with pytest.raises(ValueError, match=r"too coarse for tolerance = 1e-06: .* of .* is .*; start from about \(\d+,\) cells with dt = "):
        extrapolate(known.noisy_cosine(8, 4), [1.0], levels=1, tolerance=1e-6)
    run = extrapolate(known.noisy_cosine(32, 64), [1.0], tolerance=1e-5)
    assert max(float(e.max()) for e in run.error.values()) <= 1e-5


def flow_with(**changes):
    arguments = {
        "field": known.quadratic(),
        "grid": Grid(Interval(low=-8.0, high=8.0, cells=50)),
        "log_density": known.centred(0.2),
        "dt": 0.01,
        "beta": 10.0,
        "ridge": 0.2,
    }
    return DensityFlow(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta": 0.0}, r"beta = 0.0: give an inverse temperature > 0"),
        ({"beta": -1.0}, r"beta = -1.0"),
        ({"beta": math.nan}, r"beta = nan"),
        ({"beta": math.inf}, r"beta = inf: .* weighted nodes"),
        ({"ridge": -0.1}, r"ridge = -0.1"),
        ({"dt": 0.0}, r"dt = 0.0"),
        ({"dt": math.inf}, r"dt = inf"),
        ({"edge_bound": 0.0}, r"edge_bound = 0.0"),
        ({"grid": Grid(Circle(cells=8))}, r"ridge = 0.2: .* circle"),
        ({"log_density": lambda p: p}, r"log_density gave shape \(50, 1\)"),
        ({"log_density": lambda p: np.full(len(p), np.nan)}, r"log_density is NaN"),
        ({"log_density": lambda p: np.full(len(p), -np.inf)}, r"minus infinity in every cell"),
        ({"field": MeanField(external=lambda p: p, features=lambda p: p.T, constant=0.0)}, r"external gave shape"),
        ({"field": MeanField(external=lambda p: p[:, 0], features=lambda p: p[:, 0], constant=0.0)}, r"features gave shape"),
        ({"field": MeanField(external=lambda p: p[:, 0], features=lambda p: np.inf * p.T, constant=0.0)}, r"not finite"),
        ({"field": MeanField(external=lambda p: p[:, 0], features=lambda p: p.T, constant=0.0, names=("a", "b"))}, r"names = "),
    ],
)
def test_impossible_flows_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        flow_with(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interval(low=1.0, high=1.0, cells=10), r"low = 1.0, high = 1.0"),
        (lambda: Interval(low=0.0, high=math.inf, cells=10), r"finite"),
        (lambda: Interval(low=0.0, high=1.0, cells=3), r"cells = 3: give an integer >= 4"),
        (lambda: Circle(cells=8.0), r"cells = 8.0"),
        (lambda: Radius(cutoff=0.0, d=2, cells=8), r"cutoff = 0.0"),
        (lambda: Radius(cutoff=1.0, d=0, cells=8), r"d = 0"),
        (lambda: Grid(), r"without axes"),
        (lambda: Grid(8), r"axis 8"),
    ],
)
def test_impossible_grids_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_initial_states_and_levels_are_checked():
    flow = known.noisy_cosine(16, 4)
    with pytest.raises(ValueError, match="y0 has mass 2"):
        solve(flow, [1.0], y0=2 * flow.state0)
    with pytest.raises(ValueError, match="smallest density -"):
        solve(flow, [1.0], y0=flow.state0 * (1 + 2 * np.resize([1.0, -1.0], 16)))
    with pytest.raises(ValueError, match="levels = 0"):
        extrapolate(flow, [1.0], levels=0)
    with pytest.raises(ValueError, match="tolerance = 0"):
        extrapolate(flow, [1.0], tolerance=0)


def test_steps_without_a_root_stop_the_run_and_say_so(monkeypatch):
    flow = known.noisy_cosine(16, 4)
    monkeypatch.setattr("mfpde.density.sweep.find_root", lambda *arguments: None)
    with pytest.raises(StepError, match="no root"):
        flow.step(0, flow.state0)
    run = solve(flow, [1.0])
    assert not run.complete
    assert "take a shorter step" in run.message


def test_free_energy_of_an_empty_cell_is_finite():
    energy = FreeEnergy(known.cosine(0.8), Grid(Circle(cells=4)), 10.0)
    rho = np.array([2.0, 0.0, 0.0, 0.0]) / np.pi
    assert energy.value(rho) == pytest.approx(0.5 * energy.risk(rho) + np.log(2 / np.pi) / 10)
