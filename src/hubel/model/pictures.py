"""Pictures of a folder, as Keras reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hubel.base.errors import DataError, SettingError
from hubel.base.names import listing

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp", ".tif", ".tiff")


def pictures_in(
    root: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[Path], list[int], list[str]]:
    """Return a folder's pictures in the order of their names, the numbers of their classes, and the classes.

    labels: "inferred" has a class for each folder, None has none, a list says them. Raises DataError where there are no
    pictures.
    """
    if labels != "inferred":
        paths = _files(root)
        if not paths:
            raise DataError(f"{root}: expected pictures ({', '.join(SUFFIXES)}), there are none")
        numbers = [0] * len(paths) if labels is None else [int(label) for label in labels]
        if len(numbers) != len(paths):
            raise SettingError(f"expected a label for each of {len(paths)} pictures, received {len(numbers)}")
        return paths, numbers, [] if labels is None else [str(n) for n in sorted(set(numbers))]
    folders = sorted(each.name for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))
    names = list(class_names) if class_names is not None else folders
    if set(names) != set(folders):
        raise SettingError(f"expected class_names of the folders {listing(folders)}, received {listing(names)}")
    paths, numbers = [], []
    for number, name in enumerate(names):
        own = _files(root / name)
        paths, numbers = [*paths, *own], [*numbers, *[number] * len(own)]
    if not paths:
        raise DataError(f"{root}: expected a folder of pictures for each class, received {listing(folders) or 'none'}")
    return paths, numbers, names


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def picture_of(path: Path, color_mode: str, size: tuple[int, int], interpolation: str, crop: bool) -> Tensor:
    """Return a picture in a size of height × width, float32 H×W×C from 0 to 255. Raises ImageError."""
    from hubel.data.decode.image import read_image
    from hubel.model.layers import Resizing

    pixels = np.asarray(read_image(path).convert(MODES[color_mode]), np.float32)
    array = torch.from_numpy(pixels[..., None] if pixels.ndim == 2 else pixels)
    if interpolation == "bicubic":
        first = array.movedim(-1, 0)[None]
        found = torch.nn.functional.interpolate(first, size, mode="bicubic", align_corners=False)
        return found[0].movedim(0, -1).clamp(0, 255)
    made: Tensor = Resizing(*size, interpolation=interpolation, crop_to_aspect_ratio=crop).run(array)
    return made.contiguous()
