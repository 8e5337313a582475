"""The README's Python example runs as printed, and the files that the README names exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mfpde
from mfpde import papers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_example(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(Path(mfpde.__file__).parents[1])}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", re.findall(r"\b(?:docs|scripts|benchmarks|mfpde|tests)/[\w./]*", README))
def test_files_it_names(name):
    assert (ROOT / name).exists()


def test_figures_it_names():
    assert set(re.findall(r"ren2023-[\w-]+", README)) <= set(papers.names())


def test_names_it_uses():
    for name in re.findall(r"`mf\.(\w+)", README):
        assert name in mfpde.__all__


def test_the_study_that_draws_figure_2(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(mfpde.__file__).parents[1])}
    script = ROOT / "scripts" / "depth_separation_fig2.py"
    command = [sys.executable, "-W", "error", script]
    done = subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert [path.name for path in tmp_path.iterdir()] == done.stdout.split() == ["depth_separation_fig2.png"]
