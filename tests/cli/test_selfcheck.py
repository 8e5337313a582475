"""`selfcheck`: every check passes here, and one that does not is a failure."""

import pytest

from mfpde import selfcheck
from mfpde.cli import main


def test_every_check_passes_and_prints_its_error_beside_what_is_allowed(capsys):
    assert main(["selfcheck"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [line.split()[1].rstrip(":") for line in lines]
    assert said == [name for name in selfcheck.names() for _ in selfcheck.CHECKS[name]]
    assert all(line.startswith("ok  ") and "allowed" in line for line in lines)


@pytest.mark.parametrize("measured", [0.2, float("nan")])
def test_a_check_that_fails_exits_with_1_and_is_named(capsys, monkeypatch, measured):
    monkeypatch.setitem(selfcheck.CHECKS, "law", [lambda: selfcheck.Check("a number", measured, 0.1)])
    assert main(["selfcheck", "law"]) == 1
    said = capsys.readouterr()
    assert said.out == f"FAIL  law: a number: {measured:.3g} (allowed 0.1)\n"
    assert said.err == "mfpde: selfcheck failed: law\n"
