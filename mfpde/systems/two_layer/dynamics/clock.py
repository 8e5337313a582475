"""From the clock a user reads to the flow clock s, in which every two-layer flow is theta' = -grad Psi."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad

Rate = float | Callable[[float], float]


@dataclass(frozen=True)
class Clock:
    """The public clock t with s = 2 int_0^t xi; section 2.2 of Mei, Misiakiewicz, Montanari 2019 (d_t rho = 2 xi div(rho grad Psi)).

    Parameters
    ----------
    xi : number > 0 or callable
        xi = 1 is the papers' t (s = 2t), xi = 1/2 the flow clock itself; or a function xi(t) >= 0.
    rescaled : bool
        t is the rescaled time of the kernel limit, in which theta' = (1/alpha) E[(f - f_alpha) grad sigma*]; its xi is 1/2 already.

    Raises
    ------
    ValueError
        If xi is neither, or the time is rescaled and xi is another number than 1 (the default, without meaning there) or 1/2.
    """

    xi: Rate = 1.0
    rescaled: bool = False

    def __post_init__(self) -> None:
        if callable(self.xi):
            if self.rescaled:
                raise ValueError("clock is a function and scale != 1: the rescaled time has no xi; leave clock out, or use scale = 1")
            return
        number = isinstance(self.xi, (int, float, np.integer, np.floating)) and not isinstance(self.xi, bool)
        if not number or not 0.0 < self.xi < math.inf:
            raise ValueError(f"clock = {self.xi!r}: give xi, a finite number > 0 (1.0: the papers' t, 0.5: the flow clock s) or a function")
        if self.rescaled and self.xi not in (0.5, 1.0):
            raise ValueError(f"clock = {self.xi!r} and scale != 1: the rescaled time has no xi; leave clock out, or use scale = 1")
        object.__setattr__(self, "xi", float(self.xi))

    @property
    def name(self) -> str:
        """What a flow's `clock` says: "flow clock s" where t = s, else "time"."""
        return "flow clock s" if self.xi == 0.5 and not self.rescaled else "time"

    def rate(self, t: float) -> float:
        """ds/dt = 2 xi(t)."""
        if self.rescaled:
            return 1.0
        return 2.0 * float(self.xi(t) if callable(self.xi) else self.xi)

    def flow_time(self, t: float) -> float:
        """s = 2 int_0^t xi."""
        if callable(self.xi):
            return 2.0 * float(quad(self.xi, 0.0, t, epsabs=0.0, epsrel=1e-12, limit=200)[0])
        return self.rate(0.0) * t

    def step_sizes(self, eps: float, k: int, n: int) -> npt.NDArray[np.float64]:
        """The lengths 2 s_k, ..., 2 s_{k+n-1} on the flow clock of steps of length `eps`: s_k = eps xi(k eps).

        A xi that is infinite at 0 (t^{-1/4}) is taken at the end of every step instead, s_k = eps xi((k + 1) eps).
        """
        if not callable(self.xi):
            return np.full(n, eps * self.rate(0.0))
        shift = int(self.singular)
        return np.array([eps * self.rate((i + shift) * eps) for i in range(k, k + n)])

    @property
    def singular(self) -> bool:
        """Whether xi(0) is not a finite number."""
        if not callable(self.xi):
            return False
        try:
            return not math.isfinite(self.xi(0.0))
        except (ZeroDivisionError, FloatingPointError):
            return True

    def check_continuous(self) -> None:
        """Refuse a xi that is infinite at 0 where the flow is integrated in continuous time."""
        if self.singular:
            raise ValueError("clock: xi(0) is not finite, and neither is the velocity there; use clock=0.5 and read t off s = 2 int_0^t xi")

    def config(self) -> Any:
        """The clock as a JSON value: the number, or a function's name."""
        if callable(self.xi):
            taken = "end" if self.singular else "start"
            return {"xi": str(getattr(self.xi, "__qualname__", type(self.xi).__qualname__)), "taken_at": f"{taken} of a step"}
        return self.xi
