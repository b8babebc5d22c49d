"""Blocks from left to right.

Pieces are set as those from top to bottom are, in a space whose axes are exchanged; words alone are told where they
stand in the drawing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hubel.arch import shape_text
from hubel.draw._outline import Box, Exit, Item, Series, Split
from hubel.draw._parts import APART, CAP, PADDING, Piece, beside, box, column, figures_of, input_box, told_of
from hubel.view.figures.scene import Circle, Group, Line, Mark, Polygon, Rectangle, Text, moved, shortened, text_width

if TYPE_CHECKING:
    from hubel.arch import Report

BAND = 20.0
BETWEEN = 30.0  # between one line of blocks and the next
LINES = 12.0  # of words under a sign


def across(report: Report, items: Sequence[Item], room: float) -> list[Mark]:
    """Set a network's items from left to right, in as many lines as the room asks for."""
    from hubel.draw._blocks import broken, filled

    detail = items[0].detail if items else 2
    pieces = [_turned_box(input_box(report.network.input, detail)), *map(piece, items)]
    lines = broken(pieces, len(filled(pieces, room)))
    marks: list[Mark] = []
    down, before = 0.0, None  # where the line before ends: its length, its axis and its lower edge
    for line in lines:
        drawn = column(line)
        axis = down + drawn.left
        if before is not None:
            end, old, edge = before
            turn = edge + BETWEEN / 2
            marks.append(
                Line(((old, end), (old, end + 12), (turn, end + 12), (turn, -14), (axis, -14), (axis, 0)), arrow=True)
            )
        marks += moved(drawn.marks, axis, 0)
        before = (drawn.height, axis, down + drawn.width)
        down += drawn.width + BETWEEN
    return turned(marks)


def turned(marks: Iterable[Mark]) -> list[Mark]:
    """The marks with their axes exchanged; turned twice they are as they were."""
    found: list[Mark] = []
    for mark in marks:
        if isinstance(mark, Group):
            found.append(replace(mark, marks=tuple(turned(mark.marks))))
        elif isinstance(mark, (Polygon, Line)):
            found.append(replace(mark, points=tuple((y, x) for x, y in mark.points)))
        elif isinstance(mark, Rectangle):
            found.append(replace(mark, x=mark.y, y=mark.x, width=mark.height, height=mark.width))
        else:
            found.append(replace(mark, x=mark.y, y=mark.x))
    return found


def piece(item: Item, scope: str = "") -> Piece:
    """One item and everything inside it, its axes exchanged."""
    if isinstance(item, Box):
        return _turned_box(box(item))
    if isinstance(item, (Series, Exit)):
        inside = column([piece(inner, item.path + ".") for inner in item.items])
        name = named(item, scope)
        framed = _framed(inside, name, item)
        if isinstance(item, Series):
            return framed
        aside = APART + 12 + framed.left
        away: list[Mark] = [Line(((0, 0), (0, framed.height + 20)))]
        away += [Line(((0, 8), (aside, 8), (aside, 20)), arrow=True), *moved(framed.marks, aside, 20)]
        return Piece(12, aside + framed.right, framed.height + 20, tuple(away))
    branches = [column([piece(inner, item.path + ".") for inner in each]) if each else None for each in item.branches]
    joined = beside(branches, item, _signed if item.sign else _bar)
    if item.times == 1 and "." in item.path.removeprefix(scope) and not (item.called or item.within):
        return joined
    return _framed(joined, named(item, scope), item)


def named(item: Item, scope: str) -> str:
    """What a frame is called."""
    from hubel.draw._blocks import span

    return f"{item.path.removeprefix(scope)}, training only" if isinstance(item, Exit) else span(item, scope)


def _turned_box(upright: Piece) -> Piece:
    """A box whose middle is on the axis; its words stay as they are."""
    half = upright.height / 2
    marks = moved(upright.marks, upright.left, -half)
    return Piece(half, half, upright.width, tuple(turned(marks)))


