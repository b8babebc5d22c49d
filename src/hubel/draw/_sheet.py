"""The page around a drawing: the network's name and totals above, what the colours mean below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from hubel.arch import Layer, Report, shape_text
from hubel.draw._outline import CAPS, Item, rows_of
from hubel.draw._words import KINDS, kind, short, words
from hubel.view.figures.scene import (
    Mark,
    Polygon,
    Rectangle,
    Scene,
    Text,
    bounds,
    flat,
    folded,
    moved,
    shortened,
    text_width,
)

MARGIN = 20.0
LEGEND_LINE = 18.0
_SPARE = 0.85  # a reader's letters may be wider than ours


def sheet(report: Report, style: str, body: Sequence[Mark], items: Iterable[Item], note: str, most: float) -> Scene:
    """Set a drawing's body on a page: heading, body, legend. `most` is the width that headings may take."""
    left, top, right, bottom = _extent(body)
    width = max(right - left + 2 * MARGIN, min(most, 360.0))
    room = width - 2 * MARGIN
    name = report.network.title
    marks: list[Mark] = [Text(MARGIN, 34, shortened(name, "title", room), "title", "start")]
    down = 38.0
    for line in folded(_totals(report), "subtitle", room):
        down += 16
        marks.append(Text(MARGIN, down, line, "subtitle", "start"))
    down += 20
    marks += moved(body, MARGIN - left + max(0.0, (room - (right - left)) / 2), down - top)
    down += bottom - top + 26
    for mark in _legend(body, items, note, room):
        marks += moved([mark], MARGIN, down)
    end = _extent(marks)[3]
    return Scene(
        ceil(width), ceil(end + MARGIN), f"{name}, {_shapes(report)}", _description(report), style, tuple(marks)
    )


def _extent(marks: Iterable[Mark]) -> tuple[float, float, float, float]:
    boxes = [bounds(mark) for mark in flat(marks)]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _shapes(report: Report) -> str:
    return f"{shape_text(report.network.input)} → {shape_text(report.output_shape)}"


def _totals(report: Report) -> str:
    return f"{_shapes(report)} · {short(report.parameters)} parameters · {short(report.macs)} MACs"


def _description(report: Report) -> str:
    layers = sum(row.is_layer for row in report.rows)
    return (
        f"A network of {layers} layers from {_shapes(report)} with {report.parameters:,} parameters and "
        f"{report.macs:,} multiply-adds for one {report.example}."
    )


def _legend(body: Sequence[Mark], items: Iterable[Item], note: str, room: float) -> list[Mark]:
    """Explain the colours that occur, in lines no wider than `room`."""
    marks: list[Mark] = []
    across, down = 0.0, 0.0
    occur = {mark.role for mark in flat(body) if isinstance(mark, (Polygon, Rectangle))}
    for role, said in _entries(items):
        if role not in occur:
            continue
        wide = 18 + text_width(said, "subtitle") + 16
        if across and across + wide > _SPARE * room:
            across, down = 0.0, down + LEGEND_LINE
        swatch = Rectangle(across, down - 3, 12, 4, role) if role in CAPS else Rectangle(across, down - 8, 12, 10, role)
        marks += [swatch, Text(across + 18, down, said, "subtitle", "start")]
        across += wide
    for line in folded(note, "subtitle", _SPARE * room):
        down += LEGEND_LINE
        marks.append(Text(0, down, line, "subtitle", "start"))
    return marks


def _entries(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Give each kind and what the legend says of it: of activations and normalisations, which."""
    found: dict[str, list[str]] = {role: [] for role in ("activation", "normalization")}
    layers = dict.fromkeys((row.node, row.input_shape) for row in rows_of(tuple(items)) if isinstance(row.node, Layer))
    for layer, shape in layers:
        for step, operation in zip(layer.steps(), layer.operations(shape), strict=True):
            names, said = found.get(kind(operation)), words(step, operation)
            if names is not None and said not in names:
                names.append(said)
    for role, said in KINDS.items():
        yield role, f"{said}: {', '.join(found[role])}" if found.get(role) else said
