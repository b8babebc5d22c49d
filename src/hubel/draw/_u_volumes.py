"""A network whose bridges nest as a U of volumes, as its paper has it: each level a row, pictures copied across it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hubel.arch import Report
from hubel.draw._outline import Box, Item, Split
from hubel.draw._row import Run, Slot, drawn, flat_boxes, named, places, runs
from hubel.draw._sheet import MARGIN, sheet
from hubel.draw._solid import Scale, glued, solid
from hubel.draw._u_shape import bridge_said, is_u, sides
from hubel.view.figures.scene import Line, Mark, Point, Scene, Text, moved, text_width

TALLEST, THICKEST = 76.0, 30.0
GAP = 20.0  # between levels
ACROSS = 44.0  # the least that a bridge measures
NOTE = (
    "A level: pictures of one size. Across it, pictures are copied and joined to what comes up from below. Along a "
    "volume: its height, width and channels, drawn by their square roots. Red: the window that gives one place of the "
    "next volume (small ones enlarged)."
)


@dataclass(frozen=True, slots=True)
class _Level:
    """Boxes on the way down; of all but the lowest, what bridges it, the layers that bring what is below up to it, and
    the boxes on the way up. scope: what the names of its layers begin with.
    """

    down: list[Box]
    split: Split | None = None
    bridge: tuple[Item, ...] = ()
    enlarge: list[Box] = ()  # type: ignore[assignment]
    up: list[Box] = ()  # type: ignore[assignment]
    scope: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """Slots in a row, where each begins, and where the row's volumes and labels end."""

    slots: list[Slot]
    starts: list[float]

    def middle(self, place: int) -> float:
        return self.starts[place] + self.slots[place].middle

    @property
    def right(self) -> float:
        return max(
            max(x + slot.solid.right, x + slot.middle + slot.label / 2)
            for x, slot in zip(self.starts, self.slots, strict=True)
        )


def levels(items: Sequence[Item], scope: str = "") -> list[_Level] | None:
    """The levels of a U, the highest first, or None where a network is none, or is more than one of volumes."""
    at = next((place for place, item in enumerate(items) if is_u(item)), None)
    if at is None:
        down = flat_boxes(items)
        return None if down is None or not _pictures(down) else [_Level(down, scope=scope)]
    split = items[at]
    assert isinstance(split, Split)
    bridge, below = sides(split) or ((), ())
    inside = levels(below[:-1], _scope(below))
    down, up, enlarge = flat_boxes(items[:at]), flat_boxes(items[at + 1 :]), flat_boxes(below[-1:])
    if inside is None or down is None or up is None or enlarge is None or not _pictures([*down, *up, *enlarge]):
        return None
    return [_Level(down, split, bridge, enlarge, up, scope), *inside]


def _scope(items: Sequence[Item]) -> str:
    """What the names in a branch begin with."""
    return items[0].path.rpartition(".")[0] + "."


def _pictures(boxes: Iterable[Box]) -> bool:
    return all(len(box.output_shape) == 3 == len(box.input_shape) for box in boxes)


def u_volumes(report: Report, items: Sequence[Item], found: list[_Level], page: float, detail: int) -> Scene:
    """Lay a U of volumes out; on a page that is wide enough its levels stand within one another."""
    shapes = [row.output_shape for row in report.rows if len(row.output_shape) == 3]
    scale = Scale([report.network.input, *shapes], TALLEST, THICKEST)
    lefts = [_row([_slot(run, scale, detail, level.scope) for run in runs(level.down)]) for level in found]
    lefts[0] = _row([_slot(Run((), report.network.input, 1, "input"), scale, detail), *lefts[0].slots])
    rights = [_row(_rising(level, scale, detail)) for level in found[:-1]]
    room = page - 2 * MARGIN - 40
    lean = next((share for share in (1.0, 0.75, 0.5, 0.3, 0.15) if _set(found, lefts, rights, share)[2] <= room), 0.0)
    left, right, _ = _set(found, lefts, rights, lean)
    return sheet(report, "volumes", _marks(found, lefts, rights, left, right), items, NOTE, page)


def _slot(run: Run, scale: Scale, detail: int, scope: str = "") -> Slot:
    caps = run.boxes[0].caps if run.boxes else ()
    return Slot(run, solid(run.shape, run.count, run.role, caps, scale), tuple(named(run, detail, scope)))


