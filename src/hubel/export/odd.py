"""Forty odd pictures, made on the spot: what files hold that programs usually get wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
_ORIENTATION = 0x0112
_LARGE = 2000


@lru_cache(maxsize=4)
def odd_pictures(height: int, width: int) -> tuple[tuple[str, bytes], ...]:
    """Files that people have, each with what is odd about it, for a network of images of this size: turned by EXIF, of
    16 bits and floating point, CMYK, palettes, transparent, grey, a pixel wide, huge. The same ones at every call.
    """
    return tuple(_made(height, width))


def _made(height: int, width: int) -> Iterator[tuple[str, bytes]]:
    draw = np.random.default_rng(0)
    plain = _shapes(90, 140, draw)
    for number in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = number
        yield f"EXIF orientation {number}", _file(plain, "JPEG", exif=exif, quality=95)
    yield from _deep(plain)
    yield from _colours(plain)
    yield from _transparent(plain)
    for name, sides in _sizes(height, width).items():
        yield name, _file(_shapes(*sides, draw), "PNG")
    enlarged = _shapes(220, 300, draw).repeat(10, 0).repeat(10, 1)
    yield "huge", _file(enlarged, "PNG", compress_level=1)
    yield from _plain_ones(height, width, draw)


def _sizes(height: int, width: int) -> dict[str, tuple[int, int]]:
    return {
        "a pixel wide": (200, 1),
        "a pixel high": (1, 200),
        "a single pixel": (1, 1),
        "three pixels by a thousand": (3, 1000),
        "very long": (40, 3000),
        "of the network's size": (height, width),
        "twice the network's size": (2 * height, 2 * width),
        "a pixel larger": (height + 1, width + 1),
        "a pixel smaller": (max(1, height - 1), max(1, width - 1)),
        "turned on its side": (2 * width + 1, height + 3),
    }


def _deep(plain: Pixels) -> Iterator[tuple[str, bytes]]:
    grey = plain[..., 1].astype(np.uint16)
    yield "16-bit grey PNG", _file(grey * 257, "PNG")
    yield "16-bit grey TIFF of 12 bits", _file(grey * 16, "TIFF")
    yield "floating-point TIFF", _file((grey / 255).astype(np.float32), "TIFF")


def _colours(plain: Pixels) -> Iterator[tuple[str, bytes]]:
    picture = Image.fromarray(plain)
    yield "CMYK JPEG", _file(picture.convert("CMYK"), "JPEG", quality=95)
    yield "CMYK TIFF", _file(picture.convert("CMYK"), "TIFF")
    yield "palette PNG", _file(picture.convert("P", palette=Image.Palette.ADAPTIVE), "PNG")
    yield "GIF", _file(picture.convert("P", palette=Image.Palette.ADAPTIVE), "GIF")
    yield "grey PNG", _file(picture.convert("L"), "PNG")
    yield "grey JPEG", _file(picture.convert("L"), "JPEG")
    yield "black and white, a bit a pixel", _file(picture.convert("1"), "PNG")
    yield "progressive JPEG", _file(picture, "JPEG", progressive=True)
    yield "JPEG of quality 5", _file(picture, "JPEG", quality=5)
    yield "WebP", _file(picture, "WEBP", quality=80)
    yield "BMP", _file(picture, "BMP")
    yield "PPM", _file(picture, "PPM")


def _transparent(plain: Pixels) -> Iterator[tuple[str, bytes]]:
    height, width = plain.shape[:2]
    disc = np.hypot(*np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]) < 0.7
    card = (disc * 255).astype(np.uint8)
    yield "dark on transparent", _file(np.dstack([plain // 4, card]), "PNG")
    yield "light on transparent", _file(np.dstack([255 - plain // 4, card]), "PNG")
    yield "grey with transparency", _file(np.dstack([plain[..., 0], card]), "PNG")
    yield "all transparent", _file(np.dstack([plain, np.zeros_like(card)]), "PNG")
    lower = np.repeat(np.uint8(255) * (np.arange(height) >= height // 2)[:, np.newaxis], width, 1)
    yield "a card on a transparent canvas", _file(np.dstack([plain, lower]), "PNG")
    picture = Image.fromarray(plain).convert("P", palette=Image.Palette.ADAPTIVE)
    yield "palette with a transparent colour", _file(picture, "PNG", transparency=0)


def _plain_ones(height: int, width: int, draw: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    yield "black", _file(np.zeros((60, 80, 3), np.uint8), "PNG")
    yield "white", _file(np.full((60, 80, 3), 255, np.uint8), "PNG")
    yield "noise", _file(draw.integers(0, 256, (*_halved(height, width), 3), dtype=np.uint8), "PNG")
    checks = np.indices((301, 401)).sum(0) % 2 * 255
    yield "a chequered board of pixels", _file(np.repeat(checks.astype(np.uint8)[..., None], 3, 2), "PNG")


def _halved(height: int, width: int) -> tuple[int, int]:
    """Sides of a picture that, padded to these, ends in the middle of a column: such that engines that multiply a
    quotient in 32 bits end before it, where there are some that are not huge.
    """
    double = 2 * (height & -height)  # all rows that leave half a column are multiples
    for rows in range(double * (height // double + 1), _LARGE, double):
        shrunk = np.float32(height) / np.float32(rows)
        for columns in range(rows * width // height, rows * width // height // 2, -1):
            if 2 * columns * height % (2 * rows) == rows and np.float32(columns) * shrunk % 1 < 0.5:
                return rows, columns
    return 2 * height, 2 * width - 1


def _shapes(height: int, width: int, draw: np.random.Generator) -> Pixels:
    """A smooth ground with discs and bars: something like a photograph, in which every place differs."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([60 + 90 * rows / height, 50 + 120 * columns / width, 160 - 60 * rows / height], 2)
    for _ in range(6):
        middle, radius = draw.uniform(0, 1, 2) * (height, width), draw.uniform(0.05, 0.35) * min(height, width)
        picture[np.hypot(rows - middle[0], columns - middle[1]) < radius] = draw.integers(0, 256, 3)
    return np.clip(picture + draw.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def _file(picture: Any, form: str, **settings: Any) -> bytes:
    content = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(content, form, **settings)
    return content.getvalue()
