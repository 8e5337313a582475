"""The gradient flow to high order: smooth between pattern switches, switches located to rounding, neurons that slide along kinks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.checks import number
from mfpde.flow import Array, Field
from mfpde.kernels.pattern_events import TALLY, Tableau, advance
from mfpde.kernels.pattern_field import OFF, ON, PINNED, Neurons
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.particles import ParticleFlow

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

ACCURACY = 1e-11

STEPS = 4
"""Steps of one :meth:`EventFlow.advance`."""


class EventFlow(ParticleFlow):
    """Gradient flow by an 8th-order pair between the switches of the neurons' activation patterns.

    A stock adaptive method stalls on the kinks of relu; here the error control never sees one. After each step the dense output is
    searched for the first neuron whose w.X_i changed sign (at four points of the step, then by bisection); the step ends there, and
    the neuron's pattern switches. Where both sides of the line w.X_i = 0 push it back, the neuron is pinned to the line (Filippov's
    sliding) until one of them no longer does; where its a changes sign meanwhile, the continuation is not unique: it takes the side on
    which chatter about the line would spend more time, and `ambiguous` counts it. A neuron that slides into w = 0 stays there, since
    relu'(0) = 0; `absorbed` counts these. Derived in docs/phase_diagram.

    Besides :class:`ParticleFlow`'s fields the state holds ``pattern`` (M, n), 1 on, 0 off, -1 pinned, ``step`` (1,), the length of the
    next step, and ``tally`` (7,), the counts of :class:`mfpde.kernels.pattern_events.Tally`.

    Parameters
    ----------
    point, initial, kappa, kappa_prime, kappa_forward, config
        As in :class:`ParticleFlow`.
    accuracy : float
        Largest error of a step relative to the displacement of its layer.
    """

    def __init__(
        self,
        point: PhasePoint,
        initial: Initial,
        *,
        kappa: float,
        kappa_prime: float,
        kappa_forward: float,
        config: Mapping[str, Any],
        accuracy: float = ACCURACY,
    ) -> None:
        m, n = len(initial.a), len(point.labels)
        fields = (
            Field("pattern", (m, n), ("neuron", "point")),
            Field("step", (1,), ("next",)),
            Field("tally", (len(TALLY),), ("count",)),
        )
        super().__init__(
            point, initial, kappa=kappa, kappa_prime=kappa_prime, kappa_forward=kappa_forward, config=dict(config), fields=fields
        )
        self.accuracy = number("accuracy", accuracy, positive=True)
        lines = self.w0 @ self.X.T
        arrays = (self.a0, self.w0.T, self.c, lines.T, self.X, self.y)
        a0, w0, c, by_input, x, labels = (np.ascontiguousarray(array) for array in arrays)
        self._neurons = Neurons(a0, w0, c, by_input, x, labels, self.f0, kappa_forward, kappa, kappa_prime)
        start = self.unpack(self.state0)
        start["pattern"][:] = np.where(lines > 0.0, ON, OFF)
        start["step"][:] = 0.1 / np.linalg.eigvalsh(self.gram(self.state0))[-1]

    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        """A few steps, each to its end or to the first switch in it; up to `t_stop`, or to the loss that is asked for."""
        after = y.copy()
        state = self.unpack(after)
        z, pattern = np.vstack([state["da"], state["dw"].T]), np.ascontiguousarray(state["pattern"].T)
        # A hair below the tolerance, so that `finished`, which sums in another order, agrees.
        target = self.tolerance * (1.0 - 1e-9)
        t_new, step = advance(
            self._neurons, pattern, z, float(state["step"][0]), _tableau(), self.accuracy, target,
            t, t_stop, STEPS, state["tally"], self.initial.first, self._squares, state["sup"],
        )  # fmt: skip
        state["da"][:], state["dw"][:], state["pattern"][:], state["step"][:] = z[0], z[1:].T, pattern.T, step
        return t_new, after

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Those of every flow, and `switches` so far, the share of neurons now `pinned`, and neurons `absorbed` and `ambiguous` so far."""
        state = self.unpack(y)
        tally, pinned = state["tally"], float(np.mean(np.any(state["pattern"] == PINNED, axis=1)))
        switches = float(tally[TALLY.crossings] + tally[TALLY.pinnings] + tally[TALLY.releases])
        stuck = {"absorbed": float(tally[TALLY.absorbed]), "ambiguous": float(tally[TALLY.ambiguous])}
        return super().observe(t, y) | {"switches": switches, "pinned": pinned} | stuck

    def refined(self) -> EventFlow:
        """The same flow at a hundredth of the error per step."""
        finer = self.accuracy / 100.0
        config = dict(self.config) | {"arguments": self.config["arguments"] | {"accuracy": finer}}
        return EventFlow(
            self.point, self.initial, kappa=self.kappa, kappa_prime=self.kappa_prime, kappa_forward=self.kappa_forward,
            config=config, accuracy=finer,
        )  # fmt: skip


@lru_cache(maxsize=1)
def _tableau() -> Tableau:
    from scipy.integrate import DOP853

    parts = (DOP853.A, DOP853.B, DOP853.E3, DOP853.E5, DOP853.D, DOP853.A_EXTRA)
    return Tableau(*(np.array(part, np.float64, order="C") for part in parts))
