"""A progress bar over runs, with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def runs_bar(shown: bool, total: int, done: int = 0) -> Iterator[Callable[[], object]]:
    """Give a function to be called after each run; `done` of the `total` are there already."""
    if not shown:
        yield lambda: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, unit="run", mininterval=0.5) as bar:
        yield bar.update
