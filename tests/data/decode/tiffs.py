"""TIFFs of every kind of number, written by hand."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

PACKED = {"lzw": 5, "packbits": 32773}  # by Pillow, which has no modes for most of these values


def tiff(
    values: np.ndarray,
    *,
    planes: bool = False,
    order: str = "<",
    deflate: bool = False,
    rows: int = 0,
    packed: str = "",
    differences: bool = False,
) -> bytes:
    """A TIFF of values H×W×bands: interleaved or plane by plane, in strips of so many rows, packed in one of the ways,
    of whole numbers the differences, of floating point those of the bytes of a line, the upper ones first.
    """
    height, width, bands = values.shape
    kind, bits = {"u": 1, "i": 2, "f": 3}[values.dtype.kind], 8 * values.dtype.itemsize
    rows = rows or height
    parts = [values[..., band : band + 1] for band in range(bands)] if planes else [values]
    pieces = [part[top : top + rows] for part in parts for top in range(0, height, rows)]
    lines = [_lines(piece, order, differences) for piece in pieces]
    strips = [_packed(line, packed) if packed else line.tobytes() for line in lines]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    how = 3 if kind == 3 else 2
    tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * bands),
        259: (3, [PACKED[packed] if packed else 8 if deflate else 1]),
        262: (3, [2 if bands == 3 else 1]),
        277: (3, [bands]),
        278: (4, [rows]),
        284: (3, [2 if planes else 1]),
        317: (3, [how if differences else 1]),
        339: (3, [kind] * bands),
        273: (4, [0] * len(strips)),
        279: (4, [len(strip) for strip in strips]),
    }
    beyond = 8 + 2 + 12 * len(tags) + 4
    size = {3: 2, 4: 4}
    long = {tag: size[form] * len(found) > 4 for tag, (form, found) in tags.items()}
    start = beyond + sum(size[form] * len(found) for tag, (form, found) in tags.items() if long[tag])
    tags[273] = (4, [start + sum(map(len, strips[:number])) for number in range(len(strips))])
    entries, more = b"", b""
    for tag in sorted(tags):
        form, found = tags[tag]
        raw = b"".join(struct.pack(order + ("H" if form == 3 else "I"), each) for each in found)
        held = struct.pack(f"{order}I", beyond + len(more)) if long[tag] else raw.ljust(4, b"\0")
        more += raw if long[tag] else b""
        entries += struct.pack(f"{order}HHI", tag, form, len(found)) + held
    begin = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return begin + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + more + b"".join(strips)


def _lines(values: np.ndarray, order: str, differences: bool) -> np.ndarray:
    """The bytes of a piece, uint8, a line a row."""
    kind = values.dtype
    if differences and kind.kind == "f":
        height, width, depth = values.shape
        planes = values.astype(kind.newbyteorder(">")).view(np.uint8).reshape(height, width * depth, kind.itemsize)
        flat = planes.transpose(0, 2, 1).reshape(height, -1, depth)
        return np.diff(flat, axis=1, prepend=np.zeros((height, 1, depth), np.uint8)).reshape(height, -1)
    if differences:
        values = np.diff(values, axis=1, prepend=np.zeros_like(values[:, :1]))
    return np.ascontiguousarray(values.astype(kind.newbyteorder(order))).view(np.uint8).reshape(len(values), -1)


def _packed(lines: np.ndarray, how: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(lines).save(file, "TIFF", compression=f"tiff_{how}" if how == "lzw" else how)
    with Image.open(file) as picture:
        (place,), (size,) = picture.tag_v2[273], picture.tag_v2[279]
    return file.getvalue()[place : place + size]
