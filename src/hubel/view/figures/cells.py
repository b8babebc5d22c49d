"""Grids of numbers in cells, as a blackboard has them: values, a kernel, products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubel.view.figures.scene import Line, Mark, Rectangle, Text, moved
from hubel.view.figures.scene import text_width as words_width

TALL = 20.0
_LEAST = 24.0
GAP = 30.0  # between two grids, room for a sign


@dataclass(frozen=True)
class Grid:
    """Marks that start at (0, 0), and the room that they take."""

    marks: tuple[Mark, ...]
    width: float
    height: float


def cells(
    texts: Sequence[Sequence[str]],
    head: str = "",
    roles: Sequence[Sequence[str]] | None = None,
    outlined: tuple[int, int, int, int] | None = None,
) -> Grid:
    """Draw words in cells of one size. `roles` colours them; `outlined` is (top, left, height, width) in cells."""
    wide = max(_LEAST, max(words_width(text, "figure") for row in texts for text in row) + 8)
    marks: list[Mark] = []
    top = 0.0
    if head:
        marks.append(Text(0, 10, head, "label", "start"))
        top = 17.0
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            role = roles[i][j] if roles is not None else "frame"
            marks.append(Rectangle(j * wide, top + i * TALL, wide, TALL, role))
            if text:
                marks.append(Text((j + 0.5) * wide, top + i * TALL + 13.5, text, "figure"))
    if outlined is not None:
        row_, column, tall, across = outlined
        marks.append(Rectangle(column * wide, top + row_ * TALL, across * wide, tall * TALL, "outline"))
    width = max(len(texts[0]) * wide, words_width(head, "label") if head else 0.0)
    return Grid(tuple(marks), width, top + len(texts) * TALL)


def signed_roles(values: Sequence[Sequence[float]]) -> list[list[str]]:
    """Tint cells by sign: blue below zero, red above, as in maps."""
    return [["convolution" if value < 0 else "pooling" if value > 0 else "frame" for value in row] for row in values]


def beside(grids: Sequence[Grid | str], room: float = 1200.0) -> Grid:
    """Set grids in a line, words (a sign such as ·) between them, and on to a new line where there is no room."""
    marks: list[Mark] = []
    across, down, tall, width = 0.0, 0.0, 0.0, 0.0
    for grid in grids:
        if isinstance(grid, str):
            marks.append(Text(across - GAP / 2, down + 17 + tall / 2 - 8, grid, "part"))
            continue
        if across and across + grid.width > room:
            across, down, tall = 0.0, down + tall + 16, 0.0
        marks += moved(grid.marks, across, down)
        width = max(width, across + grid.width)
        across += grid.width + GAP
        tall = max(tall, grid.height)
    return Grid(tuple(marks), width, down + tall)


def running(sums: Sequence[float], end: float, words: str, width: float = 420.0, height: float = 84.0) -> Grid:
    """Draw the sum so far as steps, from zero to its end, and after it what bias and activation make of it."""
    low, high = min(0.0, end, *sums), max(0.0, end, *sums)
    span = (high - low) or 1.0
    right = width - 90

    def y(value: float) -> float:
        return 6 + (height - 12) * (high - value) / span

    step = right / len(sums)
    points = [(0.0, y(0.0))]
    for place, value in enumerate(sums):
        points += [(place * step, y(value)), ((place + 1) * step, y(value))]
    marks: list[Mark] = [
        Line(((0, y(0.0)), (right + 6, y(0.0))), "axis"),
        Line(tuple(points), "line-0"),
        Line(((right, y(sums[-1])), (right + 24, y(end))), "line-1", arrow=False),
        Text(right + 28, y(end) + 4, words, "label", "start"),
        Text(0, y(0.0) + (11 if y(0.0) < height / 2 else -4), "0", "figure", "start"),
    ]
    return Grid(tuple(marks), width, height + 4)
