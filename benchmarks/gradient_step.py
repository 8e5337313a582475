"""One gradient and update of the 512/128/100 network on given samples, beside NumPy, PyTorch and JAX doing the same.

Every candidate runs in a process of its own; the parent lets one at a time take a short burst of steps, in random order, many
times over. The first step of a burst only wakes its threads. The table shows the median and minimum wall time and the median
CPU time of all threads together, for each candidate with its better number of threads. CPU time at one thread hardly
depends on what else the machine does; wall time at all threads does. Before any timing, the results of every peer are
compared with this package's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import peers

THREADS = {"MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
NO_STEP = {"sampling", "products"}


@dataclass
class Candidate:
    """One peer with a number of threads, its process and the wall and CPU seconds of its steps."""

    name: str
    threads: int
    process: subprocess.Popen[str]
    steps: list[list[float]] = field(default_factory=list)

    def milliseconds(self) -> tuple[float, float, float]:
        """Median wall time, minimum wall time and median CPU time of a step."""
        wall, cpu = 1e3 * np.array(self.steps).T
        return float(np.median(wall)), float(np.min(wall)), float(np.median(cpu))

    def ask(self, steps: int) -> Any:
        """What the process answers to one request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} with {self.threads} threads ended with exit code {self.process.wait()}")
        return json.loads(answer)


def work(name: str, threads: int, batch: int, dtype: str) -> None:
    """A candidate's process: a line with a number of steps comes in, a line with their seconds goes out."""
    step = getattr(peers, f"make_{name}")(peers.make_problem(batch, dtype), threads)
    result = [np.asarray(a, float).ravel() for a in step()]
    for _ in range(3):
        step()
    for line in sys.stdin:
        if int(line) == 0:
            print(json.dumps([a.tolist() for a in result]), flush=True)
            continue
        seconds = []
        for _ in range(int(line)):
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
        print(json.dumps(seconds), flush=True)


def start(name: str, threads: int, batch: int, dtype: str) -> Candidate:
    """A candidate with its process running."""
    environment = os.environ | {variable: str(threads) for variable in THREADS} | {"JAX_PLATFORMS": "cpu"}
    if name.startswith("jax") and threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    command = [sys.executable, __file__, "--worker", name, "--threads", str(threads), "--batch", str(batch), "--dtype", dtype]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    return Candidate(name, threads, process)


def compare(candidates: list[Candidate], accuracy: float) -> None:
    """Stop if a peer's state after the step is not this package's."""
    expected = [np.array(a) for a in next(c for c in candidates if c.name == "mfpde").ask(0)]
    for c in candidates:
        if c.name in NO_STEP:
            continue
        for array, mine in zip(c.ask(0), expected, strict=True):
            gap = np.max(np.abs(np.array(array) - mine)) / np.max(np.abs(mine))
            if gap > accuracy:
                raise RuntimeError(f"{c.name} differs from mfpde by {gap:.1e} relative, more than {accuracy:.1e}")


def measure(batch: int, dtype: str, names: list[str], threads: list[int], bursts: int) -> None:
    """Time all candidates and print their table."""
    candidates = [start(name, count, batch, dtype) for name in names for count in threads]
    compare(candidates, 1e-12 if dtype == "float64" else 1e-5)
    steps = 41 if batch <= 2048 else 6
    for _ in range(bursts):
        for c in random.sample(candidates, len(candidates)):
            c.steps += c.ask(steps)[1:]
    best: dict[str, Candidate] = {}
    for c in candidates:
        assert c.process.stdin is not None
        c.process.stdin.close()
        c.process.wait()
        if c.name not in best or c.milliseconds() < best[c.name].milliseconds():
            best[c.name] = c
    own = best["mfpde"].milliseconds()
    print(f"\nbatch {batch}, {dtype}: milliseconds a step ({len(best['mfpde'].steps)} steps each), and the ratios to mfpde")
    print(f"{'candidate':<14} {'threads':>7} {'median':>9} {'minimum':>9} {'CPU':>9} {'median':>8} {'minimum':>8} {'CPU':>6}")
    for name, c in best.items():
        times = c.milliseconds()
        ratios = [mine / other for mine, other in zip(times, own, strict=True)]
        row = f"{times[0]:9.3f} {times[1]:9.3f} {times[2]:9.3f} {ratios[0]:8.2f} {ratios[1]:8.2f} {ratios[2]:6.2f}"
        print(f"{name:<14} {c.threads:>7} {row}", flush=True)


def describe() -> str:
    """Versions, BLAS kernel and what else the machine is doing."""
    from importlib.metadata import version

    from threadpoolctl import threadpool_info

    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "torch", "jax"))
    kernels = {library["architecture"] for library in threadpool_info() if "architecture" in library}
    return f"{versions}; BLAS kernel {', '.join(sorted(kernels))}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    """Measure every batch and precision asked for."""
    everyone = [name.removeprefix("make_") for name in vars(peers) if name.startswith("make_") and name != "make_problem"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1024, 16384])
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--peers", nargs="+", default=everyone, choices=everyone)
    parser.add_argument("--bursts", type=int, default=40)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.threads[0], arguments.batch[0], arguments.dtype[0])
        return
    print(describe())
    for batch in arguments.batch:
        for dtype in arguments.dtype:
            measure(batch, dtype, ["mfpde"] + [name for name in arguments.peers if name != "mfpde"], arguments.threads, arguments.bursts)


if __name__ == "__main__":
    main()
