"""NumPy's files, checked before they are read: what a header says is compared with the bytes that there are."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.base.limits import check_expansion

Array = npt.NDArray[Any]
_KINDS = "biufUS"  # numbers, truth values, texts: all that images and labels are written with
_LONGEST_HEADER = 10_000


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays in an .npz by name. Raises DataError for what is none, is damaged, holds objects (which are never
    opened), or would become far larger than the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            check_expansion(str(path), os.path.getsize(path), sum(info.file_size for info in members))
            return {info.filename.removesuffix(".npy"): _member(archive, info, path) for info in members}
    except (DataError, FileNotFoundError):
        raise
    except Exception as error:  # damaged archives raise errors of zipfile, zlib, struct, tokenize and others
        raise DataError(f"{path}: cannot be read as .npz ({_told(error)})") from None


def read_npy(path: Path, *, mapped: bool = False) -> Array:
    """The array in an .npy file, or a memory map of it. Raises DataError as `read_npz`."""
    try:
        with open(path, "rb") as file:
            _check_header(file, os.fstat(file.fileno()).st_size, str(path))
        found: Array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (DataError, FileNotFoundError):
        raise
    except Exception as error:  # as above
        raise DataError(f"{path}: cannot be read as .npy ({_told(error)})") from None
    return found


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Array:
    place = f"{path}: {info.filename}"
    with archive.open(info) as file:
        _check_header(file, info.file_size, place)
    with archive.open(info) as file:
        found: Array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):  # to the end, where the checksum is
            raise DataError(f"{place}: more bytes than its array has")
    return found


def _check_header(file: IO[bytes], size: int, place: str) -> None:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise DataError(f"{place}: expected format 1.0, 2.0 or 3.0, received {version[0]}.{version[1]}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(file, max_header_size=_LONGEST_HEADER)
    if kind.hasobject:
        raise DataError(f"{place}: expected numbers, received objects, which can run any code when opened")
    if kind.kind not in _KINDS or kind.subdtype is not None:
        raise DataError(f"{place}: expected numbers or texts, received {kind}")
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise DataError(f"{place}: expected a shape of whole numbers, received {shape}")
    expected, received = math.prod(shape) * kind.itemsize, size - file.tell()
    if expected != received:
        raise DataError(
            f"{place}: expected {expected:,} bytes for the shape {shape}, received {received:,}; is the file whole?"
        )


def _told(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:200]
