"""How fast a network of width N approaches its limit, to leading order in 1/N, without running a network."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, VelocityFlow
from mfpde.solve import solve

_STEPS = (0.06, 0.12, 0.18, 0.24, 0.3)
_AT_BASE = 1e-8
_ONE = 1e-9


@dataclass(frozen=True)
class FiniteWidth:
    """E X_N = X + drift/N + O(N^-2) and Var X_N = variance/N + O(N^-2) for networks of N independent initial neurons.

    Attributes
    ----------
    t : array (n_t,)
        Times on the limit's clock.
    observables : dict of arrays (n_t, ...)
        X, the limit.
    drift, variance : dict of arrays (n_t, ...)
        For `risk` the drift is the constant c(t); of an array, for each entry.
    predictions, prediction_drift, prediction_variance : array (n_t, n_x)
        The same for f at the inputs asked for; prediction_variance is v(x).
    """

    t: Array
    observables: dict[str, Array]
    drift: dict[str, Array]
    variance: dict[str, Array]
    predictions: Array
    prediction_drift: Array
    prediction_variance: Array


def finite_width(
    limit: VelocityFlow,
    t_eval: npt.ArrayLike,
    observables: Sequence[str] = ("risk",),
    x: npt.ArrayLike | None = None,
    rtol: float = 1e-10,
    atol: float = 1e-12,
    reweight: Callable[[Any, Array], VelocityFlow] | None = None,
) -> FiniteWidth:
    """The constants of the interacting particles (network, gradient flow) behind a limit made of weighted nodes.

    With rho_0 = sum_j p_j delta_{theta_j}, R(p) the limit's observable as a function of the weights and e_j the unit vectors,

        drift = (1/2) sum_j p_j D^2 R(p)[e_j - p, e_j - p],    variance = sum_j p_j (D R(p)[e_j - p])^2,

    because a network's weights are p plus a multinomial fluctuation. Derived in docs/two_layer_exact. The derivatives are those along
    sqrt(p_j) (e_j - p), which changes a light node in the law's tail no more than it can bear, by central differences at the steps .06,
    .12, .18, .24 and .3, extrapolated; all 12 n systems of n nodes are integrated with common steps, so that errors of the time
    integration are smooth in p and do not spoil the differences. Nodes are enough when twice as many give the same constants: moments of
    rho_0 of twice the order enter.

    Parameters
    ----------
    limit : VelocityFlow
        Deterministic nodes with the attribute ``weights`` (n,), all > 0, of sum 1, each node the place of a neuron: not those of a law
        that was reduced by a symmetry of the neurons' law, which the fluctuations break.
    t_eval : array_like (n_t,)
        Times on the limit's clock.
    observables
        Names among those the limit reports.
    x : array (n_x, d), optional
        Inputs at which the network's output is asked for.
    rtol, atol
        Tolerances of the integration.
    reweight : callable, optional
        ``reweight(limit, weights) -> VelocityFlow``, the limit with other weights, some negative. By default a copy whose ``weights``
        are replaced.

    Raises
    ------
    ValueError
        If the limit is not made of weighted nodes in continuous time, an observable is unknown, or the run stops early.
    """
    weights = _checked_weights(limit)
    known = limit.observe(0.0, limit.state0)
    for name in observables:
        if name not in known:
            raise ValueError(f"observables has {name!r}: this limit reports {', '.join(known)}")
    make = reweight or _with_weights
    shifts = [sign * step for step in (_AT_BASE, *_STEPS) for sign in (1.0, -1.0)]
    copies = []
    for j in range(len(weights)):
        direction = -weights
        direction[j] += 1.0
        direction *= np.sqrt(weights[j])
        copies += [make(limit, weights + shift * direction) for shift in shifts]
    _check_acting(limit, copies[-1])
    together = _Together(copies)
    run = solve(together, t_eval, rtol, atol, "DOP853")
    if not run.complete:
        raise ValueError(f"no constants at t = {run.t[-1]:.6g} and after: {run.message}")
    names = list(observables)
    rows = zip(run.t, run.states, strict=True)
    values = np.array([[_values(flow, t, y, names, x) for flow, y in together.parts(state)] for t, state in rows])
    moved = values.reshape(len(run.t), len(weights), 1 + len(_STEPS), 2, -1)
    # One run's rounding would enter all n second differences alike: the mean of 2 n runs at almost the same weights has less.
    base = np.mean(moved[:, :, 0], axis=(1, 2))
    first, second = _derivatives(base, moved[:, :, 1:])
    drift = 0.5 * np.sum(second, axis=1)
    variance = np.sum(first**2, axis=1)
    shapes = {name: np.shape(known[name]) for name in names}
    (limits, a), (drifts, b), (variances, c) = (_by_name(table, shapes) for table in (base, drift, variance))
    return FiniteWidth(run.t, limits, drifts, variances, a, b, c)


def _checked_weights(limit: VelocityFlow) -> Array:
    name = type(limit).__name__
    remedy = "give the limit as weighted nodes, where the system has it so, such as limit(method='nodes')"
    if not isinstance(limit, VelocityFlow):
        raise ValueError(f"limit = {name} moves in steps of its own, whose errors are not smooth in the weights: {remedy}")
    p = getattr(limit, "weights", None)
    if not isinstance(p, np.ndarray) or p.ndim != 1:
        raise ValueError(f"limit = {name} has no attribute weights (n,), by whose derivatives a law is perturbed: {remedy}")
    weights = np.asarray(p, np.float64)
    if np.any(weights <= 0.0):
        raise ValueError(f"limit = {name} carries {np.sum(weights <= 0.0)} tracers of weight 0: {remedy}, weighted nodes alone")
    if abs(np.sum(weights) - 1.0) > _ONE:
        raise ValueError(f"limit = {name} has weights that sum to {np.sum(weights):.6g}, those of no law of neurons: {remedy}")
    return weights


def _check_acting(limit: VelocityFlow, other: VelocityFlow) -> None:
    """Refuse weights that move nothing, such as those of passive tracers."""
    y, seen, same = limit.state0, limit.observe(0.0, limit.state0), other.observe(0.0, limit.state0)
    if np.array_equal(limit.velocity(0.0, y), other.velocity(0.0, y)) and all(np.array_equal(seen[name], same[name]) for name in seen):
        raise ValueError(f"limit = {type(limit).__name__} does not depend on its weights, which are not its law's: give weighted nodes")


def _by_name(table: Array, shapes: Mapping[str, tuple[int, ...]]) -> tuple[dict[str, Array], Array]:
    """The columns of observables, shaped, and what is left: the predictions."""
    start, named = 0, {}
    for name, shape in shapes.items():
        stop = start + prod(shape)
        named[name] = table[:, start:stop].reshape(len(table), *shape)
        start = stop
    return named, table[:, start:]


def _derivatives(base: Array, moved: Array) -> tuple[Array, Array]:
    """First and second directional derivatives from values (n_t, n_j, steps, sign, n_v), shape (n_t, n_j, n_v)."""
    plus, minus = moved[..., 0, :], moved[..., 1, :]
    h = np.array(_STEPS)[:, None]
    first = (plus - minus) / (2.0 * h)
    second = (plus - 2.0 * base[:, None, None, :] + minus) / h**2
    return _extrapolated(first), _extrapolated(second)


def _extrapolated(values: Array) -> Array:
    """Values (n_t, n_j, steps, n_v) with errors in even powers of the step, at the step 0: Neville's scheme."""
    rows = [values[:, :, i] for i in range(len(_STEPS))]
    for level in range(1, len(_STEPS)):
        ratios = [(_STEPS[i + level] / _STEPS[i]) ** 2 for i in range(len(rows) - 1)]
        rows = [(ratio * fine - coarse) / (ratio - 1.0) for ratio, fine, coarse in zip(ratios, rows, rows[1:], strict=False)]
    return rows[0]


