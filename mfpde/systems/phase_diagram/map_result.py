"""What a map of the phase diagram found: displacements of all networks, slopes with their errors, and boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array
from mfpde.study import save_table
from mfpde.systems.phase_diagram.boundary import Zero, row_zero
from mfpde.systems.phase_diagram.exact import exponents

NUMBERS = (
    "converged",
    "steps",
    "tries",
    "tried_steps",
    "lr0",
    "dt",
    "t",
    "loss",
    "rd_w",
    "rd_a",
    "rd_theta",
    "sup_rd_w",
    "sup_rd_a",
    "sup_rd_theta",
    "invariant_drift",
)
LAYERS = ("w", "a", "theta")


class Estimate(NamedTuple):
    """A mean over seeds and its standard error (NaN from a single seed)."""

    mean: Array
    stderr: Array


@dataclass(frozen=True, eq=False)
class PhaseMap:
    """A map; arrays over its cells have shape (gamma', gamma).

    A network that did not reach the tolerance stays in `values` and in :meth:`table`, marked by `converged`; every slope of its seed
    at its cell is NaN, and `excluded` counts such seeds.

    Attributes
    ----------
    gammas, gamma_primes, widths : arrays (n_gamma,), (n_gamma',), (n_widths,)
    seeds : tuple of int
    values : dict of arrays (n_gamma', n_gamma, n_widths, n_seeds)
        The numbers of :class:`mfpde.systems.phase_diagram.training.Training`, by name.
    config : dict
        What the map was made with, data included.
    """

    gammas: Array
    gamma_primes: Array
    widths: Array
    seeds: tuple[int, ...]
    values: Mapping[str, Array]
    config: Mapping[str, Any]

    @property
    def converged(self) -> npt.NDArray[np.bool_]:
        """Whether each network reached the tolerance."""
        return self.values["converged"] > 0.0

    @property
    def excluded(self) -> npt.NDArray[np.int64]:
        """How many seeds of each cell have a network that did not, and so no slope."""
        count: npt.NDArray[np.int64] = np.sum(~self.converged.all(axis=2), axis=2)
        return count

    @property
    def rd_w(self) -> Array:
        """RD of w at the end of training of every network (n_gamma', n_gamma, n_widths, n_seeds)."""
        return self.values["rd_w"]

    @property
    def rd_a(self) -> Array:
        """RD of a."""
        return self.values["rd_a"]

    @property
    def rd_theta(self) -> Array:
        """RD of theta = (a, w)."""
        return self.values["rd_theta"]

    @property
    def s_w(self) -> Array:
        """S_w: the least-squares slope of log RD_w in log m, averaged over seeds."""
        return self.slopes("w").mean

    @property
    def s_w_se(self) -> Array:
        """Its standard error over seeds."""
        return self.slopes("w").stderr

    @property
    def s_a(self) -> Array:
        """S_a."""
        return self.slopes("a").mean

    @property
    def s_a_se(self) -> Array:
        """Its standard error over seeds."""
        return self.slopes("a").stderr

    @property
    def s_theta(self) -> Array:
        """S_theta."""
        return self.slopes("theta").mean

    @property
    def s_theta_se(self) -> Array:
        """Its standard error over seeds."""
        return self.slopes("theta").stderr

    def slopes(self, layer: str = "w") -> Estimate:
        """The slopes over all widths (n_gamma', n_gamma)."""
        return self._over_seeds(self.seed_slopes(layer))

    def seed_slopes(self, layer: str = "w") -> Array:
        """The slope of every seed by itself (n_gamma', n_gamma, n_seeds), as by np.polyfit on log RD against log m."""
        weights = np.log(self.widths) - np.mean(np.log(self.widths))
        slopes: Array = np.einsum("pgws,w->pgs", self._log_rd(layer), weights / (weights @ weights))
        return slopes

    def local_slopes(self, layer: str = "w") -> Estimate:
        """d log RD / d log m between neighbouring widths (n_gamma', n_gamma, n_widths - 1)."""
        return self._over_seeds(np.diff(self._log_rd(layer), axis=2) / np.diff(np.log(self.widths))[:, None])

    def extrapolated(self, layer: str = "w") -> Estimate:
        """The slopes S of fits log RD = A + S log m + B / m, which take the leading bias of a finite width off (n_gamma', n_gamma).

        Not the exponent of m = infinity, which the annealed law has: its own slope changes with the width more slowly than 1/m.

        Raises
        ------
        ValueError
            If there are fewer than three widths.
        """
        if len(self.widths) < 3:
            raise ValueError(f"{len(self.widths)} widths: this fit needs three; give more widths to the map")
        columns = np.column_stack([np.ones_like(self.widths), np.log(self.widths), self.widths[0] / self.widths])
        return self._over_seeds(np.einsum("pgws,w->pgs", self._log_rd(layer), np.linalg.pinv(columns)[1]))

    @cached_property
    def predicted(self) -> dict[str, Array]:
        """The asymptotic exponents s_w, s_a, s_theta (n_gamma', n_gamma); NaN where the theory is open."""
        cells = [[exponents(float(g), float(p)) for g in self.gammas] for p in self.gamma_primes]
        names = ("s_w", "s_a", "s_theta")
        return {name: np.array([[np.nan if e.open else getattr(e, name) for e in row] for row in cells]) for name in names}

    def boundary(self, layer: str = "w") -> list[Zero]:
        """Where S changes its sign in each row of gamma', in the order of the rows."""
        return [row_zero(self.gammas, row) for row in self.seed_slopes(layer)]

    def table(self) -> npt.NDArray[Any]:
        """One row a network: gamma, gamma_prime, m, seed, and its numbers."""
        grid = np.meshgrid(self.gamma_primes, self.gammas, self.widths, np.array(self.seeds, np.float64), indexing="ij")
        columns = {"gamma": grid[1], "gamma_prime": grid[0], "m": grid[2], "seed": grid[3]} | dict(self.values)
        rows = np.empty(grid[0].size, [(name, np.float64) for name in columns])
        for name, values in columns.items():
            rows[name] = values.ravel()
        return rows

    def cells(self) -> dict[str, Array]:
        """One row a cell: gamma, gamma_prime, the slopes with their errors, the predicted ones, and the seeds excluded."""
        prime, gamma = np.meshgrid(self.gamma_primes, self.gammas, indexing="ij")
        columns: dict[str, Array] = {"gamma": gamma, "gamma_prime": prime}
        for layer in LAYERS:
            found = self.slopes(layer)
            columns |= {f"s_{layer}": found.mean, f"s_{layer}_se": found.stderr, f"s_{layer}_predicted": self.predicted[f"s_{layer}"]}
        columns["excluded"] = self.excluded.astype(np.float64)
        return {name: values.ravel() for name, values in columns.items()}

    def save(self, stem: str | Path) -> list[Path]:
        """Write :meth:`table` to STEM.csv and STEM.h5; returns the paths."""
        return save_table(self.table(), stem)

    def _log_rd(self, layer: str) -> Array:
        """log RD, NaN for all widths of a seed at a cell where one network did not converge."""
        if layer not in LAYERS:
            raise ValueError(f"layer = {layer!r}: give one of {', '.join(LAYERS)}")
        kept = self.converged.all(axis=2, keepdims=True) & (self.values[f"rd_{layer}"] > 0.0)
        return np.log(np.where(kept, self.values[f"rd_{layer}"], np.nan))

    def _over_seeds(self, values: Array) -> Estimate:
        count = np.sum(~np.isnan(values), axis=-1)
        some = np.where(count > 0, count, np.nan)
        mean = np.nansum(values, axis=-1) / some
        squares = np.nansum((values - mean[..., None]) ** 2, axis=-1)
        spread: Array = np.sqrt(squares / np.where(count > 1, (count - 1.0) * count, np.nan))
        return Estimate(mean, spread)
