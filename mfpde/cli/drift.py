"""``mfpde drift``: how fast the networks of a system approach their limit, as a table and a plot."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfpde.cli import values
from mfpde.cli.errors import CommandError
from mfpde.cli.workers import workers

if TYPE_CHECKING:
    from mfpde.finite import Drift
    from mfpde.papers.drift import Study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("system", metavar="SYSTEM", help="a system that `mfpde list` shows; what is not given is its quick study's")
    parser.add_argument("--widths", nargs="+", type=values.widths, metavar="NAME=M,M,...", help="widths to run, as a grid")
    parser.add_argument("--fixed", nargs="+", type=values.width, default=[], metavar="NAME=M", help="the other widths")
    parser.add_argument("--replicas", type=int, metavar="N", help="independent networks per width")
    parser.add_argument("--t", type=values.times, metavar="T,T,...", help="times at which the gaps are measured")
    for name, text in (("param", "of the system"), ("network", "of its network"), ("limit", "of its limit")):
        parser.add_argument(f"--{name}", nargs="+", type=values.setting, default=[], metavar="KEY=VALUE", help=f"arguments {text}")
    parser.add_argument("--dynamics", metavar="NAME", help="the network's dynamics")
    parser.add_argument("--coupling", default="nested", metavar="NAME", help="nested (the default), independent or mirrored")
    parser.add_argument("--laws", action="store_true", help="also distances between laws, with the noise floor of every distance")
    parser.add_argument("--rtol", type=float, metavar="NUMBER", help="tolerance in continuous time")
    parser.add_argument("--rng", type=int, default=0, metavar="SEED", help="seed of everything (default 0)")
    parser.add_argument("--at", type=values.instant, default="last", metavar="T", help="when: one of the times, last (the default) or sup")
    parser.add_argument("--statistic", default="rms", metavar="NAME", help="rms (the default), mean or bias over replicas")
    parser.add_argument("--floor", action="store_true", help="fit C m^-a + floor")
    parser.add_argument("--along", metavar="NAME", help="the width along which rates are fitted, where several vary")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core; 1 runs everything here)")
    parser.add_argument("--store", type=Path, metavar="DIR", help="keeps every run as it finishes (default: OUT/SYSTEM-store)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")


def drift(arguments: argparse.Namespace) -> None:
    """Run the networks, print the rate table and write table, plot and numbers."""
    from mfpde.finite import format_table
    from mfpde.papers.drift import study
    from mfpde.plot import save_figure, style
    from mfpde.plot.rates import draw_rates
    from mfpde.study import StudyError, save_table

    chosen = study(arguments.system)
    store = arguments.store or arguments.out / f"{arguments.system}-store"
    settings = _settings(arguments, chosen)
    fit = _fit(arguments, settings)
    try:
        found = _run(arguments, settings, store)
    except KeyboardInterrupt:
        raise CommandError(f"interrupted; {store} keeps the runs that are done, and the same command goes on from there") from None
    except StudyError as error:
        raise CommandError(str(error)) from error
    table = found.table(**fit)
    time = "largest over the saved times" if fit["t"] is None else f"t = {fit['t']:g}"
    print(f"{arguments.system}: {fit['statistic']} over {settings['replicas']} replicas, {time}")
    print(format_table(table))
    for run in found.failed:
        print(f"did not complete: {run}")
    tables = _tables(found, table, fit)
    config = {"system": arguments.system, "parameters": dict(arguments.param), "drift": settings, "fit": fit}
    stem = arguments.out / arguments.system
    with style():
        figure = draw_rates(tables, ylabel=f"{fit['statistic']} gap, {time}")
        written = save_figure(figure, f"{arguments.system}-drift", arguments.out, tables, config)
    written += save_table(table, stem.with_name(f"{stem.name}-rates"))
    written += [found.save(stem.with_name(f"{stem.name}-gaps.h5"))]
    for path in written:
        print(path)


def _settings(arguments: argparse.Namespace, chosen: Study) -> dict[str, Any]:
    """The arguments of ``mf.drift``: those of the study where nothing else was given."""
    widths = dict(arguments.widths) if arguments.widths else {name: list(sizes) for name, sizes in chosen.widths.items()}
    # A width that the study varies and that is neither varied nor fixed here is left to the network.
    fixed = {name: size for name, size in chosen.fixed.items() if name not in widths} | dict(arguments.fixed)
    network = dict(chosen.network) | dict(arguments.network)
    if arguments.dynamics is not None:
        network["dynamics"] = arguments.dynamics
    shared = {name: network[name] for name in chosen.shared if name in network}
    return {
        "widths": widths,
        "fixed": fixed,
        "replicas": chosen.replicas if arguments.replicas is None else arguments.replicas,
        "t_eval": list(chosen.times) if arguments.t is None else arguments.t,
        "network": network,
        "limit": {**chosen.limit, **shared, **dict(arguments.limit)},
        "rtol": chosen.rtol if arguments.rtol is None else arguments.rtol,
        **{name: getattr(arguments, name) for name in ("coupling", "laws", "rng")},
    }


def _fit(arguments: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """What is fitted; ValueError before anything runs if it cannot be."""
    varying = [name for name, sizes in settings["widths"].items() if len(set(sizes)) > 1]
    along = arguments.along or (varying[0] if len(varying) == 1 else None)
    if along is None or along not in varying:
        raise ValueError(f"widths that vary: {', '.join(varying) or 'none'}; give --along one of them, with 3 values at least")
    needed = 4 if arguments.floor else 3
    if len(set(settings["widths"][along])) < needed:
        raise ValueError(f"{along} = {settings['widths'][along]}: a rate needs at least {needed} different widths")
    if len(set(settings["widths"][along])) < len(settings["widths"][along]):
        raise ValueError(f"{along} = {settings['widths'][along]}: give each width once")
    if settings["replicas"] < 2:
        raise ValueError(f"replicas = {settings['replicas']}: an interval needs at least 2")
    # Along one width the others stay at their largest.
    at = {name: max(sizes) for name, sizes in settings["widths"].items() if name != along}
    t = {"last": settings["t_eval"][-1], "sup": None}.get(arguments.at, arguments.at)
    if t is not None and t not in settings["t_eval"]:
        raise ValueError(f"--at {t:g}: give one of the times {settings['t_eval']}, or sup")
    if arguments.statistic not in ("rms", "mean", "bias"):
        raise ValueError(f"statistic = {arguments.statistic!r}: give rms, mean or bias")
    if arguments.statistic == "bias" and t is None:
        raise ValueError("--statistic bias --at sup: a bias belongs to a time; give one of the times as --at")
    return {"statistic": arguments.statistic, "t": t, "width": along, "at": at, "floor": arguments.floor}


def _run(arguments: argparse.Namespace, settings: dict[str, Any], store: Path) -> Drift:
    from mfpde.finite import drift as run_drift
    from mfpde.papers.drift import make_system

    system = make_system(arguments.system, dict(arguments.param))
    _check_flows(system, settings, arguments.system)
    with workers(arguments.workers) as executor:
        return run_drift(system, **settings, executor=executor, store=store, progress=not arguments.quiet)


def _check_flows(system: Any, settings: dict[str, Any], name: str) -> None:
    """One small network and its limit, so that an argument that does not exist is an error of one line before anything runs."""
    from mfpde.solve.times import checked_times

    checked_times(settings["t_eval"])
    smallest = {width: min(sizes) for width, sizes in settings["widths"].items()}
    try:
        network = system.network(**settings["network"], **settings["fixed"], **smallest, rng=0)
        if hasattr(system, "coupled_limit"):
            system.coupled_limit(network, **settings["limit"])
        else:
            system.limit(**settings["limit"])
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error


def _tables(found: Drift, table: Any, fit: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the plot shows: the statistic of every gap that was fitted, and the fits."""
    import numpy as np

    from mfpde.plot.rates import FITTED

    width, _, sizes = found.along(fit["width"], fit["at"])
    values: dict[str, Any] = {width: np.array(sorted(sizes))}
    fits: dict[str, Any] = {}
    for row in table:
        if not np.isfinite(row["exponent"]):
            continue
        name = str(row["gap"])
        rate = found.rate(name, **fit)
        values |= {name: rate.values, f"{name}_error": rate.errors}
        fits |= {f"{name}_{part}": np.array([row[part]]) for part in FITTED}
    return {"values": values, "fits": fits}
