"""Where the gap between a network and its limit comes from: each source refined alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.checks import is_real, number, whole
from mfpde.finite.budget_terms import ErrorBudget, Term, grown, shrunk
from mfpde.finite.one_run import run_flow
from mfpde.flow import Array, System, VelocityFlow
from mfpde.streams import resolve_seed, stream
from mfpde.study import Archive, Run, execute

_TIGHTER = 0.1


def error_budget(
    system: System,
    *,
    network: Mapping[str, Any],
    t: float,
    refine: Mapping[str, float],
    observable: str = "loss",
    replicas: int = 16,
    orders: Mapping[str, float] | None = None,
    limit: Mapping[str, Any] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    rng: int = 0,
    executor: Executor | None = None,
    store: str | Path | None = None,
) -> ErrorBudget:
    """What the arguments of a network each contribute to the gap of an observable from the limit.

    Every source is refined alone, with the same seeds, and its error extrapolated from what that changed. With X the observable, Delta
    = X(before) - X(after) in each replica and a the order:

    - a step h refined to f h, f < 1, has in each run the error Delta/(1 - f^a);
    - a whole number n (width, directions, batch) grown to f n, f > 1, has the bias E Delta/(1 - f^-a) and the variance
      Var Delta/(1 - f^-a): nested seeds make X(n) - X(f n) the part of the fluctuation of variance v/n - v/(f n);
    - where network and limit take tolerances, both are a tenth, of order 1; where the limit offers ``refined()``, that change is its error;
    - the mean over replicas has the error sd/sqrt(replicas), which the last term shows.

    Parameters
    ----------
    system : System
    network : mapping
        Arguments of ``system.network``, without its seed.
    t : float
        Time, on the clock of network and limit.
    refine : mapping
        Arguments of the network and the factor by which each is refined, such as ``{"m1": 2, "m2": 2, "directions": 2, "dt": 0.5}``.
    observable : str
        A number that network and limit report.
    replicas : int
        Independent networks, at least 4.
    orders : mapping, optional
        The order a of an argument's error, where it is not 1.
    limit : mapping, optional
        Arguments of ``system.limit``.
    rtol, atol
        Tolerances of what runs in continuous time.
    rng, executor, store
        As for :func:`mfpde.drift`.

    Raises
    ------
    ValueError
        If an argument to refine is not given, there is nothing to refine, a factor or order is impossible, the observable is unknown or
        no number, or a run stops early.
    """
    t, replicas, seed, limit = number("t", t), whole("replicas", replicas, least=4), resolve_seed(rng), dict(limit or {})
    for role, given in (("network", network), ("refine", refine)):
        if not isinstance(given, Mapping):
            raise ValueError(f"{role} = {given!r}: give values by name, such as {{'m1': 2}}")
    changes = {name: _changed(name, network, factor) for name, factor in refine.items()}
    powers = _checked_orders(orders or {}, refine)
    if "rng" in network:
        raise ValueError("network has rng: the seeds are those of the replicas, chosen by rng=")
    seeds = [int(stream(seed, "replica", replica).integers(2**63)) for replica in range(replicas)]
    described = {"name": type(system).__name__, "parameters": system.config()}

    def run(role: str, arguments: Mapping[str, Any], tighter: float = 1.0, refined: bool = False) -> Run:
        config = {"system": described, "role": role, "arguments": dict(arguments), "t": t, "observable": observable}
        return Run(observed, {**config, "rtol": tighter * rtol, "atol": tighter * atol, "refined": refined}, {"system": system})

    def networks(arguments: Mapping[str, Any], tighter: float = 1.0) -> list[Run]:
        return [run("network", {**network, **arguments, "rng": one}, tighter) for one in seeds]

    flows: dict[str, Any] = {"network": system.network(**network, rng=seeds[0]), "limit": system.limit(**limit)}
    groups = {"": networks({}), "limit": [run("limit", limit)], **{name: networks(change) for name, change in changes.items()}}
    if isinstance(flows["network"], VelocityFlow):
        groups["rtol"] = networks({}, _TIGHTER)
    if isinstance(flows["limit"], VelocityFlow):
        groups["limit rtol"] = [run("limit", limit, _TIGHTER)]
    if hasattr(flows["limit"], "refined"):
        groups["limit resolution"] = [run("limit", limit, refined=True)]
    if set(groups) == {"", "limit"}:
        raise ValueError("refine = {}: nothing here has tolerances or a resolution; name an argument of the network and a factor")
    values = _values(groups, executor, store)
    base, exact = values.pop(""), float(values.pop("limit")[0])
    terms = [_term(name, network, base - values[name], factor, powers[name]) for name, factor in refine.items()]
    if "rtol" in values:
        terms.append(shrunk("rtol", rtol, base - values["rtol"], _TIGHTER, 1.0))
    terms += [_of_limit(name, exact - float(values[name][0]), rtol) for name in ("limit rtol", "limit resolution") if name in values]
    return ErrorBudget(observable, t, exact, base, terms)


def observed(
    system: System,
    role: str,
    arguments: Mapping[str, Any],
    t: float,
    observable: str,
    rtol: float,
    atol: float,
    refined: bool,
) -> dict[str, float]:
    """The observable at `t` of the system's limit, refined or not, or of a network."""
    flow: Any = getattr(system, role)(**arguments)
    flow = flow.refined() if refined else flow
    known = flow.observe(0.0, flow.state0)
    if observable not in known or np.ndim(known[observable]):
        numbers = [name for name, value in known.items() if not np.ndim(value)]
        raise ValueError(f"observable = {observable!r}: the {role} reports the numbers {', '.join(numbers)}")
    result = run_flow(flow, np.array([t]), rtol, atol)
    if not result.complete:
        raise ValueError(f"the {role} with {dict(arguments)} did not reach t = {t}: {result.message}")
    return {"value": float(result.observables[observable][0])}


