"""How networks of the linear regime near their linearisation: ``python scripts/finite_width_linear.py``.

gamma = 1/2, where neither the kernel nor the time of training depends on m: f - f_lin at the training inputs at t = 10, f_lin linearised
at the network's own start. The law has (kappa m)^-1, networks fluctuate about it by m^-3/4.
"""

import numpy as np
from finite_width_rates import show

import mfpde as mf
from mfpde.systems.phase_diagram.linearisation import kernel_change, linearised_outputs

POINT, TIME = mf.PhasePoint(gamma=0.5, gamma_prime=0.0), 10.0


def deviation(flow, t):
    """f - f_lin (n,), and the relative change of the kernel, at time t of the flow."""
    run = mf.solve(flow, [t])
    return flow.outputs(run.states[0]) - linearised_outputs(flow, run.t)[0], kernel_change(flow, run)[0]


def law(scales=(8.0, 32.0, 128.0)):
    """Of the law against kappa m = m^1/2, with two numbers of nodes; its clock has kappa = 1."""
    for nodes in (64, 128):
        found = [deviation(POINT.limit(m=scale**2, nodes=nodes), TIME / scale) for scale in scales]
        for i, name in enumerate(("|f - f_lin|", "|G(t) - G(0)|/|G(0)|")):
            sizes = [np.sqrt(np.mean(np.square(one[i]))) for one in found]
            slopes = -np.diff(np.log(sizes)) / np.diff(np.log(scales))
            print(f"law, {nodes} nodes a cell, kappa m = {scales}: {name} {np.array(sizes)}; slopes {slopes}, expected 1", flush=True)


def networks(widths=(256, 1024, 4096, 16384), replicas=64):
    """Of networks, less the law's at the same kappa m; and their mean as a multiple of it."""
    gaps, means = [], []
    for m in widths:
        exact, _ = deviation(POINT.limit(m=m, nodes=64), TIME * POINT.kappa(m))
        found = np.array([deviation(POINT.network(m=m, dynamics="flow", rng=seed), TIME)[0] for seed in range(replicas)])
        gaps.append(np.sqrt(np.mean((found - exact) ** 2, axis=1)))
        shares = found @ exact / (exact @ exact)
        means.append(f"{shares.mean():.2f} +- {shares.std(ddof=1) / np.sqrt(replicas):.2f}")
    show(f"networks, m = {widths}", widths, np.array(gaps), 0.75)
    print(f"mean of the networks as a multiple of the law's: {', '.join(means)}")


if __name__ == "__main__":
    law()
    networks()
