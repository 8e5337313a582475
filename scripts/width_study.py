"""How fast the networks of a system approach their limit: ``python scripts/width_study.py SYSTEM``.

Runs the quick study of the system, prints the root-mean-square gaps at the last time with their fitted rates, and draws
width_study_SYSTEM.png. ``mfpde drift SYSTEM`` does the same with every setting as an argument.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from matplotlib.figure import Figure

import mfpde as mf
from mfpde.finite import format_table
from mfpde.papers.drift import make_system
from mfpde.papers.drift import study as study_of

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else "CosineCircle"
    study = study_of(name)
    limit = {**study.limit, **{key: study.network[key] for key in study.shared}}
    options = {"fixed": study.fixed, "replicas": study.replicas, "network": study.network, "limit": limit, "rtol": study.rtol}
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as executor:
        drift = mf.drift(make_system(name, {}), widths=study.widths, t_eval=study.times, executor=executor, **options)
    table = drift.table(t=study.times[-1])
    print(format_table(table))

    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, row in enumerate(table[np.isfinite(table["exponent"])]):
        rate = drift.rate(str(row["gap"]), t=study.times[-1])
        style = {"fmt": "o-" if i < 10 else "s--", "ms": 3, "label": f"{row['gap']}, {rate.exponent:.2f}"}
        axes.errorbar(rate.widths, rate.values, rate.errors, **style)
    axes.set(xscale="log", yscale="log", xlabel=next(iter(study.widths)), ylabel=f"gap at t = {study.times[-1]:g}")
    axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(f"width_study_{name}.png", dpi=150)
    print(f"width_study_{name}.png")
