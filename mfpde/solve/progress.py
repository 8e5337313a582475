"""A progress bar over the clock of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(shown: bool, stop: float) -> Iterator[Callable[[float], None]]:
    """Give a function to be told the time reached; the bar is full at `stop`."""
    if not shown:
        yield lambda t: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=stop, unit="t", bar_format="{l_bar}{bar}| t = {n:.4g}/{total:.4g} [{elapsed}<{remaining}]") as bar:
        yield lambda t: bar.update(t - bar.n) and None
