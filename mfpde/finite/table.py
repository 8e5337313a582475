"""The rates of all gaps of a drift, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.finite.resampling import NoFitError

if TYPE_CHECKING:
    from mfpde.finite.result import Drift

COLUMNS = (
    *(("gap", str), ("statistic", str), ("exponent", float), ("low", float), ("high", float), ("prefactor", float), ("floor", float)),
    *(("predicted", float), ("predicted_prefactor", float), ("covered", float), ("p_value", float), ("excluded", int)),
    *(("warning", str), ("source", str)),
)


def rate_table(drift: Drift, *, statistic: str = "rms", **settings: Any) -> npt.NDArray[Any]:
    """One row a gap of `drift`.

    Parameters
    ----------
    statistic
        "rms", "mean" or "bias"; gaps that are arrays have no bias and are left out of a table of biases.
    **settings
        As for :meth:`mfpde.finite.result.Drift.rate`.

    Returns
    -------
    structured array (n_gaps,)
        ``gap``, ``statistic``, ``exponent`` with its interval ``low`` to ``high``, ``prefactor``, ``floor``, the stated rate ``predicted``
        and ``predicted_prefactor`` (NaN if there is none) with its ``source``, ``covered`` (1 if the interval contains it, 0 if not,
        NaN), ``p_value``, how many runs were ``excluded``, and a ``warning``: for a gap that cannot be fitted, why.

    Raises
    ------
    ValueError
        If a setting is impossible.
    """
    names = [name for name, gap in drift.gaps.items() if statistic != "bias" or gap.ndim == 3]
    rows = [_row(drift, name, statistic, settings) for name in names]
    columns = {name: np.array([row[name] for row in rows], kind) for name, kind in COLUMNS}
    table = np.empty(len(rows), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        table[name] = values
    return table


def format_table(table: npt.NDArray[Any]) -> str:
    """The table in lines of text: what was fitted, then what was stated; warnings below, numbered, equal ones once with all their gaps."""
    head = ("gap", "statistic", "exponent", "interval", "predicted", "p-value", "excluded", "")
    lines: list[tuple[str, ...]] = [head]
    notes: dict[str, list[str]] = {}
    for row in table:
        mark = ""
        if row["warning"]:
            notes.setdefault(str(row["warning"]), []).append(str(row["gap"]))
            mark = f"[{list(notes).index(str(row['warning'])) + 1}]"
        stated = "" if np.isnan(row["predicted"]) else f"{row['predicted']:.4g} {'inside' if row['covered'] else 'OUTSIDE'}"
        fitted = ("-", "-") if np.isnan(row["exponent"]) else (f"{row['exponent']:.3f}", f"{row['low']:.3f} ... {row['high']:.3f}")
        p_value = "-" if np.isnan(row["p_value"]) else f"{row['p_value']:.2g}"
        lines.append((str(row["gap"]), str(row["statistic"]), *fitted, stated, p_value, str(row["excluded"]), mark))
    sizes = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["  ".join(cell.ljust(size) for cell, size in zip(line, sizes, strict=True)).rstrip() for line in lines]
    return "\n".join(text + [f"[{i}] {', '.join(names)}: {note}" for i, (note, names) in enumerate(notes.items(), 1)])


def _row(drift: Drift, name: str, statistic: str, settings: dict[str, Any]) -> dict[str, Any]:
    blank = {column: "" if kind is str else 0 if kind is int else np.nan for column, kind in COLUMNS}
    row: dict[str, Any] = {**blank, "gap": name, "statistic": statistic}
    try:
        rate = drift.rate(name, statistic=statistic, **settings)
    except NoFitError as error:
        return {**row, "warning": error.note, "excluded": int(np.sum(~drift.complete))}
    stated, constant = rate.predicted, None if rate.predicted is None else rate.predicted.constant
    return row | {
        **{key: getattr(rate, key) for key in ("exponent", "low", "high", "prefactor", "floor", "p_value", "excluded", "warning")},
        "predicted": np.nan if stated is None else stated.exponent,
        "predicted_prefactor": np.nan if constant is None else constant,
        "covered": np.nan if rate.covered is None else float(rate.covered),
        "source": "" if stated is None else stated.source,
    }
