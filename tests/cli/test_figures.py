"""Every figure at its quick size: the files are whole and hold what is drawn; a second process compiles nothing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import mfpde
from mfpde import papers
from mfpde.cli import main

COUNTED = """
import sys
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    from mfpde.cli import main
    code = main(sys.argv[1:])
print(len(compiled.buffer))
sys.exit(code)
"""


def check_files(folder, name, printed):
    """The files of figure `name`: all that was printed and nothing else, each readable, CSV equal to HDF5."""
    assert sorted(printed) == sorted(path for path in folder.iterdir() if path.is_file() and path.name.startswith(name))
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((folder / f"{name}.json").read_text())
    assert record["figure"] == name
    assert record["provenance"]["mfpde"] == mfpde.__version__
    assert {"numpy", "scipy", "numba", "python", "platform", "created"} <= set(record["provenance"])
    with h5py.File(folder / f"{name}.h5") as file:
        assert json.loads(file.attrs["config"]) == record["config"]
        assert {path.name for path in folder.glob(f"{name}-*.csv")} == {f"{name}-{table}.csv" for table in file}
        for table, columns in file.items():
            with (folder / f"{name}-{table}.csv").open(newline="") as text:
                header, *rows = csv.reader(text)
            assert set(header) == set(columns)
            assert rows
            for column, values in zip(header, zip(*rows, strict=True), strict=True):
                np.testing.assert_array_equal(np.array(values, float), columns[column][()].astype(float))


def compiled_files(cache):
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.suffix in (".nbi", ".nbc")}


def test_figure_2_leaves_its_data_and_compiles_once(tmp_path):
    cache, out = tmp_path / "cache", tmp_path / "figures"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(mfpde.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", COUNTED, "figure", "ren2023-fig2", "--preset", "quick", "--quiet", "--out", str(out)]

    def run():
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=tmp_path)
        *printed, compilations = done.stdout.splitlines()
        assert done.stderr == ""
        return [Path(line) for line in printed], int(compilations)

    printed, compilations = run()
    assert compilations > 0
    check_files(out, "ren2023-fig2", printed)
    tables = {path: path.read_bytes() for path in out.glob("*.csv")}
    before = compiled_files(cache)
    assert before
    assert run() == (printed, 0)
    assert compiled_files(cache) == before
    assert {path: path.read_bytes() for path in tables} == tables


SLOW = {
    "hajjar2023-linear",
    "hajjar2023-masses",
    "hajjar2023-odd",
    "hajjar2023-odd-paired",
    "hajjar2024-coordinates",
    "hajjar2024-freeze",
    "hajjar2024-identities",
    "hajjar2024-initialisation",
    "hajjar2024-training",
    "luo2021-fig10",
    "luo2021-fig3",
    "luo2021-fig4",
    "luo2021-fig5",
    "mei2018-two-basins",
    "mei2019-constants",
    "mei2019-error-split",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in papers.names() if name != "ren2023-fig2"]
)
def test_quick_figures(name, tmp_path, capsys):
    assert main(["figure", name, "--preset", "quick", "--quiet", "--out", str(tmp_path)]) == 0
    check_files(tmp_path, name, [Path(line) for line in capsys.readouterr().out.splitlines()])
