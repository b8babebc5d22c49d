"""Filters and what excites them, as a page."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.arch import shape_text
from hubel.base.numbers import short_text
from hubel.look.access.captions import layer_rules, layer_title
from hubel.view.figures.scale import Scale
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.look.inside.filters import Filters

MOST_INPUTS = 16  # of a filter's input channels, so many are drawn
MOST_LINES = 64  # channels whose excerpts are drawn
SIZE = 64.0
LONGEST = 12  # numbers of a vector in one line
GROUND = 160  # grey between two kernels


def filters_figure(found: Filters) -> TiledFigure:
    """Draw every filter as a tile, or as a grid of its input channels; below, what excites each channel most."""
    parts: list[Section | Chart] = []
    title, rules = layer_title(found.row), layer_rules(found.row)
    if found.weights is not None:
        parts.append(_kernels(found, title, rules))
    if found.excerpts:
        parts += _excerpts(found, "" if parts else title)
    first = "the first " if found.channels == tuple(range(len(found.channels))) else ""
    shown = (
        f"{first}{len(found.channels)} of {found.total:,}"
        if len(found.channels) < found.total
        else f"all {found.total:,}"
    )
    what = "filters" if found.weights is not None else "channels"
    return TiledFigure(f"{found.name}: the {what} of {found.row.path}", f"{shown} {what}", tuple(parts))


def _kernels(found: Filters, title: str, rules: str) -> Section:
    weights = found.weights
    assert weights is not None
    inputs, (height, width) = weights.shape[1], weights.shape[2:]
    if inputs == 3 and found.on_pixels and min(height, width) > 1:
        tiles = tuple(
            Tile(_coloured(kernel), *_words(found, place, f"filter {channel}")) for place, (channel, kernel) in
            enumerate(zip(found.channels, weights, strict=True))
        )  # fmt: skip
        note = "red, green and blue as they weigh the pixels' colours; mid grey is zero, each filter on its own scale"
        return Section(title, tiles, f"{rules}  ·  {height}×{width}×3 each; {note}", SIZE)
    scale = Scale.of_signed(weights)
    order = _strongest(weights)
    tiles = tuple(
        Tile(
            _grid(kernel[order], scale),
            *_words(found, place, f"filter {channel}"),
            hover=_hover(channel, order, inputs),
        )
        for place, (channel, kernel) in enumerate(zip(found.channels, weights, strict=True))
    )
    which = f"the {len(order)} of {inputs:,} input channels that weigh most" if len(order) < inputs else ""
    each = f"{shape_text((height, width, inputs))} each" + (
        ", a grid of the input channels' kernels" if inputs > 1 else ""
    )
    note = "  ·  ".join(part for part in (rules, each, which, "blue below zero, red above") if part)
    return Section(title, tiles, note, SIZE if inputs == 1 else 112.0, scale)


def _words(found: Filters, place: int, caption: str) -> tuple[str, str]:
    return caption, "" if found.biases is None else f"bias {short_text(float(found.biases[place]))}"


def _hover(channel: int, order: npt.NDArray[np.intp], inputs: int) -> str:
    listed = "" if inputs == 1 else f": input channels {', '.join(map(str, order.tolist()))}"
    return f"filter {channel}{listed}"


def _coloured(kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Draw a kernel of three channels as a picture of colours: zero is mid grey."""
    limit = float(np.abs(kernel).max()) or 1.0
    found: npt.NDArray[np.uint8] = np.rint(127.5 + 127.5 * kernel.transpose(1, 2, 0) / limit).astype(np.uint8)
    return found


def _strongest(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Choose the input channels that weigh most over all filters, in their own order."""
    sizes = np.abs(weights).sum((0, 2, 3))
    return np.sort(np.argsort(-sizes, kind="stable")[:MOST_INPUTS])


def _grid(kernels: npt.NDArray[np.float32], scale: Scale) -> npt.NDArray[np.uint8]:
    """Set kernels, inputs×rows×columns, in a grid with a line of grey between them."""
    count, height, width = kernels.shape
    if count == 1:
        return scale.colours(_folded(kernels[0]))
    columns = ceil(sqrt(count))
    rows = ceil(count / columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), GROUND, np.uint8)
    for place, kernel in enumerate(kernels):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        canvas[top : top + height, left : left + width] = scale.colours(kernel)
    return canvas


def _folded(kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Break a long row, the weights of a vector, into lines of a square; what is left over is no number."""
    if kernel.shape[0] > 1 or kernel.shape[1] <= LONGEST:
        return kernel
    columns = ceil(sqrt(kernel.size))
    cells = np.full(ceil(kernel.size / columns) * columns, np.nan, np.float32)
    cells[: kernel.size] = kernel[0]
    return cells.reshape(-1, columns)


def _excerpts(found: Filters, title: str) -> list[Section | Chart]:
    row = found.row
    where = (
        f"what excites each channel most, of {found.searched:,} images, cropped to what its largest number sees "
        f"({row.field.size_text}, less where that reaches over the edge)"
    )
    parts: list[Section | Chart] = [Section(title or "What excites them", (), where)]
    for channel, line in list(zip(found.channels, found.excerpts, strict=True))[:MOST_LINES]:
        tiles = tuple(
            Tile(
                excerpt.crop,
                short_text(excerpt.value),
                f"label {found.classes[excerpt.label]}",
                hover=f"image {excerpt.index}, rows {excerpt.span[0][0]}…{excerpt.span[0][1]}, "
                f"columns {excerpt.span[1][0]}…{excerpt.span[1][1]}",
            )
            for excerpt in line
        )
        silent = all(excerpt.value == 0 for excerpt in line)
        parts.append(Section("", tiles, f"channel {channel}" + (": zero for every image" if silent else ""), 72.0))
    if len(found.channels) > MOST_LINES:
        parts.append(Section("", (), f"… and {len(found.channels) - MOST_LINES} channels more: name them"))
    return parts
