"""How fast networks approach their infinite-width limit as m1 grows: root-mean-square gaps with their log-log slopes.

Networks follow the population gradient flow on 1024 directions, m1 varies and m2 is fixed; draws width_drift.png. The first
layer's distance from its characteristics stays: it is the error of the directions, whose square falls like 1 / directions.
"""

import numpy as np
from matplotlib.figure import Figure

import mfpde as mf

system = mf.DepthSeparation(d=10, sigma_1=0.5)
widths, t = [16, 32, 64, 128, 256], [0.0, 25.0, 50.0]
study = mf.drift(
    system, widths={"m1": widths}, fixed={"m2": 64}, replicas=6, t_eval=t, network={"directions": 1024}, rtol=1e-4, atol=1e-7
)

figure = Figure(figsize=(4.0, 3.2), layout="constrained")
axes = figure.subplots()
for name in ("non_sphericity", "function_distance", "first_layer_rms", "second_layer_rms", "loss_discretisation"):
    gap = np.sqrt(np.mean(study.gaps[name][..., -1] ** 2, axis=1))
    slope = np.polyfit(np.log(widths), np.log(gap), 1)[0]
    axes.loglog(widths, gap, "o-", ms=3, label=f"{name}, {slope:.2f}")
    print(f"{name:>20}  slope {slope:6.3f}   {np.array2string(gap, precision=3)}")
axes.set_xticks(widths, labels=widths, minor=False)
axes.set_xticks([], minor=True)
axes.set(xlabel="$m_1$", ylabel=f"gap at t = {t[-1]:g}", ylim=(1e-8, None))
axes.legend(fontsize=7, loc="lower left")
figure.savefig("width_drift.png", dpi=150)
print("width_drift.png")
