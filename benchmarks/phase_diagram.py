"""Training at points of the phase diagram: our steps beside a plain PyTorch loop, maps of Figure 4, and the memory of a wide network.

    python phase_diagram.py [recipe] [map] [annealed] [memory]     # all four without arguments
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mfpde.kernels.relu_training import REACHED
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.moments import make_steps
from mfpde.systems.phase_diagram.network import draw
from mfpde.systems.phase_diagram.phase_map import phase_map
from mfpde.systems.phase_diagram.recipe import TOLERANCE, fresh_record
from mfpde.systems.phase_diagram.system import PhasePoint
from mfpde.systems.phase_diagram.training import train

CELLS = [(0.6, 0.0), (1.0, 0.0), (1.75, 0.0), (1.4, -0.4), (0.6, 0.4)]
WIDTHS = [1000, 5000, 10_000, 20_000, 40_000]
GAMMAS = [0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4]
GAMMA_PRIMES = np.round(np.arange(-0.4, 0.45, 0.1), 1).tolist()
REPEATS = 3


def ours(point: PhasePoint, m: int, initial: Initial, dt: float, steps: int, dtype: str) -> tuple[float, float]:
    """(loss, RD of w) after the run, the loss looked at before every step."""
    constants = {"kappa": point.kappa(m), "kappa_prime": point.kappa_prime(m), "kappa_forward": point.kappa(m)}
    blocks = Blocks(initial, point.inputs, point.labels, f0=np.zeros(len(point.labels)), dtype=dtype, **constants)
    room = blocks.room()
    made, status, loss = make_steps(blocks, room, dt, TOLERANCE, steps, True, fresh_record())
    assert (made, status) == (steps, REACHED) or dtype == "float32"
    return loss, float(np.linalg.norm(blocks.scatter(room.d)[1][:m]) / np.linalg.norm(initial.w[:m]))


def pytorch(point: PhasePoint, m: int, initial: Initial, dt: float, steps: int, dtype: str) -> tuple[float, float]:
    """The same by autograd and torch.optim.SGD; the layers' learning rates carry kappa'."""
    import torch

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)
    x, y = torch.tensor(point.inputs, dtype=kind), torch.tensor(point.labels, dtype=kind)
    a = torch.tensor(initial.a, dtype=kind, requires_grad=True)
    w = torch.tensor(initial.w.T.copy(), dtype=kind, requires_grad=True)
    kappa, kappa_prime = point.kappa(m), point.kappa_prime(m)
    optimiser = torch.optim.SGD([{"params": [a], "lr": dt / (2 * kappa_prime)}, {"params": [w], "lr": dt * kappa_prime / 2}])
    for k in range(steps + 1):
        optimiser.zero_grad()
        loss = torch.mean((kappa * (torch.relu(x @ w) @ a) - y) ** 2)
        value = loss.item()
        if k == steps:
            break
        loss.backward()
        optimiser.step()
    return value, float(np.linalg.norm(w.detach().numpy().T[:m] - initial.w[:m]) / np.linalg.norm(initial.w[:m]))


def seconds(run: Callable[[], Any]) -> tuple[float, float]:
    """Medians of wall-clock and CPU seconds."""
    walls, works = [], []
    for _ in range(REPEATS):
        wall, work = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    return statistics.median(walls), statistics.median(works)


def recipe(dtype: str) -> None:
    """The accepted run of five cells and five widths, one thread: same neurons, step and number of steps."""
    print(f"\n{dtype}: CPU seconds of the accepted run (wall seconds), PyTorch / ours = times faster; loss and RD_w of both")
    totals: dict[int, list[float]] = {m: [0.0, 0.0, 0.0, 0.0] for m in WIDTHS}
    for gamma, gamma_prime in CELLS:
        point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime)
        for m in WIDTHS:
            found, initial = train(point, m, 0, dtype=dtype), draw(point, m, 0)
            arguments = (point, m, initial, found.dt, found.steps, dtype)
            ends = ours(*arguments), pytorch(*arguments)
            times = [seconds(lambda run=run, arguments=arguments: run(*arguments)) for run in (pytorch, ours)]
            for i, value in enumerate((times[0][1], times[1][1], times[0][0], times[1][0])):
                totals[m][i] += value
            ratio = times[0][1] / times[1][1]
            cell = f"({gamma}, {gamma_prime}) m = {m:>6} {found.steps:>5} steps"
            work = f"{times[0][1]:8.4f} ({times[0][0]:8.4f}) / {times[1][1]:8.4f} ({times[1][0]:8.4f}) = {ratio:6.1f}"
            print(f"{cell}: {work};  {ends[1][0]:.3e} {ends[0][0]:.3e}  {ends[1][1]:.6g} {ends[0][1]:.6g}", flush=True)
    for m, (torch_work, our_work, torch_wall, our_wall) in totals.items():
        print(f"m = {m:>6}: {torch_work / our_work:.1f} times faster by CPU time, {torch_wall / our_wall:.1f} by the clock")
    sums = np.sum(list(totals.values()), axis=0)
    print(f"all: {sums[0]:.2f} / {sums[1]:.2f} = {sums[0] / sums[1]:.1f} by CPU time, {sums[2] / sums[3]:.1f} by the clock")


def figure_4() -> None:
    """All 585 networks of Figure 4 by the recipe, one seed, double precision, two threads; the widest first."""
    jobs = [(gamma, gamma_prime, m) for m in reversed(WIDTHS) for gamma_prime in GAMMA_PRIMES for gamma in GAMMAS]

    def one(job: tuple[float, float, int]) -> tuple[int, bool]:
        found = train(PhasePoint(gamma=job[0], gamma_prime=job[1]), job[2], 0, beta_1=1.0)
        return found.tried_steps, found.converged

    one((0.6, 0.0, 40_000))
    wall, work = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, jobs))
    print(f"\nFigure 4: {len(jobs)} networks, {sum(s for s, _ in results)} steps, {sum(not c for _, c in results)} not converged:")
    print(f"{time.perf_counter() - wall:.1f} s on two threads, {time.process_time() - work:.1f} s of CPU time")


def annealed() -> None:
    """The same cells by the annealed law of infinite width, gradient flow at rho = 1/4, with the five values of m in its constants."""
    arguments: dict[str, Any] = {"seeds": 1, "dynamics": "limit", "rho": 0.25}
    phase_map(gammas=[1.0], gamma_primes=[0.0], widths=WIDTHS[:2], **arguments)
    wall, work = time.perf_counter(), time.process_time()
    found = phase_map(gammas=GAMMAS, gamma_primes=GAMMA_PRIMES, widths=WIDTHS, **arguments)
    print(f"\nannealed map: {found.converged.size} runs, {np.sum(~found.converged)} not converged:")
    print(f"{time.perf_counter() - wall:.1f} s, {time.process_time() - work:.1f} s of CPU time")


def memory() -> None:
    """Peak resident set of a process that trains one network of a million neurons (two million with the copies)."""
    code = "import phase_diagram as b; b.train(b.PhasePoint(gamma=1.0, gamma_prime=0.0), 10**6, 0); b.peak()"
    print("\none network with m = 1,000,000 at (1, 0):", flush=True)
    wall = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    print(f"{time.perf_counter() - wall:.0f} s")


def peak() -> None:
    """Print the peak resident set of this process."""
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} GB")


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["recipe", "map", "annealed", "memory"]
    if "recipe" in chosen:
        recipe("float32")
        recipe("float64")
    if "map" in chosen:
        figure_4()
    if "annealed" in chosen:
        annealed()
    if "memory" in chosen:
        memory()
