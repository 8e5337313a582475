"""Maps of the phase diagram: slopes, zeros and rotations against exact answers; resumed maps; runs that do not converge."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.stats import t as student

from mfpde.datafiles import reference_rows
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram import phase_map as maps
from mfpde.systems.phase_diagram.boundary import row_zero
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.map_result import NUMBERS, PhaseMap
from mfpde.systems.phase_diagram.network import blocks_of, draw
from mfpde.systems.phase_diagram.phase_map import phase_map
from mfpde.systems.phase_diagram.recipe import search
from mfpde.systems.phase_diagram.rotation import rotate
from mfpde.systems.phase_diagram.training import train, train_law
from mfpde.threads import set_threads

SMALL = {"gammas": [0.8, 1.0, 1.2], "gamma_primes": [-0.1, 0.1], "widths": [40, 80, 160], "seeds": 2}


def made_up(rd, gammas, primes, widths, converged=True):
    values = {name: np.ones_like(rd) for name in NUMBERS} | {"rd_w": rd, "converged": np.full(rd.shape, float(converged))}
    return PhaseMap(np.array(gammas), np.array(primes), np.array(widths, float), tuple(range(rd.shape[3])), values, {})


def test_slopes_are_those_of_polyfit():
    found = phase_map(**SMALL)
    for layer in ("w", "a", "theta"):
        rd = found.values[f"rd_{layer}"]
        each = np.array([
            [[np.polyfit(np.log(found.widths), np.log(rd[i, j, :, k]), 1)[0] for k in range(2)] for j in range(3)] for i in range(2)
        ])
        np.testing.assert_allclose(getattr(found, f"s_{layer}"), each.mean(axis=2), rtol=1e-10)
        np.testing.assert_allclose(getattr(found, f"s_{layer}_se"), each.std(axis=2, ddof=1) / np.sqrt(2.0), rtol=1e-8)
        local = np.diff(np.log(rd), axis=2) / np.log(2.0)
        np.testing.assert_allclose(found.local_slopes(layer).mean, local.mean(axis=3), rtol=1e-10)
    assert found.s_w.shape == (2, 3)
    assert np.isnan(phase_map(**SMALL | {"seeds": 1}).s_w_se).all()


def test_every_network_is_the_one_that_the_recipe_trains():
    found = phase_map(**SMALL)
    one = train(PhasePoint(gamma=1.2, gamma_prime=0.1), 80, 1, beta_1=1.0)
    assert {name: found.values[name][1, 2, 1, 1] for name in NUMBERS} == {name: float(getattr(one, name)) for name in NUMBERS}


def test_the_extrapolation_takes_a_bias_of_one_over_m_off():
    m, slopes = np.array([100.0, 300.0, 1000.0, 5000.0]), np.array([-0.4, 0.2])
    rd = 0.3 * m[None, None, :, None] ** slopes[None, :, None, None] * np.exp(40.0 / m)[None, None, :, None]
    found = made_up(rd, [0.8, 1.2], [0.0], m)
    np.testing.assert_allclose(found.extrapolated().mean[0], slopes, atol=1e-12)
    assert np.abs(found.s_w[0] - slopes).min() > 0.01
    with pytest.raises(ValueError, match="needs three"):
        made_up(rd[:, :, :2], [0.8, 1.2], [0.0], m[:2]).extrapolated()


def test_the_printed_row_has_the_printed_zero_by_a_straight_line_and_another_between_neighbours():
    rows = reference_rows("luo2021_fig4_row.csv")
    gammas, s_w = (np.array([float(row[name]) for row in rows]) for name in ("gamma", "s_w"))
    star = next(float(row["gamma"]) for row in reference_rows("luo2021_fig4_stars.csv") if float(row["gamma_prime"]) == 0.0)
    zero = row_zero(gammas, s_w[:, None])
    assert zero.line == pytest.approx(star, abs=1e-3)
    assert zero.gamma == pytest.approx(0.994, abs=5e-4)
    assert (zero.left, zero.right, zero.crossings) == (0.98, 1.0, 1)
    assert np.isnan([zero.low, zero.high]).all()


def test_the_interval_of_a_zero_is_student_s():
    gammas, shifts = np.array([0.9, 1.0, 1.1, 1.2]), np.array([0.01, -0.02, 0.03])
    zero = row_zero(gammas, 2.0 * (gammas[:, None] - 1.04) + shifts)
    centre = 1.04 - shifts.mean() / 2.0
    half = student.ppf(0.975, 2) * shifts.std(ddof=1) / np.sqrt(3.0) / 2.0
    np.testing.assert_allclose([zero.gamma, zero.line, zero.low, zero.high], [centre, centre, centre - half, centre + half], rtol=1e-12)


def test_rows_without_a_zero_or_without_slopes():
    assert np.isnan(row_zero([0.8, 0.9], [[-0.2], [-0.1]]).gamma)
    assert row_zero([0.8, 0.9, 1.0], [[-0.1], [np.nan], [0.1]]).gamma == pytest.approx(0.9)
    assert np.isnan(row_zero([0.8, 0.9], [[np.nan], [0.1]]).line)


def test_runs_that_do_not_converge_are_kept_marked_and_left_out():
    found = phase_map(**SMALL | {"most_steps": 600, "gamma_primes": [-0.1, 0.4]})
    bad = ~found.converged.all(axis=2)
    assert bad.any()
    assert not bad.all()
    np.testing.assert_array_equal(found.excluded, bad.sum(axis=2))
    np.testing.assert_array_equal(np.isnan(found.s_w), bad.all(axis=2))
    np.testing.assert_array_equal(np.isnan(found.seed_slopes()), bad)
    table = found.table()
    assert len(table) == 2 * 3 * 3 * 2
    assert np.isfinite(table["rd_w"]).all()
    assert np.sum(table["converged"] == 0.0) == np.sum(~found.converged)
    assert found.cells()["excluded"].sum() == bad.sum()


def test_a_map_is_resumed_and_grows(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(maps, "train", lambda *arguments, **options: trained.append(arguments[1:3]) or train(*arguments, **options))
    small = SMALL | {"gammas": [0.8, 1.2], "gamma_primes": [0.0], "widths": [40, 80], "store": tmp_path}
    first = phase_map(**small)
    assert len(trained) == 8
    again = phase_map(**small)
    assert len(trained) == 8
    np.testing.assert_array_equal(again.rd_w, first.rd_w)
    more = phase_map(**small | {"widths": [40, 80, 120]})
    assert sorted(trained[8:]) == [(120, 0)] * 2 + [(120, 1)] * 2
    np.testing.assert_array_equal(more.rd_w[:, :, :2], first.rd_w)
    phase_map(**small | {"y": np.linspace(0.1, 0.4, 4)})
    assert len(trained) == 20


def test_threads_and_processes_make_the_same_bits():
    tiny = SMALL | {"gammas": [1.0], "gamma_primes": [0.0], "seeds": 1}
    found = phase_map(**tiny)
    try:
        set_threads(1)
        alone = phase_map(**tiny)
    finally:
        set_threads(None)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        elsewhere = phase_map(**tiny, executor=pool)
    for name in NUMBERS:
        np.testing.assert_array_equal(alone.values[name], found.values[name])
        np.testing.assert_array_equal(elsewhere.values[name], found.values[name])


def test_the_law_has_no_slope_where_the_scales_have_none():
    found = phase_map(gammas=[1.0, 1.2], gamma_primes=[0.0], widths=[100, 1e12], seeds=1, dynamics="limit", nodes=4)
    assert abs(found.s_w[0, 0]) < 1e-12
    assert found.s_w[0, 1] == pytest.approx(0.1, abs=0.02)
    np.testing.assert_allclose(found.predicted["s_w"], [[0.0, 0.1]], atol=1e-12)


def test_scales_of_a_recipe_move_its_step_by_less_than_a_factor_two():
    steps = [phase_map(**SMALL | {"gamma_primes": [0.0], "beta_1_exponent": b, "seeds": 1}) for b in (0.0, 0.5, 1.0)]
    for other in steps[1:]:
        ratio = other.values["dt"] / steps[0].values["dt"]
        assert np.all((ratio >= 0.499) & (ratio < 2.001))


def test_set_ups_with_equal_scales_train_alike():
    """kappa = beta_1 beta_2 / alpha and kappa' = beta_1 / beta_2 are all that matters, the unit of time apart."""
    m = 60
    runs = [
        train(PhasePoint.from_init(m=m, alpha=alpha, beta_1=beta_1, beta_2=beta_2), m, 0)
        for alpha, beta_1, beta_2 in ((m, 1.0, 1.0), (m / 9.0, 1 / 3.0, 1 / 3.0), (49.0 * m, 7.0, 7.0))
    ]
    for run in runs[1:]:
        assert (run.steps, run.tries) == (runs[0].steps, runs[0].tries)
        for name in ("rd_w", "rd_a", "rd_theta"):
            assert getattr(run, name) == pytest.approx(getattr(runs[0], name), rel=1e-9)


