"""Whole trainings for maps: numbers alone, without rows, by the same steps as :func:`mfpde.solve` makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.checks import number, whole
from mfpde.flow import Array
from mfpde.kernels.relu_training import DONE, STEPS, flow_steps
from mfpde.streams import resolve_seed
from mfpde.systems.phase_diagram import limit
from mfpde.systems.phase_diagram.blocks import Blocks
from mfpde.systems.phase_diagram.gradient_flow import RHO, checked_rho
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.network import blocks_of, check_dynamics, draw
from mfpde.systems.phase_diagram.recipe import FIRST_RATE, MOST_STEPS, TOLERANCE, fresh_record, relative, search

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint


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
    square_w, square_a : float
        sum c |w|^2 and sum c a^2 over the first copy at the start.
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
    square_w: float
    square_a: float


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
    first_rate: float = FIRST_RATE,
    tolerance: float = TOLERANCE,
    most: int = MOST_STEPS,
) -> Training:
    """Train one network to the tolerance.

    Parameters
    ----------
    dynamics : {"paper", "flow"}
    beta_1 : float, optional
        The scale of a on which the recipe's rates count: dt = 2 lr0 sqrt(beta_1 beta_2) / kappa with beta_2 = beta_1 / kappa'. None
        is beta_1 beta_2 = 1.
    rho : float
        The step of dynamics="flow".
    first_rate : float
        The lr0 of the recipe's first try.
    tolerance : float
        The loss at which the run ends.
    most : int
        The steps after which it gives up.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.
    """
    m, seed, tolerance = whole("m", m), resolve_seed(seed), number("tolerance", tolerance, positive=True)
    check_dynamics(dynamics, dtype)
    if dynamics == "event":
        raise ValueError("dynamics = 'event': give 'paper' or 'flow' here, and solve the network itself for 'event'")
    kappa, kappa_prime = point.kappa(m), point.kappa_prime(m)
    if dynamics == "flow":
        initial = draw(point, m, seed)
        return _follow(blocks_of(point, initial, m, "float64"), initial, kappa_prime, rho, tolerance, most)
    scale = 1.0 if beta_1 is None else number("beta_1", beta_1, positive=True) / np.sqrt(kappa_prime)
    run = search(
        lambda j: draw(point, m, seed, j),
        lambda i: blocks_of(point, i, m, dtype),
        2.0 * scale / kappa,
        redraw=redraw,
        most=most,
        first_rate=number("first_rate", first_rate, positive=True),
        tolerance=tolerance,
    )
    counts: dict[str, Any] = {"converged": run.converged, "steps": run.steps, "tries": run.tries, "tried_steps": run.tried_steps}
    counts |= {"lr0": run.lr0, "dt": run.dt, "t": run.steps * run.dt, "loss": run.loss}
    return Training(**counts, **_displaced(run.initial, run.da, run.dw, run.suprema, kappa_prime))


def train_law(
    point: PhasePoint, m: float, *, nodes: int | None = None, rho: float = RHO, rng: int = 0, tolerance: float = TOLERANCE
) -> Training:
    """Train the annealed law of the width `m` to the tolerance, by gradient flow.

    Parameters
    ----------
    nodes, rho, rng
        As for :meth:`PhasePoint.limit`.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    kappa_m, kappa_prime = limit.annealed(point, m)
    count = whole("nodes", limit.default_nodes(point) if nodes is None else nodes)
    initial = limit.initial_law(point, count, resolve_seed(rng))
    constants: dict[str, Any] = {"kappa": 1.0, "kappa_prime": kappa_prime, "kappa_forward": point.copies * kappa_m}
    blocks = Blocks(initial, point.inputs, point.labels, f0=np.zeros(len(point.labels)), **constants)
    return _follow(blocks, initial, kappa_prime, rho, tolerance, limit.MOST_STEPS)


def _follow(blocks: Blocks, initial: Initial, kappa_prime: float, rho: float, tolerance: float, most: int) -> Training:
    """Gradient flow to the tolerance, or until `most` steps are made."""
    room, record, pace = blocks.room(order=4), fresh_record(), np.zeros(3)
    t, loss = flow_steps(blocks.problem, room, 0.0, np.inf, checked_rho(rho), tolerance, most, record, pace)
    da, dw = blocks.scatter(room.d)
    counts: dict[str, Any] = {"converged": bool(pace[DONE]), "steps": int(pace[STEPS]), "tries": 1, "tried_steps": int(pace[STEPS])}
    counts |= {"lr0": np.nan, "dt": np.nan, "t": t, "loss": loss}
    return Training(**counts, **_displaced(initial, da, dw, relative(record, blocks), kappa_prime))


def _displaced(initial: Initial, da: Array, dw: Array, suprema: Array, kappa_prime: float) -> dict[str, Any]:
    kept = slice(initial.first)
    c = initial.c[kept]
    moved_a, a = (float(c @ values[kept] ** 2) for values in (da.astype(np.float64, copy=False), initial.a))
    moved_w, w = (float(c @ np.einsum("kj,kj->k", rows[kept], rows[kept])) for rows in (dw.astype(np.float64, copy=False), initial.w))
    ends = np.sqrt([moved_w / w, moved_a / a, (moved_a + moved_w) / (a + w)]).tolist()
    change = kappa_prime**2 * da * (2.0 * initial.a + da) - np.einsum("kj,kj->k", dw, 2.0 * initial.w + dw)
    w_after = initial.w + dw
    drift = float(np.max(np.abs(change) / (kappa_prime**2 * (initial.a + da) ** 2 + np.einsum("kj,kj->k", w_after, w_after))))
    names = ("rd_w", "rd_a", "rd_theta")
    values = dict(zip(names, ends, strict=True)) | {"invariant_drift": drift, "square_w": w, "square_a": a}
    return values | {f"sup_{name}": float(s) for name, s in zip(names, suprema, strict=True)}
