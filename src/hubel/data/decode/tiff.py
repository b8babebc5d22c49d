"""TIFFs that Pillow has no mode for: floating point of 16 and 64 bits, and of several bands; whole numbers of 16 and 32
bits in several bands, interleaved or one after the other; uncompressed, or by what Pillow's libtiff knows (LZW,
deflate, PackBits …), with differences or without.
"""

from __future__ import annotations

import io
import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from hubel.base.limits import check_expansion

_KINDS = {1: "u", 2: "i", 3: "f"}
_MAGIC = (b"II*\0", b"MM\0*")
_PLAIN = 1
_LOSSLESS = (5, 8, 32773, 32946, 34925, 50000)  # LZW, deflate, PackBits, deflate as of old, LZMA, Zstandard
_APART = 3  # the predictor of floating point: differences of bytes, the upper ones of a line first


def tiff_header(content: bytes) -> Any:
    """The first picture's tags by number; None where this is no TIFF, or its header is damaged."""
    if content[:4] not in _MAGIC:
        return None
    try:
        header = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
        stream = io.BytesIO(content)
        stream.seek(header.next)
        header.load(stream)
        return header if 256 in header and 257 in header else None
    except Exception:  # damaged headers raise nearly every kind of error
        return None


def tiff_values(content: bytes, most: int) -> npt.NDArray[np.generic] | None:
    """The values of the first picture, H×W×bands; None where this is no TIFF that can be read here, or one of more than
    `most` pixels. Raises ValueError for one that is damaged.
    """
    header = tiff_header(content)
    if header is None:
        return None
    width, height, bands = header[256], header[257], header.get(277, 1)
    bits, kinds = set(header.get(258, (1,))), set(header.get(339, (1,)))
    compression, predictor = header.get(259, 1), header.get(317, 1)
    plain = len(bits) == 1 and len(kinds) == 1 and kinds <= set(_KINDS) and bits <= {8, 16, 32, 64}
    if (
        not plain
        or compression not in (_PLAIN, *_LOSSLESS)
        or predictor not in (1, 2, _APART)
        or not 0 < width * height <= most
    ):
        return None
    order = "<" if content[:2] == b"II" else ">"
    try:
        kind = np.dtype(f"{order}{_KINDS[kinds.pop()]}{bits.pop() // 8}")
    except TypeError:  # floating point of eight bits
        return None
    if predictor != 1 and (predictor == _APART) != (kind.kind == "f"):
        return None
    planes = bands if header.get(284, 1) == 2 else 1
    depth = bands // planes
    tiled = 322 in header
    rows, columns = (header[323], header[322]) if tiled else (min(header.get(278, height), height), width)
    places, sizes = (header[324], header[325]) if tiled else (header[273], header[279])
    down, across = math.ceil(height / rows), math.ceil(width / columns)
    if len(places) != len(sizes) or len(places) != planes * down * across:
        raise ValueError("its table of pieces is damaged")
    check_expansion("a TIFF", len(content), width * height * bands * kind.itemsize)
    found = np.zeros((height, width, bands), kind)
    for number, (place, size) in enumerate(zip(places, sizes, strict=True)):
        plane, piece = divmod(number, down * across)
        top, left = piece // across * rows, piece % across * columns
        lines = rows if tiled else min(rows, height - top)
        line = columns * depth * kind.itemsize
        data = content[place : place + size]
        data = data[: lines * line] if compression == _PLAIN else _unpacked(data, compression, lines, line)
        if len(data) < lines * line:
            raise ValueError("it ends too early")
        if predictor == _APART:
            data = _together(data, lines, columns, depth, kind)
        block = np.frombuffer(data, kind).reshape(lines, columns, depth)
        if predictor == 2:
            block = np.cumsum(block, axis=1, dtype=kind)
        inside = block[: height - top, : width - left]
        bands_of = slice(plane, plane + 1) if planes > 1 else slice(None)
        found[top : top + lines, left : left + columns, bands_of] = inside
    return found.astype(kind.newbyteorder("="))


def _unpacked(data: bytes, compression: int, lines: int, line: int) -> bytes:
    """A piece's bytes, unpacked by libtiff: as a grey TIFF of its own, a byte a pixel."""
    tags = {256: line, 257: lines, 258: 8, 259: compression, 262: 1, 273: 0, 277: 1, 278: lines, 279: len(data)}
    start = 10 + 12 * len(tags) + 4
    tags[273] = start
    entries = b"".join(struct.pack("<HHII", number, 4, 1, value) for number, value in tags.items())
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    try:
        with Image.open(io.BytesIO(header + data), formats=("TIFF",)) as picture:
            return bytes(picture.tobytes())
    except OSError as error:
        raise ValueError(f"a piece of it cannot be unpacked: {error}") from None


def _together(data: bytes, lines: int, columns: int, depth: int, kind: np.dtype[Any]) -> bytes:
    """Floating point out of its bytes' differences, the upper bytes of each line first (Adobe's technical note 3)."""
    differences = np.frombuffer(data, np.uint8).reshape(lines, -1, depth)
    planes = np.cumsum(differences, axis=1, dtype=np.uint8).reshape(lines, kind.itemsize, columns * depth)
    values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(kind.newbyteorder(">"))
    return bytes(values.astype(kind).data)
