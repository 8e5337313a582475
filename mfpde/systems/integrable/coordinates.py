"""The coordinate check: how the sizes of outputs and of their changes go with the width, measured beside what is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.streams import resolve_seed, stream
from mfpde.systems.integrable.network import Training
from mfpde.systems.integrable.orders import predicted_orders
from mfpde.systems.integrable.system import IntegrableNetwork

_RESAMPLES = 2000


class Exponent(NamedTuple):
    """A fitted power of the width, its 95 % bootstrap interval and the predicted power."""

    value: float
    low: float
    high: float
    predicted: Fraction


@dataclass(frozen=True)
class CoordinateCheck:
    """Sizes of networks of several widths, each with independent replicas.

    Attributes
    ----------
    widths : tuple of int
    sizes : dict of arrays (n_widths, replicas)
        By name: `f_0` and `f_change` (f_t - f_0), root mean squares over the probe; `change_1`, ..., `change_L`, over neurons and probe.
    """

    system: IntegrableNetwork
    widths: tuple[int, ...]
    sizes: dict[str, npt.NDArray[np.float64]]
    seed: int

    def size(self, name: str) -> npt.NDArray[np.float64]:
        """The root mean square over replicas at each width: (n_widths,)."""
        return np.asarray(np.sqrt(np.mean(self.sizes[name] ** 2, axis=1)))

    def exponent(self, name: str, last: int | None = None) -> Exponent:
        """The slope of log size against log width over the `last` widths (None: all), with replicas resampled at each width."""
        chosen = slice(None if last is None else -whole("last", last, least=2), None)
        squares, x = self.sizes[name][chosen] ** 2, np.log(self.widths[chosen])
        rng = stream(self.seed, "bootstrap", name)
        n = squares.shape[1]
        drawn = np.stack([row[rng.integers(0, n, (_RESAMPLES, n))].mean(axis=1) for row in squares])
        slopes = _slope(x, 0.5 * np.log(drawn))
        low, high = np.quantile(slopes, [0.025, 0.975])
        value = _slope(x, 0.5 * np.log(squares.mean(axis=1))[:, None])[0]
        return Exponent(float(value), float(low), float(high), predicted_orders(self.system)[name])

    def table(self) -> str:
        """Sizes and exponents as text, one line a quantity."""
        lines = ["quantity     " + " ".join(f"{m:>10}" for m in self.widths) + "   exponent [95 %]            predicted"]
        for name in self.sizes:
            e = self.exponent(name)
            sizes = " ".join(f"{v:10.3e}" for v in self.size(name))
            lines.append(f"{name:<12} {sizes}   {e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]   {e.predicted!s}")
        return "\n".join(lines)


def coordinate_check(
    system: IntegrableNetwork,
    *,
    widths: Sequence[int],
    batches: Any,
    lr: float,
    probe: npt.ArrayLike,
    steps: int = 1,
    replicas: int = 30,
    rng: int | None = 0,
    **arguments: Any,
) -> CoordinateCheck:
    """Train `replicas` networks of every width for `steps` steps, and measure how their sizes go with the width.

    Parameters
    ----------
    system : IntegrableNetwork
    widths : sequence of int
        Two or more.
    batches, lr, probe
        As in :meth:`IntegrableNetwork.network`; further keyword arguments are passed on to it.
    steps : int
        The step t after which f_t - f_0 and the layers' changes are taken.
    replicas : int
        Independent networks a width, two or more.
    rng : int, optional
        Seed; None draws one.

    Raises
    ------
    ValueError
        If an argument is impossible.
    mfpde.solve.steppers.StepError
        If a network leaves the finite numbers.
    """
    if len(widths) < 2 or len(set(widths)) < len(widths):
        raise ValueError(f"widths = {widths!r}: give two or more different ones")
    whole("steps", steps)
    whole("replicas", replicas, least=2)
    seed = resolve_seed(rng)
    given = {"batches": batches, "lr": lr, "probe": probe, **arguments}
    seeds = {m: [int(stream(seed, "replica", m, i).integers(2**62)) for i in range(replicas)] for m in widths}
    runs = [[_measured(system.network(m=m, rng=each, **given), steps) for each in seeds[m]] for m in widths]
    sizes = {name: np.array([[run[name] for run in row] for row in runs]) for name in predicted_orders(system)}
    return CoordinateCheck(system, tuple(widths), sizes, seed)


def _measured(network: Training, steps: int) -> dict[str, float]:
    y, before = network.state0, network.observe(0.0, network.state0)
    for k in range(steps):
        y = network.step(k, y)
    after = network.observe(float(steps), y)
    outputs = {"f_0": before["f"], "f_change": after["f"] - before["f"]}
    changes = {name: value for name, value in after.items() if name.startswith("change_")}
    return {**{name: float(np.sqrt(np.mean(f**2))) for name, f in outputs.items()}, **changes}


def _slope(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Least-squares slopes of the columns of y (n, k) against x (n,)."""
    centred = x - x.mean()
    return np.asarray(centred @ y / (centred @ centred))
