"""The IDX format of the MNIST files: a magic number, the sizes as big-endian integers, then the bytes."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.base.limits import check_expansion

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content: bytes, place: str) -> npt.NDArray[np.generic]:
    """The array in an IDX file's bytes (gzip or plain), read-only; `place` is what errors call it.

    Raises DataError where the bytes are not IDX or are too few or too many: as many are unpacked as its header says.
    """
    packed = len(content)
    source = _Gzip(content, place) if content[:2] == b"\x1f\x8b" else io.BytesIO(content)
    begin = source.read(4)
    if len(begin) < 4 or begin[:2] != b"\0\0" or begin[2] not in _TYPES:
        raise DataError(f"{place}: expected an IDX file (two zero bytes, then a type), received {begin!r}")
    dimensions = begin[3]
    sizes = source.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{place}: expected {dimensions} sizes in the IDX header, received {len(sizes)} bytes of them")
    shape = struct.unpack(f">{dimensions}I", sizes)
    kind = np.dtype(_TYPES[begin[2]])
    expected = math.prod(shape) * kind.itemsize
    if isinstance(source, _Gzip):
        check_expansion(place, packed, expected)
    elif expected > packed:
        raise DataError(_unlike(place, expected, shape, packed - 4 - len(sizes)))
    data = source.read(expected)
    more = len(source.read(1))
    if len(data) != expected or more:
        raise DataError(_unlike(place, expected, shape, len(data), " and more" if more else ""))
    return np.frombuffer(data, kind).reshape(shape)


def read_idx(path: Path) -> npt.NDArray[np.generic]:
    """The array in the IDX file at `path`, gzip or plain, read-only."""
    return parse_idx(path.read_bytes(), str(path))


def _unlike(place: str, expected: int, shape: tuple[int, ...], received: int, more: str = "") -> str:
    return (
        f"{place}: expected {expected:,} bytes for the shape {shape}, received {received:,}{more}; is the file whole?"
    )


class _Gzip:
    """A gzip file's bytes, unpacked as far as they are read."""

    def __init__(self, content: bytes, place: str) -> None:
        self._unpacker, self._rest, self._place = zlib.decompressobj(31), content, place

    def read(self, count: int) -> bytes:
        """So many bytes, fewer at the end."""
        if not count:
            return b""
        try:
            found = self._unpacker.decompress(self._rest, count)
        except zlib.error as error:
            raise DataError(f"{self._place}: the gzip file is damaged ({error}); fetch it again") from None
        self._rest = self._unpacker.unconsumed_tail
        if len(found) < count and not self._unpacker.eof:
            raise DataError(f"{self._place}: the gzip file is damaged (it ends too early); fetch it again")
        return found
