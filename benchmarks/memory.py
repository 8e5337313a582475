"""Peak memory and time of one population-gradient evaluation on 4096 directions, against the width of the first layer.

Every width runs in a process of its own: it builds the network in single precision, evaluates the velocity, and reports the
process's peak resident set (compiler and libraries included) and the shortest of several evaluations.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

WIDTHS = [125_000, 250_000, 500_000, 1_000_000]


def gigabytes() -> float:
    """The peak resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def work(m1: int, repeats: int) -> None:
    """Build, evaluate, and print the width's row of the table."""
    import mfpde as mf

    before = gigabytes()
    start = time.perf_counter()
    flow = mf.DepthSeparation(d=100).network(m1=m1, m2=128, dynamics="gd", dtype="float32").flow
    built, built_in = gigabytes(), time.perf_counter() - start
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        flow.velocity(0.0, flow.state0)
        seconds.append(time.perf_counter() - start)
    per_million = 1e6 * min(seconds) / m1
    print(f"{m1:>9} {before:9.2f} {built:9.2f} {gigabytes():9.2f} {built_in:9.2f} {min(seconds):11.2f} {per_million:12.2f}", flush=True)


def main() -> None:
    """Measure every width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.widths[0], arguments.repeats)
        return
    print("peak memory in GB after importing, after building the network and after the velocity; seconds")
    print(f"{'m1':>9} {'imported':>9} {'built':>9} {'velocity':>9} {'build s':>9} {'velocity s':>11} {'s / million':>12}", flush=True)
    for width in arguments.widths:
        command = [sys.executable, __file__, "--worker", "--widths", str(width), "--repeats", str(arguments.repeats)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
