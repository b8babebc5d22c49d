"""A network as volumes, as papers have drawn them since 2012: each picture a box, height × width × channels.

The box's front shows height and channels, its right side height and width. The next layer's window lies on that side,
and what it computes from it is one place of the next box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hubel.arch import Report, Row, Shape, shape_text
from hubel.base.errors import SettingError
from hubel.draw._outline import Box, Item, Series, outline
from hubel.draw._sheet import MARGIN, sheet
from hubel.draw._solid import Scale, Solid, solid
from hubel.draw._words import costs, title
from hubel.view.scene import Group, Line, Mark, Polygon, Scene, Text, folded, moved, shortened, text_width

MOST = 26  # volumes that one still takes in
LABEL = 96.0  # a label's width
SEEN = 9.0  # the least that a window measures
READING = 30.0  # the least between a volume and the next, for the lines from the window
NOTE = (
    "Along a volume: its height, width and channels; it is drawn by their square roots. Red: the window that gives one "
    "place of the next volume (small ones enlarged). Below: what the layer does, parameters · MACs."
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Equal volumes in a row: the boxes that give them (none for the input), their shape, and how many."""

    boxes: tuple[Box, ...]
    shape: Shape
    count: int
    role: str

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for box in self.boxes for row in (*box.rows, *box.more))


@dataclass(frozen=True, slots=True)
class _Slot:
    """A run's place in a row: the volume, its label's lines, and how much of the row it takes."""

    run: _Run
    solid: Solid
    lines: tuple[tuple[str, str], ...]

    @property
    def label(self) -> float:
        return max((text_width(line, role) for role, line in self.lines), default=0.0)

    @property
    def middle(self) -> float:
        """Where the label's middle is, seen from the volume's front."""
        return (self.solid.right - self.solid.left) / 2

    @property
    def left(self) -> float:
        """How far the label reaches to the left of the volume's front."""
        return self.label / 2 - self.middle

    @property
    def width(self) -> float:
        return max(self.solid.left + self.solid.right, self.label)


def flat_boxes(items: Sequence[Item]) -> list[Box] | None:
    """Return all layers, where the network is one chain without branches."""
    found: list[Box] = []
    for item in items:
        if isinstance(item, Box):
            found.append(item)
        elif isinstance(item, Series) and item.times == 1 and (inner := flat_boxes(item.items)) is not None:
            found.extend(inner)
        else:
            return None
    return found


def suits(report: Report) -> bool:
    """Whether a network can be drawn as volumes and still be taken in: one chain that starts from a picture."""
    if not all(row.is_layer for row in report.rows):
        return False  # branches, which are seen without laying the network out
    boxes = flat_boxes(outline(report))
    pictures = len(report.network.input) == 3 and not _sequences(report)
    return boxes is not None and pictures and sum(box.times for box in boxes) < MOST


def _sequences(report: Report) -> bool:
    return any(len(row.input_shape) == 2 or len(row.output_shape) == 2 for row in report.rows)


def volumes(report: Report, page: float) -> Scene:
    """Lay a network out as volumes on a page of that width, in as many rows as that takes.

    Raises `ValueError` where the network has branches, or sequences.
    """
    items = outline(report)
    boxes = flat_boxes(items)
    if boxes is None or _sequences(report):
        name, what = report.network.name or "the network", "branches" if boxes is None else "sequences"
        raise SettingError(
            f"expected a network of one chain of pictures and vectors for volumes, received {what} in {name}; draw it "
            "as blocks"
        )
    runs = [_Run((), report.network.input, 1, "input"), *_runs(boxes)]
    scale = Scale([run.shape for run in runs])
    slots = [_slot(run, scale) for run in runs]
    marks: list[Mark] = []
    down = 0.0
    end: tuple[float, float] | None = None
    for row in _rows(slots, page - 2 * MARGIN - 40):
        top = min(slot.solid.top for slot in row) - 6
        if end is not None:
            down += 30
            turn = down - 15
            start = (-16.0, down - top)
            route = (end, (end[0] + 16, end[1]), (end[0] + 16, turn), (-16.0, turn), start, (-2.0, down - top))
            marks.append(Line(route, arrow=True))
        drawn, bottom, right = _drawn(row)
        marks += moved(drawn, 0, down - top)
        end = (right + 4, down - top)
        down += bottom - top
    return sheet(report, "volumes", marks, items, NOTE, page)


def _runs(boxes: list[Box]) -> Iterator[_Run]:
    def alike(box: Box) -> tuple[object, ...]:
        return box.words, box.output_shape, box.caps, box.kind

    for _, group in groupby(boxes, alike):
        found = tuple(group)
        yield _Run(found, found[0].output_shape, sum(box.times for box in found), found[0].kind)


def _slot(run: _Run, scale: Scale) -> _Slot:
    caps = run.boxes[0].caps if run.boxes else ()
    return _Slot(run, solid(run.shape, run.count, run.role, caps, scale), tuple(_lines(run)))


def _lines(run: _Run) -> Iterator[tuple[str, str]]:
    """Write what stands below a volume: name, what it does, what it costs."""
    if not run.boxes:
        yield "name", "input"
        return
    first, last = run.boxes[0].path, run.boxes[-1].last or run.boxes[-1].path
    name = first if first == last else f"{first} – {_ending(first, last)}"
    yield "name", shortened(name, "name", 1.5 * LABEL)
    said = run.boxes[0].words + (f" ×{run.count}" if run.count > 1 else "")
    for line in folded(said, "label", LABEL):
        yield "label", shortened(line, "label", 1.5 * LABEL)
    box = run.boxes[0]
    if box.kind == "dense" and len(box.input_shape) == 1:
        yield "figure", f"reads {box.input_shape[0]:,}"
    cost = costs(sum(row.cost.parameters for row in run.rows), sum(row.cost.macs for row in run.rows))
    if cost:
        yield "figure", cost


