"""Folders of small images, and what was read of them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from hubel.data import Dataset, Splits


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), number % 250).save(buffer, "PNG")
    return buffer.getvalue()


def make(folder: Path, *tree: str) -> Path:
    """Two images in each of these folders; what ends with .png is an image itself."""
    for number, name in enumerate(tree):
        paths = [name] if name.endswith(".png") else [f"{name}/{number}-{i}.png" for i in range(2)]
        for i, path in enumerate(paths):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(picture(2 * number + i))
    return folder


def counted(part: Dataset | None) -> dict[str, int]:
    if part is None:
        return {}
    numbers = np.bincount(part.labels, minlength=len(part.classes))
    return {name: int(n) for name, n in zip(part.classes, numbers, strict=True) if n}


def parts(splits: Splits) -> dict[str, dict[str, int]]:
    return {name: counted(part) for name, part in splits.parts().items()}


AB = {"a": 2, "b": 2}
TRAIN_TEST = {"train": AB, "test": AB}
TRAIN_VAL = {"train": AB, "validation": AB}
