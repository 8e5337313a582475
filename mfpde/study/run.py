"""One run of a study: a function and its configuration, and the name that they give it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.store.provenance import canonical
from mfpde.study.functions import functions

SCHEMA = 1

Result = dict[str, "float | str | npt.NDArray[Any]"]


class StudyError(RuntimeError):
    """A study that cannot be run, continued or read."""


@dataclass(frozen=True)
class Run:
    """One run: ``function(**config)`` returns numbers, strings and arrays by name.

    Attributes
    ----------
    function : callable
        A function of a module, found again by name in another process; everything it returns depends on its arguments alone.
    config : mapping
        Its keyword arguments, as JSON values.
    objects : mapping
        Objects that take the place of the entries of `config` by which they are described, but for the code of a user's functions.
    """

    function: Callable[..., Mapping[str, Any]]
    config: Mapping[str, Any]
    objects: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def description(self) -> str:
        """Function, configuration and schema as canonical JSON, and the code of functions in the objects, which have only names there."""
        function = f"{self.function.__module__}:{self.function.__qualname__}"
        given = functions(self.objects)
        code = {"code": given} if given else {}
        return canonical({"schema": SCHEMA, "function": function, "config": dict(self.config), **code})

    @cached_property
    def key(self) -> str:
        """The name of the run: the SHA-256 of its description."""
        return hashlib.sha256(self.description.encode()).hexdigest()

    def compute(self) -> Result:
        """What the function returns.

        Raises
        ------
        TypeError
            If it returns anything but numbers, strings and numeric arrays by name.
        """
        return {name: _plain(name, value) for name, value in self.function(**{**self.config, **self.objects}).items()}


def _plain(name: str, value: Any) -> float | str | npt.NDArray[Any]:
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"a run returned {name} = {value!r}: results are numbers, strings and numeric arrays")
    return float(array) if array.ndim == 0 and array.dtype.kind != "c" else array
