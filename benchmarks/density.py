"""The density solver: seconds and errors of the noisy quadratic model in the plane, and of the cosine model on the circle.

Plane: sigma* = <w,x>^2 - |w|^2, x ~ N(0, I_2), y = b (|x|^2 - 2), b = 1, ridge 0.2, beta = 10, start N(0, 0.2 I): the law stays
N(0, mu I) with mu' = -8 mu^2 + (8b - 2 ridge) mu + 2/beta. The clock is the flow clock s. Compilation is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

import mfpde as mf
from mfpde.density import Circle, DensityFlow, Grid, Interval, MeanField, extrapolate
from mfpde.flow import Array
from mfpde.threads import thread_count

T = TypeVar("T")
RIDGE, BETA, START = 0.2, 10.0, 0.2


def mean_square(s: float) -> float:
    """mu(s), by the roots of its Riccati equation."""
    g = np.sqrt((4 - RIDGE) ** 2 + 16 / BETA)
    up, down = (4 - RIDGE + g) / 8, (4 - RIDGE - g) / 8
    k = (START - up) / (START - down) * np.exp(-2 * g * s)
    return float((up - k * down) / (1 - k))


def plane(cells: int, steps: int) -> DensityFlow:
    """The quadratic model on [-8, 8]^2, `steps` steps to s = 1."""
    pairs = ((0, 0), (0, 1), (1, 1))

    def features(w: Array) -> Array:
        return np.stack([(np.sqrt(2) if i == j else 2.0) * w[:, i] * w[:, j] for i, j in pairs])

    field = MeanField(external=lambda w: -2 * np.sum(w**2, axis=1), features=features, constant=4.0, names=("q11", "q12", "q22"))
    grid = Grid(Interval(-8.0, 8.0, cells), Interval(-8.0, 8.0, cells))

    def log_density(w: Array) -> Array:
        values: Array = -np.sum(w**2, axis=1) / (2 * START)
        return values

    return DensityFlow(field=field, grid=grid, log_density=log_density, dt=1 / steps, beta=BETA, ridge=RIDGE)


def circle(cells: int, steps: int) -> DensityFlow:
    """The cosine model, b = 0.8, beta = 10, uniform start, `steps` steps to s = 1."""
    field = MeanField(
        external=lambda w: -0.8 * np.cos(w[:, 0]),
        features=lambda w: np.stack([np.cos(w[:, 0]), np.sin(w[:, 0])]),
        constant=0.64,
        names=("re_z", "im_z"),
    )
    return DensityFlow(field=field, grid=Grid(Circle(cells)), log_density=lambda w: np.zeros(len(w)), dt=1 / steps, beta=BETA)


def seconds(work: Callable[[], T], repeats: int) -> tuple[float, T]:
    """Median wall time of `work`, and what it returns."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), result


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    mf.solve(plane(256, 100), [0.01])
    print(f"{'plane, cells':<14} {'steps':>6} {'seconds':>8} {'error of mu(1)':>15} {'|mass - 1|':>11}   ({thread_count()} threads)")
    for cells, steps in ((128, 100), (256, 50), (256, 100), (256, 200)):
        took, run = seconds(lambda cells=cells, steps=steps: mf.solve(plane(cells, steps), [1.0]), repeats)
        error = abs(run.observables["q11"][0] / np.sqrt(2) - mean_square(1.0))
        print(f"{cells:>4} x {cells:<7} {steps:6d} {took:8.2f} {error:15.2e} {abs(run.observables['mass'][0] - 1):11.1e}")
    mf.solve(circle(32, 64), [1.0])
    print(f"\n{'circle, cells':<14} {'levels':>6} {'seconds':>8} {'error of z(1)':>15} {'estimate':>11}")
    for cells, steps, levels in ((32, 64, 1), (32, 64, 2), (64, 256, 2)):
        took, best = seconds(lambda c=cells, n=steps, k=levels: extrapolate(circle(c, n), [1.0], levels=k), repeats)
        error = abs(best.observables["re_z"][0] - 0.293046886880596)
        print(f"{cells:<14d} {levels:6d} {took:8.2f} {error:15.2e} {best.error['re_z'][0]:11.1e}")


if __name__ == "__main__":
    main()
