"""The command line: every command's arguments, and how errors become one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mfpde import __version__
from mfpde.cli import catalogue, checks, drift, figures, runs, sweep, where
from mfpde.cli.errors import CommandError

USAGE, FAILURE = 2, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the arguments are those of the process unless `argv` is given.

    Returns
    -------
    int
        0; 2 if the arguments or a configuration are wrong; 1 if the run failed, stopped early or was interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _report("interrupted", FAILURE)
    except BrokenPipeError:  # the reader, such as head, has seen enough; what is left to print goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:
        if arguments.debug:
            raise
        return _report(*_explain(error))
    return 0


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_report(f"{message} (see {self.prog} --help)", USAGE))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mfpde", description="Infinite-width training dynamics of neural networks.")
    debug = _Parser(add_help=False)
    # Taken before and after the command; without a default of its own, a command leaves what was said before it.
    for place, default in ((parser, False), (debug, argparse.SUPPRESS)):
        place.add_argument("--debug", action="store_true", default=default, help="show the traceback of an error")
    parser.add_argument("--version", action="version", version=f"mfpde {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, parents=[debug])
        added.set_defaults(command=function)
        return added

    command("list", catalogue.show_names, "Systems, figures with their presets, laws, activations.")

    figure = command("figure", figures.draw, "Compute and draw a figure; prints every file written.")
    figure.add_argument("name", metavar="NAME", help="a name that `mfpde list` shows, or all")
    figure.add_argument("--preset", default="paper", help="quick (reduced size) or paper (the paper's size, the default)")
    figure.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR", help="where to write (default: figures)")

    run = command("run", runs.run, "Solve the flow that a TOML file describes.")
    run.add_argument("config", type=Path, metavar="CONFIG.toml")
    run.add_argument("--out", type=Path, required=True, metavar="FILE", help="the new HDF5 file; FILE.checkpoint lies beside it")

    resume = command("resume", runs.resume, "Continue a run that was stopped, to the same bits as if it had not been.")
    show = command("show", runs.show, "What a result file holds: configuration, progress, last observables.")
    for added in (resume, show):
        added.add_argument("file", type=Path, metavar="FILE")

    study = command("drift", drift.drift, "How fast networks approach their limit: the rate table and plot of a system.")
    drift.add_arguments(study)
    grid = command("sweep", sweep.sweep, "Solve a grid of flows that a TOML file describes, into one table.")
    grid.add_argument("config", type=Path, metavar="CONFIG.toml")
    grid.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core; 1 runs everything here)")
    grid.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write; the same command again does what is missing")

    for added in (figure, run, resume, study, grid):
        added.add_argument("--quiet", action="store_true", help="no progress bar")

    where.add_arguments(command("where", where.show, "The place of an initialisation in the phase diagram, and what drift follows."))

    command("info", catalogue.show_environment, "Versions, processor, threads, BLAS and compile cache.")
    selfcheck = command("selfcheck", checks.selfcheck, "Check this installation against exact answers.")
    selfcheck.add_argument("name", nargs="?", metavar="NAME", help="one check only")
    return parser


def _explain(error: BaseException) -> tuple[str, int]:
    from mfpde.store import StoreError

    if isinstance(error, (CommandError, StoreError)):
        return str(error), FAILURE
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return place + (error.strerror or str(error)), FAILURE
    if isinstance(error, ValueError):
        return str(error), USAGE
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)", FAILURE


def _report(message: str, code: int) -> int:
    print(f"mfpde: {message}", file=sys.stderr)
    return code
