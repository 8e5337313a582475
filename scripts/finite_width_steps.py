"""What the length of the steps and the samples add to finite width: ``python scripts/finite_width_steps.py``.

The gaps of the coupled dynamics particles - gd - sgd of Mei, Misiakiewicz, Montanari 2019 against the step; minus the exponent is fitted.
``mfpde figure mei2019-error-split --preset paper`` has all gaps against width, step and dimension.
"""

from finite_width_rates import show

import mfpde as mf
from mfpde.systems.two_layer.split import error_split

REPLICAS = 160

if __name__ == "__main__":
    system, steps, dynamics = mf.CosineCircle(b=0.8), [2.0**-5, 2.0**-7, 2.0**-9, 2.0**-11], ("particles", "gd", "sgd")
    splits = [error_split(system, m=256, eps=eps, t_eval=[1.0], replicas=REPLICAS, dynamics=dynamics) for eps in steps]
    print(f"cosine model, N = 256, t = 1, {REPLICAS} replicas, against eps = {steps}")
    for gap, order in (("particles-gd", 1.0), ("gd-sgd", 0.5)):
        for kind in ("risk", "rms"):
            show(f"  {kind} {gap}", steps, [getattr(split, kind)[gap][:, 0] for split in splits], -order)
