"""``mfpde run``, ``resume`` and ``show``: result files from the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfpde.cli import config
from mfpde.cli.errors import CommandError
from mfpde.flow import Flow
from mfpde.systems import registry


def run(arguments: argparse.Namespace) -> None:
    """Solve what a TOML file describes into a new result file."""
    for path in (arguments.out, _checkpoint(arguments.out)):
        if path.exists():
            raise CommandError(f"{path} exists already: `mfpde resume {arguments.out}` continues a run; delete it to start again")
    flow, given = config.read(arguments.config)
    _solve(flow, arguments.out, arguments.quiet, given)


def resume(arguments: argparse.Namespace) -> None:
    """Continue the run of a result file from its checkpoint."""
    from mfpde.store import run_info

    info = run_info(arguments.file)
    if info.complete:
        print(f"{arguments.file}: {info.rows} rows, complete: nothing to continue")
        return
    flow = registry.build({key: info.config[key] for key in ("system", "parameters", "role", "arguments")})
    _solve(flow, arguments.file, arguments.quiet, {key: value for key, value in info.config["solve"].items() if value is not None})


def show(arguments: argparse.Namespace) -> None:
    """Print what a result file holds."""
    from mfpde.flow import Trajectory
    from mfpde.store import run_info

    info, trajectory = run_info(arguments.file), Trajectory.load(arguments.file)
    c = info.config
    print(f"{arguments.file}: {c['system']}, {c['role']}; {_progress(info.rows, info.complete, info.message)}, {info.planned} planned")
    for title in ("parameters", "arguments", "solve"):
        _print_mapping(title, c.get(title, {}))
    _print_mapping("stats", info.stats)
    _print_mapping("written with", info.provenance)
    if len(trajectory.t):
        last = {name: values[-1].tolist() for name, values in trajectory.observables.items()}
        _print_mapping(f"observables at {trajectory.clock} = {trajectory.t[-1]:g}", last)


def _solve(flow: Flow, file: Path, quiet: bool, given: Mapping[str, Any]) -> None:
    from mfpde import solve

    try:
        trajectory = solve(flow, store=file, checkpoint=_checkpoint(file), progress=not quiet, **given)
    except KeyboardInterrupt:
        raise CommandError(_interrupted(file)) from None
    progress = _progress(len(trajectory.t), trajectory.complete, trajectory.message)
    if not trajectory.complete:
        raise CommandError(f"{file}: {progress}; continue with: mfpde resume {file}")
    print(f"{file}: {progress}")


def _interrupted(file: Path) -> str:
    from mfpde.store import run_info

    if not file.exists():
        return "interrupted before the first row was saved; run it again"
    return f"interrupted; {run_info(file).rows} rows are saved in {file}, continue with: mfpde resume {file}"


def _checkpoint(file: Path) -> Path:
    return file.with_name(file.name + ".checkpoint")


def _progress(rows: int, complete: bool, message: str) -> str:
    return f"{rows} rows, {'complete' if complete else 'incomplete'}" + (f" ({message})" if message else "")


def _print_mapping(title: str, values: Mapping[str, Any]) -> None:
    print(title)
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        print(f"  {name:<{width}}  {_short(value)}")


def _short(value: Any) -> str:
    text = f"{value:.12g}" if isinstance(value, float) else json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."
