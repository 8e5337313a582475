"""A disk that fills up: one line, exit code 1, nothing left behind."""

import subprocess
import sys

CONFIG = """
[system]
name = "DepthSeparation"
d = 3
[flow]
role = "limit"
nodes = 4
[solve]
t_eval = {linear = [0, 40, 9]}
"""

# The first run compiles and loads everything, so that the limit on file sizes meets the result file alone.
FULL_DISK = """
import resource, sys
from mfpde.cli import main
config, warm, out = sys.argv[1:]
main(["run", config, "--out", warm, "--quiet"])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
raise SystemExit(main(["run", config, "--out", out, "--quiet"]))
"""


def test_a_full_disk_is_a_failure_that_names_the_file_and_leaves_nothing(tmp_path):
    config = tmp_path / "limit.toml"
    config.write_text(CONFIG)
    out = tmp_path / "full" / "limit.h5"
    out.parent.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(config), str(tmp_path / "warm.h5"), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"mfpde: cannot write {out}")
    assert "File too large" in done.stderr
    assert list(out.parent.iterdir()) == []
