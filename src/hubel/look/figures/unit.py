"""A number's way down as a page: what it sees of the image, and layer by layer what came in, weights and products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hubel.arch import Layer, Sum
from hubel.base.numbers import short_text
from hubel.base.words import printable
from hubel.look.unit.step import Array, Place, UnitStep
from hubel.look.unit.text import gate_rows, number, place_text
from hubel.view.figures.cells import Grid, beside, cells, running, signed_roles
from hubel.view.figures.scale import Scale
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure
from hubel.view.figures.vectors import strip

if TYPE_CHECKING:
    from hubel.look.unit.unit import Unit

MOST_VISITS = 60
MOST_CHANNELS = 3  # of those that came in, so many are drawn
MOST_CELLS = 49  # of a kernel whose numbers are written out
MOST_WRITTEN = 3  # channels whose numbers are written out
SIZE = 100.0
LONG = 768.0  # a strip on the page: each on a line of its own
FEW = 4  # so few products need no picture of their sum


def unit_figure(unit: Unit) -> TiledFigure:
    """Draw the receptive field, then every number on the way down."""
    step = unit.step
    title = f"{place_text(step.path, step.place)}{_class(unit)} = {number(step.value)}"
    parts: list[Section | Chart] = [_field(unit)]
    for visit in unit.visits[:MOST_VISITS]:
        parts += [*_step(unit, visit.step), *_gates(unit, visit.step)]
    if len(unit.visits) > MOST_VISITS:
        parts.append(Section(f"… and {len(unit.visits) - MOST_VISITS} numbers more on the way to the pixels"))
    of = "text" if unit.sample.symbols else "image"
    name = printable(unit.sample.name, longest=60)
    subtitle = f"{unit.name}, {name}: what of the {of} it sees, and the numbers that fed it, layer by layer"
    return TiledFigure(title, subtitle, tuple(parts))


def _class(unit: Unit) -> str:
    """Name the class that a number of the last layer stands for."""
    classes, place = unit.tracer.model.classes, unit.place
    is_last = unit.row.path == unit.tracer.record.rows[-1].path
    return f", “{classes[place[0]]}”," if is_last and unit.row.output_shape == (len(classes),) else ""


def _gates(unit: Unit, step: UnitStep) -> list[Chart]:
    """Draw what the gates did with which symbol of a text, as cells."""
    rows = gate_rows(unit, step)
    if not rows:
        return []
    roles = [["frame"] * len(rows[0]), *(["frame", *_tints(row[1:])] for row in rows[1:])]
    drawn = cells(rows, "", roles)
    return [Chart("", drawn.marks, drawn.width, drawn.height, "what the gates did with which symbol")]


def _tints(row: list[str]) -> list[str]:
    return signed_roles([[float(cell.replace("−", "-")) for cell in row]])[0]


def _text(unit: Unit) -> Section:
    (top, bottom), _ = unit.field
    seen = printable("".join(unit.sample.symbols[top : bottom + 1]), longest=200)
    return Section("What it sees", (), f"symbols {top}…{bottom} of the text: {seen}")


def _field(unit: Unit) -> Section:
    if unit.sample.symbols:
        return _text(unit)
    picture = unit.sample.seen
    (top, bottom), (left, right) = unit.field
    height, width = bottom - top + 1, right - left + 1
    pixel = unit.visits[-1].step
    inner: tuple[tuple[float, float, float, float], ...] = ()
    if not pixel.path:
        row, column, _ = unit.tracer.pixel(pixel.place)
        inner = ((row - top, column - left, 1, 1),)
    said = f"rows {top}…{bottom}, columns {left}…{right}"
    said += "; outlined: the pixel followed down to" if inner else ""
    tiles = [Tile(picture[top : bottom + 1, left : right + 1], f"{height}×{width} of the image", said, inner)]
    if (height, width) != picture.shape[:2]:
        tiles.insert(0, Tile(picture, unit.sample.name, "outlined: what it sees", ((top, left, height, width),)))
    field = unit.row.field.size
    note = f"its receptive field is {field[0]}×{field[1]}"
    if unit.step.field is not None and unit.step.field != unit.field:
        note += ", and reaches over the edge of the image, where there is padding"
    return Section("What it sees", tuple(tiles), note, 168.0)


def _step(unit: Unit, step: UnitStep) -> list[Section | Chart]:
    """Draw one number's arithmetic."""
    title, note = f"{place_text(step.path, step.place)} = {number(step.value)}", _note(step)
    found = step.arithmetic
    if found.how == "largest":
        return [Section(title, (*_map(unit, step.path, step.place), _winner(step)), note, SIZE)]
    if found.how != "sum" or found.own is not None or len(found.values) < 2:
        return [Section(title, (), note, SIZE)]
    if isinstance(step.node, Sum):
        came = [each for term in step.terms() if term.source for each in _map(unit, term.source, term.place)]
        return [Section(title, (*came, *_map(unit, step.path, step.place)), note, SIZE)]
    if len(step.place) == 1 and found.places.shape[1] == 1:
        return [*_strips(step, title, note), *_chart(step)]
    if found.places.shape[1] == 3 and len(step.sources) == 1:
        return _windows(unit, step, title, note)
    return [Section(title, (), note), *_chart(step)]


