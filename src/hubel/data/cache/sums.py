"""A checksum of each decoded image on disk, by which damage shows where the image is taken, however large the set."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hubel.base.errors import CacheError

FILE = "sums.bin"
"""Beside `images.bin`: the CRC-32 of each image, in four bytes, the lowest first."""


def sum_of(image: npt.NDArray[np.uint8]) -> int:
    """The checksum of one image."""
    return zlib.crc32(np.ascontiguousarray(image).data)


class Sums:
    """The checksums of images that lie in an entry of the cache. first: which of the entry's is the first of them."""

    def __init__(self, entry: Path, first: int) -> None:
        self._entry, self._first = entry, first
        self._sums = np.fromfile(entry / FILE, "<u4")

    def check(self, indices: npt.NDArray[np.int64], taken: npt.NDArray[np.uint8]) -> None:
        """Raise CacheError where the images at these positions are not what was put there; the entry is taken away."""
        for index, image in zip((indices + self._first).tolist(), taken, strict=True):
            if sum_of(image) != self._sums[index]:
                shutil.rmtree(self._entry, ignore_errors=True)
                raise CacheError(
                    f"{self._entry}: image {index + 1:,} of these decoded images was changed or damaged since they "
                    "were put there, so they were taken away; the same line again decodes them anew (of a run that "
                    "has begun: hubel train --resume)"
                )


def sums_of(images: npt.NDArray[np.uint8]) -> Sums | None:
    """The checksums of images that are mapped from the cache, all or a stretch of them; None of others."""
    root = images
    while isinstance(root.base, np.ndarray):
        root = root.base
    entry = Path(getattr(root, "filename", None) or "").parent
    if entry.parent.name != "decoded" or not (entry / FILE).exists() or images.strides != root.strides:
        return None
    return Sums(entry, (images.ctypes.data - root.ctypes.data) // (images.strides[0] or 1))
