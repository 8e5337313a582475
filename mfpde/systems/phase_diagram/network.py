"""The network of finite width: its initial neurons and the dynamics asked for; and whole trainings for maps, without rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.checks import number, whole
from mfpde.flow import Array
from mfpde.kernels.relu_training import DONE, STEPS, flow_steps
from mfpde.streams import resolve_seed, stream
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.gradient_flow import RHO, GradientFlow
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.particles import ParticleFlow
from mfpde.systems.phase_diagram.recipe import MOST_STEPS, TOLERANCE, RecipeFlow, fresh_record, relative, search

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

_DYNAMICS = ("paper", "flow", "event")


@dataclass(frozen=True)
class Training:
    """What a map keeps of one training.

    Attributes
    ----------
    converged : bool
        Whether the loss fell below the tolerance.
    steps, tries : int
        Steps of the run; learning rates tried ("paper"; else 1).
    tried_steps : int
        Steps of all tries together.
    lr0, dt : float
        The accepted learning rate and its step on the clock ("paper"; else nan).
    t : float
        Where the run ended on the clock "time".
    loss : float
    rd_w, rd_a, rd_theta : float
        RD at the end.
    sup_rd_w, sup_rd_a, sup_rd_theta : float
        Their suprema over all steps.
    invariant_drift : float
        max_k |I_k(T) - I_k(0)| / (kappa'^2 a_k^2 + |w_k|^2).
    """

    converged: bool
    steps: int
    tries: int
    tried_steps: int
    lr0: float
    dt: float
    t: float
    loss: float
    rd_w: float
    rd_a: float
    rd_theta: float
    sup_rd_w: float
    sup_rd_a: float
    sup_rd_theta: float
    invariant_drift: float


def make_network(
    point: PhasePoint,
    *,
    m: int,
    dynamics: str,
    rng: int | None,
    dtype: str,
    redraw: bool,
    rho: float | None = None,
    accuracy: float | None = None,
) -> ParticleFlow:
    """The flow behind :meth:`PhasePoint.network`."""
    m, seed = whole("m", m), resolve_seed(rng)
    _check(dynamics, dtype)
    if redraw and dynamics != "paper":
        raise ValueError(f"redraw = {redraw!r}: dynamics={dynamics!r} has no tries; leave it out or use 'paper'")
    for name, value, of in (("rho", rho, "flow"), ("accuracy", accuracy, "event")):
        if value is not None and dynamics != of:
            raise ValueError(f"{name} = {value!r}: dynamics={dynamics!r} finds its steps without; leave it out or use {of!r}")
    arguments: dict[str, Any] = {"m": m, "dynamics": dynamics, "rng": seed, "dtype": dtype, "redraw": bool(redraw)}
    config = {"system": type(point).__name__, "parameters": point.config(), "role": "network", "arguments": arguments}
    constants: dict[str, Any] = _constants(point, m)
    if dynamics == "event":
        from mfpde.systems.phase_diagram.event import ACCURACY, EventFlow

        arguments["accuracy"] = ACCURACY if accuracy is None else number("accuracy", accuracy, positive=True)
        return EventFlow(point, draw(point, m, seed), accuracy=arguments["accuracy"], config=config, **constants)
    if dynamics == "flow":
        arguments["rho"] = RHO if rho is None else number("rho", rho, positive=True)
        return GradientFlow(point, draw(point, m, seed), rho=arguments["rho"], config=config, **constants)
    run = search(lambda j: draw(point, m, seed, j), lambda i: _blocks(point, i, m, dtype), 2.0 / constants["kappa"], redraw=redraw)
    return RecipeFlow(point, run, config=config | run.found, dtype=dtype, **constants)


def draw(point: PhasePoint, m: int, seed: int, attempt: int = 0) -> Initial:
    """The initial neurons of try `attempt`; the first neurons of a wider network are the narrower one."""
    a = stream(seed, "second layer", attempt).standard_normal(m)
    w = stream(seed, "first layer", attempt).standard_normal((m, point.inputs.shape[1]))
    return Initial.of(a, w, np.ones(m), point.antisymmetric)


def train(
    point: PhasePoint,
    m: int,
    seed: int,
    dynamics: str = "paper",
    dtype: str = "float64",
    *,
    redraw: bool = False,
    beta_1: float | None = None,
    rho: float = RHO,
) -> Training:
    """Train one network to the tolerance and keep numbers alone, without rows: the same steps as :func:`mfpde.solve` makes.

    Parameters
    ----------
    dynamics : {"paper", "flow"}
    beta_1 : float, optional
        The scale of a on which the recipe's rates count: dt = 2 lr0 sqrt(beta_1 beta_2) / kappa with beta_2 = beta_1 / kappa'. None
        is beta_1 beta_2 = 1.
    rho : float
        The step of dynamics="flow".

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.
    """
    m, seed = whole("m", m), resolve_seed(seed)
    _check(dynamics, dtype)
    if dynamics == "event":
        raise ValueError("dynamics = 'event': give 'paper' or 'flow' here, and solve the network itself for 'event'")
    if dynamics == "flow":
        return _train_flow(point, m, seed, rho)
    kappa, kappa_prime = point.kappa(m), point.kappa_prime(m)
    scale = 1.0 if beta_1 is None else number("beta_1", beta_1, positive=True) / np.sqrt(kappa_prime)
    run = search(lambda j: draw(point, m, seed, j), lambda i: _blocks(point, i, m, dtype), 2.0 * scale / kappa, redraw=redraw)
    counts: dict[str, Any] = {"converged": run.converged, "steps": run.steps, "tries": run.tries, "tried_steps": run.tried_steps}
    counts |= {"lr0": run.lr0, "dt": run.dt, "t": run.steps * run.dt, "loss": run.loss}
    return Training(**counts, **_displaced(run.initial, run.da, run.dw, run.suprema, kappa_prime))


def _train_flow(point: PhasePoint, m: int, seed: int, rho: float) -> Training:
    initial = draw(point, m, seed)
    blocks = _blocks(point, initial, m, "float64")
    room, record, pace = blocks.room(order=4), fresh_record(), np.zeros(3)
    t, loss = flow_steps(blocks.problem, room, 0.0, np.inf, rho, TOLERANCE, MOST_STEPS, record, pace)
    da, dw = blocks.scatter(room.d)
    counts: dict[str, Any] = {"converged": bool(pace[DONE]), "steps": int(pace[STEPS]), "tries": 1, "tried_steps": int(pace[STEPS])}
    counts |= {"lr0": np.nan, "dt": np.nan, "t": t, "loss": loss}
    return Training(**counts, **_displaced(initial, da, dw, relative(record, blocks), point.kappa_prime(m)))


def _displaced(initial: Initial, da: Array, dw: Array, suprema: Array, kappa_prime: float) -> dict[str, Any]:
    kept = slice(initial.first)
    moved_a, moved_w = float(np.sum(da[kept] ** 2, dtype=np.float64)), float(np.sum(dw[kept] ** 2, dtype=np.float64))
    a, w = float(np.sum(initial.a[kept] ** 2)), float(np.sum(initial.w[kept] ** 2))
    ends = np.sqrt([moved_w / w, moved_a / a, (moved_a + moved_w) / (a + w)]).tolist()
    change = kappa_prime**2 * da * (2.0 * initial.a + da) - np.einsum("kj,kj->k", dw, 2.0 * initial.w + dw)
    w_after = initial.w + dw
    drift = float(np.max(np.abs(change) / (kappa_prime**2 * (initial.a + da) ** 2 + np.einsum("kj,kj->k", w_after, w_after))))
    names = ("rd_w", "rd_a", "rd_theta")
    values = dict(zip(names, ends, strict=True)) | {"invariant_drift": drift}
    return values | {f"sup_{name}": float(s) for name, s in zip(names, suprema, strict=True)}


def _constants(point: PhasePoint, m: int) -> dict[str, float]:
    kappa = point.kappa(m)
    return {"kappa": kappa, "kappa_prime": point.kappa_prime(m), "kappa_forward": kappa}


def _blocks(point: PhasePoint, initial: Initial, m: int, dtype: str) -> Blocks:
    f0: Array = np.zeros(len(point.labels))
    if not point.antisymmetric:
        f0 = point.kappa(m) * (np.maximum(initial.w @ point.inputs.T, 0.0).T @ initial.a)
    return Blocks(initial, point.inputs, point.labels, f0=f0, dtype=dtype, **_constants(point, m))


def _check(dynamics: str, dtype: str) -> None:
    if dynamics not in _DYNAMICS:
        raise ValueError(f"dynamics = {dynamics!r}: give one of {_DYNAMICS}")
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype = {dtype!r}: give 'float64' or 'float32'")
    if dtype != "float64" and dynamics != "paper":
        raise ValueError(f"dtype = {dtype!r}: dynamics={dynamics!r} is made in double precision; use 'float64' or dynamics='paper'")
