"""A window's way as a page: the whole, one position with its products, the output growing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.base.numbers import rounded_text, short_text
from hubel.look.byhand.stepping import FEW
from hubel.look.unit.step import Array
from hubel.view.figures.cells import Grid, beside, cells, running, signed_roles
from hubel.view.figures.scale import Scale
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.arch import Pair
    from hubel.look.byhand.stepping import Position, Stepping

MOST_CHANNELS = 4  # of the input, the strongest
MOST_CELLS = 49  # of a kernel whose numbers are written out
MOST_WRITTEN = 3  # channels whose numbers are written out
WHOLE = "The window and what comes of it"
FRAMES = 6
SIZE = 150.0
SMALL = 84.0
LONG = 768.0  # a vector on the page
MOST_ROWS = 10  # of an input and an output that are written out in numbers
UNKNOWN = (205, 209, 214)  # not yet computed


def stepping_figure(found: Stepping, place: Pair | None = None) -> TiledFigure:
    """Draw the whole, the products at a place (the strongest output's), and the output growing."""
    here = found.position(place or found.strongest)
    title = f"{found.title}: {where(found, here)} = {rounded_text(here.value)}"
    if found.is_dense:
        return TiledFigure(title, found.rules, (*products(found, here), units(found, here)))
    if is_small(found):
        whole = blackboard(found, here, found.output, WHOLE)
        return TiledFigure(title, found.rules, (whole, *products(found, here), *_numbers_growing(found)))
    return TiledFigure(title, found.rules, (_whole(found, here), *products(found, here), *_growing(found)))


def where(found: Stepping, here: Position) -> str:
    """Write `position (3, 5)`, of a dense layer `unit 58`."""
    if found.is_dense:
        return f"unit {here.place[0] * found.output.shape[1] + here.place[1]}"
    return f"position ({here.place[0]}, {here.place[1]})"


def units(found: Stepping, here: Position) -> Section:
    """Draw the units of a dense layer, one of them marked."""
    scale = Scale.of(found.output)
    box = (float(here.place[0]), float(here.place[1]), 1.0, 1.0)
    count = int(np.isfinite(found.output).sum())
    return Section(
        "Each unit is one such sum", (Tile(scale.colours(found.output), f"{count} units", "", (box,)),), "", LONG, scale
    )


def is_small(found: Stepping) -> bool:
    """Whether all numbers can be written out: one channel of at most ten rows and columns."""
    return (
        found.picture is None
        and len(found.channels) == 1
        and max(*found.inputs.shape, *found.output.shape) <= MOST_ROWS
    )


def blackboard(found: Stepping, here: Position, output: Array, title: str) -> Chart:
    """Write the input, the kernel and an output in numbers, window and place outlined."""
    top, left, tall, wide = map(int, clipped(window_box(here), found.inputs.shape[1:]))
    grids: list[Grid | str] = [cells(_texts(found.inputs[0]), "came in", None, (top, left, tall, wide))]
    if found.kernel is not None:
        grids.append(cells(_texts(found.kernel[0]), "kernel", signed_roles(found.kernel[0].tolist())))
    grids.append(cells(_texts(output), "output", None, (*here.place, 1, 1)))
    drawn = beside(grids)
    return Chart(title, drawn.marks, drawn.width, drawn.height)


def _numbers_growing(found: Stepping) -> list[Section | Chart]:
    grids: list[Grid | str] = []
    for place in found.frames(FRAMES):
        head = f"({place[0]}, {place[1]})"
        grids.append(cells(_texts(found.known(place)), head, None, (*place, 1, 1)))
    drawn = beside(grids)
    note = f"after {len(grids)} of {found.output.size:,} positions"
    return [Chart("The output grows", drawn.marks, drawn.width, drawn.height, note)]


def known_colours(found: Stepping, place: tuple[int, int], scale: Scale) -> npt.NDArray[np.uint8]:
    """Colour the output as far as it is known after a position; grey is not yet computed."""
    known = found.known(place)
    drawn = scale.colours(known)
    drawn[np.isnan(known)] = UNKNOWN
    return drawn


def chosen_channels(found: Stepping, here: Position, most: int = MOST_CHANNELS) -> list[int]:
    """Choose the input channels that add most here, in their own order."""
    sizes = np.abs(here.products).sum((1, 2))
    return sorted(np.argsort(-sizes, kind="stable")[:most].tolist())


def window_box(here: Position) -> tuple[float, float, float, float]:
    """Return what the window spans of the input: top, left, height, width."""
    top, left = here.rows[0], here.columns[0]
    return top, left, here.rows[-1] - top + 1, here.columns[-1] - left + 1


def input_scale(found: Stepping) -> Scale:
    """The colours of what came in: signed where any number is below zero, of pixels grey."""
    if found.inputs.min() >= 0 and found.inputs.max() > 1 and found.picture is None:
        return Scale.grey(float(found.inputs.min()), float(found.inputs.max()))
    return Scale.of(found.inputs)


def _whole(found: Stepping, here: Position) -> Section:
    tiles: list[Tile] = []
    box = clipped(window_box(here), found.inputs.shape[1:])
    if found.picture is not None:
        tiles.append(Tile(found.picture, "image", _size(found.inputs[0]), (box,)))
        top, left, tall, wide = map(int, box)
        if tall and wide:
            seen = found.picture[top : top + tall, left : left + wide]
            tiles.append(Tile(seen, "what the window sees", f"{tall}×{wide} pixels"))
    else:
        scale = input_scale(found)
        for place in chosen_channels(found, here):
            name = f"came in, channel {found.channels[place]}" if len(found.channels) > 1 else "came in"
            tiles.append(Tile(scale.colours(found.inputs[place]), name, _size(found.inputs[0]), (box,)))
    if found.kernel is not None and len(found.kernel) == 1:
        tiles.append(Tile(Scale.of_signed(found.kernel).colours(found.kernel[0]), "kernel", _size(found.kernel[0])))
    row, column = here.place
    output = Scale.of(found.output).colours(found.output)
    tiles.append(Tile(output, "output", _size(found.output), ((row, column, 1, 1),)))
    many = len(found.channels) > MOST_CHANNELS and found.picture is None
    note = (
        f"the {MOST_CHANNELS} of {len(found.channels)} input channels that add most at this position; " if many else ""
    )
    note += "the colour bar is the output's"
    return Section(WHOLE, tuple(tiles), note, SIZE, Scale.of(found.output))


def clipped(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Keep a box on the picture; what of the window lies in the padding is said in words."""
    top, left = max(box[0], 0), max(box[1], 0)
    bottom, right = min(box[0] + box[2], shape[0]), min(box[1] + box[3], shape[1])
    return top, left, max(bottom - top, 0), max(right - left, 0)


def products(found: Stepping, here: Position) -> list[Section | Chart]:
    """Draw one position: what the window sees, the weights, the products; the running sum; what is done to it."""
    rows, columns = (f"{part[0]}…{part[-1]}".replace("-", "−") for part in (here.rows, here.columns))
    title = f"{where(found, here).capitalize()}" + ("" if found.is_dense else f": rows {rows}, columns {columns}")
    note = found.words(here)
    count, height, width = here.values.shape
    parts: list[Section | Chart] = []
    if count <= MOST_WRITTEN and height * width <= MOST_CELLS:
        grids = written(found, here, list(range(count)))
        parts.append(Chart(title, grids.marks, grids.width, grids.height, note))
    else:
        parts.append(Section(title, _coloured(found, here), note, LONG if found.is_dense else SMALL))
    if found.kind != "largest" and here.products.size > FEW:
        drawn = running(here.running.tolist(), here.value, f"= {rounded_text(here.value)}")
        then = ", then " + ", ".join(done.name for done in here.finish) if here.finish else ""
        parts.append(Chart("", drawn.marks, drawn.width, drawn.height, f"the sum as it grows{then}"))
    return parts


def written(found: Stepping, here: Position, channels: list[int], room: float = 1200.0) -> Grid:
    """Write the numbers of some channels in cells: values · weights = products; of a pooling the values alone."""
    grids: list[Grid | str] = []
    for place in channels:
        name = f"channel {found.channels[place]}" if len(found.channels) > 1 else "sees"
        if found.kind in ("largest", "average"):
            grids.append(_pooled(found, here, place, name))
            continue
        grids += [cells(_texts(here.values[place]), name), "·"]
        grids += [cells(_texts(here.weights[place]), "kernel", signed_roles(here.weights[place].tolist())), "="]
        grids.append(cells(_texts(here.products[place]), "products", signed_roles(here.products[place].tolist())))
    return beside(grids, room)


def _pooled(found: Stepping, here: Position, place: int, name: str) -> Grid:
    values = np.where(here.outside[place], np.nan, here.values[place])
    outlined = None
    if found.kind == "largest":
        row, column = np.unravel_index(np.nanargmax(values), values.shape)
        outlined = (int(row), int(column), 1, 1)
    return cells(_texts(values), name, None, outlined)


def _texts(numbers: Array) -> list[list[str]]:
    return [["" if np.isnan(value) else short_text(float(value)) for value in row] for row in numbers]


def _coloured(found: Stepping, here: Position) -> tuple[Tile, ...]:
    order = chosen_channels(found, here, 3)
    tiles = []
    seen = Scale.of(found.inputs)
    weights, made = Scale.of_signed(here.weights), Scale.of_signed(here.products)
    for place in order:
        name = f"channel {found.channels[place]}" if len(found.channels) > 1 else "came in"
        values = np.where(here.outside[place], np.nan, here.values[place])
        tiles.append(Tile(seen.colours(values), name, _range(here.values[place])))
        if found.kind in ("sum", "units"):
            tiles.append(Tile(weights.colours(here.weights[place]), "· weights", _range(here.weights[place])))
            total = f"sum {rounded_text(float(here.products[place].sum()))}"
            tiles.append(Tile(made.colours(here.products[place]), "= products", total))
    return tuple(tiles)


def _growing(found: Stepping) -> list[Section | Chart]:
    """Draw the output as far as it is known at some positions, the window above it."""
    places = found.frames(FRAMES)
    scale, seen = Scale.of(found.output), input_scale(found)
    inputs, outputs = [], []
    shown = 0
    if found.picture is None and len(found.channels) > 1:
        shown = chosen_channels(found, found.position(found.strongest), 1)[0]
    base = found.picture if found.picture is not None else seen.colours(found.inputs[shown])
    for place in places:
        here = found.position(place)
        box = clipped(window_box(here), found.inputs.shape[1:])
        inputs.append(Tile(base, f"({place[0]}, {place[1]})", "", (box,)))
        known = known_colours(found, place, scale)
        outputs.append(
            Tile(known, "", f"= {rounded_text(here.value)}", ((float(place[0]), float(place[1]), 1.0, 1.0),))
        )
    name = "" if len(found.channels) == 1 or found.picture is not None else f", on channel {found.channels[shown]}"
    note = f"the window at {len(places)} of {found.output.size:,} positions{name}"
    return [
        Section("The output grows", tuple(inputs), note, SIZE),
        Section("", tuple(outputs), "the output so far; grey is not yet computed", SIZE),
    ]  # fmt: skip


def _size(numbers: Array) -> str:
    return "×".join(map(str, numbers.shape))


def _range(numbers: Array) -> str:
    return f"{short_text(float(numbers.min()))} … {short_text(float(numbers.max()))}"
