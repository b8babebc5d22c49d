"""A box with two axes, and where numbers lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, isfinite, pi, sin

from hubel.view.figures.scene import Line, Mark, Polygon, Rectangle, Text

Tick = tuple[float, str]


@dataclass(frozen=True)
class Axes:
    """A box of width×height page pixels with its corner at (left, top); x runs rightwards, y upwards.

    across, up: the numbers at the ends of either axis.
    """

    left: float
    top: float
    width: float
    height: float
    across: tuple[float, float]
    up: tuple[float, float]

    def x_of(self, value: float) -> float:
        """Where a number lies from left to right, in page pixels."""
        low, high = self.across
        return self.left + self.width * ((value - low) / (high - low) if high > low else 0.5)

    def y_of(self, value: float) -> float:
        """Where a number lies from top to bottom, in page pixels."""
        bottom, ceiling = self.up
        return self.top + self.height * (1 - ((value - bottom) / (ceiling - bottom) if ceiling > bottom else 0.5))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where two numbers lie, in page pixels."""
        return self.x_of(x), self.y_of(y)

    def frame(self, across: Sequence[Tick], up: Sequence[Tick], x_title: str = "", y_title: str = "") -> list[Mark]:
        """Draw both axes, their ticks with a line of the grid for each of `up`, and what they count."""
        right, bottom = self.left + self.width, self.top + self.height
        marks: list[Mark] = []
        for value, words in up:
            y = self.point(self.across[0], value)[1]
            marks += [Line(((self.left, y), (right, y)), "grid"), Text(self.left - 6, y + 3.5, words, "figure", "end")]
        for value, words in across:
            x = self.point(value, self.up[0])[0]
            marks += [Line(((x, bottom), (x, bottom + 4)), "axis"), Text(x, bottom + 15, words, "figure")]
        marks.append(Line(((self.left, self.top), (self.left, bottom), (right, bottom)), "axis"))
        if x_title:
            marks.append(Text(right, bottom + 30, x_title, "label", "end"))
        if y_title:
            marks.append(Text(self.left, self.top - 9, y_title, "label", "start"))
        return marks

    def curve(self, xs: Sequence[float], ys: Sequence[float], role: str) -> list[Mark]:
        """Draw a line through points, broken where a number is missing."""
        marks: list[Mark] = []
        points: list[tuple[float, float]] = []
        for x, y in [*zip(xs, ys, strict=True), (float("nan"), 0.0)]:
            if isfinite(x) and isfinite(y):
                points.append(self.point(x, y))
                continue
            if len(points) > 1:
                marks.append(Line(tuple(points), role))
            points = []
        return marks

    def column(self, low: float, high: float, value: float, role: str = "bar") -> Rectangle:
        """Draw a column from x `low` to `high`, as high as `value`."""
        left, top = self.point(low, value)
        right, bottom = self.point(high, self.up[0])
        return Rectangle(left, top, right - left, bottom - top, role)

    def dot(self, x: float, y: float, role: str, radius: float = 3.0) -> Polygon:
        """Draw a disc."""
        return disc(*self.point(x, y), role, radius)


def disc(x: float, y: float, role: str, radius: float) -> Polygon:
    """Draw a disc in page pixels."""
    corners = 10 if radius < 4 else 16  # of what passes for round
    turns = [2 * pi * corner / corners for corner in range(corners)]
    return Polygon(tuple((x + radius * cos(turn), y + radius * sin(turn)) for turn in turns), role)
