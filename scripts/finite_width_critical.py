"""How networks on the critical line near their limit: ``python scripts/finite_width_critical.py``.

gamma = 1, gamma' = 0. The network's clock runs 1/kappa = m times slower than the limit's, so that equal training is at equal kappa t, and
every width has a study of its own.
"""

import numpy as np
from finite_width_rates import show

import mfpde as mf

POINT, GAPS = mf.PhasePoint(gamma=1.0, gamma_prime=0.0), ("rd_w", "rd_a", "loss", "function_distance", "neurons_rms")


def gaps(widths=(256, 1024, 4096, 16384), replicas=160, times=(1.0, 10.0)):
    """Beside the coupled limit at the times kappa t."""
    settings = {"replicas": replicas, "network": {"dynamics": "flow"}, "limit": {"nodes": 8}, "store": "finite_width_store"}
    runs = [mf.drift(POINT, widths={"m": [m]}, t_eval=[t / POINT.kappa(m) for t in times], **settings) for m in widths]
    for i, t in enumerate(times):
        for gap in GAPS:
            show(f"kappa t = {t:g}: {gap}", widths, np.array([run.gaps[gap][0, :, i] for run in runs]))


def parted(widths=(256, 1024, 4096, 16384), replicas=160, times=(1.0, 10.0)):
    """Neurons that lie on another side of some kink than their characteristics: their share, and what they and the others add."""
    inputs = np.column_stack([POINT.law.x, np.ones(len(POINT.law.x))])
    for t in times:
        shares, squares = np.empty((len(widths), replicas)), np.empty((2, len(widths), replicas))
        for i, seed in np.ndindex(len(widths), replicas):
            network = POINT.network(m=widths[i], dynamics="flow", rng=seed)
            flows = network, POINT.coupled_limit(network, nodes=8)
            ends = [flow.particles(mf.solve(flow, [t / POINT.kappa(widths[i])]).states[0])["neurons"] for flow in flows]
            sides = [neurons[:, 1:] @ inputs.T > 0.0 for neurons in ends]
            apart = (sides[0] != sides[1]).any(axis=1)
            distances = np.sum((ends[0] - ends[1]) ** 2, axis=1) / len(apart)
            shares[i, seed], squares[:, i, seed] = apart.mean(), [distances[~apart].sum(), distances[apart].sum()]
        show(f"kappa t = {t:g}: share parted", widths, shares)
        for name, part, expected in zip(("the others", "those parted"), squares, (0.5, 0.25), strict=True):
            show(f"  r.m.s. of {name}", widths, np.sqrt(part), expected)
        print(f"  mean shares {shares.mean(axis=1)}, of the square {squares[1].mean(axis=1) / squares.sum(axis=(0, 2)) * replicas}")


def end(widths=(64, 256, 1024, 4096), replicas=32):
    """sup RD_w at loss 1e-6 beside that of the law."""
    law = {nodes: mf.solve(POINT.limit(nodes=nodes)).observables["sup_rd_w"][-1] for nodes in (16, 32)}
    print(f"sup RD_w of the law, 16 and 32 nodes a cell: {law[16]:.6f}, {law[32]:.6f}")
    networks = ((POINT.network(m=m, dynamics="flow", rng=seed) for seed in range(replicas)) for m in widths)
    found = np.array([[mf.solve(network).observables["sup_rd_w"][-1] for network in row] for row in networks])
    show("sup RD_w at the end", widths, found - law[32])
    errors = found.std(axis=1, ddof=1) / np.sqrt(replicas)
    print("means " + ", ".join(f"{mean:.4f} +- {error:.4f}" for mean, error in zip(found.mean(axis=1), errors, strict=True)))


if __name__ == "__main__":
    gaps()
    parted()
    end()