# Few inputs in many dimensions.


def few_images(n=4, d=9):
    rng = np.random.default_rng(1)
    return PhasePoint(gamma=1.0, gamma_prime=0.1, x=rng.random((n, d)), y=np.arange(float(n)), antisymmetric=False)


def test_training_on_the_span_is_training():
    point, m = few_images(), 30
    rotation = rotate(point)
    assert rotation.basis.shape == (10, 4)
    np.testing.assert_allclose(rotation.basis.T @ rotation.basis, np.eye(4), atol=1e-13)
    initial = draw(point, m, 0)
    inside = Initial.of(initial.a, initial.w @ rotation.basis, initial.c, False)
    one, other = (
        search(lambda j, i=i: i, lambda i, p=p: blocks_of(p, i, m, "float64"), 2.0 / point.kappa(m), tolerance=1e-3)
        for p, i in ((point, initial), (rotation.point, inside))
    )
    assert (one.steps, one.lr0) == (other.steps, other.lr0)
    np.testing.assert_allclose(other.dw @ rotation.basis.T, one.dw, atol=1e-9 * np.abs(one.dw).max())
    frozen = float(np.sum(initial.w**2) - np.sum(inside.w**2))
    w = float(np.sum(inside.w**2))
    found = replace(train(rotation.point, m, 0, tolerance=1e-3), rd_w=other.suprema[0], square_w=w)
    assert rotation.whole(found, frozen).rd_w == pytest.approx(one.suprema[0], rel=1e-8)


