"""The TOML file of `run`: what it makes, and how impossible values are refused (exit code 2, one line, nothing written)."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import mfpde as mf
from mfpde.cli import config, main
from mfpde.systems import registry

DOCS = Path(__file__).parents[2] / "docs" / "command_line.rst"


def written(tmp_path, system="d = 3", flow='role = "limit"', solve="t_eval = [0, 1]", name="DepthSeparation"):
    path = tmp_path / "run.toml"
    path.write_text(f'[system]\nname = "{name}"\n{system}\n[flow]\n{flow}\n[solve]\n{solve}\n')
    return path


def refused(capsys, path):
    """What `run` says about the configuration, after the checks that it said it in one line and wrote nothing."""
    out = path.with_suffix(".h5")
    assert main(["run", str(path), "--out", str(out)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert [p for p in path.parent.iterdir() if p != path] == []
    prefix = f"mfpde: {path}: "
    assert lines[0].startswith(prefix)
    return lines[0].removeprefix(prefix)


def test_a_configuration_makes_the_flow_and_the_arguments_of_solve(tmp_path):
    solve = "t_eval = [0, 1.5]\nrtol = 1e-8\nmethod = 'Radau'"
    path = written(tmp_path, "d = 5\nrates = [1, 2.0, 0.5]", 'role = "limit"\nnodes = 7', solve)
    flow, solve = config.read(path)
    assert flow.config["parameters"]["rates"] == [1.0, 2.0, 0.5]
    assert flow.unpack(flow.state0)["w2"].shape == (7,)
    assert solve == {"t_eval": [0, 1.5], "rtol": 1e-8, "method": "Radau"}


def test_spaced_times(tmp_path):
    _, solve = config.read(written(tmp_path, solve="t_eval = {linear = [0, 10, 5]}"))
    assert solve["t_eval"].tolist() == [0, 2.5, 5, 7.5, 10]
    _, solve = config.read(written(tmp_path, solve="t_eval = {log = [0.1, 10, 4]}"))
    np.testing.assert_allclose(solve["t_eval"], [0, 0.1, 1, 10], rtol=1e-15)


def test_spaced_times_of_a_flow_in_steps_are_whole_steps(tmp_path):
    flow = 'role = "network"\ndynamics = "gd"\nm1 = 4\nm2 = 2\ndirections = 16\ndt = 0.5'
    _, solve = config.read(written(tmp_path, flow=flow, solve="t_eval = {log = [0.6, 9.9, 4]}"))
    steps = np.asarray(solve["t_eval"]) / 0.5
    assert steps.tolist() == np.rint(steps).tolist()
    assert steps[-1] == 20


def test_the_example_of_the_documentation_is_a_configuration(tmp_path):
    block = re.search(r"code-block:: toml\n\n((?:   .*\n|\n)+)", DOCS.read_text()).group(1)
    path = tmp_path / "example.toml"
    path.write_text("\n".join(line[3:] for line in block.splitlines()))
    flow, solve = config.read(path)
    assert flow.config["arguments"]["nodes"] == tomllib.loads(path.read_text())["flow"]["nodes"]
    assert len(solve["t_eval"]) == 81


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("d = 1", "d = 1: give an integer >= 2"),
        ("d = 2.5", "d = 2.5: give an integer >= 2"),
        ("sigma_1 = 0", "sigma_1 = 0: give a finite number > 0"),
        ("sigma_1 = -0.5", "sigma_1 = -0.5: give a finite number > 0"),
        ("sigma_2 = -0.01", "sigma_2 = -0.01: give a finite number >= 0"),
        ("sigma_r = nan", "sigma_r = nan: give a finite number >= 0"),
        ("sigma_2 = 'small'", "sigma_2 = 'small': give a finite number >= 0"),
        ("homogeneity = 3", "homogeneity = 3: give 1 or 2"),
        ("alpha = 0.0", "alpha = 0.0: give a finite number > 0"),
        ("radius_cap = -1", "radius_cap = -1: give a finite number > 0"),
        ("rates = [1.0, 1.0]", "rates = (1.0, 1.0): give three numbers"),
        ("sigma_3 = 1.0", "DepthSeparation: unknown key 'sigma_3'; the keys are d, sigma_1, sigma_2"),
        ("law = {d = 3}", "DepthSeparation: unknown key 'law'"),
        ("rates = {w1 = 1}", "DepthSeparation: rates was given as an object in Python"),
    ],
)
def test_an_impossible_system_is_refused(capsys, tmp_path, system, message):
    assert refused(capsys, written(tmp_path, system)).startswith(message)


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ('role = "both"', "[flow]: role = 'both': give one of limit, network"),
        ("nodes = 4", "[flow]: role = None: give one of limit, network"),
        ('role = "limit"\nnodes = 0', "nodes = 0: "),
        ('role = "limit"\nnode = 4', "DepthSeparation.limit: unknown key 'node'; the keys are first_layer, n1"),
        ('role = "limit"\nsecond_layer = "gauss"', "second_layer = 'gauss': give one of "),
        ('role = "limit"\nrng = -1', "rng = -1: give an integer seed >= 0"),
        ('role = "network"\nm1 = 0', "m1 = 0: "),
        ('role = "network"\nm2 = -3', "m2 = -3: "),
        ('role = "network"\ndynamics = "adam"', "dynamics = 'adam': "),
        ('role = "network"\nm1 = "wide"', ""),
    ],
)
def test_an_impossible_flow_is_refused(capsys, tmp_path, flow, message):
    assert refused(capsys, written(tmp_path, flow=flow)).startswith(message)


@pytest.mark.parametrize(
    ("solve", "message"),
    [
        ("rtol = 1e-6", "[solve] has no t_eval: give a list of times"),
        ("t_eval = 3", "[solve]: t_eval = 3: give a list of times"),
        ("t_eval = [0, 'end']", "[solve]: t_eval = [0, 'end']: give numbers"),
        ("t_eval = {geometric = [0, 1, 3]}", "[solve]: t_eval = {'geometric': [0, 1, 3]}: give a list of times"),
        ("t_eval = {linear = [0, 1]}", "[solve]: t_eval: linear = [0, 1]: give three numbers"),
        ("t_eval = {linear = [0, 1, 2.5]}", "[solve]: t_eval: linear = [0, 1, 2.5]: give three numbers"),
        ("t_eval = {linear = [0, -1, 3]}", "linear(0, -1, 3): give 0 <= start < stop"),
        ("t_eval = [0, 1]\ntolerance = 1e-6", "[solve]: unknown key 'tolerance'; the keys are t_eval, rtol, atol, method"),
        ("t_eval = [0, 1]\nstore = 'x.h5'", "[solve]: unknown key 'store'"),
    ],
)
def test_an_impossible_solve_is_refused(capsys, tmp_path, solve, message):
    assert refused(capsys, written(tmp_path, solve=solve)).startswith(message)


@pytest.mark.parametrize(
    "solve",
    ["t_eval = []", "t_eval = [1, 0]", "t_eval = [0, nan]", "t_eval = [0, 1]\nmethod = 'Euler'", "t_eval = [0, 1]\nrtol = -1.0"],
)
def test_what_solve_itself_refuses_exits_with_2_and_writes_nothing(capsys, tmp_path, solve):
    path = written(tmp_path, solve=solve)
    assert main(["run", str(path), "--out", str(tmp_path / "run.h5")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [p for p in tmp_path.iterdir() if p != path] == []


def test_unknown_names_and_missing_sections_are_refused(capsys, tmp_path):
    path = written(tmp_path, name="DepthSep")
    assert refused(capsys, path) == f"[system]: name = 'DepthSep': give one of {', '.join(registry.names())}"
    path.write_text(written(tmp_path).read_text() + "[sweep]\n")
    assert refused(capsys, path) == "the configuration: unknown key 'sweep'; the keys are system, flow, solve"
    path.write_text("[system]\nname = 'DepthSeparation'\n[solve]\nt_eval = [0, 1]\n")
    assert refused(capsys, path).startswith("section [flow] is missing")


def test_a_file_that_is_not_toml_is_refused_with_its_line(capsys, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[system\n")
    assert main(["run", str(path), "--out", str(tmp_path / "run.h5")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"mfpde: {path} is not TOML: ")
    assert "line 1" in said


def test_a_missing_configuration_is_a_failure_that_names_it(capsys, tmp_path):
    path = tmp_path / "none.toml"
    assert main(["run", str(path), "--out", str(tmp_path / "run.h5")]) == 1
    assert capsys.readouterr().err == f"mfpde: {path}: No such file or directory\n"


def test_a_flow_that_knows_when_it_is_done_needs_no_times(tmp_path):
    flow, solve = config.read(written(tmp_path, "gamma = 0.8\ngamma_prime = 0.0", 'role = "network"\nm = 20', "", "PhasePoint"))
    assert solve == {}
    assert mf.solve(flow, **solve).message.startswith("complete: loss 1e-06 reached")
