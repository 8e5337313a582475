"""What finite width costs, N (E R_N - R), and how it fluctuates, against exact constants: ``python scripts/finite_width_constants.py``.

A network is compared with the networks made of its two halves: N (mean of the halves' risks - its own) has the mean
N (E R_{N/2} - E R_N), which is c where E R_N - R = c/N, and the fluctuation that is linear in the neurons' law cancels. The last two
tables are ensembles beside the leading order in 1/N.
"""

import numpy as np

import mfpde as mf
from mfpde.papers.drift_examples import two_layer
from mfpde.systems.two_layer import exact, finite_exact


def cost_of_halving(system, n, seed, times):
    """N (mean of the halves' risks - the whole's) at the `times`."""
    whole, half = (system.network(m=m, dynamics="particles", rng=seed) for m in (n, n // 2))
    theta = whole.unpack(whole.state0)["theta"]
    starts = [(whole, theta), *((half, part) for part in np.split(theta, 2))]
    risks = [mf.solve(flow, times, 1e-6, 1e-9, y0=flow.pack(theta=part)).observables["risk"] for flow, part in starts]
    return n * (0.5 * (risks[1] + risks[2]) - risks[0])


def constants():
    """One line a constant: measured, its standard error as a share of it, exact, and how many standard errors they are apart."""
    flow = {"clock": 0.5, "activation": "identity"}
    linear = mf.TwoLayer(
        law=mf.laws.Gaussian(2, np.diag([1.0, 4.0])), target=mf.targets.Linear([1.0, -2.0]),
        initial=mf.measures.GaussianInit([0.0, 0.0], 1.0), **flow,
    )  # fmt: skip
    bilinear = mf.TwoLayer(
        law=mf.laws.Gaussian(2), target=mf.targets.Linear([1.0, 0.0]), second_layer="trained",
        initial=mf.measures.GaussianInit([0.0, 0.0, 0.0], [1.0, 1.0, 0.0]), **flow,
    )  # fmt: skip
    gaps = [exact.linear_gaps(s, np.diag([1.0, 4.0]), np.eye(2)).particles for s in (0.5, 1.0)]
    pairs = [20 * (finite_exact.bilinear_risk(s, 1.0, 1.0, 10) - finite_exact.bilinear_risk(s, 1.0, 1.0, 20)) for s in (0.5, 1.0)]
    cases = [
        ("linear", linear, 8, 2500, [0.5, 1.0], gaps),
        ("bilinear", bilinear, 20, 6000, [0.5, 1.0], pairs),
        ("two classes, d = 40", mf.IsotropicGaussians(d=40, delta=0.8), 8, 3000, [0.0], [7.41176207426485]),
        ("two classes, d = 320", mf.IsotropicGaussians(d=320, delta=0.5), 8, 3000, [0.0], [6.62468838834289]),
    ]
    print(f"{'model':<22}{'N':>5}{'networks':>10}{'t':>6}{'measured':>10}{'s.e. %':>8}{'exact':>10}{'apart/s.e.':>12}")
    for name, system, n, count, times, known in cases:
        costs = np.array([cost_of_halving(system, n, 100_000 + seed, times) for seed in range(count)])
        for t, value, error, constant in zip(times, costs.mean(axis=0), costs.std(axis=0, ddof=1) / np.sqrt(count), known, strict=True):
            share, apart = 100.0 * error / constant, (value - constant) / error
            print(f"{name:<22}{n:>5}{count:>10}{t:>6g}{value:>10.4f}{share:>8.1f}{constant:>10.4f}{apart:>12.1f}", flush=True)


def corrections():
    """Bias and variance, times N, of ensembles and as predicted by ``mf.finite_width``."""
    cases = [
        ("cosine", mf.CosineCircle(b=0.8), {"method": "nodes", "nodes": 48}, 64, 2000, [0.0, 1.0, 2.0], ("risk", "z")),
        ("erf, d = 2", two_layer(d=2), {"method": "nodes", "nodes": 12}, 32, 300, [0.0, 1.0], ("risk",)),
    ]
    for name, system, nodes, n, count, times, observables in cases:
        correction = mf.finite_width(system.limit(**nodes), times, observables)
        drift = mf.drift(
            system, widths={"m": [n]}, replicas=count, t_eval=times, tracers=False, network={"dynamics": "particles"}
        )
        print(f"{name}: N = {n}, {count} networks")
        for row in drift.compare(correction, width="m"):
            bias = f"bias {row['bias']:8.4f} +- {row['bias_error']:.4f}, predicted {row['predicted_bias']:8.4f}"
            spread = f"variance {row['variance']:.4f} +- {row['variance_error']:.4f}, predicted {row['predicted_variance']:.4f}"
            print(f"  t = {row['t']:<4g}{row['observable']:<6}{bias}; {spread}", flush=True)


if __name__ == "__main__":
    constants()
    corrections()
