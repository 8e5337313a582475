"""What a user's functions say: two of one name, such as two lambdas, are told apart by their code and the values that it uses."""

from __future__ import annotations

import hashlib
import pickle
import sysconfig
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_KNOWN = ("builtins", "mfpde", "numpy", "scipy")
_PACKAGES, _STANDARD = {"site-packages", "dist-packages"}, sysconfig.get_path("stdlib")
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)


def functions(value: Any) -> list[str]:
    """SHA-256 of each user's function in `value`: itself, or what lists, mappings and the fields of dataclasses hold.

    Functions of this package, of Python, NumPy and SciPy are left out, whose names say what they are, but not what holds numbers of the
    user's, such as a spline.
    """
    found: list[str] = []
    _search(value, found, set())
    return found


def _search(value: Any, found: list[str], seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if callable(value) and not isinstance(value, type) and _of_user(_python(value)):
        found.append(hashlib.sha256(_text(_python(value), {}).encode()).hexdigest())
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            _search(getattr(value, one.name, None), found, seen)
    elif isinstance(value, Mapping):
        for item in value.values():
            _search(item, found, seen)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _search(item, found, seen)


def _python(function: Any) -> Any:
    """The Python function inside what Numba, NumPy or a cache made of it."""
    for name in ("py_func", "pyfunc", "__wrapped__"):
        if not isinstance(function, FunctionType):
            function = getattr(function, name, function)
    return function


def _of_user(function: Any) -> bool:
    if isinstance(function, (partial, MethodType)):
        return True
    if not hasattr(function, "__name__"):  # an object that can be called; of a dataclass of this package the fields are looked at
        return not is_dataclass(function) or not _known(type(function))
    return not _known(function)


def _known(value: Any) -> bool:
    module = getattr(value, "__module__", None) or type(value).__module__
    return isinstance(module, str) and module.split(".")[0] in _KNOWN


def _installed(function: FunctionType) -> bool:
    path = function.__code__.co_filename
    return _known(function) or path.startswith(_STANDARD) or not _PACKAGES.isdisjoint(Path(path).parts)


def _text(value: Any, seen: dict[int, Any]) -> str:
    """Everything that the value of a function depends on, as far as Python code and plain values go; the same in every process.

    What was seen is not described again, and is kept meanwhile so that nothing else takes its id. Installed packages have names.
    """
    if isinstance(value, _PLAIN):
        return repr(value)
    value = _python(value)
    if id(value) in seen:
        return "seen"
    if not isinstance(value, (tuple, frozenset, CodeType)):  # of these Python may make one where the code has two
        seen[id(value)] = value

    def each(values: Any) -> str:
        return f"({', '.join(_text(one, seen) for one in values)})"

    if isinstance(value, FunctionType) and not _installed(value):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        used = {name: value.__globals__[name] for name in _names(value.__code__) if name in value.__globals__}
        return each([value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, cells, used])
    if isinstance(value, CodeType):
        return each([value.co_code, value.co_names, value.co_varnames, value.co_consts])
    if isinstance(value, (partial, MethodType)):
        parts = [value.func, value.args, value.keywords] if isinstance(value, partial) else [value.__func__, value.__self__]
        return each(parts)
    if isinstance(value, np.ndarray):
        content = each(value.ravel().tolist()) if value.dtype.hasobject else hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()
        return f"{value.dtype} {value.shape} {content}"
    if isinstance(value, Mapping):
        return "; ".join(sorted(each(item) for item in value.items()))
    if isinstance(value, Set):
        return "; ".join(sorted(_text(one, seen) for one in value))
    if isinstance(value, (list, tuple)):
        return each(value)
    if isinstance(value, ModuleType) or hasattr(value, "__name__"):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value):
        return each([kind, *(getattr(value, one.name, None) for one in fields(value))])
    if callable(value) and not _known(type(value)):
        return each([kind, type(value).__call__, getattr(value, "__dict__", None)])
    try:
        return f"{kind} {hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()}"
    except Exception:  # what cannot be pickled says no more than its type; any error may come from a user's class
        return kind


def _names(code: CodeType) -> list[str]:
    inner = [name for one in code.co_consts if isinstance(one, CodeType) for name in _names(one)]
    return sorted({*code.co_names, *inner})
