"""Rates at which networks of finite width approach their limits: ``python scripts/finite_width_rates.py [STUDY ...]``.

Prints, for every gap that the theory predicts a rate for, the exponent fitted over four widths beside the predicted one. Runs are kept in
finite_width_store. These are the tables of docs/finite_width_measured.rst.
"""

import sys
import time

import numpy as np

import mfpde as mf
from mfpde.finite.rates import fit_rate, without_rounding
from mfpde.papers.drift_examples import integrable, odd, two_layer

ODD = ("w", "loss", "function_distance", "nonlinearity", "neurons_rms")
LOW = ("mass_plus", "mass_minus", "loss", "function_distance", "neurons_rms")
TWO = ("risk", "function_distance", "neurons_rms", "neurons_max")
CIRCLE = ("risk", "z", "z_imaginary", "neurons_rms", "neurons_max")
PARTICLES, UNPAIRED = {"dynamics": "particles"}, {"paired": False}


def show(title, widths, gaps, expected=0.5):
    """One line: the exponent fitted to gaps (n_w, replicas) of common seeds beside the expected one, root mean squares, local slopes."""
    rate = fit_rate(widths, gaps, joint=True)
    verdict = "inside" if rate.covers(expected) else "OUTSIDE"
    sizes, slopes = " ".join(f"{value:.3g}" for value in rate.values), " ".join(f"{slope:.2f}" for slope in rate.slopes)
    fitted = f"{rate.exponent:6.3f} [{rate.low:.3f}, {rate.high:.3f}] expected {expected:g} {verdict:<8}p = {rate.p_value:<8.2g}"
    print(f"{title:<32}{fitted}r.m.s. {sizes}; slopes {slopes}", flush=True)


def _integrable(depth, activation):
    system, steps = integrable(d=2, depth=depth, parameterization="ip-llr", activation=activation), {"lr": 0.1, "steps": 3}
    return system, [32, 128, 512, 2048], 64, [1.0, 2.0, 3.0], steps, steps, ("f",)


STUDIES = {
    # system, widths, replicas, times, arguments of the network and of the limit, gaps of exponent 1/2
    "CosineCircle": (mf.CosineCircle(b=0.8), [64, 256, 1024, 4096], 256, [0.0, 1.0, 2.0], {}, {}, CIRCLE),
    "TwoLayer": (two_layer(d=2), [16, 64, 256, 1024], 96, [0.0, 1.0], PARTICLES, {}, TWO),
    "IsotropicGaussians": (mf.IsotropicGaussians(d=40, delta=0.8), [6, 15, 38, 94], 96, [0.0, 0.1], PARTICLES, {}, TWO),
    "OddTarget-10": (odd(d=10), [16, 64, 256, 1024], 96, [0.0, 2.0], UNPAIRED, {}, ODD),
    "OddTarget-30": (odd(d=30), [16, 64, 256, 1024], 96, [0.0, 2.0], UNPAIRED, {}, ODD),
    "LowDimensionalTarget-20": (mf.LowDimensionalTarget(d=20, d_h=5), [20, 50, 125, 312], 96, [0.0, 2.0], {}, {}, LOW),
    "LowDimensionalTarget-40": (mf.LowDimensionalTarget(d=40, d_h=10), [20, 50, 125, 312], 96, [0.0, 2.0], {}, {}, LOW),
    "LowDimensionalTarget-20-start": (mf.LowDimensionalTarget(d=20, d_h=5), [20, 50, 125, 312], 384, [0.0], {}, {}, LOW),
    "LowDimensionalTarget-40-start": (mf.LowDimensionalTarget(d=40, d_h=10), [20, 50, 125, 312], 384, [0.0], {}, {}, LOW),
    "IntegrableNetwork-relu-2": _integrable(2, "relu"),
    "IntegrableNetwork-tanh-2": _integrable(2, "tanh"),
    "IntegrableNetwork-relu-3": _integrable(3, "relu"),
}


def main(names: list[str]) -> None:
    """Run the studies of these names, or all."""
    for name in names or STUDIES:
        system, widths, replicas, times, network, limit, names_of_gaps = STUDIES[name]
        started = time.perf_counter()
        settings = {"network": network, "limit": limit, "store": "finite_width_store"}
        drift = mf.drift(system, widths={"m": widths}, replicas=replicas, t_eval=times, **settings)
        print(f"{name}: m = {widths}, {replicas} replicas, {time.perf_counter() - started:.0f} s, {len(drift.failed)} incomplete")
        for i, t in enumerate(times):
            for gap in names_of_gaps:
                values = without_rounding(drift.gaps[gap][:, :, i], 1.0)
                if values.any():
                    sizes = np.abs(values) if values.ndim == 2 else np.linalg.norm(values, axis=2)
                    show(f"  t = {t:<4g}{gap}", widths, sizes)


if __name__ == "__main__":
    main(sys.argv[1:])
