"""Maps of the phase diagram: networks of several widths and seeds at every cell of a grid, each of them kept as it finishes."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import is_real, number, whole
from mfpde.flow import Array
from mfpde.study import Archive, Result, Run, execute, runs_bar
from mfpde.systems.phase_diagram.data import checked_data
from mfpde.systems.phase_diagram.gradient_flow import checked_rho
from mfpde.systems.phase_diagram.map_result import NUMBERS, PhaseMap
from mfpde.systems.phase_diagram.recipe import FIRST_RATE, MOST_STEPS, TOLERANCE
from mfpde.systems.phase_diagram.rotation import rotate
from mfpde.systems.phase_diagram.system import PhasePoint
from mfpde.systems.phase_diagram.training import train, train_law
from mfpde.threads import run_blocks

DYNAMICS = ("paper", "flow", "limit")


def phase_map(
    *,
    gammas: Sequence[float],
    gamma_primes: Sequence[float],
    widths: Sequence[float] = (1000, 5000, 10_000, 20_000, 40_000),
    seeds: int | Sequence[int] = 4,
    dynamics: str = "paper",
    executor: Executor | None = None,
    store: str | Path | None = None,
    x: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    antisymmetric: bool = True,
    bias: bool = True,
    beta_1_exponent: float = 0.0,
    redraw: bool = False,
    dtype: str = "float64",
    rho: float | None = None,
    nodes: int | None = None,
    first_rate: float = FIRST_RATE,
    tolerance: float = TOLERANCE,
    most_steps: int = MOST_STEPS,
    progress: bool = False,
) -> PhaseMap:
    """Train a network of every width and seed at every cell, and measure how relative displacements grow with the width.

    Parameters
    ----------
    gammas, gamma_primes : sequences of float
        The grid, each increasing.
    widths : sequence of int
        At least two, increasing; any numbers >= 1 for dynamics="limit".
    seeds : int or sequence of int
        The networks of a cell: the seeds themselves, or how many, 0, 1, ... Neurons of a narrower network are the first of a wider one with
        the same seed. For dynamics="limit" the scramblings of the nodes; on the line there is nothing random, and one is enough.
    dynamics : {"paper", "flow", "limit"}
        The paper's recipe, the gradient flow, or the annealed law (by gradient flow) in place of networks.
    executor : concurrent.futures.Executor, optional
        Processes to share the networks (started by "spawn"); None trains them here, on all threads that :mod:`mfpde.threads` allows. The
        results are the same bits.
    store : path, optional
        Folder that keeps every network as it is done: the same call, or one with more cells, widths or seeds, computes what is missing.
    x, y, antisymmetric, bias
        As for :class:`PhasePoint`. Inputs that span less than their space are rotated to their span
        (:mod:`mfpde.systems.phase_diagram.rotation`), which is exact in law.
    beta_1_exponent : float
        At least 0. The recipe counts its rates at beta_1 = m^-beta_1_exponent, beta_2 = beta_1 / kappa'; its first rate is doubled until
        the step is at least that of beta_1 = 1. The accepted steps then differ by less than a factor 2.
    redraw, dtype
        As for :meth:`PhasePoint.network`; as all that is the recipe's, for dynamics="paper" only.
    rho, nodes
        As for :meth:`PhasePoint.limit`; the step for dynamics="flow" and "limit", the nodes for "limit".
    tolerance
        The loss at which a run ends.
    first_rate, most_steps
        The recipe's first lr0, and the steps after which it gives up.
    progress
        Show a bar.

    Raises
    ------
    ValueError
        If an argument is unknown, out of range, or does not belong to the dynamics; or if every label is 0 where f starts at 0, which
        it does with antisymmetric copies and in the limit.
    mfpde.study.StudyError
        If a worker dies or the folder cannot be used; what was done is kept.
    """
    if dynamics not in DYNAMICS:
        raise ValueError(f"dynamics = {dynamics!r}: give one of {DYNAMICS}; solve networks one by one for others")
    recipe = dynamics == "paper"
    for name, value, default, ours in (
        ("nodes", nodes, None, dynamics == "limit"),
        ("rho", rho, None, not recipe),
        ("redraw", redraw, False, recipe),
        ("dtype", dtype, "float64", recipe),
        ("beta_1_exponent", beta_1_exponent, 0.0, recipe),
        ("first_rate", first_rate, FIRST_RATE, recipe),
        ("most_steps", most_steps, MOST_STEPS, recipe),
    ):
        if value != default and not ours:
            raise ValueError(f"{name} = {value!r}: dynamics={dynamics!r} has no use for it; leave it out")
    g, g_prime = _increasing("gammas", gammas), _increasing("gamma_primes", gamma_primes)
    m = _widths(widths, dynamics)
    chosen = _seeds(seeds)
    inputs, labels = checked_data(x, y, bias)
    if not labels.any() and (antisymmetric or dynamics == "limit"):
        raise ValueError("y is 0 at every input: there is nothing to learn, since f starts at 0; give other labels")
    for gamma, gamma_prime in product(g, g_prime):
        PhasePoint(gamma=gamma, gamma_prime=gamma_prime, x=inputs, y=labels, antisymmetric=antisymmetric, bias=bias)
    options: dict[str, Any] = {"dynamics": dynamics, "antisymmetric": bool(antisymmetric), "bias": bool(bias)}
    options["tolerance"] = number("tolerance", tolerance, positive=True)
    if recipe:
        options |= {"redraw": bool(redraw), "dtype": dtype, "first_rate": number("first_rate", first_rate, positive=True)}
        options |= {"beta_1_exponent": number("beta_1_exponent", beta_1_exponent), "most_steps": whole("most_steps", most_steps)}
    elif rho is not None:
        options["rho"] = checked_rho(rho)
    if nodes is not None:
        options["nodes"] = whole("nodes", nodes)
    described = hashlib.sha256(np.ascontiguousarray(inputs).tobytes() + labels.tobytes()).hexdigest()
    objects = {"data": (inputs, labels)}
    grid = list(product(g_prime, g, m, chosen))
    runs = [
        Run(trained, {"gamma": a, "gamma_prime": b, "m": width, "seed": seed, **options, "data": described}, objects)
        for b, a, width, seed in grid
    ]
    archive = None if store is None else Archive(store)
    if executor is None:
        results = on_threads(runs, archive, progress)
    else:
        results = execute(runs, archive=archive, executor=executor, progress=progress)
    shape = (len(g_prime), len(g), len(m), len(chosen))
    values = {name: np.array([float(result[name]) for result in results]).reshape(shape) for name in NUMBERS}
    config = {**options, "x": inputs.tolist(), "y": labels.tolist()}
    return PhaseMap(np.array(g), np.array(g_prime), np.array(m), tuple(chosen), values, config)


def trained(
    gamma: float,
    gamma_prime: float,
    m: float,
    seed: int,
    dynamics: str,
    antisymmetric: bool,
    bias: bool,
    data: tuple[Array, Array],
    tolerance: float,
    beta_1_exponent: float = 0.0,
    **options: Any,
) -> Mapping[str, float]:
    """The numbers of one network of a map, :class:`mfpde.systems.phase_diagram.training.Training`'s."""
    point = PhasePoint(gamma=gamma, gamma_prime=gamma_prime, x=data[0], y=data[1], antisymmetric=antisymmetric, bias=bias)
    rotation = rotate(point)
    moved = point if rotation is None else rotation.point
    if dynamics == "limit":
        result = train_law(moved, m, rng=seed, tolerance=tolerance, **options)
        frozen = 0.0 if rotation is None else float(rotation.frozen)
    else:
        if dynamics == "paper":
            doublings = math.ceil(beta_1_exponent * math.log2(m))
            options |= {"beta_1": float(m) ** -beta_1_exponent, "first_rate": options["first_rate"] * 2.0**doublings}
            options["most"] = options.pop("most_steps")
        result = train(moved, int(m), seed, dynamics, tolerance=tolerance, **options)
        frozen = 0.0 if rotation is None else rotation.frozen_square(int(m), seed)
    return asdict(result if rotation is None else rotation.whole(result, frozen))


