"""Tiny pictures with masks: a dark ground with a bright square, in a folder as people have them."""

from pathlib import Path

import numpy as np
from PIL import Image


def square(random: np.random.Generator, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """An image (uint8, side×side×3) and its mask: 1 where there is the square, 0 elsewhere."""
    image = random.integers(0, 80, (side, side, 3), dtype=np.uint8)
    mask = np.zeros((side, side), np.uint8)
    top, left = random.integers(0, side - 6, 2)
    image[top : top + 6, left : left + 6] += 150
    mask[top : top + 6, left : left + 6] = 1
    return image, mask


def folder(
    root: Path, count: int = 24, *, change=lambda mask: mask, parts=("train", "val", "test"), palette=None
) -> Path:
    """Write images/ and masks/ for each part."""
    random = np.random.default_rng(0)
    for part in parts:
        for kind in ("images", "masks"):
            (root / part / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image, mask = square(random)
            Image.fromarray(image).save(root / part / "images" / f"{number:03d}.png")
            Image.fromarray(change(mask)).save(root / part / "masks" / f"{number:03d}.png")
    return root
