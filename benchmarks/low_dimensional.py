"""The reduced flow of a target |x_H| against a Monte Carlo discretisation of the same equation: CPU seconds and errors.

The Monte Carlo program is written as such programs are, with NumPy: random particles, fresh samples for every expectation in every
step, explicit Euler steps. A step always costs the same, so that the time to the end is measured on `--steps` of them and scaled; its
errors are those at the time it has reached, or with `--whole` those of the whole run. Both use one BLAS thread. CPU times depend little
on other work on the machine.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt

import mfpde as mf
from mfpde.systems.symmetric.low_dimensional import LowDimensionalTarget
from mfpde.threads import single_threaded_blas

Array = npt.NDArray[np.float64]

NAMES = ("mass_plus", "mass_minus", "loss", "cos2_minus", "sin2_plus", "w2_minus", "w2_plus")
TABLE = (2, 5, 10, 15, 18, 20, 25, 30, 33, 35)


class MonteCarlo:
    """Particles (sign, c, theta) of the reduced equation; G and V from fresh x ~ N(0, I).

    phi(theta; x) is a mean over r and s: f and the neuron that it moves get independent draws of them, which makes G unbiased.
    """

    def __init__(self, d: int, d_h: int, particles: int, samples: int, seed: int) -> None:
        self.d_h, self.d_perp, self.samples, self.rng = d_h, d - d_h, samples, np.random.default_rng(seed)
        self.theta = np.arccos(np.sqrt(self.rng.beta(d_h / 2, self.d_perp / 2, particles)))
        self.sign, self.c = self.rng.choice([1.0, -1.0], particles), np.ones(particles)

    def step(self, h: float) -> float:
        """One Euler step; the loss as estimated on its samples."""
        head, rest = (self._norms(size) for size in (self.d_h, self.d_perp))
        charges = self.sign * self.c / self.c.size
        first, _ = self._neurons(head, rest)
        second, slope = self._neurons(head, rest)
        residual = head - first @ charges
        g, v = residual @ second / self.samples, residual @ slope / self.samples
        self.c *= 1.0 + 2.0 * h * self.sign * g
        self.theta = np.clip(self.theta + h * self.sign * v, 0.0, 0.5 * np.pi)
        return 0.5 * float(np.mean(residual * (head - second @ charges)))

    def _neurons(self, head: Array, rest: Array) -> tuple[Array, Array]:
        """relu(r |x_H| cos theta + s |x_perp| sin theta), one draw of r and s for every x, and its slope: (samples, particles)."""
        r, s = (length * self._first_coordinates(size) for length, size in ((head, self.d_h), (rest, self.d_perp)))
        along, across = np.cos(self.theta), np.sin(self.theta)
        z = np.outer(r, along) + np.outer(s, across)
        return np.maximum(z, 0.0), np.where(z > 0.0, np.outer(s, along) - np.outer(r, across), 0.0)

    def masses(self) -> tuple[float, float]:
        """Of tau^+ and tau^-."""
        plus, minus = (float(self.c[self.sign == s].sum()) / self.c.size for s in (1.0, -1.0))
        return plus, minus

    def _norms(self, size: int) -> Array:
        norms: Array = np.sqrt(self.rng.chisquare(size, self.samples))
        return norms

    def _first_coordinates(self, size: int) -> Array:
        z = self.rng.standard_normal((self.samples, size))
        first: Array = z[:, 0] / np.linalg.norm(z, axis=1)
        return first


def reduced(system: LowDimensionalTarget, nodes: int, end: float) -> tuple[float, dict[str, float]]:
    """CPU seconds of one run to `end` after one that is not counted, and its observables there."""
    mf.solve(system.limit(nodes=nodes), [0.1])
    start = time.process_time()
    run = mf.solve(system.limit(nodes=nodes), [end], rtol=1e-11, atol=1e-11)
    seconds = time.process_time() - start
    return seconds, {name: float(run.observables[name][0]) for name in NAMES}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", type=float, default=100.0)
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--whole", action="store_true", help="run the Monte Carlo program to the end")
    options = parser.parse_args()
    system, h = LowDimensionalTarget(d=30, d_h=5), 5e-3
    with single_threaded_blas():
        seconds, values = reduced(system, options.nodes, options.end)
        fine = mf.solve(system.limit(nodes=2 * options.nodes, modes=800), [options.end], rtol=1e-13, atol=1e-14).observables
        whole = round(options.end / h)
        steps = whole if options.whole else min(options.steps, whole)
        program = MonteCarlo(30, 5, particles=1024, samples=1000, seed=0)
        program.step(0.0)
        start = time.process_time()
        loss = [program.step(h) for _ in range(steps)][-1]
        monte_carlo = (time.process_time() - start) * whole / steps
        ours_there = reduced(system, options.nodes, steps * h)[1]
        exact_there = mf.solve(system.limit(nodes=2 * options.nodes, modes=800), [steps * h], rtol=1e-13, atol=1e-14).observables
        start = time.process_time()
        for d_h in TABLE:
            mf.solve(LowDimensionalTarget(d=40, d_h=d_h).limit(nodes=32), [10.0], rtol=1e-11, atol=1e-11)
        table = time.process_time() - start
    print(f"reduced flow, {options.nodes} nodes a sign, to t = {options.end:g}: {seconds:.3f} s of CPU")
    print("relative errors: " + ", ".join(f"{name} {abs(values[name] / fine[name][0] - 1):.1e}" for name in NAMES))
    print(f"Monte Carlo: {monte_carlo:.1f} s of CPU to the same time, {monte_carlo / seconds:.0f} times as long (wanted: 100)")
    print(f"relative errors at t = {steps * h:g}, Monte Carlo and ours, and their ratio (wanted: 1e4):")
    for name, value in zip(("mass_plus", "mass_minus", "loss"), (*program.masses(), loss), strict=True):
        theirs, ours = (abs(v / float(exact_there[name][0]) - 1.0) for v in (value, ours_there[name]))
        print(f"  {name:<11} {theirs:9.1e} {ours:9.1e} {theirs / ours:9.1e}")
    print(f"d_H table, {len(TABLE)} values, to t = 10: {table:.2f} s of CPU (wanted: 60)")


if __name__ == "__main__":
    main()
