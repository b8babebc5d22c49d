"""A figure: pictures of numbers set on a page with captions, boxes and colour bars, as a textbook has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from math import ceil

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.numbers import short_text
from hubel.view.figures.figure import Figure
from hubel.view.figures.scale import Scale
from hubel.view.figures.scene import Line, Mark, Picture, Rectangle, Scene, Text, bounds, flat, folded, moved
from hubel.view.writers.markup import Element
from hubel.view.writers.svg import PLOT

PAGE = 1240.0
_MARGIN, _GAP, _BAR = 20.0, 14.0, 150.0
_LINE = 13.0  # between two lines of a caption
_SHARP = 2  # pixels kept for each one of the page


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture.

    picture: uint8, H×W×3, H×W×1 or H×W; where it is small it is enlarged without smoothing.
    caption: below it; note: quieter, below that. boxes: (top, left, height, width) outlined, in pixels of the picture.
    hover: what is said to whoever points at it (the caption where nothing is given).
    """

    picture: npt.NDArray[np.uint8] = field(repr=False)
    caption: str = ""
    note: str = ""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    hover: str = ""

    def size(self, longest: float) -> tuple[float, float]:
        """Width and height on the page where the longer side takes `longest`."""
        height, width = self.picture.shape[:2]
        scale = longest / max(height, width)
        return max(1.0, width * scale), max(1.0, height * scale)

    def png(self, longest: float) -> bytes:
        """The picture as a PNG file, shrunk where the page does not show all its pixels."""
        pixels = self.picture[..., 0] if self.picture.ndim == 3 and self.picture.shape[2] == 1 else self.picture
        image = Image.fromarray(np.ascontiguousarray(pixels))
        most = ceil(longest * _SHARP)
        if max(image.size) > most:
            width, height = self.size(most)
            image = image.resize((max(1, round(width)), max(1, round(height))), Image.Resampling.LANCZOS)
        return png_bytes(image)


@dataclass(frozen=True, eq=False)
class Section:
    """A heading and tiles in lines below it, all drawn `size` page pixels long; with a scale, its colour bar."""

    title: str = ""
    tiles: tuple[Tile, ...] = ()
    note: str = ""
    size: float = 96.0
    scale: Scale | None = None


@dataclass(frozen=True)
class Live:
    """What stands for a chart's drawing on an HTML page, where it can be pointed at: elements, style and script.

    markup: given the drawing, what is shown.
    """

    markup: Callable[[Element], Element] = field(repr=False)
    style: str = field(default="", repr=False)
    script: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class Chart:
    """A drawing of its own within a figure: marks in a box of `width`×`height`, such as a curve with its axes."""

    title: str
    marks: tuple[Mark, ...] = field(repr=False)
    width: float
    height: float
    note: str = ""
    live: Live | None = None

    def scene(self) -> Scene:
        """The chart alone."""
        return Scene(self.width, self.height, self.title, self.note or self.title, PLOT, self.marks)


@dataclass(frozen=True, eq=False)
class TiledFigure(Figure):
    """A page of pictures. It shows itself in a notebook, and `save` writes PNG, SVG or HTML."""

    title: str
    subtitle: str
    sections: tuple[Section | Chart, ...]
    page: float = PAGE

    @cached_property
    def scene(self) -> Scene:
        """The page as shapes and words with coordinates."""
        return _scene(self)

    def html(self, theme: str | None = None) -> str:
        """Return a page whose tiles flow to the width of the screen. It needs nothing from elsewhere."""
        from hubel.view.writers.tiles_page import to_html

        return to_html(self, theme or self.theme)


