"""The error of SGD split along the four coupled dynamics: limit, nonlinear, particles, gd, sgd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import Array, Flow, StepFlow, Trajectory
from mfpde.solve import solve
from mfpde.streams import resolve_seed, stream
from mfpde.systems.two_layer.network import DYNAMICS


@dataclass(frozen=True)
class ErrorSplit:
    """The gaps between dynamics that share initial neurons, samples and Brownian paths; one row a replica.

    A gap is named "first-second" after two neighbours among limit, nonlinear, particles, gd, sgd.

    Attributes
    ----------
    t : array (n_t,)
        Times on the system's clock.
    limit : array (n_t,)
        The risk R of the limit.
    risk : dict of arrays (replicas, n_t)
        The risk of the second less that of the first: the gaps of a replica sum to R_N(sgd) - R.
    rms, largest : dict of arrays (replicas, n_t)
        Root mean square and maximum over the neurons of |theta_i - theta_i'|; the limit has no neurons, and no entry.
    """

    t: Array
    limit: Array
    risk: dict[str, Array]
    rms: dict[str, Array]
    largest: dict[str, Array]


def error_split(
    system: Any,
    *,
    m: int,
    eps: float,
    t_eval: npt.ArrayLike,
    replicas: int = 20,
    rng: int = 0,
    batch: int = 1,
    fine: int = 16,
    dynamics: Sequence[str] = DYNAMICS,
    limit: Mapping[str, Any] | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-12,
) -> ErrorSplit:
    """Run the coupled dynamics of a two-layer system from the same neurons, and return what each step of the proof costs.

    The gaps are those of the proofs in Mei, Misiakiewicz, Montanari 2019: sampling of the initial law (limit-nonlinear), interaction
    (nonlinear-particles), time step (particles-gd) and samples (gd-sgd). Networks of other widths with the same seed are nested.

    Parameters
    ----------
    system : two-layer system
    m : int
        Width N.
    eps : float
        Step of gd and sgd on the clock.
    t_eval : array (n_t,)
        Times, multiples of `eps`.
    replicas : int
        Independent draws of neurons, samples and noise.
    rng : int
        Seed of everything.
    batch : int
        Samples a step of sgd.
    fine : int
        With noise, "nonlinear" and "particles" make steps of eps / `fine` along the same Brownian paths.
    dynamics : sequence of str
        Those to run, in this order; without "gd" the last gap is "particles-sgd", both sources together.
    limit : mapping, optional
        Arguments of ``system.limit``.
    rtol, atol : float
        Tolerances of what runs in continuous time.

    Raises
    ------
    ValueError
        If a number is out of range, the dynamics are not some of the four in their order, or a run stops early.
    """
    chosen = [name for name in DYNAMICS if name in dynamics]
    if not chosen or list(dynamics) != chosen:
        raise ValueError(f"dynamics = {dynamics!r}: give one or more of {DYNAMICS}, in this order")
    replicas, fine, rng = whole("replicas", replicas), whole("fine", fine), resolve_seed(rng)
    chain = ["limit", *chosen]
    names = [f"{first}-{second}" for first, second in zip(chain, chosen, strict=False)]
    reference = _run(system.limit(**(limit or {})), t_eval, rtol, atol)
    gaps: dict[str, dict[str, list[Array]]] = {kind: {name: [] for name in names} for kind in ("risk", "rms", "largest")}
    for replica in range(replicas):
        seed = int(stream(rng, "replica", replica).integers(2**63))
        risk, neurons = reference.observables["risk"], None
        for name, which in zip(names, chosen, strict=True):
            network = system.network(m=m, dynamics=which, rng=seed, **_steps(which, system.field.noisy, eps, batch, fine))
            run = _run(network, t_eval, rtol, atol)
            moved = np.array([network.particles(state)["neurons"] for state in run.states])
            gaps["risk"][name].append(run.observables["risk"] - risk)
            if neurons is not None:
                distance = np.linalg.norm(moved - neurons, axis=2)
                gaps["rms"][name].append(np.sqrt(np.mean(distance**2, axis=1)))
                gaps["largest"][name].append(np.max(distance, axis=1))
            risk, neurons = run.observables["risk"], moved
    tables = {kind: {name: np.array(rows) for name, rows in table.items() if rows} for kind, table in gaps.items()}
    return ErrorSplit(reference.t, reference.observables["risk"], **tables)


def _steps(dynamics: str, noisy: bool, eps: float, batch: int, fine: int) -> dict[str, Any]:
    """The arguments of a network that fix its steps and samples."""
    if dynamics in ("nonlinear", "particles"):
        return {"eps": eps / fine} if noisy else {}
    steps: dict[str, Any] = {"eps": eps, **({"noise_steps": fine} if noisy else {})}
    return {**steps, "batch": batch} if dynamics == "sgd" else steps


def _run(flow: Flow, t_eval: npt.ArrayLike, rtol: float, atol: float) -> Trajectory:
    run = solve(flow, t_eval) if isinstance(flow, StepFlow) else solve(flow, t_eval, rtol, atol)
    if not run.complete:
        raise ValueError(f"no gaps at t = {run.t[-1]:.6g} and after: {flow.config['arguments']} ended early, {run.message}")
    return run
