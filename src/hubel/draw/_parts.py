"""The pieces of a drawing in blocks: a layer's box, pieces in a column, branches, frames.

A piece has an axis, x = 0, on which what flows enters at the top, y = 0, and leaves at the bottom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hubel.arch import Shape, shape_text
from hubel.draw._outline import Box, Closed, Exit, Series, Split, rows_of
from hubel.draw._words import costs, title
from hubel.view.figures.scene import Circle, Group, Line, Mark, Rectangle, Text, moved, shortened, text_width

GAP = 16.0  # between boxes in a column
APART = 14.0  # between branches
PADDING = 10.0  # in a frame
PASS = 9.0  # half the width of a branch that only passes on
CAP = 4.0
WIDEST = 260.0  # words in a box


@dataclass(frozen=True, slots=True)
class Piece:
    """Marks around an axis: how far they reach to the left and to the right of it, and down."""

    left: float
    right: float
    height: float
    marks: tuple[Mark, ...]

    @property
    def width(self) -> float:
        """From its left edge to its right edge."""
        return self.left + self.right


def box(item: Box) -> Piece:
    """Draw a layer: what it does, what it gives, what it costs, and caps for what is folded into it."""
    said = item.words + (f"  ×{item.times}" if item.times > 1 else "")
    figures = [shapes(item)] if item.detail else []
    rows = item.rows if item.detail == 2 else ()
    cost = costs(sum(row.cost.parameters for row in rows), sum(row.cost.macs for row in rows))
    return _box(said, [*figures, cost] if cost else figures, item.kind, item.caps, _told(item))


def shapes(item: Box) -> str:
    """Write what a layer gives; of a dense layer what it reads too, which the layer before does not show."""
    before = f"{shape_text(item.input_shape)} → " if item.kind == "dense" and len(item.input_shape) == 1 else ""
    return before + shape_text(item.output_shape)


def input_box(shape: Shape, detail: int = 2) -> Piece:
    """Draw what goes in."""
    return _box("input", [shape_text(shape)] if detail else [], "input", (), Group((), f"input: {shape_text(shape)}"))


def _told(item: Box | Split) -> Group:
    part = item.path if isinstance(item, Closed) else ""
    return Group((), *told_of(item), part=part, closed=bool(part))


def told_of(item: Box | Split) -> tuple[str, tuple[str, ...]]:
    """What is told of an item to whoever points at it, and the paths of its rows."""
    if isinstance(item, Closed):
        return f"{item.path}: closed, {item.words.partition(': ')[2]}; open it", ()
    return title(item.rows, item.times), tuple(row.path for row in (*item.rows, *item.alike))


def _box(said: str, figures: list[str], role: str, caps: tuple[str, ...], told: Group) -> Piece:
    said = shortened(said, "name", WIDEST)
    room = 1.15 if role == "band" else 1.0  # a path is long, and a reader's fonts may be wider
    wide = max([room * text_width(said, "name"), *(text_width(figure, "figure") for figure in figures)]) + 16
    half = max(wide, 76.0) / 2
    tall = 22.0 + 12 * len(figures)
    marks: list[Mark] = [Rectangle(-half, 0, 2 * half, tall, role, radius=3)]
    marks.append(Text(0, 15, said, "name"))
    marks += [Text(0, 27.5 + 12 * line, figure, "figure") for line, figure in enumerate(figures)]
    for cap in caps:
        marks.append(Rectangle(-half, tall + 1, 2 * half, CAP, cap, radius=1))
        tall += CAP + 1
    return Piece(half, half, tall, (replace(told, marks=tuple(marks)),))


def column(pieces: Sequence[Piece], gap: float = GAP) -> Piece:
    """Set pieces one under the other, joined by arrows."""
    marks: list[Mark] = []
    down = 0.0
    for place, piece in enumerate(pieces):
        if place:
            marks.append(Line(((0, down), (0, down + gap)), arrow=True))
            down += gap
        marks += moved(piece.marks, 0, down)
        down += piece.height
    return Piece(max(p.left for p in pieces), max(p.right for p in pieces), down, tuple(marks))


def beside(
    branches: Sequence[Piece | None], item: Split, join: Callable[[Sequence[float], Split], Piece] | None = None
) -> Piece:
    """Set branches side by side (None only passes on) and join them below, by a sign or a bar where nothing else is
    said.
    """
    places, lefts, rights = _spread(branches)
    fork, tallest = 8.0, max((branch.height for branch in branches if branch), default=0.0)
    top = fork + 12
    end = top + tallest + 10
    marks: list[Mark] = [Line(((0, 0), (0, fork)))]
    if len(places) > 1 or places[0] != 0:
        marks.append(Line(((min(0, *places), fork), (max(0, *places), fork))))
    for place, branch in zip(places, branches, strict=True):
        if branch is None:
            marks.append(Line(((place, fork), (place, end))))
            continue
        marks.append(Line(((place, fork), (place, top)), arrow=True))
        marks += moved(branch.marks, place, top)
        marks.append(Line(((place, top + branch.height), (place, end))))
    joined = (join or (_circled if item.sign else concat_bar))(places, item)
    marks += moved(joined.marks, 0, end)
    return Piece(max(lefts, joined.left), max(rights, joined.right), end + joined.height, tuple(marks))


def _spread(branches: Sequence[Piece | None]) -> tuple[list[float], float, float]:
    """Place the branches: a shortcut to the right of the axis, everything else centred on it."""
    sides = [(branch.left, branch.right) if branch else (PASS, PASS) for branch in branches]
    drawn = [place for place, branch in enumerate(branches) if branch]
    places, across = [], 0.0
    for left, right in sides:
        places.append(across + left)
        across += left + right + APART
    across -= APART
    axis = places[drawn[0]] if len(drawn) == 1 else across / 2
    return [place - axis for place in places], axis, across - axis


def _circled(places: Sequence[float], item: Split) -> Piece:
    """Draw ⊕ or ⊗ on the axis, the branches led to it."""
    radius, middle = 8.0, 12.0
    marks: list[Mark] = []
    for place in places:
        if place == 0:
            marks.append(Line(((0, 0), (0, middle - radius)), arrow=True))
        else:
            side = radius if place > 0 else -radius
            marks.append(Line(((place, 0), (place, middle), (side, middle)), arrow=True))
    circle = Circle(0, middle, radius, item.sign)
    shape = shape_text(item.rows[-1].output_shape) if item.detail else ""
    wide = text_width(shape, "figure")
    down = middle + radius
    inner: list[Mark] = [circle]
    for cap in item.caps:
        inner.append(Rectangle(-18, down + 2, 36, CAP, cap, radius=1))
        down += CAP + 1
    if shape:
        inner.append(Text(22, down + 5, shape, "figure", "start"))
    told = _told(item)
    marks.append(Group(tuple(inner), told.title, told.paths))
    marks.append(Line(((0, down + (1 if item.caps else 0)), (0, down + 8))))
    return Piece(18, 22 + wide, down + 8, tuple(marks))


def concat_bar(places: Sequence[float], item: Split) -> Piece:
    """Draw a bar on which the branches end, as wide as they stand apart."""
    said, role = (f"concat {shape_text(item.rows[0].output_shape)}", "figure") if item.detail else ("concat", "name")
    half = text_width(said, role) / 2 + 8
    left, right = max(half, -min(places) + 12), max(half, max(places) + 12)
    marks: list[Mark] = [Line(((place, 0), (place, 10)), arrow=True) for place in places]
    inner: list[Mark] = [Rectangle(-left, 10, left + right, 18, "join", radius=3)]
    inner.append(Text((right - left) / 2, 22.5, said, role))
    down = 28.0
    for cap in item.caps:
        inner.append(Rectangle(-left, down + 1, left + right, CAP, cap, radius=1))
        down += CAP + 1
    told = _told(item)
    marks.append(Group(tuple(inner), told.title, told.paths))
    return Piece(left, right, down, tuple(marks))


def figures_of(item: Split | Series | Exit) -> str:
    """What a frame says besides its name: what repeats end with that grow, and what all of it costs."""
    rows = rows_of([item]) if item.detail == 2 else ()
    cost = costs(sum(row.cost.parameters for row in rows), sum(row.cost.macs for row in rows))
    grown = ""
    if isinstance(item, Split) and item.detail:
        shapes = [row.output_shape for row in item.alike if row.path == item.last]
        grown = f"to {shape_text(shapes[-1])}" if shapes and shapes[-1] != item.rows[0].output_shape else ""
    return " · ".join(filter(None, (grown, f"in all {cost}" if cost and item.times > 1 else cost)))


def framed(piece: Piece, name: str, figures: str, times: int, part: str = "") -> Piece:
    """Set a piece into a frame with its name, its figures, and how often it stands in a row.

    part: the path by which it is closed.
    """
    badge = f"×{times}" if times > 1 else ""
    left, right = piece.left + PADDING, piece.right + PADDING
    aside = 1.15 * text_width(badge, "title") + 8 if badge else 0.0  # for a reader whose fonts are wider, as the name's
    least = max(text_width(figures, "figure"), min(1.15 * text_width(name, "part"), 160)) + aside + 16
    if left + right < least:
        left, right = left + (least - left - right) / 2, right + (least - left - right) / 2
    room = left + right - 16 - aside
    name = shortened(name, "part", room / 1.15 + 0.5)
    one_line = text_width(name, "part") + text_width(figures, "figure") + 14 <= room
    band = 20.0 if one_line or not figures else 32.0
    inner_top = band + 8
    height = inner_top + piece.height + 8
    marks: list[Mark] = []
    if times > 1:  # a second and a third one behind it
        marks += [
            Rectangle(shift - left, shift, left + right, height, "frame", radius=5)
            for shift in ((6, 3) if times > 2 else (3,))
        ]
    marks.append(Rectangle(-left, 0, left + right, height, "frame", radius=5))
    head: list[Mark] = [Rectangle(-left, 0, left + right, band, "band", radius=5)]
    head.append(Text(8 - left, 14, name, "part", "start"))
    if badge:
        head.append(Text(right - 8, 17, badge, "title", "end"))
    if figures and one_line:
        head.append(Text(right - 8 - aside, 14, figures, "figure", "end"))  # fonts of other widths leave a gap too
    elif figures:
        head.append(Text(8 - left, 26.5, figures, "figure", "start"))
    marks += [Group(tuple(head), f"{part}: close it", part=part)] if part else head
    marks.append(Line(((0, band), (0, inner_top))))
    marks += moved(piece.marks, 0, inner_top)
    marks.append(Line(((0, inner_top + piece.height), (0, height))))
    behind = 6.0 if times > 2 else 3.0 if times > 1 else 0.0
    return Piece(left, right + behind, height, tuple(marks))