def png_bytes(image: Image.Image) -> bytes:
    """Return an image as a PNG file."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=3)  # as small as the best level for maps, several times as fast
    return buffer.getvalue()


def _scene(figure: TiledFigure) -> Scene:
    room = figure.page - 2 * _MARGIN
    marks: list[Mark] = []
    down = 34.0
    for role, words, step in (("title", figure.title, 20.0), ("subtitle", figure.subtitle, 16.0)):
        for line in folded(words, role, room) if words else ():
            marks.append(Text(_MARGIN, down, line, role, "start"))
            down += step
    for part in figure.sections:
        placed, height = _chart(part, room) if isinstance(part, Chart) else _section(part, room)
        marks += moved(placed, _MARGIN, down + 4)
        down += height + 18
    widest = max((_right(mark) for mark in marks), default=0.0)
    width = max(320.0, min(figure.page, widest + _MARGIN)) if widest <= room + _MARGIN else widest + _MARGIN
    return Scene(ceil(width), ceil(down), figure.title, figure.subtitle or figure.title, PLOT, tuple(marks))


def _right(mark: Mark) -> float:
    return max((bounds(part)[2] for part in flat([mark])), default=0.0)


def _heading(title: str, note: str, room: float) -> tuple[list[Mark], float]:
    marks: list[Mark] = []
    down = 0.0
    for role, words, step in (("part", title, 15.0), ("subtitle", note, 15.0)):
        for line in folded(words, role, room) if words else ():
            down += step
            marks.append(Text(0, down - 3, line, role, "start"))
    return marks, down + (6 if marks else 0)


def _chart(chart: Chart, room: float) -> tuple[list[Mark], float]:
    marks, down = _heading(chart.title, chart.note, room)
    return [*marks, *moved(chart.marks, 0, down)], down + chart.height


def _section(section: Section, room: float) -> tuple[list[Mark], float]:
    marks, down = _heading(section.title, section.note, room)
    for line in _lines(section, room):
        tall = 0.0
        for place, (tile, slot) in enumerate(line):
            drawn, height = _tile(tile, section.size, slot)
            marks += moved(drawn, place * (slot + _GAP), down)
            tall = max(tall, height)
        down += tall + 10
    if section.scale is not None:
        marks += moved(_colour_bar(section.scale), 0, down + 2)
        down += 30
    return marks, down


def _lines(section: Section, room: float) -> Iterator[list[tuple[Tile, float]]]:
    captioned = any(tile.caption or tile.note for tile in section.tiles)
    slot = max((tile.size(section.size)[0] for tile in section.tiles), default=0.0)
    slot = min(max(slot, 72.0 if captioned else 0.0), room)
    each = max(1, int((room + _GAP) // (slot + _GAP)))
    for start in range(0, len(section.tiles), each):
        yield [(tile, slot) for tile in section.tiles[start : start + each]]


def _tile(tile: Tile, size: float, slot: float) -> tuple[list[Mark], float]:
    width, height = tile.size(size)
    marks: list[Mark] = [Picture(0, 0, width, height, tile.png(size), tile.hover or tile.caption)]
    scale = width / tile.picture.shape[1]
    for top, left, tall, wide in tile.boxes:
        marks.append(Rectangle(left * scale, top * scale, wide * scale, tall * scale, "outline"))
    down = height
    for role, words in (("label", tile.caption), ("figure", tile.note)):
        for line in folded(words, role, slot) if words else ():
            down += _LINE
            marks.append(Text(0, down, line, role, "start"))
    return marks, down


def _colour_bar(scale: Scale) -> list[Mark]:
    image = Image.fromarray(scale.bar(128))
    marks: list[Mark] = [Picture(0, 0, _BAR, 9, png_bytes(image), "colour bar")]
    span = scale.high - scale.low
    for tick in scale.ticks if span > 0 else (scale.low,):
        x = _BAR * (tick - scale.low) / span if span > 0 else _BAR / 2
        anchor = "middle" if scale.low < tick < scale.high or span <= 0 else "start" if tick == scale.low else "end"
        marks += [Line(((x, 9), (x, 12)), "axis"), Text(x, 22, short_text(tick), "figure", anchor)]
    return marks


Plate = TiledFigure  # the name that it had before
