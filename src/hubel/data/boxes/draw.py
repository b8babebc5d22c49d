"""Boxes drawn over pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hubel.view.figures.colours import SERIES
from hubel.view.figures.frames import coloured
from hubel.view.writers.font import BOLD

Colour = tuple[int, int, int]
_LETTERS = 60  # along a picture's shorter side, of which one is as high as a name is written


def colour_of(kind: int) -> Colour:
    """The colour of a class, one of ten."""
    text = SERIES[kind % len(SERIES)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def drawn(
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.floating],
    words: Sequence[str],
    kinds: Sequence[int] | npt.NDArray[np.int64],
    dashed: bool = False,
) -> npt.NDArray[np.uint8]:
    """An image (uint8, H×W or H×W×C) with boxes K×4 (left, top, right, bottom in pixels) in their classes' colours, and
    what each is called above its corner; where boxes are many or small, without words that would hide them.
    """
    plain = coloured(image)
    picture = Image.fromarray(np.ascontiguousarray(plain))
    pen = ImageDraw.Draw(picture)
    shorter = min(plain.shape[:2])
    wide = max(1, round(shorter / 200))
    font = ImageFont.truetype(BOLD, max(9, round(shorter / _LETTERS * 1.6)), layout_engine=ImageFont.Layout.BASIC)
    for box, kind in zip(boxes[::-1], list(kinds)[::-1], strict=True):
        _outline(pen, box, colour_of(int(kind)), wide, dashed)
    taken: list[tuple[float, float, float, float]] = []
    for box, text, kind in zip(boxes, words, kinds, strict=True):
        left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
        width, height = right - left + 4, bottom - top + 4
        x = min(max(0.0, float(box[0])), picture.width - width)
        y = float(box[1]) - height if box[1] >= height else float(box[1])
        place = (x, y, x + width, y + height)
        if width > 2.5 * (box[2] - box[0]) or any(_meet(place, other) for other in taken):
            continue
        taken.append(place)
        pen.rectangle(place, fill=colour_of(int(kind)))
        pen.text((x + 2 - left, y + 2 - top), text, fill=(255, 255, 255), font=font)
    return np.asarray(picture)


def _outline(pen: ImageDraw.ImageDraw, box: npt.NDArray[np.floating], colour: Colour, wide: int, dashed: bool) -> None:
    left, top, right, bottom = (float(edge) for edge in box)
    right, bottom = max(left + 1, right - 1), max(top + 1, bottom - 1)
    if not dashed:
        pen.rectangle((left, top, right, bottom), outline=colour, width=wide)
        return
    step = max(4, 4 * wide)
    for (x0, y0), (x1, y1) in (
        ((left, top), (right, top)),
        ((left, bottom), (right, bottom)),
        ((left, top), (left, bottom)),
        ((right, top), (right, bottom)),
    ):
        length = max(1.0, x1 - x0 + y1 - y0)
        for start in np.arange(0, length, 2 * step):
            end = min(start + step, length)
            across, down = (x1 - x0) / length, (y1 - y0) / length
            pen.line((x0 + across * start, y0 + down * start, x0 + across * end, y0 + down * end), colour, wide)


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