def test_what_is_frozen_has_the_law_of_the_rest():
    rotation, m = rotate(few_images()), 4000
    total = np.array([rotation.frozen_square(m, seed) for seed in range(50)]) / m
    assert abs(total.mean() - 6.0) < 5.0 * np.sqrt(2.0 * 6.0 / m / 50)
    u = draw(rotation.point, m, 3).w
    direction = np.append(np.ones(9), 0.0)
    size, cosine = rotation.sizes_and_cosines(direction, u, 3)
    assert abs(np.mean(size**2) - 10.0) < 5.0 * np.sqrt(20.0 / m)
    # cos^2 is Beta(1/2, 9/2): mean 1/10, variance 9/600.
    assert abs(np.mean(cosine**2) - 0.1) < 5.0 * np.sqrt(9.0 / 600.0 / m)
    np.testing.assert_array_equal(rotation.sizes_and_cosines(direction, u[:10], 3)[1], cosine[:10])
    _, inside = rotation.sizes_and_cosines(rotation.basis[:, 0], u, 3)
    assert np.corrcoef(inside, u[:, 0])[0, 1] > 0.9


def test_a_map_of_few_inputs_in_many_dimensions_is_one_of_the_whole_networks():
    """RD of w in all ten dimensions by plain networks beside the map's, over seeds: means within 4 standard errors."""
    point, m, seeds = few_images(), 50, 40
    found = phase_map(
        gammas=[1.0], gamma_primes=[0.1], widths=[m, 2 * m], seeds=seeds, x=point.x, y=point.y, antisymmetric=False, tolerance=1e-3
    )
    for name in ("rd_w", "rd_theta"):
        ours = found.values[name][0, 0, 0]
        whole = np.array([getattr(train(point, m, seed, beta_1=1.0, tolerance=1e-3), name) for seed in range(seeds)])
        error = np.sqrt((ours.var(ddof=1) + whole.var(ddof=1)) / seeds)
        assert abs(ours.mean() - whole.mean()) < 4.0 * error
        assert error < 0.05 * whole.mean()


