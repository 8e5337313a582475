"""One-pass SGD, one sample a step: this package against loops of PyTorch, with the gradient written by hand and by autograd.

800 ReLU neurons, f the mean of relu(<w_i, x>), learn y = <b, x>, x ~ N(0, I_40). All candidates draw their own samples, 256 at a time,
inside the measured time; ours is `mf.solve`, which also checks for limits and reports the exact risk. Every measurement is a process
of its own, the candidates interleaved in random order; the table shows medians. Before it is timed a candidate makes 300 steps on our
samples and is compared with ours; that compiles ours too. No time is extrapolated from fewer steps.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import mfpde as mf
from mfpde.threads import set_threads

D, NEURONS, EPS = 40, 800, 1e-4
BLOCK, CHECKED = 256, 300
LABEL = np.linspace(-0.5, 0.5, D)
WANTED = {"mfpde": 1.0, "torch": 3.0, "autograd": 8.0}
TOLERANCE = {"float32": 1e-4, "float64": 1e-12}

Draw = Callable[[int], tuple[Any, Any]]


def make_network(dtype: str) -> Any:
    """Our network; its step on the papers' clock is EPS."""
    start = mf.measures.GaussianInit(np.zeros(D), 1.0 / D)
    system = mf.TwoLayer(law=mf.laws.Gaussian(D), target=mf.targets.Linear(LABEL), activation="relu", initial=start)
    return system.network(m=NEURONS, dynamics="sgd", eps=EPS, dtype=dtype)


def torch_loop(w: Any, steps: int, draw: Draw) -> None:
    """w_i += 2 eps (y - f) sigma'(<w_i, x>) x in place, without autograd and into memory that exists already."""
    import torch

    z, active = torch.empty_like(w[:, 0]), torch.empty_like(w[:, 0])
    with torch.no_grad():
        for k in range(steps):
            if k % BLOCK == 0:
                rows, labels = draw(k)
            x = rows[k % BLOCK]
            torch.mv(w, x, out=z)
            torch.gt(z, 0.0, out=active)
            f = float(torch.dot(z, active)) / NEURONS
            w.addr_(active, x, alpha=2.0 * EPS * (labels[k % BLOCK] - f))


def autograd_loop(w: Any, steps: int, draw: Draw) -> None:
    """w -= eps N grad (y - f)^2 in place, the gradient by autograd."""
    import torch

    w.requires_grad_(True)
    for k in range(steps):
        if k % BLOCK == 0:
            rows, labels = draw(k)
        f = torch.relu(torch.mv(w, rows[k % BLOCK])).mean()
        (labels[k % BLOCK] - f).square().backward()
        with torch.no_grad():
            w.sub_(w.grad, alpha=EPS * NEURONS)
            w.grad = None
    w.requires_grad_(False)


def make_torch_draw(dtype: Any) -> Draw:
    """Samples drawn by PyTorch, BLOCK at a time."""
    import torch

    torch.manual_seed(0)
    label = torch.from_numpy(LABEL).to(dtype)

    def draw(k: int) -> tuple[Any, Any]:
        rows = torch.randn(BLOCK, D, dtype=dtype)
        return rows, (rows @ label).tolist()

    return draw


def measure(name: str, dtype: str, steps: int, threads: int) -> float:
    """Seconds of `steps` steps."""
    set_threads(threads)
    network = make_network(dtype)
    ours = network.unpack(mf.solve(network, [CHECKED * EPS]).final_state)["theta"][:, 1:]
    if name == "mfpde":
        start = time.perf_counter()
        mf.solve(network, [steps * EPS])
        return time.perf_counter() - start
    import torch

    torch.set_num_threads(threads)
    loop, kind = torch_loop if name == "torch" else autograd_loop, getattr(torch, dtype)

    def sampled(k: int) -> tuple[Any, Any]:
        x, y = network.sample(k, min(BLOCK, CHECKED - k))
        return torch.from_numpy(x.copy()), y.tolist()

    w = torch.from_numpy(network.unpack(network.state0)["theta"][:, 1:].copy())
    loop(w, CHECKED, sampled)
    error = float(np.max(np.abs(w.numpy() - ours)))
    if not error < TOLERANCE[dtype]:
        raise SystemExit(f"{name} differs by {error:.2g} after {CHECKED} steps")
    draw = make_torch_draw(kind)
    start = time.perf_counter()
    loop(w, steps, draw)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="of every candidate")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"])
    parser.add_argument("--one", nargs=3, metavar=("NAME", "DTYPE", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, dtype, threads = options.one
        print(measure(name, dtype, options.steps, int(threads)))
        return
    cases = [(name, dtype, threads) for name in WANTED for dtype in options.dtype for threads in options.threads]
    seconds: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    for _ in range(options.processes):
        for name, dtype, threads in random.sample(cases, len(cases)):
            command = [sys.executable, __file__, "--steps", str(options.steps), "--one", name, dtype, str(threads)]
            seconds[name, dtype, threads].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"{options.steps} steps of {NEURONS} neurons, d = {D}, medians of {options.processes} processes")
    print(f"{'':<10} {'dtype':<8} {'threads':>7} {'seconds':>9} {'ratio':>7} {'wanted':>7}")
    for name, dtype, threads in cases:
        own, ours = (float(np.median(seconds[which, dtype, threads])) for which in (name, "mfpde"))
        print(f"{name:<10} {dtype:<8} {threads:7d} {own:9.2f} {own / ours:7.2f} {WANTED[name]:7.1f}")


if __name__ == "__main__":
    main()
