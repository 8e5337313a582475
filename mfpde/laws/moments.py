"""Moment tables of radial laws conditioned on a ball, built once and cached."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mfpde.kernels.bessel import squared_bessel
from mfpde.kernels.radial import MomentTable, radial_moments
from mfpde.laws.base import Law
from mfpde.laws.bessel import Bessel, CappedBessel
from mfpde.laws.gaussian import Gaussian
from mfpde.laws.panels import panel_moments
from mfpde.laws.tail import TERMS, Tail, bessel_tail

Array = npt.NDArray[np.float64]

LEAST_MASS = 1e-12
_PANELS = 4096


@lru_cache(maxsize=64)
def moment_table(law: Law, cap: float = math.inf) -> MomentTable:
    """The moments of `law` conditioned on ||x|| <= `cap`, for the kernels.

    Parameters
    ----------
    law
        A Bessel law, a capped one, or an isotropic Gaussian. A Gaussian's table ends, at the latest, where no mass is left in
        double precision: its cap is then smaller than the one asked for.
    cap
        Radius > 0, infinity for the law itself.

    Raises
    ------
    ValueError
        If the law has no radial density, the cap is not > 0, or the ball holds less than LEAST_MASS.
    """
    if not cap > 0:
        raise ValueError(f"cap = {cap!r}: give a radius > 0 or infinity")
    if isinstance(law, CappedBessel):
        return moment_table(law.bessel, min(cap, law.cap))
    table = _whole_table(law, float(cap))
    cap = min(float(cap), table.cap)
    full = radial_moments(table, cap)
    mass = full[0]
    if mass < LEAST_MASS:
        raise ValueError(f"cap = {cap!r}: the ball holds a mass {mass:.3g} of {law!r}, and at least {LEAST_MASS} is needed; raise the cap")
    edges = table.edges / mass
    marks = np.linspace(0.0, 1.0, 4 * edges.size + 1)
    guide = np.clip(np.searchsorted(edges, marks, side="right") - 1, 0, edges.size - 2)
    return _frozen(
        table._replace(
            cap=cap,
            mass=mass,
            full=_divided(full, mass),
            panels=table.panels / mass,
            edges=edges,
            guide=guide,
            tail_start=_divided(table.tail_start, mass),
            tail=np.column_stack([table.tail[:, 0], table.tail[:, 1:] / mass]),
        )
    )


@lru_cache(maxsize=16)
def _whole_table(law: Law, cap: float) -> MomentTable:
    """The table of the unconditioned law, for use up to `cap` (its guide, which only :func:`moment_table` makes, is empty)."""
    if isinstance(law, Bessel):
        return _bessel_table(law, cap)
    if isinstance(law, Gaussian) and law.isotropic:
        reach, length = law.reach(), 0.25 * math.sqrt(law.scale)
        panels, edges = panel_moments(law.density, length, math.ceil(reach / length))
        return _assemble(panels, edges, length, length * panels.shape[0], 0.0, Tail(0.0, 0.0, np.zeros((TERMS, 10))))
    raise ValueError(f"{law!r} has no table of radial moments: it needs a Bessel law or an isotropic Gaussian")


def _bessel_table(law: Bessel, cap: float) -> MomentTable:
    wavenumber = law.wavenumber
    length = 0.25 * math.pi / wavenumber
    # From 8 nu on the series of the tail gain a factor 64 a term; the 60 is for small nu, where they are only asymptotic.
    # Panels are six times as fast, so there are more of them than needed: at most 1.4 MB, built in a tenth of a second.
    count = max(math.ceil((4 * law.d + 60) / (0.25 * math.pi)), math.ceil(min(_PANELS, cap / length)))

    def density(r: Array) -> Array:
        squares = np.empty(r.size)
        squared_bessel(law.d, wavenumber * r, squares)
        p: Array = law.d * squares / r
        return p

    panels, edges = panel_moments(density, length, count)
    tail = bessel_tail(law.d, wavenumber, wavenumber * length * count)
    return _assemble(panels, edges, length, math.inf, wavenumber, tail)


def _assemble(panels: Array, edges: Array, length: float, cap: float, wavenumber: float, tail: Tail) -> MomentTable:
    boundary = length * panels.shape[0]
    unmatched = MomentTable(
        cap=cap,
        mass=1.0,
        full=(1.0, math.inf, math.inf),
        panels=panels,
        per_length=1.0 / length,
        boundary=boundary,
        edges=edges[:, 0],
        guide=np.zeros(0, np.int64),
        tail_wavenumber=2.0 * wavenumber,
        tail_shift=tail.shift,
        tail_start=(1.0, 0.0, tail.log_rate),
        tail=tail.series,
        tail_reach=tail.reach(),
    )
    if cap < math.inf:
        return _frozen(unmatched._replace(full=(float(edges[-1, 0]), float(edges[-1, 1]), float(edges[-1, 2]))))
    gap = float(edges[-1, 1]) - radial_moments(unmatched, boundary)[1]
    return _frozen(unmatched._replace(tail_start=(1.0, gap, tail.log_rate)))


def _divided(values: tuple[float, float, float], mass: float) -> tuple[float, float, float]:
    return values[0] / mass, values[1] / mass, values[2] / mass


def _frozen(table: MomentTable) -> MomentTable:
    """The table with read-only arrays: it is shared by everyone who asks for it."""
    for part in table:
        if isinstance(part, np.ndarray):
            part.setflags(write=False)
    return table
