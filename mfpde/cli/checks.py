"""``mfpde selfcheck``."""

from __future__ import annotations

import argparse

from mfpde.cli.errors import CommandError


def selfcheck(arguments: argparse.Namespace) -> None:
    """Run one check or all of them, one line a row; fails if any does."""
    from mfpde.selfcheck import names, run

    wanted = names() if arguments.name is None else [arguments.name]
    failed = []
    for name in wanted:
        for check in run(name):
            print(f"{'ok  ' if check.passed else 'FAIL'}  {name}: {check.what}: {check.measured:.3g} (allowed {check.allowed:.3g})")
            if not check.passed and name not in failed:
                failed.append(name)
    if failed:
        raise CommandError(f"selfcheck failed: {', '.join(failed)}")
