"""How files of weights begin: which kind they are, and what a model of hubel's says of itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

LONGEST = 100_000_000  # bytes of a header: safetensors' own limit
_LENGTH = 8  # bytes that hold the header's


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: the length of a header that the file has room for, then a brace."""
    with open(path, "rb") as file:
        return _header_length(file.read(_LENGTH + 1), os.fstat(file.fileno()).st_size) > 0


def is_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle, or as a zip (what torch.save writes, with a pickle in it)."""
    with open(path, "rb") as file:
        start = file.read(_LENGTH + 1)
    # a safetensors file may begin with any number, these ones too
    return start.startswith((b"PK", b"\x80")) and start[_LENGTH:] != b"{"


def about_model(path: Path) -> dict[str, Any]:
    """Return what a model file of hubel's says of itself (network, classes, preprocessing …), {} for any other file.

    Nothing but the header is read. Raises OSError where the file cannot be.
    """
    with open(path, "rb") as file:
        start = file.read(_LENGTH + 1)
        length = _header_length(start, os.fstat(file.fileno()).st_size)
        header = start[_LENGTH:] + file.read(length - 1) if length else b"{}"
    try:
        about = json.loads(json.loads(header)["__metadata__"]["hubel"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _header_length(start: bytes, size: int) -> int:
    """The length of a file's header in bytes; 0 where it is no safetensors file's."""
    length = int.from_bytes(start[:_LENGTH], "little")
    return length if start[_LENGTH:] == b"{" and 0 < length <= min(LONGEST, size - _LENGTH) else 0
