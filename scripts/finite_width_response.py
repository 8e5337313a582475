"""Fluctuation and bias of networks on a low-dimensional target: ``python scripts/finite_width_response.py``.

X_m - X = c m^-1/2 xi + b/m for the masses and the loss. The limit predicts c^2 = sum_j w_j (IF_j - mean)^2, IF_j = dX(t)/dw_j its
response to the weight w_j of the initial node j, because m neurons are a sample of the law of the nodes. Bias and fluctuation are equal at
m = (b/c)^2: the root mean square falls as 1/m below and as m^-1/2 above. Derived in docs/low_dimensional.
"""

import numpy as np
from finite_width_rates import show

import mfpde as mf

NAMES, STEP, TOLERANCES = ("mass_plus", "mass_minus", "loss"), 1e-4, (1e-10, 1e-13)
STUDIES = ((1, [40, 80, 160, 320, 640], [0.5, 3.0], 256), (2, [160, 320, 640, 1280], [1.0, 2.0], 640))


def fluctuation(limit, times):
    """c of every observable at the times, {name: (n_t,)}, by central differences in the logarithms of the weights."""
    weights = np.concatenate([limit.weights] * 2)
    places = np.concatenate([np.arange(limit.nodes) + 2 * limit.nodes * sign for sign in (0, 1)])
    shifts = STEP * np.eye(limit.state0.size)[places]
    ends = [[mf.solve(limit, times, *TOLERANCES, y0=limit.state0 + sign * shift) for sign in (1, -1)] for shift in shifts]
    found = {}
    for name in NAMES:
        responses = np.array([up.observables[name] - down.observables[name] for up, down in ends]) / (2.0 * STEP)
        found[name] = np.sqrt(np.sum(responses**2 / weights[:, None], axis=0) - np.sum(responses, axis=0) ** 2)
    return found


if __name__ == "__main__":
    system = mf.LowDimensionalTarget(d=20, d_h=5)
    for seed, widths, times, replicas in STUDIES:
        constants, roots = fluctuation(system.limit(), times), np.sqrt(widths)
        study = mf.drift(system, widths={"m": widths}, replicas=replicas, t_eval=times, rng=seed, store="finite_width_store")
        for i, t in enumerate(times):
            for name in (*NAMES, "function_distance", "neurons_rms"):
                gaps = study.gaps[name][:, :, i]
                show(f"t = {t:g}: {name}", widths, gaps)
                if name in NAMES:
                    mean, spread = widths * gaps.mean(axis=1), roots * gaps.std(axis=1, ddof=1)
                    show("  fluctuation", widths, gaps - gaps.mean(axis=1, keepdims=True))
                    print(f"  c = {constants[name][i]:.4f}, found {spread}; b = {mean} +- {roots * spread / np.sqrt(replicas)}")
