"""A layout on a page: each image a point in its class's colour, some of them shown; in HTML all when pointed at."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.view.figures import sprite
from hubel.view.figures.axes import disc
from hubel.view.figures.scene import Mark, Picture, Polygon, Rectangle, Text, text_width
from hubel.view.figures.tiles import Chart, Live, TiledFigure, png_bytes
from hubel.view.writers.linked import web_file
from hubel.view.writers.markup import Element, h
from hubel.view.writers.page import held

if TYPE_CHECKING:
    from hubel.look.retrieve.projection import Space

SIDE = 900.0  # of the layout, page pixels
COLOURS = 10  # of `series-0` …; beyond that, shapes tell classes apart
SHAPES = ("disc", "square", "triangle", "diamond")
_INSET = 34.0
_PICTURE, _SPACING = 28.0, 42.0  # longer side of an image that is shown, and the least way to the next
_MOST_NAMED = 40


def figure(space: Space, name: str = "") -> TiledFigure:
    """Set the page; `name` is the model's."""
    height = _slots(space)[-1][1] + 12
    chart = Chart("", (*_marks(space), *_legend(space)), SIDE, height, _note(space), _live(space))
    title = f"How {name or 'the network'} sees {space.dataset.name or 'images'}"
    return TiledFigure(title, space.outcome, (chart,), SIDE + 40)


def _note(space: Space) -> str:
    neighbours = "1 where all neighbours here are neighbours by the features, about ½ by chance"
    far = "" if space.method == "pca" else "; distances between groups mean nothing"
    wrong = int((space.predicted != space.groups).sum())
    ringed = f"; a ring marks what the network takes for another ({wrong:,})" if wrong else ""
    return f"trustworthiness: {neighbours}{far}{ringed}"


def places(space: Space) -> npt.NDArray[np.float64]:
    """Where points lie on the page, N×2: one scale for both axes, y upwards."""
    low, high = space.positions.min(0), space.positions.max(0)
    span = float((high - low).max()) or 1.0
    room = SIDE - 2 * _INSET
    found: npt.NDArray[np.float64] = _INSET + (space.positions - low) / span * room
    found[:, 0] += (room - (high - low)[0] / span * room) / 2
    found[:, 1] = found[:, 1].max() + _INSET - found[:, 1]
    return found


def apart(points: npt.NDArray[np.float64], distance: float) -> list[int]:
    """Points none of which is nearer than `distance` to another (in either direction), the first ones preferred."""
    chosen: list[int] = []
    cells: dict[tuple[int, int], list[int]] = {}
    for i, (x, y) in enumerate(points.tolist()):
        column, row = int(x // distance), int(y // distance)
        near = [j for dx in (-1, 0, 1) for dy in (-1, 0, 1) for j in cells.get((column + dx, row + dy), ())]
        if all(max(abs(points[j, 0] - x), abs(points[j, 1] - y)) >= distance for j in near):
            chosen.append(i)
            cells.setdefault((column, row), []).append(i)
    return chosen


def symbol(x: float, y: float, label: int, radius: float) -> Polygon:
    """Draw the mark of a class: its colour, and after every ten classes another shape."""
    role = f"series-{label % COLOURS}"
    match SHAPES[label // COLOURS % len(SHAPES)]:
        case "disc":
            return disc(x, y, role, radius)
        case "square":
            r = radius * 0.88
            return Polygon(((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)), role)
        case "triangle":
            r = radius * 1.2
            return Polygon(((x, y - r), (x + r * sqrt(3) / 2, y + r / 2), (x - r * sqrt(3) / 2, y + r / 2)), role)
        case _:
            r = radius * 1.25
            return Polygon(((x, y - r), (x + r, y), (x, y + r), (x - r, y)), role)


def _marks(space: Space) -> list[Mark]:
    points = places(space)
    labels = space.groups.tolist()
    radius = 3.2 if len(points) <= 3000 else 2.2
    marks: list[Mark] = [symbol(x, y, label, radius) for (x, y), label in zip(points.tolist(), labels, strict=True)]
    shown = apart(points, _SPACING)
    wrong = set(np.flatnonzero(space.predicted != space.groups).tolist())
    for i in sorted(wrong - set(shown)):
        x, y = points[i].tolist()
        marks.append(disc(x, y, "outline", radius + 2.6))
    for i in shown:
        x, y = points[i].tolist()
        picture, wide, tall = _picture(space.dataset.images[i])
        words = f"image {space.chosen[i]}: {space.names[labels[i]]}"
        marks.append(_frame(x, y, wide + 4, tall + 4, f"series-{labels[i] % COLOURS}"))
        marks.append(Picture(x - wide / 2, y - tall / 2, wide, tall, picture, words))
        if i in wrong:
            marks.append(_frame(x, y, wide + 6, tall + 6, "outline"))
    return marks


def _frame(x: float, y: float, wide: float, tall: float, role: str) -> Rectangle:
    return Rectangle(x - wide / 2, y - tall / 2, wide, tall, role, radius=1.5)


def _picture(image: npt.NDArray[np.uint8]) -> tuple[bytes, float, float]:
    height, width, channels = image.shape
    scale = _PICTURE / max(height, width)
    opened = Image.fromarray(image[..., 0] if channels == 1 else image)
    if scale < 0.5:
        opened = opened.resize(
            (max(1, round(2 * width * scale)), max(1, round(2 * height * scale))), Image.Resampling.BOX
        )
    return png_bytes(opened), width * scale, height * scale


def _legend(space: Space) -> list[Mark]:
    marks: list[Mark] = []
    for (x, y), (label, name) in zip(_slots(space), _named(space), strict=True):
        marks += [symbol(x + 5, y - 4, label, 5), Text(x + 14, y, name, "label", "start")]
    return marks


def _named(space: Space) -> list[tuple[int, str]]:
    classes = [*enumerate(space.names)]
    more = len(classes) - _MOST_NAMED
    return classes if more <= 0 else [*classes[:_MOST_NAMED], (_MOST_NAMED, f"and {more:,} classes more")]


def _slots(space: Space) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    x, y = _INSET, float(places(space)[:, 1].max()) + _INSET + 18.0
    for _, name in _named(space):
        wide = 32 + text_width(name, "label")
        if x + wide > SIDE and x > _INSET:
            x, y = _INSET, y + 18
        found.append((x, y))
        x += wide
    return found


def _live(space: Space) -> Live:
    """The drawing, and what is said and shown of the image that is pointed at."""
    sheet = sprite.sprite(space.dataset.images)
    data = {
        "columns": sheet.columns,
        "classes": space.names,
        "points": [[round(x, 1), round(y, 1)] for x, y in places(space).tolist()],
        "labels": space.groups.tolist(),
        "predicted": space.predicted.tolist(),
        "chosen": space.chosen.tolist(),
    }
    pointed = h("div", h("span", class_="sprite"), h("div"), class_="pointed", aria_live="polite", hidden=True)
    label = "images as points; the arrow keys go from one to the next"

    def markup(drawn: Element) -> Element:
        inside = (drawn, h("i"), pointed, held(data))
        return h("div", inside, class_="space", style=sheet.style, tabindex=0, role="group", aria_label=label)

    style = sprite.STYLE + web_file("look", "projection.css")
    return Live(markup, style, web_file("look", "projection.js"))
