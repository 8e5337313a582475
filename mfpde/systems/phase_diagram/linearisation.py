"""How linear training was: the distance from the model linearised at the start, and the change of the tangent kernel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Trajectory
from mfpde.systems.phase_diagram.particles import ParticleFlow


def kernel_change(flow: ParticleFlow, trajectory: Trajectory) -> Array:
    """|G(t) - G(0)| / |G(0)| in the Frobenius norm at every saved row, shape (n_t,); G is :meth:`ParticleFlow.gram`."""
    start = flow.gram(flow.state0)
    changes = [float(np.linalg.norm(flow.gram(y) - start)) for y in trajectory.states]
    return np.array(changes) / float(np.linalg.norm(start))


def linearised_outputs(flow: ParticleFlow, t: npt.ArrayLike, x: npt.ArrayLike | None = None) -> Array:
    """Outputs of the model linearised at the initial neurons, trained with the same rule: f_lin(x, t), shape (n_t, k).

    f_lin(x, t) = f(x, 0) - G(x, X) G^-1 (1 - exp(-G t)) (f(X, 0) - y), with (1 - dt G)^(t / dt) in place of the exponential for gradient
    descent in steps of dt. Derived in docs/phase_diagram.

    Parameters
    ----------
    t : array (n_t,)
    x : array (k, d) or (k,), optional
        Inputs; default the training inputs.
    """
    inputs = flow.X if x is None else flow.point.augmented(x)
    rows = np.add(*flow.gram_parts(flow.state0, inputs))
    rates, modes = np.linalg.eigh(flow.gram(flow.state0))
    lag = modes.T @ (flow.f0 - flow.y)
    times = np.atleast_1d(np.asarray(t, np.float64))[:, None]
    # The time integral of the decay of every mode, (1 - exp(-r t)) / r, also for r = 0.
    spent = np.where(rates > 0.0, -_decay(rates, times, getattr(flow, "dt", None)) / np.where(rates > 0.0, rates, 1.0), times)
    start = flow.f0 if x is None else flow.predict(flow.state0, x)
    outputs: Array = start - (spent * lag) @ modes.T @ rows.T
    return outputs


def _decay(rates: Array, times: Array, dt: float | None) -> Array:
    """exp(-r t) - 1, or (1 - dt r)^(t / dt) - 1, which alternates where dt r > 1."""
    if dt is None:
        return np.expm1(-rates * times)
    steps, factor = np.rint(times / dt), 1.0 - dt * rates
    slow = np.expm1(steps * np.log1p(np.where(factor > 0.0, -dt * rates, 0.0)))
    decay: Array = np.where(factor > 0.0, slow, factor**steps - 1.0)
    return decay


def linearised_distance(flow: ParticleFlow, trajectory: Trajectory, x: npt.ArrayLike | None = None) -> Array:
    """Root mean square of f - f_lin over the inputs `x` (default: the training inputs) at every saved row, shape (n_t,)."""
    linear = linearised_outputs(flow, trajectory.t, x)
    outputs = np.array([flow.outputs(y) if x is None else flow.predict(y, x) for y in trajectory.states])
    distance: Array = np.sqrt(np.mean((outputs - linear) ** 2, axis=1))
    return distance
