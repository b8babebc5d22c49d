"""A network as volumes, as papers have drawn them since 2012: each picture a box, height × width × channels.

The box's front shows height and channels, its right side height and width. The next layer's window lies on that side,
and what it computes from it is one place of the next box.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubel.arch import Report
from hubel.base.errors import SettingError
from hubel.draw._outline import Item
from hubel.draw._row import START, Run, Slot, drawn, edges_of, flat_boxes, named, place, places, runs
from hubel.draw._sheet import MARGIN, sheet
from hubel.draw._solid import Scale, solid
from hubel.draw._u_volumes import levels, u_volumes
from hubel.view.figures.scene import Line, Mark, Scene, moved

MOST = 26  # volumes that one still takes in
_NOTE = (
    "Along a volume: its height, width and channels; it is drawn by their square roots. Red: the window that gives one "
    "place of the next volume (small ones enlarged). Below: what the layer does"
)
NOTES = (f"{_NOTE}.", f"{_NOTE}.", f"{_NOTE}, parameters · MACs.")


def suits(report: Report, items: Sequence[Item]) -> bool:
    """Whether a network can be drawn as volumes and still be taken in: one chain that starts from a picture, or a U."""
    if not all(row.is_layer for row in report.rows):
        found = None if _sequences(report) else levels(items)
        return found is not None and len(found) > 1 and sum(len(level.down) + len(level.up) for level in found) < MOST
    boxes = flat_boxes(items)
    pictures = len(report.network.input) == 3 and not _sequences(report)
    return boxes is not None and pictures and sum(box.times for box in boxes) < MOST


def _sequences(report: Report) -> bool:
    return any(len(row.input_shape) == 2 or len(row.output_shape) == 2 for row in report.rows)


def volumes(report: Report, items: Sequence[Item], page: float, detail: int = 2) -> Scene:
    """Lay a network out as volumes on a page of that width, in as many rows as that takes; a U as a U.

    Raises `ValueError` where the network has other branches, or sequences.
    """
    boxes = flat_boxes(items)
    if boxes is None and not _sequences(report) and (found := levels(items)) is not None:
        return u_volumes(report, items, found, page, detail)
    if boxes is None or _sequences(report):
        name, what = report.network.name or "the network", "branches" if boxes is None else "sequences"
        raise SettingError(
            f"expected a network of one chain of pictures and vectors, or a U of pictures, for volumes, received "
            f"{what} in {name}; draw it as blocks"
        )
    row_of = [Run((), report.network.input, 1, "input"), *runs(boxes)]
    scale = Scale([run.shape for run in row_of])
    slots = [_slot(run, scale, detail) for run in row_of]
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
        starts = places(row)
        base = max(slot.solid.height for slot in row) / 2 + 28
        marks += moved(drawn(row, starts, base), 0, down - top)
        end = (max(edges_of(row[-1], starts[-1])) + 4, down - top)
        down += base + 13.0 * max(len(slot.lines) for slot in row) - top
    return sheet(report, "volumes", marks, items, NOTES[detail], page)


def _slot(run: Run, scale: Scale, detail: int) -> Slot:
    caps = run.boxes[0].caps if run.boxes else ()
    return Slot(run, solid(run.shape, run.count, run.role, caps, scale), tuple(named(run, detail)))


def _rows(slots: Sequence[Slot], room: float) -> list[list[Slot]]:
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


def _filled(slots: Sequence[Slot], room: float) -> list[list[Slot]]:
    rows: list[list[Slot]] = [[]]
    edges = START
    for slot in slots:
        tried = edges_of(slot, place(slot, edges))
        if rows[-1] and max(tried) > room:
            rows.append([])
            tried = edges_of(slot, place(slot, START))
        edges = tried
        rows[-1].append(slot)
    return rows
