"""Vectors as pictures: a strip of cells, or bars with names where they are few."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import numpy.typing as npt

from hubel.base.numbers import short_text
from hubel.view.figures.scale import Scale
from hubel.view.figures.scene import Line, Mark, Rectangle, Text
from hubel.view.figures.scene import text_width as words_width
from hubel.view.figures.tiles import Chart, Tile

FEW = 16  # so many numbers are drawn as bars
LONGEST = 64  # cells in one line of a strip
_LINE, _BAR, _GAP = 17.0, 150.0, 40.0


def strip(values: npt.NDArray[np.float32], scale: Scale, caption: str = "") -> Tile:
    """Draw a vector as lines of cells, read like words; the last line is filled up with hatching."""
    columns = strip_columns(len(values))
    rows = ceil(len(values) / columns)
    cells = np.full(rows * columns, np.nan)
    cells[: len(values)] = values
    return Tile(scale.colours(cells.reshape(rows, columns)), caption)


def strip_columns(length: int) -> int:
    """Choose how many cells a line has: a divisor of the length where there is a handy one."""
    if length <= LONGEST:
        return length
    return next((columns for columns in range(LONGEST, LONGEST // 3, -1) if length % columns == 0), LONGEST)


def strip_size(length: int) -> float:
    """How long a strip is on the page."""
    return min(768.0, 12.0 * strip_columns(length))


def bars(
    title: str, vectors: Sequence[npt.NDArray[np.float32]], names: Sequence[str], heads: Sequence[str], note: str = ""
) -> Chart:
    """Draw vectors of equal length as bars beside each other, a name before each bar and its number after it."""
    low = min(0.0, *(float(vector.min()) for vector in vectors))
    high = max(0.0, *(float(vector.max()) for vector in vectors))
    per_unit = _BAR / ((high - low) or 1.0)
    label = max(words_width(name, "label") for name in names) + 8
    slot = label + _BAR + 46 + _GAP
    marks: list[Mark] = []
    for place, (vector, head) in enumerate(zip(vectors, heads, strict=True)):
        left, down = place * slot, 0.0
        if head:
            marks.append(Text(left, 11, head, "label", "start"))
            down = 20.0
        zero = left + label - low * per_unit
        for number, (name, value) in enumerate(zip(names, vector.tolist(), strict=True)):
            y = down + number * _LINE
            marks.append(Text(left + label - 6, y + 11, name, "label", "end"))
            long = abs(value) * per_unit
            if long > 0.05:
                marks.append(Rectangle(zero if value > 0 else zero - long, y + 2, long, _LINE - 5, "bar"))
            marks.append(Text(max(zero, zero + value * per_unit) + 4, y + 11, short_text(value), "figure", "start"))
        marks.append(Line(((zero, down), (zero, down + len(names) * _LINE)), "axis"))
    height = (20 if any(heads) else 0) + len(names) * _LINE
    return Chart(title, tuple(marks), len(vectors) * slot - _GAP, height, note)
