"""How networks under integrable parameterizations leave the recursion of infinite width: ``python scripts/finite_width_integrable.py``.

One input (1, 0, 0) with label 1, three steps at eta = 1/2, the output seen at (.6, .8, 0). Under "hp" relu is what it is under "ip-llr".
"""

import numpy as np
from finite_width_rates import show

import mfpde as mf

WIDTHS, REPLICAS, TIMES = {1: [128, 512, 2048, 8192], 2: [256, 724, 2048, 5792]}, 256, [1.0, 2.0, 3.0]
TRAINING = {"batches": [(np.array([[1.0, 0.0, 0.0]]), np.array([1.0]))] * 3, "lr": 0.5, "probe": np.array([[0.6, 0.8, 0.0]])}

if __name__ == "__main__":
    for depth, widths in WIDTHS.items():
        for parameterization, activation in (("ip-llr", "relu"), ("ip-llr", "tanh"), ("hp", "tanh")):
            system = mf.IntegrableNetwork(d=3, depth=depth, parameterization=parameterization, activation=activation)
            limit = mf.solve(system.limit(**TRAINING), TIMES).observables["f"][:, 0]
            networks = ((system.network(m=m, rng=seed, **TRAINING) for seed in range(REPLICAS)) for m in widths)
            outputs = np.array([[mf.solve(network, TIMES).observables["f"][:, 0] for network in row] for row in networks])
            print(f"{parameterization}, {activation}, {depth} hidden layers: m = {widths}, {REPLICAS} replicas", flush=True)
            for i, t in enumerate(TIMES):
                gaps = outputs[:, :, i] - limit[i]
                show(f"  t = {t:g}, f = {limit[i]:.5f}", widths, gaps)
                print(f"    m^1/2 mean {np.sqrt(widths) * gaps.mean(axis=1)}, m^1/2 s.d. {np.sqrt(widths) * gaps.std(axis=1, ddof=1)}")
