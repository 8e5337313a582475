"""Labels that belong to the component an input was drawn from, and not to the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ClassLabels:
    """The label of every component of a mixture: a number each, as +1 and -1 for two classes."""

    values: tuple[float, ...]

    def __init__(self, values: Sequence[float]) -> None:
        numbers = np.array(values, np.float64)
        if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
            raise ValueError(f"values = {values!r}: give a finite number for every component of the mixture")
        object.__setattr__(self, "values", tuple(numbers.tolist()))

    def config(self) -> dict[str, Any]:
        """The labels as JSON values."""
        return {"target": "ClassLabels", "values": list(self.values)}
