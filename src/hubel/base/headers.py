"""How files of weights begin: which kind they are, and what a safetensors file says of itself: names, shapes, metadata.
Nothing is allocated for what it describes.

What such a file of hubel's says of itself is one JSON object in the metadata. Its entry "sha256" is the digest of the
whole file with that digest itself taken for zeros, so that one flipped bit anywhere is noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from hubel.base.errors import LimitError, TensorFileError
from hubel.base.files import BLOCK, check_file
from hubel.base.limits import check
from hubel.base.plain import MISREAD
from hubel.base.words import NOT_UTF8, writable

BLANK = "0" * 64  # what stands for the digest while it is worked out
_BITS = {"BOOL": 8, "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16}
_BITS |= {"U16": 16, "I8": 8, "U8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8}
_BITS |= {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "C64": 64}
_MOST_AXES = 64
_LENGTH = 8  # bytes that hold the header's


class Stored(NamedTuple):
    """A tensor in a file: its kind of number as safetensors names it, its shape, where its bytes lie in the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What stands before the data, which begins at byte `start`: texts by name, and tensors by name."""

    metadata: dict[str, str]
    tensors: dict[str, Stored]
    start: int

    @property
    def numbers(self) -> int:
        """How many numbers the file holds."""
        return sum(math.prod(stored.shape) for stored in self.tensors.values())


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: the length of a header that the file has room for, then a brace."""
    check_file(path)
    with open(path, "rb") as file:
        return _header_length(file.read(_LENGTH + 1), os.fstat(file.fileno()).st_size) > 0


def is_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle, or as a zip (what torch.save writes, with a pickle in it)."""
    check_file(path)
    with open(path, "rb") as file:
        start = file.read(_LENGTH + 1)
    # a safetensors file may begin with any number, these ones too
    return start.startswith((b"PK", b"\x80")) and start[_LENGTH:] != b"{"


def read_header(path: Path) -> Header:
    """Read a file's header and check it against the file's size. Raises TensorFileError, or OSError."""
    if writable(str(path)) != str(path):
        raise TensorFileError(f"{path}: {NOT_UTF8}, by which safetensors cannot open it; rename it")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(_LENGTH + 1)
        length = _header_length(start, size)
        if not length:
            raise TensorFileError(f"{path}: not a whole safetensors file; was it cut short?")
        check("header", length, str(path))
        text = start[_LENGTH:] + file.read(length - 1)
    try:
        fields = json.loads(text)
        metadata = fields.pop("__metadata__", {})
        check("tensors", len(fields), str(path))
        tensors = {name: _stored(entry) for name, entry in fields.items()}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are not texts")
    except LimitError:
        raise
    except MISREAD as error:
        raise TensorFileError(f"{path}: not a whole safetensors file ({reason(error)})") from None
    end = 0
    for name, stored in sorted(tensors.items(), key=lambda each: each[1].begin):
        if stored.begin != end:
            raise TensorFileError(f"{path}: expected the bytes of {name} from {end:,} on, received {stored.begin:,}")
        end = stored.end
    if end != size - _LENGTH - length:
        raise TensorFileError(
            f"{path}: expected {end:,} bytes of numbers, received {size - _LENGTH - length:,}; take a whole copy of it"
        )
    return Header(metadata, tensors, _LENGTH + length)


def read_about(path: Path, header: Header, entry: str) -> dict[str, Any]:
    """Return the JSON object that stands in the metadata under `entry`. Raises TensorFileError where there is none."""
    if entry not in header.metadata:
        raise TensorFileError(
            f"{path}: expected the metadata entry {entry!r}, received {sorted(header.metadata) or 'no metadata'}"
        )
    try:
        about = json.loads(header.metadata[entry])
    except MISREAD as error:
        raise TensorFileError(f"{path}: its metadata cannot be read ({reason(error)})") from None
    if not isinstance(about, dict):
        raise TensorFileError(f"{path}: its metadata cannot be read (expected names and values)")
    return about


def signed(content: bytes) -> bytes:
    """Return a file's content with its own digest where `BLANK` stands first."""
    return content.replace(BLANK.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def is_whole(path: Path, header: Header, digest: str) -> bool:
    """Whether a file, with its digest taken for zeros, has this digest."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        total.update(file.read(header.start).replace(digest.encode(), BLANK.encode(), 1))
        while block := file.read(BLOCK):
            total.update(block)
    return total.hexdigest() == digest


def _stored(entry: dict[str, Any]) -> Stored:
    dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (*shape, begin, end)):
        raise ValueError("its shapes are not whole numbers")
    if len(shape) > _MOST_AXES or 8 * (end - begin) != math.prod(shape) * _BITS[dtype]:
        raise ValueError(f"a tensor of {shape} has {end - begin} bytes")
    return Stored(dtype, shape, begin, end)


def reason(error: Exception) -> str:
    """Say in words why what a file says of itself could not be made sense of."""
    match error:
        case RecursionError():
            return "it nests too deeply"
        case KeyError():
            return f"there is no entry {error}"
        case ValueError() if "set_int_max_str_digits" in str(error):
            return "a number in it has thousands of digits"
        case _:
            return str(error)[:200]


def _header_length(start: bytes, size: int) -> int:
    """The length of a file's header in bytes; 0 where it is no safetensors file's."""
    length = int.from_bytes(start[:_LENGTH], "little")
    return length if start[_LENGTH:] == b"{" and 0 < length <= size - _LENGTH else 0
