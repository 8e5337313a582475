"""Figure 2 of Ren, Zhou, Ge (2023) in a dozen lines: an SGD network beside its infinite-width limit.

Two times smaller than `mfpde figure ren2023-fig2`, which also saves its data. Prints the path it wrote.
"""

import numpy as np
from matplotlib.figure import Figure

import mfpde as mf

system = mf.DepthSeparation(d=50, sigma_1=0.5)
network, limit = system.network(m1=256, m2=64, dynamics="sgd"), system.limit()
t = np.arange(0.0, 301.0, 2.5)
run, exact = mf.solve(network, t, progress=True), mf.solve(limit, t)

figure = Figure(figsize=(9.6, 3.0), layout="constrained")
loss, shape, neurons = figure.subplots(1, 3)
loss.semilogy(t, run.observables["loss"], "k", label="network")
loss.semilogy(t, exact.observables["loss"], "C3--", label="infinite width")
x = system.law.sample(300, np.random.default_rng(0))
r = np.linalg.norm(x, axis=1)
for i, row in enumerate([20, 40, 60, 120]):
    y, z = run.states[row], exact.states[row]
    loss.axvline(t[row], color=f"C{i}", ls=":")
    shape.plot(r, network.features(y, x), f"C{i}.", ms=2, label=f"t = {t[row]:g}")
    shape.plot(np.sort(r), limit.features(z, x)[np.argsort(r)], f"C{i}", lw=1)
    neurons.plot(network.unpack(y)["w2"], network.unpack(y)["b2"], f"C{i}.", ms=3)
    neurons.plot(exact.observables["w2_mean"][row], exact.observables["b2_mean"][row], "k+")
loss.set(xlabel="t", ylabel="loss")
shape.set(xlabel="|x|", ylabel="F(x)", xlim=(0.0, 2.0), ylim=(0.0, 1.0))
neurons.set(xlabel="w2", ylabel="b2")
loss.legend()
shape.legend()
figure.savefig("depth_separation_fig2.png", dpi=150)
print("depth_separation_fig2.png")
