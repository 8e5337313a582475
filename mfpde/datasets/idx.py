"""The idx format of MNIST and Fashion-MNIST: a magic number, the lengths of all axes, the numbers; plain or compressed by gzip."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> npt.NDArray[Any]:
    """The array of an idx file.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If it is no idx file, or is cut or damaged.
    """
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is damaged ({error}): download it again") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise ValueError(f"{path} is no idx file: it begins with {content[:4].hex(' ')}")
    kind, axes = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError(f"{path} is cut within its header: download it again")
    shape = struct.unpack(f">{axes}I", content[4:start])
    found, wanted = len(content) - start, prod(shape) * kind.itemsize
    if found != wanted:
        raise ValueError(f"{path} has {found} bytes of data, its header says {wanted}: download it again")
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
