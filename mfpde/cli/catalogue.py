"""``mfpde list`` and ``mfpde info``."""

from __future__ import annotations

import argparse
import inspect
from importlib.metadata import version
from pathlib import Path

import mfpde

DEPENDENCIES = ("numpy", "scipy", "numba", "h5py", "matplotlib", "tqdm", "threadpoolctl")


def show_names(arguments: argparse.Namespace) -> None:
    """Print the names that other commands and configurations take."""
    from mfpde import activations, laws, papers
    from mfpde.systems import registry

    systems = [(name, _first_line(registry.system(name))) for name in registry.names()]
    figures = [(name, papers.figure(name).summary) for name in papers.names()]
    _table("systems", systems)
    _table(f"figures (presets: {', '.join(papers.PRESETS)})", figures)
    _table("laws", [(name, _first_line(getattr(laws, name))) for name in laws.__all__ if _is_concrete(getattr(laws, name))])
    _table("activations", [(name, "") for name in activations.names])


def show_environment(arguments: argparse.Namespace) -> None:
    """Print what a bug report should say about this installation."""
    import numpy.linalg  # noqa: F401  (loads the BLAS that is reported)
    from threadpoolctl import threadpool_info

    from mfpde.store.provenance import provenance
    from mfpde.threads import thread_count

    said = provenance()
    rows = [("mfpde", f"{said['mfpde']} in {Path(mfpde.__file__).parent}"), ("python", said["python"])]
    rows += [(name, version(name)) for name in DEPENDENCIES]
    rows += [(name, said[name]) for name in ("platform", "cpu")]
    rows.append(("threads", str(thread_count())))
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            rows.append(("BLAS", f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads"))
    _table("environment", [*rows, ("compile cache", _compile_cache())])


def _table(title: str, rows: list[tuple[str, str]]) -> None:
    width = max((len(name) for name, _ in rows), default=0)
    print(title)
    for name, text in rows:
        print(f"  {name:<{width}}  {text}".rstrip())


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _is_concrete(found: object) -> bool:
    return inspect.isclass(found) and not inspect.isabstract(found)


def _compile_cache() -> str:
    from numba.core import config

    return getattr(config, "CACHE_DIR", "") or "__pycache__ beside each source file (NUMBA_CACHE_DIR moves it)"