def _ending(first: str, last: str) -> str:
    """Leave out what two names begin with, up to the number: conv3_1, conv3_3 → 3."""
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same] and not first[same].isdigit():
        same += 1
    return last[same:] if last[same:].isdigit() else last.rpartition("_")[2] if "_" in last else last


def _rows(slots: Sequence[_Slot], room: float) -> list[list[_Slot]]:
    """Break the flow into rows no wider than the room, as even as can be."""
    rows = _filled(slots, room)
    low, high = max(slot.width for slot in slots), max(room, *(slot.width for slot in slots))
    while high - low > 1:
        middle = (low + high) / 2
        if len(_filled(slots, middle)) <= len(rows):
            high = middle
        else:
            low = middle
    return _filled(slots, high)


def _filled(slots: Sequence[_Slot], room: float) -> list[list[_Slot]]:
    rows: list[list[_Slot]] = [[]]
    edges = _START
    for slot in slots:
        tried = _edges(slot, _place(slot, edges))
        if rows[-1] and max(tried) > room:
            rows.append([])
            tried = _edges(slot, _place(slot, _START))
        edges = tried
        rows[-1].append(slot)
    return rows


_START = (-READING, -10.0)  # where a volume and a label before the first would end


def _place(slot: _Slot, edges: tuple[float, float]) -> float:
    """Return where a volume begins: lines from the volume before need room, and labels may not touch."""
    return max(edges[0] + READING + slot.solid.left, edges[1] + 10 + slot.left)


def _edges(slot: _Slot, x: float) -> tuple[float, float]:
    """Return where a volume that begins at `x` and its label end."""
    return x + slot.solid.right, x + slot.middle + slot.label / 2


def _drawn(row: Sequence[_Slot]) -> tuple[list[Mark], float, float]:
    """Draw a row about its middle line, y = 0; return its marks, its lower end and its right end."""
    marks: list[Mark] = []
    under: list[Mark] = []
    base = max(slot.solid.height for slot in row) / 2 + 28
    edges = _START
    before: tuple[_Slot, float] | None = None
    for slot in row:
        x = _place(slot, edges)
        if before is not None:
            under += moved(_fan(before[0].solid, slot, x - before[1]), before[1], 0)
            marks += moved(_reading(before[0].solid, slot, x - before[1]), before[1], 0)
        marks += _group(slot, x, base)
        edges = _edges(slot, x)
        before = slot, x
    return [*under, *marks], base + 13.0 * max(len(slot.lines) for slot in row), max(edges)


def _group(slot: _Slot, x: float, base: float) -> list[Mark]:
    marks = moved(slot.solid.marks, x, 0)
    marks += [Text(x + slot.middle, base + 13 * place, line, role) for place, (role, line) in enumerate(slot.lines)]
    run = slot.run
    said = title(run.boxes[0].rows, run.count) if run.boxes else f"input: {shape_text(run.shape)}"
    return [Group(tuple(marks), said, tuple(row.path for row in run.rows))]


def _reads_all(box: Box) -> bool:
    """Whether there is no window to show: dense layers read everything, transposed convolutions spread each place."""
    return len(box.input_shape) != 3 or box.kind == "dense" or "Transpose" in type(box.layer).__name__


def _fan(before: Solid, slot: _Slot, distance: float) -> list[Mark]:
    """Draw lines from all of the volume before to all of this one."""
    if not _reads_all(slot.run.boxes[0]):
        return []
    corners = before.at(1, 0), before.at(1, 1)
    ends = (distance, -slot.solid.height / 2), (distance, slot.solid.height / 2)
    return [Line((corner, end), "fan") for corner, end in zip(corners, ends, strict=True)]


def _reading(before: Solid, slot: _Slot, distance: float) -> list[Mark]:
    """Draw the window on the volume before, and lines from it to the one place that it gives."""
    box = slot.run.boxes[0]
    if _reads_all(box):
        return []
    front = (distance, -0.14 * slot.solid.height)
    tall, wide = _window(box.layer, box.input_shape)
    if not tall:
        return []
    tall, wide = max(tall, SEEN / before.height), max(wide, SEEN / before.height)  # small ones are enlarged to be seen
    tall, wide = min(1.0, tall), min(1.0, wide)
    left, top = (1 - wide) * 0.5, (1 - tall) * 0.35
    corners4 = [(left, top), (left + wide, top), (left + wide, top + tall), (left, top + tall)]
    points = tuple(before.at(*corner) for corner in corners4)
    return [
        Polygon(points, "window"),
        Line((points[1], front), "reads"),
        Line((points[2], front), "reads"),
    ]


def _window(layer: Any, shape: Shape) -> tuple[float, float]:
    """Return which share of a picture's height and width a layer reads for one place; zero where that says little."""
    if "Global" in type(layer).__name__:
        return 1.0, 1.0
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if size is None:
        return 0.0, 0.0
    dilation = getattr(layer, "dilation_rate", (1, 1))
    reach = [(side - 1) * apart + 1 for side, apart in zip(size, dilation, strict=True)]
    return min(1.0, reach[0] / shape[0]), min(1.0, reach[1] / shape[1])
