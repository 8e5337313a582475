"""``mfpde figure``."""

from __future__ import annotations

import argparse

from mfpde import papers
from mfpde.cli.errors import CommandError


def draw(arguments: argparse.Namespace) -> None:
    """Make the named figure, or all of them, and print every path written."""
    names = papers.names() if arguments.name == "all" else [arguments.name]
    for name in names:
        figure = papers.figure(name)
        try:
            written = figure.run(arguments.preset, arguments.out, not arguments.quiet)
        except KeyboardInterrupt:
            raise CommandError(f"interrupted in figure {name}, files printed before are whole; again: mfpde figure {name}") from None
        for path in written:
            print(path)