def _values(groups: Mapping[str, Sequence[Run]], executor: Executor | None, store: str | Path | None) -> dict[str, Array]:
    runs = [run for group in groups.values() for run in group]
    results: Any = iter(execute(runs, archive=None if store is None else Archive(store), executor=executor))
    return {name: np.array([next(results)["value"] for _ in group]) for name, group in groups.items()}


def _term(name: str, network: Mapping[str, Any], change: Array, factor: float, order: float) -> Term:
    return (shrunk if factor < 1.0 else grown)(name, network[name], change, factor, order)


def _of_limit(name: str, change: float, rtol: float) -> Term:
    """The error of the limit, which enters the gap with the other sign; that of its resolution is what refining it changed."""
    if name == "limit rtol":
        return shrunk(name, rtol, np.array([-change]), _TIGHTER, 1.0)
    return Term(name, np.nan, -change, 0.0, 0.0, 0.0, np.nan, 2.0)


def _changed(name: str, network: Mapping[str, Any], factor: object) -> dict[str, Any]:
    if name not in network:
        raise ValueError(f"refine has {name!r}: give its value in network, which has {', '.join(network)}")
    value = network[name]
    if not is_real(factor) or not 0.0 < factor < np.inf or factor == 1.0:
        raise ValueError(f"refine[{name!r}] = {factor!r}: give a factor > 1 for a number that grows, < 1 for a step that shrinks")
    if not is_real(value):
        raise ValueError(f"refine has {name!r}, which is {value!r} in network: only numbers can be refined")
    if isinstance(value, (int, np.integer)):
        grown_to = value * factor
        if grown_to != int(grown_to) or factor < 1.0:
            raise ValueError(f"refine[{name!r}] = {factor!r} turns {value} into {grown_to:g}: give a factor > 1 with a whole result")
        return {name: int(grown_to)}
    if factor > 1.0:
        raise ValueError(f"refine[{name!r}] = {factor!r} makes {value} coarser: give a factor < 1 for what is no whole number, a step")
    return {name: float(value) * float(factor)}


def _checked_orders(orders: Mapping[str, float], refine: Mapping[str, float]) -> dict[str, float]:
    unknown = [name for name in orders if name not in refine]
    if unknown:
        raise ValueError(f"orders has {unknown[0]!r}: refine has {', '.join(refine)}")
    return {name: number(f"orders[{name!r}]", orders.get(name, 1.0), positive=True) for name in refine}
