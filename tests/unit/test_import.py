"""`import mfpde` is cheap: it compiles nothing and leaves files, plots and progress bars until they are used."""

import json
import os
import subprocess
import sys

import pytest

import mfpde

SCRIPT = """
import importlib, json, pkgutil, sys
from numba.core import event
with event.install_recorder("numba:compile") as compiled:
    import mfpde
    after_import = sorted(set(sys.modules))
    for name in mfpde.__all__:
        getattr(mfpde, name)
    for module in pkgutil.walk_packages(mfpde.__path__, "mfpde."):
        if module.name != "mfpde.__main__":
            importlib.import_module(module.name)
print(json.dumps([len(compiled.buffer), after_import, sorted(set(sys.modules))]))
"""


def in_a_fresh_process(script, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def test_importing_every_name_and_module_compiles_nothing_and_loads_no_files_plots_or_bars(tmp_path):
    compilations, _, modules = in_a_fresh_process(SCRIPT, tmp_path)
    assert compilations == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert {"h5py", "matplotlib", "tqdm", "xarray", "scipy.stats"} & set(modules) == set()
    assert "mfpde.systems.depth_separation" in modules


def test_the_recorder_of_compilations_sees_one(tmp_path):
    lines = SCRIPT.replace("    import mfpde\n", "    import mfpde, numba\n    numba.njit(lambda x: x)(1)\n")
    assert in_a_fresh_process(lines, tmp_path)[0] >= 1


def test_import_alone_leaves_the_systems_until_they_are_named(tmp_path):
    _, modules, _ = in_a_fresh_process(SCRIPT, tmp_path)
    assert [name for name in modules if name.startswith("mfpde.systems")] == []


@pytest.mark.parametrize("name", mfpde.__all__)
def test_public_names_resolve(name):
    assert name in dir(mfpde)
    assert getattr(mfpde, name).__doc__


def test_solve_stays_the_function_whatever_is_imported_first(tmp_path):
    script = "import json, mfpde.solve.times, mfpde; mfpde.times; print(json.dumps(callable(mfpde.solve)))"
    assert in_a_fresh_process(script, tmp_path) is True


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Chian'"):
        _ = mfpde.Chian
