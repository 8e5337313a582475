"""The gradient of Psi from all pairs of neurons: the blocked compiled sum against the NumPy expression of the same closed form.

Every measurement is the best of a few calls, after one that is not counted, in a process of its own, the candidates interleaved in
random order; the table shows medians and their ratio. NumPy runs with as many BLAS threads as it likes.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ACTIVATIONS = {"erf": 5.0, "relu": 2.0}


def numpy_erf(w: Array, c: Array) -> Array:
    """sum_j c_j (4 / pi) [w_j - 2 q_ij w_i / D_i] / sqrt(D_i D_j - 4 q_ij^2), D = 1 + 2 |w|^2."""
    q = w @ w.T
    d = 1.0 + 2.0 * np.diagonal(q)
    factor = 4.0 / np.pi * c / np.sqrt(d[:, None] * d - 4.0 * q**2)
    gradient: Array = factor @ w - ((2.0 * q * factor).sum(axis=1) / d)[:, None] * w
    return gradient


def numpy_relu(w: Array, c: Array) -> Array:
    """sum_j c_j (|w_j| sin p w_i / |w_i| + (pi - p) w_j) / 2 pi, p the angle of w_i and w_j."""
    norms = np.sqrt(np.einsum("mk,mk->m", w, w))
    cosine = np.clip((w @ w.T) / np.multiply.outer(norms, norms), -1.0, 1.0)
    along = np.sqrt(1.0 - cosine**2) @ (c * norms) / norms
    gradient: Array = (((np.pi - np.arccos(cosine)) * c) @ w + along[:, None] * w) / (2.0 * np.pi)
    return gradient


def candidate(activation: str, package: bool, w: Array, c: Array) -> Callable[[], Array]:
    """A function of no arguments that computes the gradient (m, d)."""
    if not package:
        return lambda: (numpy_erf if activation == "erf" else numpy_relu)(w, c)
    from mfpde.laws import Gaussian
    from mfpde.systems.two_layer import potential_for
    from mfpde.targets import Polynomial

    potential = potential_for(Gaussian(w.shape[1]), Polynomial(), activation)
    theta = np.concatenate([np.ones((len(w), 1)), w], axis=1)
    return lambda: potential.psi_gradient(theta, theta, c)[:, 1:]


def measure(activation: str, package: bool, m: int, d: int, repeats: int) -> None:
    """Print the best time of a call, and the largest difference from the NumPy expression."""
    rng = np.random.default_rng(0)
    w, c = rng.standard_normal((m, d)) / np.sqrt(d), rng.standard_normal(m) / m
    call = candidate(activation, package, w, c)
    result = call()
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    difference = np.abs(result - candidate(activation, False, w, c)()).max() if package else 0.0
    print(best, difference)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", type=int, default=4000)
    parser.add_argument("--dimension", type=int, default=40)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("ACTIVATION", "CANDIDATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one[0], options.one[1] == "mfpde", options.neurons, options.dimension, options.repeats)
        return
    size = ["--neurons", str(options.neurons), "--dimension", str(options.dimension), "--repeats", str(options.repeats)]
    cases = [(activation, name) for activation in ACTIVATIONS for name in ("numpy", "mfpde")]
    results: dict[tuple[str, str], list[tuple[float, float]]] = {case: [] for case in cases}
    for _ in range(options.processes):
        for case in random.sample(cases, len(cases)):
            command = [sys.executable, __file__, *size, "--one", *case]
            seconds, difference = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            results[case].append((float(seconds), float(difference)))
    print(f"{options.neurons} neurons, d = {options.dimension}, medians of {options.processes} processes")
    print(f"{'activation':<11} {'numpy s':>9} {'mfpde s':>9} {'ratio':>7} {'wanted':>7} {'difference':>11}")
    for activation, wanted in ACTIVATIONS.items():
        plain, ours = (np.median(results[activation, name], axis=0) for name in ("numpy", "mfpde"))
        print(f"{activation:<11} {plain[0]:9.4f} {ours[0]:9.4f} {plain[0] / ours[0]:7.2f} {wanted:7.1f} {ours[1]:11.1e}")


if __name__ == "__main__":
    main()
