"""Volumes in a row: each with its label, and the window that the next one reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hubel.arch import Row, Shape, shape_text
from hubel.draw._outline import Box, Item, Series
from hubel.draw._solid import Solid
from hubel.draw._words import costs, title
from hubel.view.figures.scene import Group, Line, Mark, Polygon, Text, folded, moved, shortened, text_width

LABEL = 96.0  # a label's width
SEEN = 9.0  # the least that a window measures
READING = 30.0  # the least between a volume and the next, for the lines from the window


@dataclass(frozen=True, slots=True)
class Run:
    """Equal volumes in a row: the boxes that give them (none for the input), their shape, and how many. more: rows of
    what they are joined in.
    """

    boxes: tuple[Box, ...]
    shape: Shape
    count: int
    role: str
    more: tuple[Row, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for box in self.boxes for row in (*box.rows, *box.more)) + self.more


@dataclass(frozen=True, slots=True)
class Slot:
    """A run's place in a row: the volume, its label's lines, and how much of the row it takes."""

    run: Run
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


def runs(boxes: list[Box]) -> Iterator[Run]:
    def alike(box: Box) -> tuple[object, ...]:
        return box.words, box.output_shape, box.caps, box.kind

    for _, group in groupby(boxes, alike):
        found = tuple(group)
        yield Run(found, found[0].output_shape, sum(box.times for box in found), found[0].kind)


def named(run: Run, detail: int, scope: str = "") -> Iterator[tuple[str, str]]:
    """Write what stands below a volume: name (without `scope`), what it does, what it costs, as `detail` has it."""
    if not run.boxes:
        yield "name", "input"
        return
    first, last = run.boxes[0].path, run.boxes[-1].last or run.boxes[-1].path
    first, last = first.removeprefix(scope), last.removeprefix(scope)
    if detail:
        name = first if first == last else f"{first} – {_ending(first, last)}"
        yield "name", shortened(name, "name", 1.5 * LABEL)
    said = run.boxes[0].words + (f" ×{run.count}" if run.count > 1 else "")
    for line in folded(said, "label", LABEL):
        yield "label", shortened(line, "label", 1.5 * LABEL)
    box = run.boxes[0]
    if detail and box.kind == "dense" and len(box.input_shape) == 1:
        yield "figure", f"reads {box.input_shape[0]:,}"
    cost = costs(sum(row.cost.parameters for row in run.rows), sum(row.cost.macs for row in run.rows))
    if cost and detail == 2:
        yield "figure", cost


def _ending(first: str, last: str) -> str:
    """Leave out what two names begin with, up to the number: conv3_1, conv3_3 → 3; down1.conv1, down1.conv2 → 2."""
    part = first.rpartition(".")[0] + "."
    if last.startswith(part):
        first, last = first.removeprefix(part), last.removeprefix(part)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same] and not first[same].isdigit():
        same += 1
    return last[same:] if last[same:].isdigit() else last.rpartition("_")[2] if "_" in last else last


START = (-READING, -10.0)  # where a volume and a label before the first would end


def place(slot: Slot, edges: tuple[float, float]) -> float:
    """Return where a volume begins: lines from the volume before need room, and labels may not touch."""
    return max(edges[0] + READING + slot.solid.left, edges[1] + 10 + slot.left)


def edges_of(slot: Slot, x: float) -> tuple[float, float]:
    """Return where a volume that begins at `x` and its label end."""
    return x + slot.solid.right, x + slot.middle + slot.label / 2


def places(row: Sequence[Slot]) -> list[float]:
    """Return where each volume of a row begins."""
    edges, found = START, []
    for slot in row:
        found.append(place(slot, edges))
        edges = edges_of(slot, found[-1])
    return found


def drawn(row: Sequence[Slot], starts: Sequence[float], base: float) -> list[Mark]:
    """Draw a row about its middle line, y = 0; labels begin at `base`."""
    marks: list[Mark] = []
    under: list[Mark] = []
    before: tuple[Slot, float] | None = None
    for slot, x in zip(row, starts, strict=True):
        if before is not None:
            under += moved(_fan(before[0].solid, slot, x - before[1]), before[1], 0)
            marks += moved(_reading(before[0].solid, slot, x - before[1]), before[1], 0)
        marks += _group(slot, x, base)
        before = slot, x
    return [*under, *marks]


def _group(slot: Slot, x: float, base: float) -> list[Mark]:
    marks = moved(slot.solid.marks, x, 0)
    marks += [Text(x + slot.middle, base + 13 * place, line, role) for place, (role, line) in enumerate(slot.lines)]
    run = slot.run
    said = title(run.boxes[0].rows, run.count) if run.boxes else f"input: {shape_text(run.shape)}"
    return [Group(tuple(marks), said, tuple(row.path for row in run.rows))]


def _reads_all(box: Box) -> bool:
    """Whether there is no window to show: dense layers read everything, transposed convolutions spread each place."""
    return len(box.input_shape) != 3 or box.kind == "dense" or "Transpose" in type(box.layer).__name__


def _fan(before: Solid, slot: Slot, distance: float) -> list[Mark]:
    """Draw lines from all of the volume before to all of this one."""
    if not _reads_all(slot.run.boxes[0]):
        return []
    corners = before.at(1, 0), before.at(1, 1)
    ends = (distance, -slot.solid.height / 2), (distance, slot.solid.height / 2)
    return [Line((corner, end), "fan") for corner, end in zip(corners, ends, strict=True)]


def _reading(before: Solid, slot: Slot, distance: float) -> list[Mark]:
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
