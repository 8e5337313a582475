"""How long `import mfpde` takes, against importing numba, scipy.special and scipy.integrate alone.

Every measurement is the wall time inside a process of its own, the candidates interleaved in random order; the table shows the
median, the quartiles and the ratio of medians. "every name" also resolves each public name.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys

import numpy as np

CANDIDATES = {
    "numba + scipy": "import numba, scipy.special, scipy.integrate",
    "mfpde": "import mfpde",
    "mfpde, every name": "import mfpde\nfor name in mfpde.__all__: getattr(mfpde, name)",
}


def seconds(statement: str) -> float:
    """Wall time of `statement` in a fresh interpreter, the interpreter's own start not counted."""
    script = f"import time\nstart = time.perf_counter()\n{statement}\nprint(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    repeats = parser.parse_args().repeats
    times: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for statement in CANDIDATES.values():
        seconds(statement)
    for _ in range(repeats):
        for name in random.sample(list(CANDIDATES), len(CANDIDATES)):
            times[name].append(seconds(CANDIDATES[name]))
    reference = np.median(times["numba + scipy"])
    print(f"{'import':<20} {'median s':>9} {'quartiles s':>16} {'ratio':>6}   ({repeats} processes each)")
    for name, measured in times.items():
        low, middle, high = np.percentile(measured, [25, 50, 75])
        print(f"{name:<20} {middle:9.3f} {low:7.3f} - {high:.3f} {middle / reference:8.2f}")


if __name__ == "__main__":
    main()
