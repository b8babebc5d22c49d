"""TIFFs of every kind of number, written by hand."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def tiff(values: np.ndarray, *, planes: bool = False, order: str = "<", deflate: bool = False, rows: int = 0) -> bytes:
    """A TIFF of values H×W×bands: interleaved or plane by plane, in strips of so many rows."""
    height, width, bands = values.shape
    kind, bits = {"u": 1, "i": 2, "f": 3}[values.dtype.kind], 8 * values.dtype.itemsize
    rows = rows or height
    parts = [values[..., band : band + 1] for band in range(bands)] if planes else [values]
    strips = [
        part[top : top + rows].astype(values.dtype.newbyteorder(order)).tobytes()
        for part in parts
        for top in range(0, height, rows)
    ]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * bands),
        259: (3, [8 if deflate else 1]),
        262: (3, [2 if bands == 3 else 1]),
        277: (3, [bands]),
        278: (4, [rows]),
        284: (3, [2 if planes else 1]),
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
