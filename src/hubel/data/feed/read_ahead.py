"""Images in a memory map: read from the disk before they are used, and given back after."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

HELD = 128 * 2**20  # bytes read after which the map's pages are given back


class MappedImages:
    """Where images lie in a memory map, of which about `HELD` bytes are held at a time.

    file: the map. start: where in it the first image begins. step: bytes from one image to the next.
    """

    def __init__(self, file: mmap.mmap, start: int, step: int) -> None:
        self.file, self.start, self.step = file, start, step
        self._read = 0

    def expect(self, indices: torch.Tensor) -> None:
        """Let the system read the images at `indices` (int64, B) while this process does other things."""
        for index in indices.tolist():
            first = self.start + index * self.step
            page = first - first % mmap.PAGESIZE
            self.file.madvise(mmap.MADV_WILLNEED, page, first + abs(self.step) - page)

    def count(self, images: torch.Tensor) -> None:
        """Note that these were read: pages count as the process's own until they are given back."""
        self._read += images.numel()
        if self._read > HELD:
            self._read = 0
            self.file.madvise(mmap.MADV_DONTNEED)


def mapped(images: npt.NDArray[np.uint8]) -> MappedImages | None:
    """Where these images lie in a memory map; None where they do not, or where the system takes no advice on it."""
    root: Any = images
    while isinstance(root, np.ndarray):
        file = getattr(root, "_mmap", None)
        if isinstance(file, mmap.mmap) and isinstance(root.base, mmap.mmap):
            if not hasattr(file, "madvise"):
                return None
            before = root.offset % mmap.ALLOCATIONGRANULARITY
            return MappedImages(file, before + images.ctypes.data - root.ctypes.data, images.strides[0])
        root = root.base
    return None
