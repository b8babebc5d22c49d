"""Points drawn over pictures, joined to skeletons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hubel.data.boxes.draw import colour_of
from hubel.data.points.annotations import HIDDEN, UNSEEN, Pairs
from hubel.view.figures.frames import coloured
from hubel.view.writers.font import BOLD

_FINEST = 2400  # pixels of a side that pictures are drawn in, and scaled down from, since lines are jagged otherwise
_WHITE = (255, 255, 255, 255)
_NAMED = 8  # points up to which each is written beside it


def skeletons(
    image: npt.NDArray[np.uint8],
    points: npt.NDArray[np.floating],
    names: Sequence[str],
    bones: Pairs,
    hollow: bool = False,
    least: float = 1.5,
) -> npt.NDArray[np.uint8]:
    """An image (uint8, H×W or H×W×C) with the points of individuals K×P×3 (x, y in pixels; 0 unseen, 1 hidden, 2 seen),
    each of its own colour and joined by `bones`; of one individual with few points, with their names. Hidden ones are
    rings, and so are all that are `hollow`. least: of the marks' radius, in pixels.
    """
    plain = coloured(image)
    height, width = plain.shape[:2]
    times = max(1, min(3, _FINEST // max(height, width)))
    veil = Image.new("RGBA", (width * times, height * times), (0, 0, 0, 0))
    pen = ImageDraw.Draw(veil)
    radius = max(least, _usual(points) / 36, min(height, width) / 160) * times
    scaled = points * (times, times, 1)
    for own in scaled:
        _bones(pen, own, bones, radius)
        for number, (x, y, seen) in enumerate(own.tolist()):
            if seen > UNSEEN:
                _ring(pen, x, y, radius, number, hollow or seen == HIDDEN)
    if len(points) == 1 and len(names) <= _NAMED and not hollow:
        _names(pen, scaled[0], names, radius, veil.size)
    veil = veil.resize((width, height), Image.Resampling.BOX)
    picture = Image.fromarray(np.ascontiguousarray(plain)).convert("RGBA")
    return np.asarray(Image.alpha_composite(picture, veil).convert("RGB"))


def _usual(points: npt.NDArray[np.floating]) -> float:
    """How large the smallest individual is, in pixels; 0 where none has two points."""
    spans = [float(np.ptp(own[own[:, 2] > UNSEEN, :2], axis=0).max(initial=0)) for own in points if own[:, 2].any()]
    return min(spans, default=0.0)


def _bones(pen: ImageDraw.ImageDraw, own: npt.NDArray[np.floating], bones: Pairs, radius: float) -> None:
    for one, other in bones:
        if own[one, 2] > UNSEEN and own[other, 2] > UNSEEN:
            line = [tuple(own[place, :2].tolist()) for place in (one, other)]
            pen.line(line, _WHITE, max(2, round(radius * 0.9)))
            pen.line(line, (*colour_of(one), 255), max(1, round(radius * 0.5)))


def _ring(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, number: int, hollow: bool) -> None:
    colour = (*colour_of(number), 255)
    inner, outer = ((x - r, y - r, x + r, y + r) for r in (radius, radius * 1.35))
    if hollow:
        pen.ellipse(outer, None, _WHITE, max(1, round(radius * 0.5)))
        pen.ellipse(inner, None, colour, max(1, round(radius * 0.4)))
    else:
        pen.ellipse(outer, _WHITE)
        pen.ellipse(inner, colour)


def _names(
    pen: ImageDraw.ImageDraw,
    own: npt.NDArray[np.floating],
    names: Sequence[str],
    radius: float,
    size: tuple[int, int],
) -> None:
    """Each point's name beside it, where no other stands already."""
    font = ImageFont.truetype(BOLD, max(10, round(min(size) / 38)), layout_engine=ImageFont.Layout.BASIC)
    away, edge = 2 * radius, max(1, round(min(size) / 480))
    taken: list[tuple[float, float, float, float]] = []
    for number, ((x, y, seen), name) in enumerate(zip(own.tolist(), names, strict=True)):
        left, top, right, bottom = pen.textbbox((0, 0), name, font=font)
        width, height = right - left, bottom - top
        beside = ((away, -height / 2), (-away - width, -height / 2), (-width / 2, away), (-width / 2, -away - height))
        for across, down in ((x + dx, y + dy) for dx, dy in beside if seen > UNSEEN):
            place = (across, down, across + width, down + height)
            inside = min(place[:2]) >= 0 and place[2] <= size[0] and place[3] <= size[1]
            if inside and not any(_meet(place, other) for other in taken):
                taken.append(place)
                colour = (*colour_of(number), 255)
                pen.text((across - left, down - top), name, colour, font, stroke_width=edge, stroke_fill=_WHITE)
                break


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