def _signed(places: Sequence[float], item: Split) -> Piece:
    """⊕ or ⊗ on the axis, with what it gives below."""
    radius, middle = 8.0, 14.0
    marks: list[Mark] = []
    for place in places:
        side = 0.0 if place == 0 else radius if place > 0 else -radius
        ends = ((0.0, 0.0), (0.0, middle - radius)) if place == 0 else ((place, 0.0), (place, middle), (side, middle))
        marks.append(Line(ends, arrow=True))
    shape = shape_text(item.rows[-1].output_shape) if item.detail else ""
    above = max(places) > 0  # where the shortcut does not come from
    inner: list[Mark] = [Circle(0, middle, radius, item.sign)]
    along = middle + radius
    for cap in item.caps:
        inner.append(Rectangle(-14, along + 2, 28, CAP, cap, radius=1))
        along += CAP + 2
    away = 20.0 if item.caps else 14.0
    wide = text_width(shape, "figure")
    between = min(places) < 0 < max(places)  # branches come from both sides: words stand behind the one beside them
    if shape:
        begins, anchor = (middle + 6, "start") if between else (middle, "middle")
        inner.append(Text(-away if above else away + 8, begins, shape, "figure", anchor))
    marks.append(Group(tuple(inner), *told_of(item)))
    end = max(along + 8, middle + (6 + wide if between else wide / 2) + 4) if shape else along + 8
    marks.append(Line(((0, along + (1 if item.caps else 0)), (0, end))))
    sides = (away + LINES, 18.0) if above else (18.0, away + 8 + LINES / 2)
    return Piece(*sides, end, tuple(marks))


def _bar(places: Sequence[float], item: Split) -> Piece:
    """A bar on which the branches end, with what it gives below."""
    said = f"concat {shape_text(item.rows[0].output_shape)}" if item.detail else ""
    left, right = max(14.0, 12 - min(places)), max(14.0, max(places) + 12)
    half = text_width(said, "figure") / 2
    start = max(10.0, half - 5)
    marks: list[Mark] = [Line(((place, 0), (place, start)), arrow=True) for place in places]
    inner: list[Mark] = [Rectangle(-left, start, left + right, 10, "join", radius=3)]
    along = start + 10
    for cap in item.caps:
        inner.append(Rectangle(-left, along + 1, left + right, CAP, cap, radius=1))
        along += CAP + 1
    if said:
        inner.append(Text(right + LINES, start + 5, said, "figure", "middle"))
    marks.append(Group(tuple(inner), *told_of(item)))
    end = max(along, start + 5 + half)
    marks.append(Line(((0, along), (0, end))))
    return Piece(left, right + (LINES + 4 if said else 0), end, tuple(marks))


def _framed(inside: Piece, name: str, item: Split | Series | Exit) -> Piece:
    """A piece in a frame, its name above it."""
    figures = figures_of(item)
    badge = f"×{item.times}" if item.times > 1 else ""
    aside = text_width(badge, "title") + 8 if badge else 0.0
    least = max(text_width(figures, "figure"), min(text_width(name, "part"), 150)) + aside + 16
    length = max(inside.height + 16, least)
    name = shortened(name, "part", length - 16 - aside)
    one_line = text_width(name, "part") + text_width(figures, "figure") + 14 <= length - 16 - aside
    band = BAND if one_line or not figures else 32.0
    left, right = inside.left + PADDING + band, inside.right + PADDING
    marks: list[Mark] = [
        Rectangle(-left + shift, shift, left + right, length, "frame", radius=5)
        for shift in ((6, 3, 0) if item.times > 2 else (3, 0) if item.times > 1 else (0,))
    ]
    marks.append(Rectangle(-left, 0, band, length, "band", radius=5))
    marks.append(Text(14 - left, 8, name, "part", "start"))
    if badge:
        marks.append(Text(17 - left, length - 8, badge, "title", "end"))
    if figures:
        beyond = 8 + text_width(name, "part") + 10
        down, along = (14 - left, beyond) if one_line else (26.5 - left, 8.0)
        marks.append(Text(down, along, figures, "figure", "start"))
    start = (length - inside.height) / 2
    marks.append(Line(((0, 0), (0, start))))
    marks += moved(inside.marks, 0, start)
    marks.append(Line(((0, start + inside.height), (0, length))))
    behind = 6.0 if item.times > 2 else 3.0 if item.times > 1 else 0.0
    return Piece(left, right + behind, length, tuple(marks))
