"""A point of the phase diagram: its coordinates, initialisations by name, and how impossible values are refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram import coordinates as plane
from mfpde.systems.phase_diagram.initialisations import TABLE, get

POINT = {"gamma": 1.0, "gamma_prime": 0.0}


def test_defaults_are_the_four_points_of_the_paper():
    point = PhasePoint(**POINT)
    np.testing.assert_array_equal(point.inputs, np.column_stack([np.linspace(-0.5, 0.5, 4), np.ones(4)]))
    np.testing.assert_array_equal(point.labels, np.linspace(-0.5, 0.5, 4) ** 2)
    assert point.copies == 2
    assert PhasePoint(**POINT, x=[0.0, 2.0]).labels.tolist() == [0.0, 4.0]


def test_scales_at_a_width():
    point = PhasePoint(gamma=1.5, gamma_prime=-0.25)
    assert point.kappa(100) == pytest.approx(1e-3, rel=1e-14)
    assert point.kappa_prime(10**4) == pytest.approx(10.0, rel=1e-14)
    assert point.kappa(1) == 1.0
    assert 0.0 < point.kappa(1e200) < 1e-299


@pytest.mark.parametrize(("gamma", "gamma_prime", "expected"), [
    (0.5, -3.0, "linear"), (0.99, 0.0, "linear"), (1.2, 0.3, "linear"), (3.0, 2.5, "linear"),
    (1.0, 0.0, "critical"), (1.0, -0.3, "critical"), (1.1, 0.1, "critical"), (1.2, 0.2, "critical"), (1.3, 0.3, "critical"),
    (1.0, 0.1, "linear"), (1.01, -0.1, "condensed"), (1.75, 0.0, "condensed"), (1.4, -0.4, "condensed"),
])  # fmt: skip
def test_regimes(gamma, gamma_prime, expected):
    assert PhasePoint(gamma=gamma, gamma_prime=gamma_prime).regime == expected


@pytest.mark.parametrize(("at", "nearest"), [
    ((0.5, 0.5), (1.0, 0.0)),
    ((0.5, -0.5), (1.0, -0.5)),
    ((1.75, 0.0), (1.375, 0.375)),
    ((1.25, -0.5), (1.0, -0.5)),
    ((2.0, 2.0), (2.5, 1.5)),
])  # fmt: skip
def test_distance_to_the_critical_line(at, nearest):
    """Against a fine polygon of the line."""
    assert plane.nearest_critical(*at) == pytest.approx(nearest, abs=1e-15)
    s = np.linspace(0.0, 4.0, 40001)
    line = np.concatenate([np.column_stack([np.ones_like(s), -s]), np.column_stack([1.0 + s, s])])
    assert plane.distance_to_critical(*at) == pytest.approx(np.min(np.hypot(*(line - at).T)), abs=1e-7)


@pytest.mark.parametrize("at", [(1.5, 0.0), (1.5, 1.2), (1.0, 0.4), (1.3, -0.7)])
def test_a_ratio_of_learning_rates_puts_a_point_on_the_critical_line(at):
    m, (gamma, gamma_prime) = 5000.0, at
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
    exponent = plane.critical_rate_exponent(gamma, gamma_prime)
    scales = {"alpha": 1.0 / (point.kappa(m) * point.kappa_prime(m)), "beta_1": 1.0, "beta_2": 1.0 / point.kappa_prime(m)}
    before = PhasePoint.from_init(m=m, **scales)
    assert (before.gamma, before.gamma_prime) == pytest.approx(at, abs=1e-12)
    moved = PhasePoint.from_init(m=m, **scales, lr_a=0.1, lr_w=0.1 * m**exponent)
    assert moved.regime == "critical"
    assert moved.gamma == pytest.approx(gamma, abs=1e-12)


def test_no_ratio_of_learning_rates_makes_a_lazy_scaling_critical():
    assert plane.critical_rate_exponent(0.5, 0.5) is None
    assert plane.critical_rate_exponent(1.0, -0.5) == 0.0


@pytest.mark.parametrize("name", TABLE)
def test_named_initialisations_tend_to_their_row(name):
    """The error of the coordinates is (a constant) / log m: multiplied by log m it no longer changes, and kappa is exact."""
    parameter = None if TABLE[name].parameter is None else 0.3
    row, value = get(name, parameter)
    x, y = np.array([[0.1, 0.2, 0.3], [1.0, 0.0, 0.0]]), [0.0, 1.0]
    offsets = []
    for m in (1e80, 1e90):
        point = PhasePoint.from_init(name, m=m, parameter=parameter, x=x, y=y)
        offsets.append(np.subtract((point.gamma, point.gamma_prime), row.coordinates(m, value)) * math.log(m))
        scales = row.scales(m, 3.0, value)
        assert point.kappa(m) == pytest.approx(scales.kappa, rel=1e-12)
        assert point.kappa_prime(m) == pytest.approx(scales.kappa_prime, rel=1e-12)
    np.testing.assert_allclose(offsets[0], offsets[1], atol=1e-10)


@pytest.mark.parametrize(("name", "expected"), [
    ("lecun", (0.5, 0.5)), ("he", (0.5, 0.5)), ("xavier", (1.0, 0.0)), ("ntk", (0.5, 0.0)), ("mean-field", (1.0, 0.0)),
    ("pytorch", (0.5, 0.5)), ("flax", (0.5, 0.5)), ("mup", (1.0, 0.0)),
])  # fmt: skip
def test_rows_of_the_table(name, expected):
    assert get(name)[0].coordinates(1000.0, 0.0) == expected


def test_coordinates_at_a_width_of_pytorch_defaults():
    """kappa = (3m)^-1/2 (3d)^-1/2 and kappa' = (m/d)^-1/2, the standard deviations of uniform(+-fan_in^-1/2)."""
    point = PhasePoint.from_init("pytorch", m=1000, x=np.eye(4), y=np.ones(4))
    assert point.kappa(1000) == pytest.approx(1.0 / (3.0 * math.sqrt(4000.0)), rel=1e-13)
    assert point.kappa_prime(1000) == pytest.approx(math.sqrt(4.0 / 1000.0), rel=1e-13)


