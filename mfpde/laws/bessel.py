"""The input law of Ren, Zhou, Ge (2023): the squared Fourier transform of a ball's indicator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mfpde.checks import number, whole
from mfpde.kernels.radial import MomentTable
from mfpde.laws.radial import TabulatedLaw


@dataclass(frozen=True)
class Bessel(TabulatedLaw):
    """Density c^d phi(c x)^2, phi(x) = (R_d / ||x||)^{d/2} J_{d/2}(2 pi R_d ||x||), c = alpha sqrt(d).

    R_d is the radius of the ball of volume 1, phi the Fourier transform of its indicator. The density of the radius is
    p(r) = d J_{d/2}(K r)^2 / r with K = 2 pi R_d c. The tail is heavy, P(||x|| > r) ~ d / (pi K r): already E ||x|| is infinite.

    Parameters
    ----------
    d : int
        Dimension, >= 2.
    alpha : float
        The scale of the law, > 0; the radii shrink as 1 / alpha.

    Raises
    ------
    ValueError
        If d is not an integer >= 2 or alpha is not a finite number > 0.
    """

    d: int
    alpha: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", whole("d", self.d, 2))
        object.__setattr__(self, "alpha", number("alpha", self.alpha, positive=True))

    @property
    def wavenumber(self) -> float:
        """K = 2 pi R_d alpha sqrt(d), R_d = Gamma(d / 2 + 1)^{1/d} / sqrt(pi)."""
        return 2 * math.sqrt(math.pi * self.d) * math.exp(math.lgamma(self.d / 2 + 1) / self.d) * self.alpha

    def capped(self, cap: float) -> CappedBessel:
        """The law conditioned on ||x|| <= `cap`."""
        return CappedBessel(self, cap)

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"law": "Bessel", "d": self.d, "alpha": self.alpha}

    def _table(self) -> MomentTable:
        from mfpde.laws.moments import moment_table

        return moment_table(self, math.inf)


@dataclass(frozen=True)
class CappedBessel(TabulatedLaw):
    """The Bessel law `bessel` conditioned on ||x|| <= `cap`: its density divided by its mass there.

    Raises
    ------
    ValueError
        If cap is not a finite number > 0, or the ball holds too little mass to divide by.
    """

    bessel: Bessel
    cap: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "cap", number("cap", self.cap, positive=True))
        self._table()

    @property
    def d(self) -> int:  # type: ignore[override]
        """Dimension of the input."""
        return self.bessel.d

    def config(self) -> dict[str, Any]:
        """The law as JSON values."""
        return {"law": "CappedBessel", "d": self.d, "alpha": self.bessel.alpha, "cap": self.cap}

    def _table(self) -> MomentTable:
        from mfpde.laws.moments import moment_table

        return moment_table(self.bessel, self.cap)
