"""The IDX format of the MNIST files: a magic number, the sizes as big-endian integers, then the bytes."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content: bytes, place: str) -> npt.NDArray[np.generic]:
    """The array in an IDX file's bytes (gzip or plain), read-only; `place` is what errors call it.

    Raises ValueError where the bytes are not IDX or are too few or too many.
    """
    if content[:2] == b"\x1f\x8b":
        content = _gunzip(content, place)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DataError(f"{place}: expected an IDX file (two zero bytes, then a type), received {content[:4]!r}")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{place}: expected {dimensions} sizes in the IDX header, received only {len(content)} bytes")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    kind = np.dtype(_TYPES[content[2]])
    expected = start + math.prod(shape) * kind.itemsize
    if len(content) != expected:
        raise DataError(
            f"{place}: expected {expected:,} bytes for shape {shape}, received {len(content):,}; is the file whole?"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape)


def read_idx(path: Path) -> npt.NDArray[np.generic]:
    """The array in the IDX file at `path`, gzip or plain, read-only."""
    return parse_idx(path.read_bytes(), str(path))


def _gunzip(content: bytes, place: str) -> bytes:
    # the last four bytes of a gzip file are its unpacked size: one buffer of that size spares growing it
    size = int.from_bytes(content[-4:], "little")
    try:
        return zlib.decompress(content, 31, min(size, 1100 * len(content)) + 1)
    except zlib.error as error:
        raise DataError(f"{place}: the gzip file is damaged ({error}); fetch it again") from None