def test_parameters_are_json_values_that_make_the_same_point():
    x = np.array([[0.1, 0.2], [0.3, -1.0]])
    point = PhasePoint(gamma=np.float64(0.7), gamma_prime=-1, x=x, y=[1, 2], antisymmetric=np.True_, bias=False)
    again = PhasePoint(**json.loads(json.dumps(point.config())))
    assert again.config() == point.config()
    np.testing.assert_array_equal(again.inputs, x)
    with pytest.raises(ValueError, match="read-only"):
        point.x[0, 0] = 3.0


@pytest.mark.parametrize(("change", "message"), [
    ({"gamma": -0.1}, "gamma = -0.1: give a finite number >= 0"),
    ({"gamma": math.nan}, "gamma = nan"),
    ({"gamma": "1"}, "gamma = '1'"),
    ({"gamma": 0.4, "antisymmetric": False}, "gamma = 0.4: below 1/2 .* use antisymmetric=True"),
    ({"gamma_prime": math.inf}, "gamma_prime = inf"),
    ({"gamma_prime": None}, "gamma_prime = None"),
    ({"activation": "tanh"}, "activation = 'tanh': give 'relu'"),
    ({"antisymmetric": 2}, "antisymmetric = 2: give True or False"),
    ({"x": [[[1.0]]]}, r"x has shape \(1, 1, 1\)"),
    ({"x": []}, r"x has shape \(0,\)"),
    ({"x": 3.0}, r"x has shape \(\)"),
    ({"x": ["a"]}, r"x = \['a'\]: give an array of numbers"),
    ({"x": [1.0, math.nan]}, "x holds a NaN"),
    ({"x": [0.5, 0.1, 0.5]}, r"x\[2\] = 0.5 is there twice"),
    ({"x": [[0.5, 1.0], [0.5, 1.0]], "y": [0, 1]}, r"x\[1\] = \[0.5, 1.0\] is there twice"),
    ({"x": [[0.5, 1.0]]}, "y = None: the default labels"),
    ({"x": [1.0, 2.0], "y": [1.0]}, r"y has shape \(1,\): give one label for each of the 2 inputs"),
    ({"x": [1.0, 2.0], "y": [[1.0], [2.0]]}, r"y has shape \(2, 1\)"),
    ({"x": [0.0, 1.0], "bias": False}, r"x\[0\] is 0 and there is no bias"),
])  # fmt: skip
def test_impossible_points_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PhasePoint(**POINT | change)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"init": "kaiming", "m": 10}, "initialisation 'kaiming' is unknown: the names are lecun, he"),
    ({"init": "lazy", "m": 10}, "initialisation 'lazy' has a parameter: give s"),
    ({"init": "e-ma-wu", "m": 10, "parameter": math.nan}, r"parameter \(p\) = nan: give a finite number"),
    ({"init": "ntk", "m": 10, "parameter": 1.0}, "parameter = 1.0: initialisation 'ntk' has none"),
    ({"init": "ntk", "m": 10, "alpha": 1.0}, "alpha = 1.0: initialisation 'ntk' fixes it"),
    ({"init": "ntk", "m": 1}, "m = 1: give a width > 1"),
    ({"init": "ntk", "m": "wide"}, "m = 'wide': give a finite number > 0"),
    ({"m": 10, "alpha": 1.0}, "beta_1, beta_2 missing: give alpha, beta_1 and beta_2"),
    ({"m": 10, "alpha": 1.0, "beta_1": 1.0, "beta_2": -1.0}, "beta_2 = -1.0: give a finite number > 0"),
    ({"m": 10, "alpha": 1.0, "beta_1": 1.0, "beta_2": 1.0, "lr_w": 0}, "lr_w = 0: give a finite number > 0"),
    ({"m": 10, "alpha": 1.0, "beta_1": 2.0, "beta_2": 1.0}, "gamma = -0.3.*: give a finite number >= 0"),
])  # fmt: skip
def test_impossible_set_ups_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PhasePoint.from_init(**arguments)


@pytest.mark.parametrize("m", [0, -3, 0.5, math.inf, True, "10"])
def test_impossible_widths_are_refused(m):
    with pytest.raises(ValueError, match="m = "):
        PhasePoint(**POINT).kappa(m)


@pytest.mark.parametrize("change", [{"gamma": 200.0}, {"gamma_prime": 200.0}, {"gamma_prime": -200.0}])
@pytest.mark.parametrize("dynamics", ["paper", "flow", "event"])
def test_scales_beyond_double_precision_are_refused(change, dynamics):
    with pytest.raises(ValueError, match=r"m = 1000: kappa.* = m"):
        PhasePoint(**POINT | change).network(m=1000, dynamics=dynamics)
    moderate = {name: value / 3.0 for name, value in change.items()}
    with pytest.raises(ValueError, match=r"m = 1000: kappa.*; its square"):
        PhasePoint(**POINT | moderate).network(m=1000, dynamics=dynamics)


def test_inputs_of_another_dimension_are_refused():
    point = PhasePoint(**POINT, x=np.eye(2), y=[0.0, 1.0])
    with pytest.raises(ValueError, match=r"x has shape \(3, 1\): give \(k, 2\), as the data"):
        point.augmented(np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"x has shape \(2,\): give \(k, 2\)"):
        point.augmented([1.0, 2.0])