def _values(flow: Any, t: float, y: Array, names: list[str], x: npt.ArrayLike | None) -> Array:
    # At weights some of which are negative, an observable that nobody asked for, such as a standard deviation, may be no number.
    with np.errstate(invalid="ignore"):
        observed = flow.observe(t, y)
    outputs = np.empty(0) if x is None else np.asarray(flow.predict(y, x), np.float64)
    return np.concatenate([*(np.ravel(observed[name]) for name in names), outputs])


def _with_weights(limit: VelocityFlow, weights: Array) -> VelocityFlow:
    other: Any = copy.copy(limit)
    other.weights = weights
    return other  # type: ignore[no-any-return]


class _Together(VelocityFlow):
    """Several flows of one size side by side."""

    def __init__(self, flows: Sequence[VelocityFlow]) -> None:
        self._flows, self._size = list(flows), flows[0].packing.size
        self.clock, self.config = flows[0].clock, {"together": len(self._flows)}
        self.packing = Packing((Field("states", (len(self._flows), self._size), ("flow", "state")),))
        self.state0 = np.concatenate([flow.state0 for flow in self._flows])

    def parts(self, y: Array) -> list[tuple[VelocityFlow, Array]]:
        """Each flow with its own state."""
        return list(zip(self._flows, y.reshape(len(self._flows), self._size), strict=True))

    def velocity(self, t: float, y: Array) -> Array:
        """The velocities one after the other."""
        return np.concatenate([flow.velocity(t, state) for flow, state in self.parts(y)])

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Nothing: the parts are observed afterwards."""
        return {}
