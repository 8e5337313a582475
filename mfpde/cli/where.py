"""``mfpde where``: the place of an initialisation in the phase diagram of two-layer ReLU networks, and what drift follows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfpde.flow import Array
    from mfpde.systems.phase_diagram import PhasePoint
    from mfpde.systems.phase_diagram.initialisations import Scales


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="an initialisation by name; neither a name nor numbers: the table of all")
    parser.add_argument("-m", "--width", type=float, required=True, metavar="M", help="the number of hidden neurons")
    parser.add_argument("-d", "--inputs", type=int, metavar="D", help="input dimension of a named initialisation (default: the data's)")
    for name, text in (
        ("alpha", "f = (1/alpha) sum_k a_k relu(w_k.x)"),
        ("beta-1", "standard deviation of a"),
        ("beta-2", "standard deviation of w"),
        ("lr-a", "learning rate of a (default 1)"),
        ("lr-w", "learning rate of w (default 1; m^2 for mup)"),
        ("parameter", "p of e-ma-wu, s of lazy"),
    ):
        parser.add_argument(f"--{name}", type=float, metavar="NUMBER", help=text)
    parser.add_argument("--data", type=Path, metavar="FILE", help="training data, a row: inputs, label (default: the paper's)")
    parser.add_argument("--one-copy", action="store_true", help="no antisymmetric copies: f is not 0 at the start")


def show(arguments: argparse.Namespace) -> None:
    """Print the coordinates at this width beside the asymptotic ones, the regime, exponents, and the way to the critical line."""
    if arguments.name is None and arguments.alpha is arguments.beta_1 is arguments.beta_2 is None:
        _show_table(arguments)
        return
    from mfpde.systems.phase_diagram.initialisations import TABLE, get

    x, y = _data(arguments.data)
    d = arguments.inputs or (1 if x is None or x.ndim == 1 else x.shape[1])
    scales, point = _at(arguments, arguments.width, d, x, y)
    limit: tuple[float, float] | None = None
    if arguments.name is None:
        title = "given numbers"
    else:
        row, value = get(arguments.name, arguments.parameter)
        title = f"{row.title} ({'a row of the paper' if row.source == 'paper' else 'a row of ours'})"
        # Learning rates that are given as numbers leave the row's own scaling with the width open.
        limit = row.coordinates(arguments.width, value) if arguments.lr_a is None and arguments.lr_w is None else None
    print(title)
    _print_coordinates(scales, point, arguments.width, limit)
    _print_displacements(arguments, point, limit, d, x, y)
    if arguments.name in TABLE and limit is None:
        print("  the learning rates given here hold at this width: no asymptotic row")


def _at(
    arguments: argparse.Namespace, m: float, d: int, x: Array | None, y: Array | None
) -> tuple[Scales, PhasePoint]:
    """The scales of the set-up at the width m, and its point."""
    from mfpde.systems.phase_diagram import PhasePoint
    from mfpde.systems.phase_diagram.initialisations import scales

    numbers = {name: getattr(arguments, name) for name in ("alpha", "beta_1", "beta_2", "lr_a", "lr_w", "parameter")}
    found = scales(arguments.name, m=m, d=d, **numbers)
    gamma, gamma_prime = found.coordinates(m)
    return found, PhasePoint(gamma=gamma, gamma_prime=gamma_prime, x=x, y=y, antisymmetric=not arguments.one_copy)


def _print_coordinates(scales: Scales, point: PhasePoint, m: float, limit: tuple[float, float] | None) -> None:
    from mfpde.systems.phase_diagram import coordinates

    here = (point.gamma, point.gamma_prime)
    places = [here] if limit is None else [here, limit]
    _row("", [f"at m = {m:g}", "m -> infinity"][: len(places)])
    _row("gamma", [f"{place[0]:.6g}" for place in places])
    _row("gamma'", [f"{place[1]:.6g}" for place in places])
    _row("kappa", [f"{scales.kappa:.6g}"])
    _row("kappa'", [f"{scales.kappa_prime:.6g}"])
    _row("regime", [coordinates.regime(*place) for place in places])
    _row("distance to the critical line", [f"{coordinates.distance_to_critical(*place):.4g}" for place in places])
    exponents = [coordinates.critical_rate_exponent(*place) for place in places]
    if all(exponent is None for exponent in exponents):
        _row("critical by learning rates", ["never: gamma < 1 is linear for every ratio"])
    else:
        _row("lr_w / lr_a critical if times", [_factor(m, exponent) for exponent in exponents])


def _print_displacements(
    arguments: argparse.Namespace, point: PhasePoint, limit: tuple[float, float] | None, d: int, x: Array | None, y: Array | None
) -> None:
    from mfpde.systems.phase_diagram.exact import exponents
    from mfpde.systems.phase_diagram.slopes import local_slopes

    # A named initialisation moves with the width along its own scaling; given numbers stay at their point of the diagram.
    named = arguments.name is not None
    found = local_slopes(lambda m: _at(arguments, m, d, x, y)[1] if named else point, arguments.width)
    asymptotic = exponents(*(limit or (point.gamma, point.gamma_prime)))
    data = "the four points of the paper" if arguments.data is None else str(arguments.data)
    print(f"relative displacement at the end of gradient flow on {data}, annealed infinite-width law")
    _row("", [f"at m = {arguments.width:g}", "slope there", "asymptotic slope"])
    for name in ("w", "a", "theta"):
        values = [f"{getattr(found, f'rd_{name}'):.4g}", f"{getattr(found, f's_{name}'):+.3f}", f"{getattr(asymptotic, f's_{name}'):+.3f}"]
        _row(name, values)
    if asymptotic.open:
        print("  the asymptotic slopes are unsettled here (region 5): they describe kappa m down to about 0.1")
    if limit is None:
        print("  the asymptotic slopes are those along constant gamma and gamma'")
    if not found.complete:
        print("  a run did not reach its tolerance: displacements and slopes are those where it stopped")


def _show_table(arguments: argparse.Namespace) -> None:
    from mfpde.systems.phase_diagram.coordinates import regime
    from mfpde.systems.phase_diagram.initialisations import TABLE, scales

    _row("", [f"at m = {arguments.width:g}", "m -> infinity", "regime"], 12)
    for name, row in TABLE.items():
        if row.parameter is not None:
            _row(name, [f"give --parameter {row.parameter.upper()}", "", row.title], 12)
            continue
        here = scales(name, m=arguments.width, d=arguments.inputs or 1).coordinates(arguments.width)
        there = row.coordinates(arguments.width, 0.0)
        _row(name, [*(f"({g:.4g}, {h:.4g})" for g, h in (here, there)), regime(*there)], 12)


def _data(path: Path | None) -> tuple[Array | None, Array | None]:
    """Inputs (n,) or (n, d) and labels (n,) of a file, or None twice."""
    if path is None:
        return None, None
    import numpy as np

    rows = np.loadtxt(path, delimiter=",", ndmin=2)
    if rows.shape[1] < 2:
        raise ValueError(f"{path}: rows have {rows.shape[1]} number: give inputs and a label, with commas between them")
    return (rows[:, 0] if rows.shape[1] == 2 else rows[:, :-1]), rows[:, -1]


def _factor(m: float, exponent: float | None) -> str:
    return "never" if exponent is None else f"{m**exponent:.4g}"


def _row(name: str, values: list[str], width: int = 30) -> None:
    print(f"  {name:<{width}}" + "".join(f"  {value:<18}" for value in values).rstrip())