def test_the_law_on_the_span_is_the_law():
    x, y = np.array([[1.0, 0.2, 0.1], [0.3, -1.0, 0.4]]), np.array([0.7, 0.4])
    point = PhasePoint(gamma=1.0, gamma_prime=0.0, x=x, y=y)
    rotation = rotate(point)
    assert (rotation.frozen, rotation.basis.shape) == (2, (4, 2))
    whole = train_law(point, 1e3, nodes=4096)
    span = rotation.whole(train_law(rotation.point, 1e3), float(rotation.frozen))
    assert span.rd_w == pytest.approx(whole.rd_w, rel=0.01)
    assert span.rd_theta == pytest.approx(whole.rd_theta, rel=0.01)
    assert rotate(PhasePoint(gamma=1.0, gamma_prime=0.0)) is None
    assert rotate(PhasePoint(gamma=1.0, gamma_prime=0.0, x=np.eye(3), y=np.ones(3), bias=False)) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gammas": []}, "gammas"),
        ({"gammas": [1.0, 0.9]}, "give increasing numbers"),
        ({"gammas": [0.9, np.nan]}, "no finite number"),
        ({"gammas": [-0.1, 1.0]}, "gamma = -0.1"),
        ({"gammas": [0.4, 1.0], "antisymmetric": False}, "below 1/2"),
        ({"gamma_primes": [0.1, 0.1]}, "gamma_primes"),
        ({"gammas": 1.0}, "gammas = 1.0: give a list"),
        ({"widths": 1000}, "widths = 1000: give a list"),
        ({"seeds": 1.5}, "seeds = 1.5: give how many"),
        ({"dynamics": "flow", "rho": 9.0}, "rho = 9.0: give at most 2.5"),
        ({"gammas": [200.0]}, r"kappa = m\^-200 is 10\^-"),
        ({"widths": [100]}, "at least two"),
        ({"widths": [100, 100]}, "at least two, increasing"),
        ({"widths": [10.5, 100]}, "widths = 10.5"),
        ({"widths": [0, 100]}, "widths = 0"),
        ({"seeds": []}, "at least one"),
        ({"seeds": [1, 1]}, "each once"),
        ({"seeds": -1}, "seeds = -1"),
        ({"seeds": "12"}, "seeds = '12': give how many, or a list of them"),
        ({"seeds": True}, "seeds = True: give how many, or a list of them"),
        ({"y": [0.0] * 4}, "^y is 0 at every input: there is nothing to learn"),
        ({"x": [0.0]}, "^y is 0 at every input"),
        ({"y": [0.0] * 4, "antisymmetric": False, "dynamics": "limit", "gammas": [1.0]}, "^y is 0 at every input"),
        ({"dynamics": "event"}, "dynamics = 'event'"),
        ({"nodes": 8}, "nodes = 8"),
        ({"rho": 0.1}, r"rho = 0\.1"),
        ({"dynamics": "flow", "redraw": True}, "redraw = True"),
        ({"dynamics": "flow", "dtype": "float32"}, "dtype = 'float32': dynamics='flow' has no use for it"),
        ({"dynamics": "limit", "beta_1_exponent": 1.0}, "beta_1_exponent = 1.0"),
        ({"dynamics": "flow", "first_rate": 3.0}, "first_rate = 3.0"),
        ({"dynamics": "limit", "most_steps": 1}, "most_steps = 1"),
        ({"x": [0.0, 0.0]}, "is there twice"),
        ({"x": [[1.0, 2.0], [2.0, 1.0]]}, "give y"),
        ({"y": [1.0, 2.0]}, "y has shape"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"first_rate": -1.0}, "first_rate"),
        ({"most_steps": 0}, "most_steps"),
        ({"beta_1_exponent": -0.5}, "beta_1_exponent"),
        ({"dtype": "float16"}, "dtype = 'float16'"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        phase_map(**SMALL | change)
    with pytest.raises(ValueError, match="layer = 'b'"):
        made_up(np.ones((1, 1, 2, 1)), [1.0], [0.0], [1, 2]).slopes("b")


def test_a_point_on_a_border_is_not_called_open_by_rounding():
    found = made_up(np.ones((4, 4, 2, 1)), [1.1, 1.2, 1.3, 1.4], [-0.4, -0.3, -0.2, -0.1], [1, 2])
    np.testing.assert_array_equal(np.isnan(found.predicted["s_w"]), np.tri(4, k=-1, dtype=bool)[::-1])
