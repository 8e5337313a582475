"""``mfpde where``: coordinates at a width beside the asymptotic row, exponents, and how impossible set-ups are refused."""

from __future__ import annotations

import pytest

from mfpde.cli import main
from mfpde.systems.phase_diagram import PhasePoint
from mfpde.systems.phase_diagram.slopes import Slopes, local_slopes


def said(capsys, *arguments):
    """What `where` prints, as {first column: other columns}."""
    assert main(["where", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [[part.strip() for part in line.strip().split("  ") if part.strip()] for line in lines]
    return {row[0]: row[1:] for row in rows}


@pytest.fixture
def quick(monkeypatch):
    """Slopes without runs of the law, which other tests look at; records the points asked for."""
    asked = []

    def slopes(point_at, m):
        asked.append([point_at(width) for width in (m, 2.0 * m)])
        return Slopes(0.1, 0.2, 0.15, -0.4, -0.5, -0.45, True)

    monkeypatch.setattr("mfpde.systems.phase_diagram.slopes.local_slopes", slopes)
    return asked


def test_a_name(capsys, quick):
    rows = said(capsys, "pytorch", "-m", "1000")
    assert rows["gamma"] == ["0.65904", "0.5"]
    assert rows["gamma'"] == ["0.5", "0.5"]
    assert rows["regime"] == ["linear", "linear"]
    assert rows["distance to the critical line"] == ["0.5946", "0.7071"]
    assert rows["critical by learning rates"] == ["never: gamma < 1 is linear for every ratio"]
    assert rows["w"] == ["0.1", "-0.400", "-1.500"]
    assert rows["a"] == ["0.2", "-0.500", "-0.500"]
    assert rows["theta"] == ["0.15", "-0.450", "-0.500"]
    # The law follows the initialisation's own scaling with the width.
    assert [point.gamma for point in quick[0]] != [quick[0][0].gamma] * 2
    assert [point.kappa(m) / point.kappa(1) for point, m in zip(quick[0], (1000, 2000), strict=True)] == pytest.approx(
        [1.0 / (3.0 * m**0.5) for m in (1000, 2000)]
    )


def test_numbers(capsys, quick):
    rows = said(capsys, "-m", "1000", "--alpha", "1e6", "--beta-1", "1", "--beta-2", "1", "--lr-w", "0.001")
    assert rows["gamma"] == ["2"]
    assert rows["gamma'"] == ["0.5"]
    assert rows["regime"] == ["condensed"]
    assert float(rows["lr_w / lr_a critical if times"][0]) == pytest.approx(1e-3)
    assert "the asymptotic slopes are those along constant gamma and gamma'" in rows
    assert [point.gamma for point in quick[0]] == pytest.approx([2.0, 2.0])


def test_the_open_region_is_named(capsys, quick):
    rows = said(capsys, "-m", "10", "--alpha", "100", "--beta-1", "10", "--beta-2", "0.1")
    assert any("unsettled here (region 5)" in row for row in rows)


def test_the_input_dimension_and_learning_rates_count(capsys, quick):
    assert said(capsys, "pytorch", "-m", "100", "-d", "4")["kappa"] == ["0.0166667"]
    rows = said(capsys, "mup", "-m", "100", "--lr-w", "1")
    assert rows["gamma'"] == ["1"]
    assert "the learning rates given here hold at this width: no asymptotic row" in rows


def test_data_of_a_file(capsys, quick, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("0.1,0.2,1\n0.3,0.4,-1\n")
    assert said(capsys, "pytorch", "-m", "100", "--data", str(path))["kappa"] == ["0.0235702"]
    assert quick[0][0].inputs.tolist() == [[0.1, 0.2, 1.0], [0.3, 0.4, 1.0]]
    path.write_text("0.1,2\n0.3,1\n")
    said(capsys, "ntk", "-m", "100", "--data", str(path), "--one-copy")
    assert quick[1][0].x.tolist() == [0.1, 0.3]
    assert quick[1][0].copies == 1


def test_the_table(capsys):
    rows = said(capsys, "-m", "1000")
    assert rows["mean-field"] == ["(1, 0)", "(1, 0)", "critical"]
    assert rows["pytorch"] == ["(0.659, 0.5)", "(0.5, 0.5)", "linear"]
    assert rows["lazy"][0] == "give --parameter S"


def test_local_slopes_are_those_of_the_annealed_law():
    """At kappa m = 100 the closed form of the linear end holds to a percent or so; on the critical line nothing depends on m."""
    lazy = PhasePoint(gamma=0.5, gamma_prime=0.0)
    found = local_slopes(lambda m: lazy, 1e4)
    assert found.complete
    assert (found.rd_w, found.rd_a) == pytest.approx(lazy.linear_end(1e4), rel=0.02)
    assert (found.s_w, found.s_a, found.s_theta) == pytest.approx((-0.5, -0.5, -0.5), abs=0.01)
    critical = local_slopes(lambda m: PhasePoint(gamma=1.0, gamma_prime=0.0), 1e4)
    assert critical.rd_w == pytest.approx(0.2668, abs=2e-4)
    assert (critical.s_w, critical.s_a) == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize(("arguments", "message"), [
    (["kaiming", "-m", "10"], "initialisation 'kaiming' is unknown: the names are lecun"),
    (["lazy", "-m", "10"], "initialisation 'lazy' has a parameter: give s"),
    (["ntk"], "the following arguments are required: -m/--width"),
    (["ntk", "-m", "0"], "m = 0.0: give a finite number > 0"),
    (["ntk", "-m", "1"], "m = 1.0: give a width > 1"),
    (["-m", "10", "--alpha", "1"], "beta_1, beta_2 missing"),
    (["ntk", "-m", "10", "--alpha", "1"], "alpha = 1.0: initialisation 'ntk' fixes it"),
    (["ntk", "-m", "10", "-d", "-2"], "d = -2: give a finite number > 0"),
    (["ntk", "-m", "many"], "argument -m/--width: invalid float value"),
])  # fmt: skip
def test_impossible_set_ups_are_refused(capsys, arguments, message):
    try:
        code = main(["where", *arguments])
    except SystemExit as stop:
        code = stop.code
    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"mfpde: {message}")


def test_files_that_hold_no_data_are_refused(capsys, tmp_path):
    assert main(["where", "ntk", "-m", "10", "--data", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err
    path = tmp_path / "one.csv"
    path.write_text("1\n2\n")
    assert main(["where", "ntk", "-m", "10", "--data", str(path)]) == 2
    assert "rows have 1 number" in capsys.readouterr().err
