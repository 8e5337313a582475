"""``mfpde sweep``: a grid of runs from one TOML file, and one table of them."""

from __future__ import annotations

import argparse
import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.cli import config
from mfpde.cli.errors import CommandError
from mfpde.cli.workers import workers
from mfpde.study import Archive, Result, Run, StudyError, collect, execute, save_table
from mfpde.systems import registry

SECTIONS = [*config.SECTIONS, "grid"]


def sweep(arguments: argparse.Namespace) -> None:
    """Solve every flow of the grid that is not yet kept in OUT/store, and write OUT/NAME.csv, .h5 and OUT/NAME-rows.csv, .h5."""
    content, grid = read(arguments.config)
    runs = [Run(run_one, {"content": filled(content, chosen), "chosen": chosen}) for chosen in grid]
    store = arguments.out / "store"
    try:
        with workers(arguments.workers) as executor:
            results = execute(runs, archive=Archive(store), executor=executor, progress=not arguments.quiet)
    except KeyboardInterrupt:
        raise CommandError(f"interrupted; {store} keeps the runs that are done, and the same command goes on from there") from None
    except StudyError as error:
        raise CommandError(str(error)) from error
    described = [Run(run_one, shown(chosen)) for chosen in grid]
    stem = arguments.out / arguments.config.stem
    written = save_table(collect(described, results), stem)
    written += save_table(rows(described, results), stem.with_name(f"{stem.name}-rows"))
    for path in written:
        print(path)
    stopped = [i for i, result in enumerate(results) if not result["complete"]]
    if stopped:
        first = f"run {stopped[0]}, {grid[stopped[0]]}: {results[stopped[0]]['message']}"
        raise CommandError(f"{len(stopped)} of {len(runs)} runs did not complete, such as {first}")


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The sections of the file without its grid, and the values of every point of the grid by "section.key".

    Raises
    ------
    ValueError
        If the file is not TOML, a section is unknown or missing, or the grid's entries are no lists, or are given elsewhere too.
    OSError
        If the file cannot be read.
    """
    content = config.load(path)
    try:
        registry.check_keys(content, SECTIONS, "the configuration")
        grid = _flat(content.pop("grid", None))
        for key in grid:
            section, name = key.split(".", 1)
            if not isinstance(content.get(section, {}), dict):
                raise ValueError(f"{section} = {content[section]!r}: give [{section}] as a section")
            if name in content.get(section, {}):
                raise ValueError(f"[grid]: {key} is given in [{section}] too: leave it out there")
        points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
        # The first point tells of an unknown key before anything runs.
        first = filled(content, points[0])
        flow = registry.build(config.flow_config(first))
        _solve_arguments(first, flow)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return content, points


def filled(content: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The sections with the values of one point of the grid."""
    full: dict[str, Any] = copy.deepcopy(dict(content))
    for key, value in chosen.items():
        section, name = key.split(".", 1)
        full.setdefault(section, {})[name] = value
    return full


def shown(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A point of the grid as cells of a table: lists and tables, such as times or the widths of a chain, as JSON."""
    return {key: json.dumps(value, sort_keys=True) if isinstance(value, (list, dict)) else value for key, value in chosen.items()}


def run_one(content: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """``complete``, ``message`` and last ``t`` of one run, its last observables, and everything at all times as ``rows.<name>``.

    Raises
    ------
    ValueError
        If a value is impossible; the message names the point of the grid.
    """
    from mfpde import solve

    try:
        flow = registry.build(config.flow_config(content))
        run = solve(flow, **_solve_arguments(content, flow))
    except ValueError as error:
        raise ValueError(f"[grid] at {dict(chosen)}: {error}") from error
    last = {name: values[-1] for name, values in run.observables.items() if values.ndim == 1}
    saved = {f"rows.{name}": values for name, values in {"t": run.t, **run.observables}.items()}
    return {"complete": run.complete, "message": run.message, "t": run.t[-1], **last, **saved}


def rows(runs: Sequence[Run], results: Sequence[Result]) -> Any:
    """One row a run and saved time: the point of the grid, ``t`` and the observables that are numbers; NaN where a run has none."""
    every_run: list[Run] = []
    every_result: list[Result] = []
    for run, result in zip(runs, results, strict=True):
        saved = {name.removeprefix("rows."): np.asarray(values) for name, values in result.items() if name.startswith("rows.")}
        numbers = {name: values for name, values in saved.items() if values.ndim == 1}
        for i in range(len(saved["t"])):
            every_run.append(run)
            every_result.append({name: float(values[i]) for name, values in numbers.items()})
    return collect(every_run, every_result)


def _solve_arguments(content: Mapping[str, Any], flow: Any) -> dict[str, Any]:
    section = content.get("solve")
    if isinstance(section, dict) and "max_seconds" in section:
        raise ValueError("[solve]: max_seconds has no place in a sweep, whose runs are kept: leave it out")
    if not isinstance(section, dict):
        raise ValueError("section [solve] is missing: the sections are [system], [flow], [solve] and [grid]")
    return config.solve_arguments(section, flow)


def _flat(grid: Any) -> dict[str, list[Any]]:
    if not isinstance(grid, dict) or not grid:
        raise ValueError('section [grid] is missing or empty: give lists, such as flow.m1 = [64, 128]')
    found = {}
    for section, given in grid.items():
        if section not in config.SECTIONS or not isinstance(given, dict):
            raise ValueError(f"[grid]: {section!r}: give lists under one of {', '.join(config.SECTIONS)}, such as flow.m1 = [64, 128]")
        for name, values in given.items():
            if not isinstance(values, list) or not values:
                raise ValueError(f"[grid]: {section}.{name} = {values!r}: give a list of values")
            found[f"{section}.{name}"] = values
    return found