def _note(step: UnitStep) -> str:
    found = step.arithmetic
    parts = [step.node.text() if isinstance(step.node, Layer) else ""]
    if isinstance(step.node, Sum):
        summands = (f"{number(term.value)} of {place_text(term.source, term.place)}" for term in step.terms())
        parts.append(f"{' + '.join(summands)} = {number(found.total)}")
    elif found.how == "sum" and found.own is None and len(found.values):
        outside = f", {found.padding} more in the padding" if found.padding else ""
        parts.append(f"{len(found.values):,} products{outside}, their sum {number(found.total)}")
    elif found.how == "largest":
        best = step.term(step.strongest()[0])
        parts.append(f"the largest of {len(found.values)}: {place_text(best.source, best.place)}")
    elif found.how == "product":
        factors = (f"{place_text(term.source, term.place)} = {number(term.value)}" for term in step.terms())
        parts.append(" times ".join(factors))
    elif found.own is None and len(found.values) == 1:
        term = step.term(0)
        parts.append(f"from {place_text(term.source, term.place)} = {number(term.value)}")
    parts += [f"{done.name}: {done.text}" for done in found.finish]
    if step.path:
        parts.append(f"PyTorch computed {number(step.computed)}")
    return "  ·  ".join(part for part in parts if part)


def _map(unit: Unit, path: str, place: Place) -> list[Tile]:
    """Draw the channel that a number stands in, with its place outlined; of a vector there is none."""
    if len(place) != 3:
        return []
    row, column, channel = place
    values = unit.tracer.output(path)[channel]
    caption = f"{path}, channel {channel}"
    box = (row, column, 1, 1)
    return [Tile(Scale.of(values).colours(values), caption, f"{values.shape[0]}×{values.shape[1]}", (box,))]


def _winner(step: UnitStep) -> Tile:
    values, _, _ = _planes(step, step.arithmetic.values)
    plane = values[0]
    row, column = np.unravel_index(np.nanargmax(plane), plane.shape)
    return Tile(Scale.of(plane).colours(plane), "its window", _range(plane), ((float(row), float(column), 1, 1),))


def _strips(step: UnitStep, title: str, note: str) -> list[Section | Chart]:
    found = step.arithmetic
    tiles = []
    for words, numbers in (("came in", found.values), ("weights", found.weights), ("products", found.products)):
        scale = Scale.of_signed(numbers)
        tiles.append(strip(numbers.astype(np.float32), scale, f"{words}, {_range(numbers)}"))
    return [Section(title, tuple(tiles), note, LONG)]


def _windows(unit: Unit, step: UnitStep, title: str, note: str) -> list[Section | Chart]:
    """Draw the windows that came in, the kernel and the products, of the channels that add most."""
    found = step.arithmetic
    values, channels, _ = _planes(step, found.values)
    weights, products = _planes(step, found.weights)[0], _planes(step, found.products)[0]
    if len(channels) <= MOST_WRITTEN and values[0].size <= MOST_CELLS:
        drawn = beside(
            [part for c in range(len(channels)) for part in _written(channels, values, weights, products, c)]
        )
        return [
            Section(title, tuple(_map(unit, step.path, step.place)), note, SIZE),
            Chart("", drawn.marks, drawn.width, drawn.height),
            *_chart(step),
        ]
    order = np.argsort(-np.nan_to_num(np.abs(products)).sum((1, 2)), kind="stable")[:MOST_CHANNELS]
    scales = [Scale.of_signed(part) for part in (values, weights, products)]
    tiles = _map(unit, step.path, step.place)
    for place in order:
        channel = f"channel {channels[place]}"
        for words, part, scale in zip(
            (channel, "· weights", "= products"), (values, weights, products), scales, strict=True
        ):
            total = f"sum {number(float(np.nansum(part[place])))}" if words == "= products" else _range(part[place])
            tiles.append(Tile(scale.colours(part[place]), words, total))
    said = f"the {len(order)} of {len(channels)} channels that add most" if len(order) < len(channels) else ""
    return [Section(title, tuple(tiles), "  ·  ".join(part for part in (note, said) if part), SIZE), *_chart(step)]


def _written(channels: list[int], values: Array, weights: Array, products: Array, c: int) -> list[Grid | str]:
    grids: list[Grid | str] = []
    head = f"channel {channels[c]}" if len(channels) > 1 else "came in"
    for words, part, tinted in ((head, values, False), ("weights", weights, True), ("products", products, True)):
        texts = [["" if np.isnan(value) else short_text(float(value)) for value in row] for row in part[c]]
        roles = signed_roles(np.nan_to_num(part[c]).tolist()) if tinted else None
        grids += [cells(texts, words, roles), "·" if words == head else "=" if words == "weights" else ""]
    return [grid for grid in grids if grid != ""]


def _planes(step: UnitStep, numbers: Array) -> tuple[Array, list[int], tuple[int, int]]:
    """Put the terms of a window back where they stand: channels×rows×columns, NaN where there is none."""
    places = step.arithmetic.places
    rows, down = np.unique(places[:, 0], return_inverse=True)
    columns, across = np.unique(places[:, 1], return_inverse=True)
    channels, deep = np.unique(places[:, 2], return_inverse=True)
    found = np.full((len(channels), len(rows), len(columns)), np.nan)
    found[deep, down, across] = numbers
    return found, [int(channel) for channel in channels], (int(rows[0]), int(columns[0]))


def _chart(step: UnitStep) -> list[Chart]:
    found = step.arithmetic
    if len(found.values) <= FEW:
        return []
    finish = " then " + ", ".join(done.name for done in found.finish) if found.finish else ""
    drawn = running(found.running.tolist(), step.value, f"= {number(step.value)}")
    note = f"the sum as it grows over {len(found.values):,} products{finish and ','}{finish}"
    return [Chart("", drawn.marks, drawn.width, drawn.height, note)]


def _range(numbers: Array) -> str:
    kept = numbers[np.isfinite(numbers)]
    return f"{short_text(float(kept.min()))} … {short_text(float(kept.max()))}"
