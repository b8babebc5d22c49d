"""Networks whose bridges nest, as a U: down on the left, up on the right, the bridges across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubel.arch import Report, Shape, shape_text
from hubel.draw._outline import Box, Item, Series, Split
from hubel.draw._parts import Piece, box, concat_bar, input_box
from hubel.view.figures.scene import Line, Mark, Text, moved, text_width

RISE = 14.0
LEVEL = 32.0  # from the end of one level to the start of the next
WIDE = 1000.0


def is_u(item: Item) -> bool:
    """Whether an item is a bridge beside something that first makes its picture smaller and at last larger again."""
    return isinstance(item, Split) and sides(item) is not None


def sides(item: Split) -> tuple[tuple[Item, ...], tuple[Item, ...]] | None:
    """Return the bridge and what is below it, or None where a split is no bridge."""
    if item.sign or item.times > 1 or len(item.branches) != 2:
        return None
    for bridge, below in (item.branches, item.branches[::-1]):
        light = all(isinstance(part, Box) and not part.rows[0].cost.parameters for part in bridge)
        if light and len(below) > 1 and _halves(below[0]) and _enlarges(below[-1]):
            return bridge, below
    return None


def _ends(item: Item) -> tuple[Shape, Shape] | None:
    return (item.input_shape, item.output_shape) if isinstance(item, Box) else None


def _halves(item: Item) -> bool:
    ends = _ends(item)
    return ends is not None and len(ends[1]) == 3 and ends[1][0] < ends[0][0]


def _enlarges(item: Item) -> bool:
    ends = _ends(item)
    return ends is not None and len(ends[1]) == 3 and ends[1][0] > ends[0][0]


@dataclass(frozen=True)
class _U:
    """A U with its top left corner at (0, 0): where its columns stand, how far it reaches, where its right one ends."""

    into: float
    out: float
    width: float
    height: float
    rise: float
    marks: list[Mark]


def u_shape(report: Report, items: tuple[Item, ...], split: int, page: float) -> list[Mark]:
    """Draw a whole network as a U; on a narrow page its columns are straight."""
    indent = 46.0 if page >= WIDE else 0.0
    return _u([input_box(report.network.input, items[0].detail), *_pieces(items[:split])], items, split, indent).marks


def _pieces(items: Sequence[Item]) -> list[Piece]:
    from hubel.draw._blocks import piece

    found: list[Piece] = []
    for item in items:
        if isinstance(item, Series) and item.times == 1 and all(isinstance(part, Box) for part in item.items):
            found.extend(box(part) for part in item.items if isinstance(part, Box))
        else:
            found.append(piece(item))
    return found


def _u(down: list[Piece], items: tuple[Item, ...], split: int, indent: float) -> _U:
    """Draw one level: `down` on the left, what follows the split upwards on the right, the rest below."""
    item = items[split]
    assert isinstance(item, Split)
    found = sides(item)
    assert found is not None
    bridge, below = found
    up = _pieces(items[split + 1 :])
    inner = _below(below, indent)
    left, right = max(p.left for p in down), max(p.left for p in up)
    into = max(left, inner.into - indent)
    shift = into + indent - inner.into
    bar = concat_bar([0.0], item)
    out = max(
        shift + inner.out + indent,
        into + max(p.right for p in down) + 40 + right + text_width(bridge_said(bridge, item), "figure"),
    )
    shift += (out - indent - inner.out - shift) / 2 if indent else 0.0
    level = max(_height(down), _height(up))
    marks = _falling(down, into)
    marks += _rising(up, out, level)
    marks += moved(bar.marks[1:], out, level - 10 + RISE)  # without its own arrow: the one from below leads to it
    middle = level + RISE + 9
    marks.append(Line(((out, level + RISE), (out, level)), arrow=True))
    marks.append(Line(((into, middle), (out - bar.left, middle)), arrow=True))
    said = bridge_said(bridge, item)
    marks.append(Text((into + out - bar.left) / 2, middle - 5, said, "figure"))
    start, end = shift + inner.into, shift + inner.out
    top = level + RISE + 9 + LEVEL
    turn = top - 12
    marks.append(Line(((into, _height(down)), (into, turn), (start, turn), (start, top)), arrow=True))
    marks.append(Line(((end, top + inner.rise), (end, turn), (out, turn), (out, level + RISE + 18)), arrow=True))
    marks += moved(inner.marks, shift, top)
    width = max(out + max([bar.right, *(p.right for p in up)]), shift + inner.width)
    return _U(into, out, width, top + inner.height, level - _height(up), marks)


def bridge_said(bridge: tuple[Item, ...], item: Split) -> str:
    """Say what goes over a bridge."""
    if bridge:
        last = bridge[-1]
        assert isinstance(last, Box)
        return f"{last.words}: {shape_text(last.output_shape)}"
    return f"bridge: {shape_text(item.rows[0].input_shape)}"


def _below(items: tuple[Item, ...], indent: float) -> _U:
    """Draw what is below a bridge: another level, or the bottom."""
    split = next((place for place, item in enumerate(items) if is_u(item)), None)
    if split is not None:
        return _u(_pieces(items[:split]), items, split, indent)
    turn = len(items) - 1
    down, up = _pieces(items[:turn]), _pieces(items[turn:])
    left, right = max(p.left for p in down), max(p.right for p in down)
    out = left + right + 30 + max(p.left for p in up)
    level = max(_height(down), _height(up))
    marks = _falling(down, left) + _rising(up, out, _height(up))
    bottom = level + 14
    marks.append(Line(((left, _height(down)), (left, bottom), (out, bottom), (out, _height(up))), arrow=True))
    return _U(left, out, out + max(p.right for p in up), bottom, 0.0, marks)


def _height(pieces: Sequence[Piece]) -> float:
    return sum(piece.height for piece in pieces) + RISE * (len(pieces) - 1) if pieces else 0.0


def _falling(pieces: Sequence[Piece], axis: float) -> list[Mark]:
    marks: list[Mark] = []
    top = 0.0
    for place, piece in enumerate(pieces):
        if place:
            marks.append(Line(((axis, top - RISE), (axis, top)), arrow=True))
        marks += moved(piece.marks, axis, top)
        top += piece.height + RISE
    return marks


def _rising(pieces: Sequence[Piece], axis: float, bottom: float) -> list[Mark]:
    """Set pieces one above the other, the first one lowest."""
    marks: list[Mark] = []
    for place, piece in enumerate(pieces):
        if place:
            marks.append(Line(((axis, bottom + RISE), (axis, bottom)), arrow=True))
        bottom -= piece.height
        marks += moved(piece.marks, axis, bottom)
        bottom -= RISE
    return marks
