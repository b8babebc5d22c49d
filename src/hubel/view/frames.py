"""A picture on its way, saved: one file, numbered files, or an animation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.errors import SettingError
from hubel.base.files import replacing

Pixels = npt.NDArray[np.uint8]
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
ANIMATIONS = (".gif", ".apng")
_STILL = 1500  # milliseconds that an animation rests at its end


def as_image(pixels: Pixels) -> Image.Image:
    """Return uint8 H×W×1 or H×W×3 as a Pillow image."""
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def save_picture(path: Path, pixels: Pixels, frames: Sequence[Pixels], milliseconds: int = 80) -> Path:
    """Write a picture, or the frames that led to it, by the file's ending.

    Raises ValueError for another ending.
    """
    ending = path.suffix.lower()
    if ending in PICTURES:
        with replacing(path) as unfinished:
            as_image(pixels).save(unfinished)
    elif ending in ANIMATIONS:
        largest = max((frame.shape[:2] for frame in frames), default=pixels.shape[:2])
        images = [_fitted(as_image(frame), largest) for frame in (*frames, pixels)]
        durations = [milliseconds] * (len(images) - 1) + [_STILL]
        kind = "GIF" if ending == ".gif" else "PNG"
        with replacing(path) as unfinished:
            images[0].save(unfinished, kind, save_all=True, append_images=images[1:], duration=durations, loop=0)
    else:
        raise SettingError(
            f"expected a file that ends with {', '.join((*PICTURES, *ANIMATIONS))}, received {ending or path.name!r}"
        )
    return path


def save_frames(folder: Path, frames: Sequence[Pixels]) -> list[Path]:
    """Write frame-0001.png and so on into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"frame-{number:04}.png" for number in range(1, len(frames) + 1)]
    for path, frame in zip(paths, frames, strict=True):
        with replacing(path) as unfinished:
            as_image(frame).save(unfinished)
    return paths


def _fitted(image: Image.Image, size: tuple[int, ...]) -> Image.Image:
    """Enlarge a frame of a smaller octave to the largest, so that all are of one size."""
    wanted = size[1], size[0]
    return image if image.size == wanted else image.resize(wanted, Image.Resampling.BICUBIC)
