"""How many digits of the infinite-width limit are right: refine the second layer's nodes, then the tolerance of the time steps.

Prints the largest relative change of the loss over 0 <= t <= 600 against the finest run.
"""

import numpy as np

import mfpde as mf

system = mf.DepthSeparation(d=100, sigma_1=0.5, sigma_2=0.01)
t = np.linspace(0.0, 600.0, 61)


def loss(rtol: float, second_layer: str, nodes: int) -> np.ndarray:
    """The loss at the times t."""
    limit = system.limit(second_layer=second_layer, nodes=nodes, rng=0)
    return mf.solve(limit, t, rtol=rtol, atol=1e-3 * rtol).observables["loss"]


finest = loss(1e-12, "gauss-hermite", 64)
for name, counts in {"gauss-hermite": (2, 4, 8, 16, 32), "quantile": (8, 32, 128, 512), "random": (8, 32, 128, 512)}.items():
    for nodes in counts:
        print(f"{name:>14} {nodes:5d} nodes  {np.max(np.abs(loss(1e-10, name, nodes) / finest - 1.0)):.1e}")
for rtol in (1e-4, 1e-6, 1e-8, 1e-10):
    print(f"{'rtol':>14} {rtol:11.0e}  {np.max(np.abs(loss(rtol, 'gauss-hermite', 64) / finest - 1.0)):.1e}")
