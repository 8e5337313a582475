"""What a check reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """An error as measured here, and how large it may be."""

    what: str
    measured: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the error is small enough; NaN is not."""
        return self.measured <= self.allowed