def _rising(level: _Level, scale: Scale, detail: int) -> list[Slot]:
    """The picture from the left glued to the one from below, and what is made of the two."""
    assert level.split is not None
    whole, below = level.split.rows[0].output_shape, level.enlarge[-1]
    over = (*whole[:2], whole[2] - below.output_shape[2])
    parts = [(over, "input"), (below.output_shape, below.kind)]
    parts = parts[::-1] if level.split.branches[0] is not level.bridge else parts
    run = Run(tuple(level.enlarge), whole, 1, below.kind, (level.split.rows[0],))
    first = Slot(run, glued(parts, whole, scale), tuple(named(run, detail, _scope(level.enlarge))))
    return [first, *(_slot(each, scale, detail, level.scope) for each in runs(level.up))]


def _row(slots: list[Slot]) -> _Row:
    return _Row(slots, places(slots))


def _set(
    found: Sequence[_Level], lefts: Sequence[_Row], rights: Sequence[_Row], lean: float
) -> tuple[list[float], list[float], float]:
    """Where each level's left and right row begin, and how wide all is. lean: from 0, all levels below one another, to
    1, each begins below the end of the one above.
    """
    left = [0.0]
    for above, row in pairwise(lefts):
        left.append(left[-1] + lean * max(0.0, above.middle(-1) - row.middle(0)))
    ups = [0.0]  # the rights, from the lowest
    for row, above in pairwise(rights[::-1]):
        ups.append(ups[-1] + lean * max(0.0, row.middle(-1) - above.middle(0)))
    right = ups[::-1]
    needs = [left[-1] + lefts[-1].middle(-1) - right[-1] - rights[-1].middle(0)]
    for place, row in enumerate(lefts[:-1]):
        said = text_width(_said(found[place]), "figure") + 16 if lean else 0.0
        needs.append(left[place] + row.right + max(ACROSS, said) - right[place])
    right = [each + max(needs) for each in right]
    ends = [x + row.right for x, row in zip([*left, *right], [*lefts, *rights], strict=True)]
    return left, right, max(ends)


def _said(level: _Level) -> str:
    assert level.split is not None
    return bridge_said(level.bridge, level.split)


def _marks(
    found: Sequence[_Level], lefts: Sequence[_Row], rights: Sequence[_Row], left: list[float], right: list[float]
) -> list[Mark]:
    marks: list[Mark] = []
    down = 0.0
    above: tuple[Point, Point | None] | None = None  # below the last label on the left, below the first on the right
    for place, row in enumerate(lefts):
        up = rights[place] if place < len(rights) else None
        both = [*row.slots, *(up.slots if up else [])]
        base = max(slot.solid.height for slot in both) / 2 + 28
        top = min(slot.solid.top for slot in both)
        middle = down - top
        marks += moved(drawn(row.slots, row.starts, base), left[place], middle)
        if above is not None:
            marks += _falling(above[0], (left[place] + row.middle(0), middle + row.slots[0].solid.top - 3))
            last, x = (up, right[place]) if up else (row, left[place])
            assert above[1] is not None
            marks += _falling(above[1], (x + last.middle(-1), middle + last.slots[-1].solid.top - 3), up=True)
        after = None
        if up is not None:
            marks += moved(drawn(up.slots, up.starts, base), right[place], middle)
            marks += _bridge(found[place], (left[place], row), (right[place], up), middle)
            after = (right[place] + up.middle(0), middle + _under(up.slots[0], base))
        above = (left[place] + row.middle(-1), middle + _under(row.slots[-1], base)), after
        down = middle + max(_under(slot, base) for slot in both) + GAP
    return marks


def _under(slot: Slot, base: float) -> float:
    """Where a slot's label ends."""
    return base + 13.0 * len(slot.lines) - 8


def _falling(above: Point, below: Point, up: bool = False) -> list[Mark]:
    """An arrow from one level to the next, around a corner where they do not stand below one another."""
    turn = max(above[1] + 5, min(below[1] - 6, above[1] + GAP / 2))
    points = (above, (above[0], turn), (below[0], turn), below) if abs(above[0] - below[0]) > 1 else (above, below)
    return [Line(points[::-1] if up else points, arrow=True)]


def _bridge(level: _Level, left: tuple[float, _Row], right: tuple[float, _Row], middle: float) -> list[Mark]:
    """The arrow of what is copied, with its words where there is room for them."""
    last, first = left[1].slots[-1].solid, right[1].slots[0].solid
    start = left[0] + left[1].starts[-1] + last.right + 4
    end = right[0] + right[1].starts[0] - first.left - 4
    y = middle - 0.2 * first.height
    said = _said(level)
    marks: list[Mark] = [Line(((start, y), (end, y)), arrow=True)]
    if text_width(said, "figure") < end - start - 8:
        marks.append(Text((start + end) / 2, y - 5, said, "figure"))
    return marks
