"""A picture on its way, saved: one file, numbered files, or an animation."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.files import made_place, replacing

Pixels = npt.NDArray[np.uint8]
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
ANIMATIONS = (".gif", ".apng")
WRITERS = dict.fromkeys((*PICTURES, *ANIMATIONS), "hubel.view.figures.frames:picture_file")  # of what is made on a way
LEAST = 224  # pixels of the longer side below which little is seen
_FRAME, _STILL = 80, 1500  # milliseconds that an animation shows a frame, and rests at its end


class Made(Protocol):
    """A picture, uint8 H×W×C, and the pictures that led to it."""

    @property
    def picture(self) -> Pixels:
        """What was made."""
        ...

    @property
    def frames(self) -> Sequence[Pixels]:
        """What it was on the way."""
        ...


def as_image(pixels: Pixels) -> Image.Image:
    """Return uint8 H×W×1 or H×W×3 as a Pillow image."""
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def coloured(pixels: Pixels) -> Pixels:
    """A picture H×W or H×W×C in colour, H×W×3: grey ones spread, the first three channels of more."""
    planes = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    return np.broadcast_to(planes[..., : 1 if planes.shape[2] < 3 else 3], (*planes.shape[:2], 3))


def times_larger(pixels: Pixels, least: int = LEAST) -> int:
    """How many times as large a picture is shown, its pixels squares, so that its longer side has so many pixels."""
    return max(1, round(least / int(max(pixels.shape[:2]))))


def enlarged(pixels: Pixels, least: int = LEAST) -> Pixels:
    """A small picture uint8 H×W×C as it is shown."""
    times = times_larger(pixels, least)
    return pixels.repeat(times, 0).repeat(times, 1)


def picture_file(made: Made, ending: str, theme: str) -> bytes:
    """Return a file of a picture, or of the frames that led to it."""
    buffer = BytesIO()
    kind = {".jpg": "JPEG", ".apng": "PNG"}.get(ending, ending[1:].upper())
    if ending in PICTURES:
        as_image(enlarged(made.picture)).save(buffer, kind)
        return buffer.getvalue()
    largest = max((frame.shape[:2] for frame in made.frames), default=made.picture.shape[:2])
    images = [_fitted(as_image(frame), largest, times_larger(made.picture)) for frame in (*made.frames, made.picture)]
    durations = [_FRAME] * (len(images) - 1) + [_STILL]
    images[0].save(buffer, kind, save_all=True, append_images=images[1:], duration=durations, loop=0)
    return buffer.getvalue()


def save_frames(folder: Path, frames: Sequence[Pixels]) -> list[Path]:
    """Write frame-0001.png and so on into a folder, which is made where it is missing."""
    made_place(folder)
    paths = [folder / f"frame-{number:04}.png" for number in range(1, len(frames) + 1)]
    for path, frame in zip(paths, frames, strict=True):
        with replacing(path) as unfinished:
            as_image(frame).save(unfinished)
    return paths


def _fitted(image: Image.Image, size: tuple[int, ...], times: int) -> Image.Image:
    """Enlarge a frame of a smaller octave to the largest, so that all are of one size, and then as they are shown."""
    wanted = size[1], size[0]
    fitted = image if image.size == wanted else image.resize(wanted, Image.Resampling.BICUBIC)
    return fitted.resize((times * wanted[0], times * wanted[1]), Image.Resampling.NEAREST)
