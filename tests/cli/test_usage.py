"""Arguments, `list`, `info` and `figure`: what is printed where, and the exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from mfpde import __version__, papers
from mfpde.cli import main


def fails(capsys, *arguments):
    """The exit code of a command and its one line on standard error."""
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as stop:
        code = stop.code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("mfpde: ")
    return code, lines[0].removeprefix("mfpde: ")


def test_the_module_runs_as_a_program_and_reports_its_version():
    done = subprocess.run([sys.executable, "-m", "mfpde", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mfpde {__version__}\n"


def test_a_reader_that_leaves_early_is_no_error():
    code = "import sys; from mfpde.cli import main; sys.stdin.read(); sys.exit(main(['list']))"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdout.close()
        program.stdin.close()
        assert program.stderr.read() == b""
        assert program.wait() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND (see mfpde --help)"),
        (["figure"], "the following arguments are required: NAME (see mfpde figure --help)"),
        (["run", "x.toml"], "the following arguments are required: --out (see mfpde run --help)"),
        (["list", "--all"], "unrecognized arguments: --all (see mfpde --help)"),
        (["figure", "ren2023"], "figure 'ren2023' is unknown: the figures are "),
        (["selfcheck", "nothing"], "selfcheck 'nothing' is unknown: the checks are "),
    ],
)
def test_wrong_arguments_exit_with_2_and_say_what_is_allowed(capsys, arguments, message):
    code, said = fails(capsys, *arguments)
    assert code == 2
    assert said.startswith(message)


def test_an_unknown_command_names_the_commands(capsys):
    code, said = fails(capsys, "plot")
    assert code == 2
    for name in ("list", "figure", "run", "resume", "show", "info", "selfcheck"):
        assert name in said


def test_list_names_systems_figures_laws_and_activations(capsys):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for word in ("DepthSeparation", "Chain", "Bessel", "relu", "presets: quick, paper", *papers.names()):
        assert word in printed


def test_info_names_versions_threads_and_the_compile_cache(capsys, monkeypatch):
    monkeypatch.setattr("mfpde.threads._chosen", 3)
    assert main(["info"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert rows["mfpde"].startswith(f"{__version__} in ")
    assert rows["threads"] == "3"
    assert {"numpy", "scipy", "numba", "h5py", "cpu"} <= set(rows)
    assert "cache" in rows["compile"]


def draw_a_line(preset: str, out: Path, progress: bool) -> list[Path]:
    """A line."""
    path = out / "line.txt"
    path.write_text(f"{preset} {progress}")
    return [path]


def stop_by_hand(preset: str, out: Path, progress: bool) -> list[Path]:
    """A figure that its user stops."""
    raise KeyboardInterrupt


def go_wrong(preset: str, out: Path, progress: bool) -> list[Path]:
    """A figure with a fault."""
    raise ZeroDivisionError("no width")


@pytest.fixture
def toy_figures(monkeypatch):
    for function in (draw_a_line, stop_by_hand, go_wrong):
        monkeypatch.setitem(papers.FIGURES, f"toy-{function.__name__}", f"{__name__}:{function.__name__}")


@pytest.mark.usefixtures("toy_figures")
def test_figure_prints_what_it_wrote(capsys, tmp_path):
    out = tmp_path / "new" / "folder"
    assert main(["figure", "toy-draw_a_line", "--preset", "quick", "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out / 'line.txt'}\n"
    assert (out / "line.txt").read_text() == "quick False"


def test_figure_all_draws_every_figure(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "FIGURES", dict.fromkeys(("b", "a"), f"{__name__}:draw_a_line"))
    assert main(["figure", "all", "--preset", "quick", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'line.txt'}\n" * 2


@pytest.mark.usefixtures("toy_figures")
@pytest.mark.parametrize(
    ("name", "preset", "code", "message"),
    [
        ("toy-draw_a_line", "tiny", 2, "preset 'tiny' is unknown: give one of quick, paper"),
        ("toy-stop_by_hand", "quick", 1, "interrupted in figure toy-stop_by_hand, "),
        ("toy-go_wrong", "quick", 1, "unexpected ZeroDivisionError: no width (--debug shows where)"),
    ],
)
def test_a_figure_that_is_not_made_says_why(capsys, tmp_path, name, preset, code, message):
    exit_code, said = fails(capsys, "figure", name, "--preset", preset, "--out", tmp_path)
    assert (exit_code, said.startswith(message)) == (code, True)


@pytest.mark.usefixtures("toy_figures")
def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError):
        main(["figure", "toy-go_wrong", "--out", str(tmp_path), "--debug"])
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "figure", "toy-go_wrong", "--out", str(tmp_path)])


@pytest.mark.usefixtures("toy_figures")
def test_a_folder_that_cannot_be_made_is_a_failure_that_names_it(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    code, said = fails(capsys, "figure", "toy-draw_a_line", "--out", tmp_path / "file" / "folder")
    assert code == 1
    assert said.startswith(str(tmp_path / "file" / "folder") + ": ")