def on_threads(runs: Sequence[Run], archive: Archive | None, progress: bool) -> list[Result]:
    """The results of `runs` in their order, on the threads of this process; those of the largest ``m`` are computed first."""
    order = sorted(range(len(runs)), key=lambda i: -float(runs[i].config["m"]))
    results: list[Result] = [{}] * len(runs)
    stopped = threading.Event()
    with runs_bar(progress, len(runs)) as update:

        def work(block: int) -> None:
            if stopped.is_set():
                return
            i = order[block]
            try:
                results[i] = execute([runs[i]], archive=archive)[0]
            except BaseException:
                stopped.set()
                raise
            update()

        try:
            run_blocks(work, len(runs))
        finally:
            # After Ctrl-C, or an error in one thread, the others end with the network at hand.
            stopped.set()
    return results


def _sequence(name: str, values: Any, remedy: str = "give a list") -> list[Any]:
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise ValueError(f"{name} = {values!r}: {remedy}")
    return list(values)


def _increasing(name: str, values: Sequence[float]) -> list[float]:
    numbers = [_finite(name, value) for value in _sequence(name, values)]
    if not numbers or any(b <= a for a, b in pairwise(numbers)):
        raise ValueError(f"{name} = {list(values)!r}: give increasing numbers, at least one")
    return numbers


def _finite(name: str, value: object) -> float:
    if not is_real(value) or not np.isfinite(value):
        raise ValueError(f"{name}: {value!r} is no finite number")
    return float(value)


def _widths(widths: Sequence[float], dynamics: str) -> list[float]:
    given = _sequence("widths", widths)
    whole_numbers = [number("widths", w, positive=True) if dynamics == "limit" else float(whole("widths", w)) for w in given]
    if len(whole_numbers) < 2 or any(b <= a for a, b in pairwise(whole_numbers)):
        raise ValueError(f"widths = {list(widths)!r}: give at least two, increasing; a slope needs them")
    return whole_numbers


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        return list(range(whole("seeds", seeds)))
    given = _sequence("seeds", seeds, "give how many, or a list of them")
    chosen = [whole("seeds", seed, least=0) for seed in given]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"seeds = {given!r}: give at least one, each once")
    return chosen
