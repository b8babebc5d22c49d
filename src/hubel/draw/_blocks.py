"""A network as blocks: boxes from top to bottom, branches side by side, repeats folded, in as many columns as fit."""

from __future__ import annotations

from collections.abc import Sequence

from hubel.arch import Report
from hubel.draw._across import across
from hubel.draw._outline import Box, Exit, Item, Series, Split, part_of
from hubel.draw._parts import APART, GAP, Piece, beside, box, column, figures_of, framed, input_box
from hubel.draw._sheet import MARGIN, sheet
from hubel.draw._u_shape import is_u, u_shape
from hubel.view.figures.scene import Line, Mark, Scene, moved

NOTES = (
    "In a box: what it does (/2: every second place).",
    "In a box: what it does (/2: every second place), its output.",
    "In a box: what it does (/2: every second place), its output, parameters · MACs.",
)
FOLDED = " ×3: three alike in a row, the first one's figures."
TALL = 900.0  # a column that is longer is broken where the page has room for another
BETWEEN = 36.0  # between columns


def blocks(report: Report, items: tuple[Item, ...], page: float, detail: int = 2, flow: str = "down") -> Scene:
    """Lay a network's items out as blocks on a page of that width. detail: theirs. flow: "down" or "across"."""
    if flow == "across" and not any(map(is_u, items)):  # a U goes both ways
        body = across(report, items, page - 2 * MARGIN)
        return sheet(report, "blocks", body, items, _note(items, detail), page)
    split = next((place for place, item in enumerate(items) if is_u(item)), None)
    if split is not None:
        body = u_shape(report, items, split, page)
    else:
        pieces = [input_box(report.network.input, detail), *map(piece, items)]
        body = _columns(pieces, page - 2 * MARGIN)
    return sheet(report, "blocks", body, items, _note(items, detail), page)


def _note(items: Sequence[Item], detail: int) -> str:
    folded = FOLDED if detail else FOLDED.partition(",")[0] + "."
    return NOTES[detail] + folded * _any_folded(items)


def _any_folded(items: Sequence[Item]) -> bool:
    """Whether anywhere inside several parts are drawn once."""
    for item in items:
        if getattr(item, "times", 1) > 1:
            return True
        inside = item.branches if isinstance(item, Split) else [getattr(item, "items", ())]
        if any(branch and _any_folded(branch) for branch in inside):
            return True
    return False


def piece(item: Item, scope: str = "") -> Piece:
    """Draw one item and everything inside it; names are told without `scope`, the frame around it."""
    if isinstance(item, Box):
        return box(item)
    if isinstance(item, Series):
        inside = column([piece(inner, item.path + ".") for inner in item.items])
        return framed(inside, span(item, scope), figures_of(item), item.times, part_of(item))
    if isinstance(item, Exit):
        return _exit(item, scope)
    own = item.path + "."
    branches = [column([piece(inner, own) for inner in branch]) if branch else None for branch in item.branches]
    joined = beside(branches, item)
    if item.times == 1 and "." in item.path.removeprefix(scope) and not (item.called or item.within):
        return joined  # within a branch: a frame would say nothing
    return framed(joined, span(item, scope), figures_of(item), item.times, part_of(item))


def span(item: Series | Split | Box, scope: str) -> str:
    """Name a part, or the first and the last of those that are folded."""
    within = item.within if isinstance(item, Split) else ""
    own, last = (within or item.path).removeprefix(scope), item.last
    if isinstance(item, Split) and within:
        last = item.last_within
    elif isinstance(item, Split) and item.called:
        own = f"{own}, {item.called}" if item.named else item.called
    return own if item.times == 1 else f"{own} … {last.rpartition('.')[2]}"


def _exit(item: Exit, scope: str) -> Piece:
    """Draw a side exit beside the line that goes on."""
    inner = column([piece(part) for part in item.items])
    name = f"{item.path.removeprefix(scope)}, training only"
    aside = framed(inner, name, figures_of(item), item.times, item.path)
    axis = APART + 12 + aside.left
    marks: list[Mark] = [
        Line(((0, 0), (0, aside.height + 20))),
        Line(((0, 8), (axis, 8), (axis, 20)), arrow=True),
        *moved(aside.marks, axis, 20),
    ]
    return Piece(12, axis + aside.right, aside.height + 20, tuple(marks))


def _columns(pieces: Sequence[Piece], room: float) -> list[Mark]:
    """Set pieces into as many columns as the room has place for and the length asks for."""
    most = max(1, len(pieces))
    best = broken(pieces, 1)
    for count in range(2, most + 1):
        if max(map(_length, best)) <= TALL:
            break
        tried = broken(pieces, count)
        if _across(tried) > room:
            break
        best = tried
    return _snake(best)


def _length(pieces: Sequence[Piece]) -> float:
    return sum(piece.height for piece in pieces) + GAP * (len(pieces) - 1)


def _across(columns: Sequence[Sequence[Piece]]) -> float:
    return sum(max(p.left for p in c) + max(p.right for p in c) for c in columns) + BETWEEN * (len(columns) - 1)


def broken(pieces: Sequence[Piece], count: int) -> list[list[Piece]]:
    """Break the flow into at most `count` columns, the longest as short as can be."""
    low, high = max(piece.height for piece in pieces), _length(pieces)
    while high - low > 1:
        middle = (low + high) / 2
        if len(filled(pieces, middle)) <= count:
            high = middle
        else:
            low = middle
    return filled(pieces, high)


def filled(pieces: Sequence[Piece], tall: float) -> list[list[Piece]]:
    """Break the flow where it would be longer than this."""
    columns: list[list[Piece]] = [[]]
    length = 0.0
    for piece in pieces:
        if columns[-1] and length + GAP + piece.height > tall + 0.01:
            columns.append([])
        length = length + GAP + piece.height if columns[-1] else piece.height
        columns[-1].append(piece)
    return columns


def _snake(columns: Sequence[Sequence[Piece]]) -> list[Mark]:
    """Set columns beside one another, each one's end led up to the next one's start."""
    marks: list[Mark] = []
    across = 0.0
    before: tuple[float, float, float] | None = None  # axis, bottom and right edge of the column before
    for pieces in columns:
        drawn = column(pieces)
        axis = across + drawn.left
        if before is not None:
            gutter = before[2] + BETWEEN / 2
            ups = (before[0], before[1] + 10), (gutter, before[1] + 10), (gutter, -14), (axis, -14)
            marks.append(Line(((before[0], before[1]), *ups, (axis, 0)), arrow=True))
        marks += moved(drawn.marks, axis, 0)
        before = (axis, drawn.height, across + drawn.width)
        across += drawn.width + BETWEEN
    return marks
