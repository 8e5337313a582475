"""A drift as a file: HDF5 holds everything, CSV one line a run and time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mfpde.finite.prediction import PredictedRate
from mfpde.finite.result import Drift
from mfpde.flow import Array
from mfpde.store.files import StoreError, open_file
from mfpde.store.tables import write_csv, write_tables

_KIND = "drift"


def save_drift(drift: Drift, path: Path) -> Path:
    """Write `drift` to `path` and return it; the ending .csv makes a table, any other an HDF5 file.

    The table has the widths, ``replica``, ``t``, ``complete``, and every gap, then every observable of the network as
    ``network.<name>``; an array in as many columns as it has entries, numbered after a dot. Rows that a run did not reach are NaN.
    """
    if path.suffix == ".csv":
        return write_csv(path, _columns(drift))
    predicted = {name: [asdict(one) for one in several] for name, several in drift.predicted.items()}
    config = {"holds": _KIND, "widths": drift.widths, "coupling": drift.coupling, "predicted": predicted, "methods": dict(drift.methods)}
    config |= {"gaps": list(drift.gaps), "network": list(drift.observables)}
    runs = {"complete": drift.complete, "message": np.char.encode(drift.messages, "utf-8")}
    return write_tables(path, {"gaps": drift.gaps, "network": drift.observables, "runs": runs, "times": {"t": drift.t}}, config)


def load_drift(path: Path) -> Drift:
    """The drift in the HDF5 file at `path`.

    Raises
    ------
    StoreError
        If it is missing, damaged, or holds something else.
    """
    with open_file(path, "tables") as file:
        config = json.loads(file.attrs["config"])
        if config.get("holds") != _KIND:
            raise StoreError(f"{path} holds other tables: give a file that Drift.save wrote")
        tables = {name: {column: values[()] for column, values in group.items()} for name, group in file.items()}
    predicted = {name: tuple(PredictedRate(**one) for one in several) for name, several in config["predicted"].items()}
    runs, t = tables["runs"], tables["times"]["t"]
    messages = np.char.decode(runs["message"], "utf-8")
    gaps, network = ({name: tables[table][name] for name in config[table]} for table in ("gaps", "network"))
    return Drift(t, config["widths"], gaps, runs["complete"], config["coupling"], network, messages, predicted, config["methods"])


def _columns(drift: Drift) -> dict[str, Array]:
    n_widths, replicas, n_t = len(drift.widths), drift.complete.shape[1], len(drift.t)
    shape = (n_widths, replicas, n_t)

    def along(values: object, axis: int) -> Array:
        sizes = [1, 1, 1]
        sizes[axis] = shape[axis]
        spread: Array = np.broadcast_to(np.asarray(values).reshape(sizes), shape).ravel()
        return spread

    columns = {name: along([chosen[name] for chosen in drift.widths], 0) for name in drift.widths[0]}
    columns |= {"replica": along(np.arange(replicas), 1), "t": along(drift.t, 2)}
    columns["complete"] = np.repeat(drift.complete.ravel(), n_t)
    for name, values in [*drift.gaps.items(), *((f"network.{name}", values) for name, values in drift.observables.items())]:
        entries = values.reshape(n_widths * replicas * n_t, -1)
        columns |= {name if values.ndim == 3 else f"{name}.{i}": entries[:, i] for i in range(entries.shape[1])}
    return columns
