"""What a JPEG's markers say, before its pixels are decoded (ITU T.81, B.1)."""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # not within a scan's numbers, nor where one may begin again
_SCAN, _END, _ALONE = 0xDA, 0xD9, (0x01, 0xD8)


def scans_of(content: bytes, most: int) -> int:
    """Count the scans of a JPEG's first picture, up to one more than `most`."""
    scans, at = 0, 0
    while scans <= most and (found := _MARKER.search(content, at)):
        kind, at = found[0][-1], found.end()
        if kind == _END:
            break
        scans += kind == _SCAN
        if kind not in _ALONE:
            at += int.from_bytes(content[at : at + 2], "big")
    return scans
