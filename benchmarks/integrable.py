"""One training step of a deep network (L = 6, m = 1024, batch 512, 784 inputs, 10 classes, float32) beside PyTorch on the CPU.

Every candidate runs in a process of its own with the same number of threads; the parent lets one at a time take a few steps, in random
order, many times over. All take the same steps of muP on the same weights and batch: the losses after three steps are compared before
anything is timed. *products* is a square product of 1024 x 1024 matrices by NumPy's BLAS, the rate against which the steps are counted.
CPU time at one thread hardly depends on what else the machine does; wall time at all threads does.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

DEPTH, WIDTH, BATCH, INPUTS, CLASSES, RATE = 6, 1024, 512, 784, 10, 0.05
OPERATIONS = 2 * BATCH * (3 * (DEPTH - 1) * WIDTH**2 + 2 * INPUTS * WIDTH + 3 * CLASSES * WIDTH)
NAMES = ("mfpde", "torch", "torch_compile", "products")


def data() -> tuple[np.ndarray, np.ndarray]:
    """The batch all candidates train on."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((BATCH, INPUTS), np.float32), rng.integers(0, CLASSES, BATCH)


def network() -> Any:
    """Our flow; its initial weights serve the peers too."""
    from mfpde.systems.integrable import IntegrableNetwork

    x, y = data()
    system = IntegrableNetwork(d=INPUTS, depth=DEPTH, parameterization="mup", outputs=CLASSES, loss="cross-entropy", bias1=False)
    return system.network(m=WIDTH, batches=lambda k: (x, y), lr=RATE, probe=x[:1], dtype="float32", f0="true")


def make_mfpde(threads: int) -> Callable[[], float]:
    """This package's step, as `mf.solve` takes it."""
    from mfpde.threads import set_threads

    set_threads(threads)
    flow = network()
    state = {"k": 0, "y": flow.state0}

    def step() -> float:
        state["y"] = flow.step(state["k"], state["y"])
        state["k"] += 1
        return float(flow.unpack(state["y"])["batch_loss"][0])

    return step


def make_torch(threads: int, compiled: bool = False) -> Callable[[], float]:
    """PyTorch's autograd and in-place updates; muP's exponents as one factor a layer, forward, and one rate a layer."""
    import torch

    torch.set_num_threads(threads)
    flow = network()
    views = flow.unpack(flow.state0)
    weights = [torch.tensor(views[name], requires_grad=True) for name in ("w1", *(f"w{i}" for i in range(2, DEPTH + 1)), "w_out")]
    scales = [1.0, *[WIDTH**-0.5] * (DEPTH - 1), 1.0 / WIDTH]
    inputs, labels = data()
    x, y = torch.tensor(inputs), torch.tensor(labels)

    def loss_of(ws: Any) -> Any:
        h = x
        for w, scale in zip(ws[:-1], scales, strict=False):
            h = torch.relu(torch.nn.functional.linear(h, w) * scale)
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(h, ws[-1]) * scales[-1], y)

    run = torch.compile(loss_of) if compiled else loss_of

    def step() -> float:
        loss = run(weights)
        loss.backward()
        with torch.no_grad():
            for w in weights:
                w.add_(w.grad, alpha=-RATE * WIDTH)
                w.grad = None
        return float(loss.detach())

    return step


def make_torch_compile(threads: int) -> Callable[[], float]:
    """The same through PyTorch's compiler."""
    return make_torch(threads, compiled=True)


def make_products(threads: int) -> Callable[[], float]:
    """One product of square matrices."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    a, b = np.random.default_rng(1).standard_normal((2, WIDTH, WIDTH)).astype(np.float32)
    out = np.empty_like(a)

    def step() -> float:
        np.matmul(a, b, out=out)
        return 0.0

    return step


def work(name: str, threads: int) -> None:
    """A candidate's process: a line with a number of steps comes in, a line with their wall and CPU times goes out."""
    step = globals()[f"make_{name}"](threads)
    losses = [step() for _ in range(3)]
    for line in sys.stdin:
        if int(line) == 0:
            print(json.dumps(losses), flush=True)
            continue
        seconds = []
        for _ in range(int(line)):
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
        print(json.dumps(seconds), flush=True)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--work", choices=NAMES)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.threads)
        return
    command = [sys.executable, __file__, "--threads", str(given.threads), "--work"]
    processes = {
        name: subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in given.peers
    }

    def ask(name: str, steps: int) -> Any:
        process = processes[name]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{steps}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    losses = {name: ask(name, 0) for name in given.peers if name != "products"}
    print("losses of the first three steps:", losses)
    first = next(iter(losses.values()))
    for name, found in losses.items():
        if not np.allclose(found, first, rtol=1e-4):
            raise SystemExit(f"{name} trains another network")
    times: dict[str, list[list[float]]] = {name: [] for name in given.peers}
    for _ in range(given.rounds):
        for name in random.sample(given.peers, len(given.peers)):
            times[name] += ask(name, 12 if name == "products" else 3)[1:]
    for process in processes.values():
        process.communicate()
    print(f"{OPERATIONS / 1e9:.1f} GFLOP a step, {given.threads} threads; wall median (minimum), median CPU in ms; rate of each")
    for name, seconds in times.items():
        operations = 2 * WIDTH**3 if name == "products" else OPERATIONS
        wall, cpu = np.array(seconds).T
        found = [np.median(wall), np.min(wall), np.median(cpu)]
        median, least, used = (f"{1e3 * value:7.1f}" for value in found)
        rates = " ".join(f"{operations / value / 1e9:6.1f}" for value in found)
        print(f"{name:14} {median} ({least}) {used}   GFLOP/s {rates}")


if __name__ == "__main__":
    main()
