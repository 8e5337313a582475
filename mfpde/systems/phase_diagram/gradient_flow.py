"""The gradient flow by Runge-Kutta steps of spectral length; activation patterns are looked at in every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfpde.checks import number
from mfpde.flow import Array, Field
from mfpde.kernels.relu_training import DONE, flow_steps
from mfpde.systems.phase_diagram.initial import Initial
from mfpde.systems.phase_diagram.particles import ParticleFlow
from mfpde.systems.phase_diagram.recipe import make_blocks, record_of, relative

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

RHO = 0.25
_CHUNK = 1e6


class GradientFlow(ParticleFlow):
    """RK4 with h = rho / max(lambda_max(G), kappa max_s |g_s|), found anew every five steps; derived in docs/phase_diagram.

    The step sees neither the kinks nor the number of neurons, so the error does not vanish faster than h where neurons change
    their pattern: :meth:`refined` is the flow at rho / 2, and the difference of the two the error estimate. Measured in
    docs/phase_diagram. A run ends with a step cut to where the loss, exponential over the step, equals the tolerance. The state
    also holds ``pace`` (3,): the length of a step, the steps made, and whether the tolerance is reached.

    Parameters
    ----------
    rho : float
        Step in units of the fastest time of the linearised motion; RK4 is stable up to 2.78.

    Raises
    ------
    ValueError
        If `rho` is not in (0, 2.5].
    """

    def __init__(self, point: PhasePoint, initial: Initial, *, rho: float = RHO, **constants: Any) -> None:
        self.rho = checked_rho(rho)
        super().__init__(point, initial, fields=(Field("pace", (3,), ("entry",)),), **constants)
        self._constants = constants
        self._blocks = make_blocks(self, initial)

    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        """A few milliseconds of steps."""
        state = self.unpack(y)
        room = self._blocks.room(state["da"], state["dw"], order=4)
        record, pace = record_of(state["sup"], self._blocks), state["pace"].copy()
        # A run that goes on past the tolerance has reached it for good.
        tolerance = 0.0 if self._done(y) else self.tolerance
        reached, pace[DONE] = pace[DONE], 0.0
        most = max(1, int(_CHUNK / room.d.size))
        t_new, _ = flow_steps(self._blocks.problem, room, t, t_stop, self.rho, tolerance, most, record, pace)
        pace[DONE] = max(pace[DONE], reached)
        da, dw = self._blocks.scatter(room.d)
        return t_new, self.pack(da=da, dw=dw, sup=relative(record, self._blocks), pace=pace)

    def finished(self, t: float, y: Array) -> str | None:
        """The loss has come down to the tolerance."""
        return f"loss {self.tolerance:g} reached" if self._done(y) else None

    def _done(self, y: Array) -> bool:
        """Whether steps have ended at the tolerance, or the state was below it before the first."""
        return bool(self.unpack(y)["pace"][DONE]) or self.loss(y) < self.tolerance

    def refined(self) -> GradientFlow:
        """The flow at rho / 2."""
        arguments = self.config["arguments"] | {"rho": 0.5 * self.rho}
        constants = self._constants | {"config": dict(self.config) | {"arguments": arguments}}
        return GradientFlow(self.point, self.initial, rho=0.5 * self.rho, **constants)


def checked_rho(rho: float) -> float:
    """`rho` as a float, or ValueError if it is not in (0, 2.5]."""
    value = number("rho", rho, positive=True)
    if value > 2.5:
        raise ValueError(f"rho = {rho!r}: give at most 2.5, where the method is stable")
    return value
