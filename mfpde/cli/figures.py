"""``mfpde figure``."""

from __future__ import annotations

import argparse

from mfpde import papers
from mfpde.cli.failure import Failure


def draw(arguments: argparse.Namespace) -> None:
    """Make the named figure, or all of them, and print every path written."""
    names = papers.names() if arguments.name == "all" else [arguments.name]
    for name in names:
        figure = papers.figure(name)
        try:
            written = figure.run(arguments.preset, arguments.out, not arguments.quiet)
        except KeyboardInterrupt:
            raise Failure(f"interrupted in figure {name}; files printed above are whole, `mfpde figure {name}` starts it again") from None
        for path in written:
            print(path)
